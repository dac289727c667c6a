"""The CloudFormation types a SageMaker project needs and moto drops without a word."""

from __future__ import annotations

import contextlib
import json
from typing import Any, ClassVar

from moto.core.common_models import CloudFormationModel

from sagemaker_emulator import itself
from sagemaker_emulator.stacks.resource import ApiResource, coerced


def _text(document: Any) -> str:
    # `Version: 2012-10-17` without quotes is a date in YAML.
    return document if isinstance(document, str) else json.dumps(document, default=str)


class ModelPackageGroup(ApiResource, CloudFormationModel):
    """AWS::SageMaker::ModelPackageGroup; Ref is the ARN."""

    TYPE: ClassVar[str] = "AWS::SageMaker::ModelPackageGroup"
    NAME: ClassVar[str] = "ModelPackageGroupName"
    PROPERTIES: ClassVar[tuple[str, ...]] = (
        NAME,
        "ModelPackageGroupDescription",
        "ModelPackageGroupPolicy",
        "Tags",
    )
    ATTRIBUTES: ClassVar[tuple[str, ...]] = (
        "ModelPackageGroupArn",
        "ModelPackageGroupStatus",
        "CreationTime",
    )

    @classmethod
    def make(cls, name: str, properties: dict[str, Any], region: str) -> tuple[str, dict[str, str]]:
        """Make the group, with its policy."""
        sagemaker = itself.client("sagemaker", region)
        request = {k: v for k, v in properties.items() if k in ("ModelPackageGroupDescription", "Tags")}
        arn = sagemaker.create_model_package_group(ModelPackageGroupName=name, **request)[
            "ModelPackageGroupArn"
        ]
        if "ModelPackageGroupPolicy" in properties:
            policy = _text(properties["ModelPackageGroupPolicy"])
            sagemaker.put_model_package_group_policy(ModelPackageGroupName=name, ResourcePolicy=policy)
        made = sagemaker.describe_model_package_group(ModelPackageGroupName=name)
        created = made["CreationTime"].isoformat()
        return arn, dict(zip(cls.ATTRIBUTES, (arn, made["ModelPackageGroupStatus"], created), strict=True))

    def change(self, properties: dict[str, Any]) -> bool:
        """Put a new policy and new tags; a new description or name needs a new group."""
        fixed = (self.NAME, "ModelPackageGroupDescription")
        if any(properties.get(key) != self.properties.get(key) for key in fixed):
            return False
        sagemaker = itself.client("sagemaker", self.region)
        name = self.physical_id.rsplit("/", 1)[-1]
        if "ModelPackageGroupPolicy" in properties:
            policy = _text(properties["ModelPackageGroupPolicy"])
            sagemaker.put_model_package_group_policy(ModelPackageGroupName=name, ResourcePolicy=policy)
        sagemaker.add_tags(ResourceArn=self.physical_id, Tags=properties.get("Tags", []))
        return True

    def unmake(self) -> None:
        """Delete the group."""
        name = self.physical_id.rsplit("/", 1)[-1]
        itself.client("sagemaker", self.region).delete_model_package_group(ModelPackageGroupName=name)


class BucketPolicy(ApiResource, CloudFormationModel):
    """AWS::S3::BucketPolicy."""

    TYPE: ClassVar[str] = "AWS::S3::BucketPolicy"
    PROPERTIES: ClassVar[tuple[str, ...]] = ("Bucket", "PolicyDocument")

    @classmethod
    def make(cls, name: str, properties: dict[str, Any], region: str) -> tuple[str, dict[str, str]]:
        """Put the policy."""
        bucket, policy = properties["Bucket"], _text(properties["PolicyDocument"])
        itself.client("s3", region).put_bucket_policy(Bucket=bucket, Policy=policy)
        return bucket, {}

    def unmake(self) -> None:
        """Delete the policy."""
        itself.client("s3", self.region).delete_bucket_policy(Bucket=self.physical_id)


class OIDCProvider(ApiResource, CloudFormationModel):
    """AWS::IAM::OIDCProvider; Ref is the ARN."""

    TYPE: ClassVar[str] = "AWS::IAM::OIDCProvider"
    PROPERTIES: ClassVar[tuple[str, ...]] = ("Url", "ClientIdList", "ThumbprintList", "Tags")
    ATTRIBUTES: ClassVar[tuple[str, ...]] = ("Arn",)

    @classmethod
    def make(cls, name: str, properties: dict[str, Any], region: str) -> tuple[str, dict[str, str]]:
        """Make the provider. Without a thumbprint IAM fetches one; here it is forty zeros."""
        made = itself.client("iam", region).create_open_id_connect_provider(
            Url=properties["Url"],
            ClientIDList=properties.get("ClientIdList", []),
            ThumbprintList=properties.get("ThumbprintList") or ["0" * 40],
            Tags=properties.get("Tags", []),
        )
        arn = made["OpenIDConnectProviderArn"]
        return arn, {"Arn": arn}

    def unmake(self) -> None:
        """Delete the provider."""
        iam = itself.client("iam", self.region)
        iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=self.physical_id)


class Alarm(ApiResource, CloudFormationModel):
    """AWS::CloudWatch::Alarm; Ref is the name."""

    TYPE: ClassVar[str] = "AWS::CloudWatch::Alarm"
    NAME: ClassVar[str] = "AlarmName"
    PROPERTIES: ClassVar[tuple[str, ...]] = (
        *("ActionsEnabled", "AlarmActions", "AlarmDescription", "AlarmName", "ComparisonOperator", "Tags"),
        *("DatapointsToAlarm", "Dimensions", "EvaluateLowSampleCountPercentile", "EvaluationPeriods", "Unit"),
        *("ExtendedStatistic", "InsufficientDataActions", "MetricName", "Metrics", "Namespace", "OKActions"),
        *("Period", "Statistic", "Threshold", "ThresholdMetricId", "TreatMissingData"),
    )
    ATTRIBUTES: ClassVar[tuple[str, ...]] = ("Arn",)

    @classmethod
    def make(cls, name: str, properties: dict[str, Any], region: str) -> tuple[str, dict[str, str]]:
        """Put the alarm; putting it again changes it."""
        cloudwatch = itself.client("cloudwatch", region)
        request = {**properties, "AlarmName": name}
        cloudwatch.put_metric_alarm(**coerced(request, "cloudwatch", "PutMetricAlarm"))
        arn = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["AlarmArn"]
        return name, {"Arn": arn}

    def change(self, properties: dict[str, Any]) -> bool:
        """Put the alarm again under its name, unless the name itself changes."""
        if properties.get("AlarmName", self.physical_id) != self.physical_id:
            return False
        self.make(self.physical_id, properties, self.region)
        return True

    def unmake(self) -> None:
        """Delete the alarm."""
        itself.client("cloudwatch", self.region).delete_alarms(AlarmNames=[self.physical_id])


class Subscription(ApiResource, CloudFormationModel):
    """AWS::SNS::Subscription; Ref is the ARN."""

    TYPE: ClassVar[str] = "AWS::SNS::Subscription"
    PROPERTIES: ClassVar[tuple[str, ...]] = (
        "TopicArn",
        "Protocol",
        "Endpoint",
        "FilterPolicy",
        "RawMessageDelivery",
    )

    @classmethod
    def make(cls, name: str, properties: dict[str, Any], region: str) -> tuple[str, dict[str, str]]:
        """Subscribe. On AWS an e-mail address waits for its owner's click; nothing is sent here."""
        attributes = {
            k: _text(v) for k, v in properties.items() if k in ("FilterPolicy", "RawMessageDelivery")
        }
        made = itself.client("sns", region).subscribe(
            TopicArn=properties["TopicArn"],
            Protocol=properties["Protocol"],
            Endpoint=properties.get("Endpoint", ""),
            Attributes=attributes,
            ReturnSubscriptionArn=True,
        )
        return made["SubscriptionArn"], {}

    def unmake(self) -> None:
        """Unsubscribe."""
        itself.client("sns", self.region).unsubscribe(SubscriptionArn=self.physical_id)


class TopicPolicy(ApiResource, CloudFormationModel):
    """AWS::SNS::TopicPolicy."""

    TYPE: ClassVar[str] = "AWS::SNS::TopicPolicy"
    PROPERTIES: ClassVar[tuple[str, ...]] = ("PolicyDocument", "Topics")

    @classmethod
    def make(cls, name: str, properties: dict[str, Any], region: str) -> tuple[str, dict[str, str]]:
        """Set the policy of each topic."""
        for topic in properties["Topics"]:
            itself.client("sns", region).set_topic_attributes(
                TopicArn=topic, AttributeName="Policy", AttributeValue=_text(properties["PolicyDocument"])
            )
        return name, {}

    def unmake(self) -> None:
        """Leave the topics: a policy goes with its topic."""


class RolePolicy(ApiResource, CloudFormationModel):
    """AWS::IAM::RolePolicy."""

    TYPE: ClassVar[str] = "AWS::IAM::RolePolicy"
    NAME: ClassVar[str] = "PolicyName"
    PROPERTIES: ClassVar[tuple[str, ...]] = ("PolicyName", "PolicyDocument", "RoleName")

    @classmethod
    def make(cls, name: str, properties: dict[str, Any], region: str) -> tuple[str, dict[str, str]]:
        """Put the policy into the role."""
        itself.client("iam", region).put_role_policy(
            RoleName=properties["RoleName"],
            PolicyName=properties["PolicyName"],
            PolicyDocument=_text(properties["PolicyDocument"]),
        )
        return f"{properties['PolicyName']}|{properties['RoleName']}", {}

    def unmake(self) -> None:
        """Take it out of the role, where that is still there: moto keeps no order."""
        name, role = self.physical_id.split("|")
        iam = itself.client("iam", self.region)
        with contextlib.suppress(iam.exceptions.NoSuchEntityException):
            iam.delete_role_policy(RoleName=role, PolicyName=name)
