"""What whoever changes a stack must be allowed to do, for the types that moto makes without calling an API.

The types made here call the API as the caller, whose permissions are looked at there. Known are the calls
that make, change and delete a resource; what else CloudFormation's handlers ask AWS for is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from moto.cloudformation import parsing

from sagemaker_emulator import access, acting
from sagemaker_emulator.stacks.resource import ApiResource


@dataclass(frozen=True)
class Type:
    """The ARN of a resource of this type, and the actions on it."""

    arn: str  # with {name}, {region}, {account}
    make: tuple[str, ...]
    unmake: tuple[str, ...]
    change: tuple[str, ...] = ()
    optional: tuple[tuple[str, str], ...] = ()  # a property, and the action that it needs besides


def _ec2(kind: str, make: str, unmake: str, change: tuple[str, ...] = ()) -> Type:
    return Type(f"arn:aws:ec2:{{region}}:{{account}}:{kind}/*", (f"ec2:{make}",), (f"ec2:{unmake}",), change)


TYPES: dict[str, Type] = {
    "AWS::S3::Bucket": Type("arn:aws:s3:::{name}", ("s3:CreateBucket",), ("s3:DeleteBucket",)),
    "AWS::KMS::Alias": Type(
        "arn:aws:kms:{region}:{account}:{name}",
        ("kms:CreateAlias",),
        ("kms:DeleteAlias",),
        ("kms:UpdateAlias",),
    ),
    "AWS::ECR::Repository": Type(
        "arn:aws:ecr:{region}:{account}:repository/{name}",
        ("ecr:CreateRepository",),
        ("ecr:DeleteRepository",),
        ("ecr:PutImageTagMutability",),
        (("Tags", "ecr:TagResource"),),
    ),
    "AWS::IAM::Role": Type(
        "arn:aws:iam::{account}:role/{name}",
        ("iam:CreateRole",),
        ("iam:DeleteRole",),
        (),  # its changes are calls of the API (role.py)
        (("Policies", "iam:PutRolePolicy"), ("Tags", "iam:TagRole")),
    ),
    "AWS::SNS::Topic": Type(
        "arn:aws:sns:{region}:{account}:{name}",
        ("sns:CreateTopic",),
        ("sns:DeleteTopic",),
        ("sns:SetTopicAttributes",),
        (("Subscription", "sns:Subscribe"), ("Tags", "sns:TagResource")),
    ),
    "AWS::Logs::LogGroup": Type(
        "arn:aws:logs:{region}:{account}:log-group:{name}:*",
        ("logs:CreateLogGroup",),
        ("logs:DeleteLogGroup",),
        ("logs:PutRetentionPolicy",),
        (("RetentionInDays", "logs:PutRetentionPolicy"), ("Tags", "logs:TagResource")),
    ),
    "AWS::Events::Rule": Type(
        "arn:aws:events:{region}:{account}:rule/{name}",
        ("events:PutRule",),
        ("events:DeleteRule", "events:RemoveTargets"),
        ("events:PutRule",),
        (("Targets", "events:PutTargets"), ("Tags", "events:TagResource")),
    ),
    "AWS::SQS::Queue": Type(
        "arn:aws:sqs:{region}:{account}:{name}",
        ("sqs:CreateQueue",),
        ("sqs:DeleteQueue",),
        ("sqs:SetQueueAttributes",),
    ),
    "AWS::ApplicationAutoScaling::ScalableTarget": Type(
        "arn:aws:application-autoscaling:{region}:{account}:scalable-target/*",
        ("application-autoscaling:RegisterScalableTarget",),
        ("application-autoscaling:DeregisterScalableTarget",),
        ("application-autoscaling:RegisterScalableTarget",),
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": Type(
        "arn:aws:application-autoscaling:{region}:{account}:scalable-target/*",
        ("application-autoscaling:PutScalingPolicy",),
        ("application-autoscaling:DeleteScalingPolicy",),
        ("application-autoscaling:PutScalingPolicy",),
    ),
    "AWS::EC2::VPC": _ec2("vpc", "CreateVpc", "DeleteVpc", ("ec2:ModifyVpcAttribute",)),
    "AWS::EC2::Subnet": _ec2("subnet", "CreateSubnet", "DeleteSubnet", ("ec2:ModifySubnetAttribute",)),
    "AWS::EC2::SecurityGroup": _ec2("security-group", "CreateSecurityGroup", "DeleteSecurityGroup"),
    "AWS::EC2::SecurityGroupIngress": _ec2(
        "security-group", "AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"
    ),
    "AWS::EC2::SecurityGroupEgress": _ec2(
        "security-group", "AuthorizeSecurityGroupEgress", "RevokeSecurityGroupEgress"
    ),
    "AWS::EC2::VPCEndpoint": _ec2("vpc-endpoint", "CreateVpcEndpoint", "DeleteVpcEndpoints"),
    "AWS::EC2::RouteTable": _ec2("route-table", "CreateRouteTable", "DeleteRouteTable"),
    "AWS::EC2::SubnetRouteTableAssociation": _ec2(
        "route-table", "AssociateRouteTable", "DisassociateRouteTable"
    ),
    "AWS::EC2::Route": _ec2("route-table", "CreateRoute", "DeleteRoute"),
}


def to_make(model: type, document: dict[str, Any], name: str, account: str, region: str) -> None:
    """Return when the caller may make a resource. Raises acting.Refused."""
    found = _known(model, document["Type"])
    if found is None:
        return
    properties = document.get("Properties", {})
    besides = tuple(action for member, action in found.optional if properties.get(member))
    _require((*found.make, *besides), found.arn, name, account, region, _keys(properties))


def to_change(model: type, document: dict[str, Any], name: str, account: str, region: str) -> None:
    """Return when the caller may change a resource. Raises acting.Refused."""
    found = _known(model, document["Type"])
    if found is not None:
        _require(found.change, found.arn, name, account, region)


def to_unmake(model: type, document: dict[str, Any], name: str, account: str, region: str) -> None:
    """Return when the caller may delete a resource. Raises acting.Refused."""
    found = _known(model, document["Type"])
    if found is not None:
        _require(found.unmake, found.arn, name, account, region)


def _known(model: type, kind: str) -> Type | None:
    """Return what a type needs; None where its API calls are looked at anyway."""
    if not access.enforced() or issubclass(model, ApiResource) or kind in parsing.NULL_MODELS:
        return None
    if kind not in TYPES:
        raise acting.Refused(f"sagemaker-emulator --iam cannot authorize the type {kind} (see COVERAGE.md)")
    return TYPES[kind]


def _keys(properties: dict[str, Any]) -> dict[str, Any]:
    """Return the condition keys that the properties of a new resource show."""
    boundary = properties.get("PermissionsBoundary")
    tags = properties.get("Tags") or []
    pairs = {str(each["Key"]): str(each["Value"]) for each in tags} if isinstance(tags, list) else tags
    shown = {f"aws:RequestTag/{key}": value for key, value in pairs.items()}
    if pairs:
        shown["aws:TagKeys"] = list(pairs)
    return {**shown, "iam:PermissionsBoundary": boundary} if boundary else shown


def _require(
    actions: tuple[str, ...],
    arn: str,
    name: str,
    account: str,
    region: str,
    keys: dict[str, Any] | None = None,
) -> None:
    resource = name if name.startswith("arn:") else arn.format(name=name, account=account, region=region)
    for action in actions:
        acting.require(region, action, resource, keys)
