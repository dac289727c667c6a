"""CloudFormation types that guard an account: managed policy, key, budget. Each is changed in place."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, ClassVar

from moto.core.common_models import CloudFormationModel

from sagemaker_emulator import itself, seams
from sagemaker_emulator.stacks.resource import ApiResource, coerced

DEFAULTS = {"KeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "ENCRYPT_DECRYPT", "MultiRegion": False}


@seams.wrap("moto.kms.responses", "validate_policy")
def validate_policy(original: Any, key: Any, action: str) -> None:
    """Judge a key policy as moto does, also where its one statement stands without a list."""
    policy = json.loads(key.policy) if key.policy else {}
    statements = policy.get("Statement", [])
    listed = statements if isinstance(statements, list) else [statements]
    original(SimpleNamespace(arn=key.arn, policy=json.dumps({**policy, "Statement": listed})), action)


class ManagedPolicy(ApiResource, CloudFormationModel):
    """AWS::IAM::ManagedPolicy; Ref is the ARN. A changed document becomes the default version."""

    TYPE: ClassVar[str] = "AWS::IAM::ManagedPolicy"
    NAME: ClassVar[str] = "ManagedPolicyName"
    PROPERTIES: ClassVar[tuple[str, ...]] = (NAME, "Description", "Path", "PolicyDocument", "Roles")

    @classmethod
    def make(cls, name: str, properties: dict[str, Any], region: str) -> tuple[str, dict[str, str]]:
        """Make the policy and attach it."""
        iam = itself.client("iam", region)
        optional = {key: properties[key] for key in ("Description", "Path") if key in properties}
        document = _text(properties["PolicyDocument"])
        made = iam.create_policy(PolicyName=name, PolicyDocument=document, **optional)
        arn = made["Policy"]["Arn"]
        for role in properties.get("Roles", []):
            iam.attach_role_policy(RoleName=role, PolicyArn=arn)
        return arn, {}

    def change(self, properties: dict[str, Any]) -> bool:
        """Give the policy a new version, and take the one before away; anything else needs a new policy."""
        fixed = [key for key in self.PROPERTIES if key != "PolicyDocument"]
        if any(properties.get(key) != self.properties.get(key) for key in fixed):
            return False
        iam, document = itself.client("iam", self.region), _text(properties["PolicyDocument"])
        iam.create_policy_version(PolicyArn=self.physical_id, PolicyDocument=document, SetAsDefault=True)
        for version in iam.list_policy_versions(PolicyArn=self.physical_id)["Versions"]:
            if not version["IsDefaultVersion"]:
                iam.delete_policy_version(PolicyArn=self.physical_id, VersionId=version["VersionId"])
        return True

    def unmake(self) -> None:
        """Detach and delete the policy."""
        iam = itself.client("iam", self.region)
        for role in iam.list_entities_for_policy(PolicyArn=self.physical_id)["PolicyRoles"]:
            iam.detach_role_policy(RoleName=role["RoleName"], PolicyArn=self.physical_id)
        iam.delete_policy(PolicyArn=self.physical_id)


class Key(ApiResource, CloudFormationModel):
    """AWS::KMS::Key; Ref is the key's id. Moto has it, and can change nothing of it."""

    TYPE: ClassVar[str] = "AWS::KMS::Key"
    PROPERTIES: ClassVar[tuple[str, ...]] = (
        *("Description", "EnableKeyRotation", "KeyPolicy", "KeySpec", "KeyUsage", "MultiRegion"),
        *("PendingWindowInDays", "Tags"),
    )
    ATTRIBUTES: ClassVar[tuple[str, ...]] = ("Arn", "KeyId")

    @classmethod
    def make(cls, name: str, properties: dict[str, Any], region: str) -> tuple[str, dict[str, str]]:
        """Make the key, with its policy and rotation."""
        kms = itself.client("kms", region)
        request = {
            k: v for k, v in properties.items() if k in ("Description", "KeySpec", "KeyUsage", "MultiRegion")
        }
        tags = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in properties.get("Tags", [])]
        request = {**DEFAULTS, **coerced(request, "kms", "CreateKey")}
        made = kms.create_key(**request, Tags=tags)["KeyMetadata"]
        cls._set(kms, made["KeyId"], properties)
        return made["KeyId"], {"Arn": made["Arn"], "KeyId": made["KeyId"]}

    def change(self, properties: dict[str, Any]) -> bool:
        """Change policy, rotation and description; another kind of key is a new one."""
        fixed = ("KeySpec", "KeyUsage", "MultiRegion")
        if any(properties.get(key) != self.properties.get(key) for key in fixed):
            return False
        kms = itself.client("kms", self.region)
        kms.update_key_description(KeyId=self.physical_id, Description=properties.get("Description", ""))
        self._set(kms, self.physical_id, properties)
        return True

    @staticmethod
    def _set(kms: Any, key: str, properties: dict[str, Any]) -> None:
        if "KeyPolicy" in properties:
            kms.put_key_policy(KeyId=key, PolicyName="default", Policy=_text(properties["KeyPolicy"]))
        rotates = str(properties.get("EnableKeyRotation", "")).lower() == "true"
        (kms.enable_key_rotation if rotates else kms.disable_key_rotation)(KeyId=key)

    def unmake(self) -> None:
        """Schedule the key's deletion, as AWS does."""
        days = int(self.properties.get("PendingWindowInDays", 30))
        itself.client("kms", self.region).schedule_key_deletion(
            KeyId=self.physical_id, PendingWindowInDays=days
        )


class Budget(ApiResource, CloudFormationModel):
    """AWS::Budgets::Budget; Ref is the name. Nothing costs money here, so it never notifies."""

    TYPE: ClassVar[str] = "AWS::Budgets::Budget"
    PROPERTIES: ClassVar[tuple[str, ...]] = ("Budget", "NotificationsWithSubscribers")

    @classmethod
    def make(cls, name: str, properties: dict[str, Any], region: str) -> tuple[str, dict[str, str]]:
        """Make the budget."""
        budget = {"BudgetName": name, **properties["Budget"]}
        request = {"AccountId": _account(region), **properties, "Budget": budget}
        itself.client("budgets", region).create_budget(**coerced(request, "budgets", "CreateBudget"))
        return budget["BudgetName"], {}

    def change(self, properties: dict[str, Any]) -> bool:
        """Make it anew under its name; moto cannot update one."""
        if properties["Budget"].get("BudgetName", self.physical_id) != self.physical_id:
            return False
        self.unmake()
        self.make(self.physical_id, properties, self.region)
        return True

    def unmake(self) -> None:
        """Delete the budget."""
        budgets = itself.client("budgets", self.region)
        budgets.delete_budget(AccountId=_account(self.region), BudgetName=self.physical_id)


def _account(region: str) -> str:
    return itself.client("sts", region).get_caller_identity()["Account"]


def _text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document, default=str)
