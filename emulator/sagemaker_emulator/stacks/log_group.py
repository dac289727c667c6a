"""AWS::Logs::LogGroup, changed in place: moto makes it and changes nothing of it."""

from __future__ import annotations

from typing import Any, ClassVar

from moto.core.common_models import CloudFormationModel

from sagemaker_emulator import itself
from sagemaker_emulator.stacks.resource import ApiResource


class LogGroup(ApiResource, CloudFormationModel):
    """AWS::Logs::LogGroup; Ref is its name."""

    TYPE: ClassVar[str] = "AWS::Logs::LogGroup"
    NAME: ClassVar[str] = "LogGroupName"
    PROPERTIES: ClassVar[tuple[str, ...]] = (NAME, "KmsKeyId", "RetentionInDays", "Tags")
    ATTRIBUTES: ClassVar[tuple[str, ...]] = ("Arn",)

    @classmethod
    def make(cls, name: str, properties: dict[str, Any], region: str) -> tuple[str, dict[str, str]]:
        """Make the group."""
        logs = itself.client("logs", region)
        key = {"kmsKeyId": properties["KmsKeyId"]} if "KmsKeyId" in properties else {}
        logs.create_log_group(logGroupName=name, tags=_tags(properties), **key)
        _keep(logs, name, properties.get("RetentionInDays"))
        groups = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        return name, {"Arn": next(group["arn"] for group in groups if group["logGroupName"] == name)}

    def change(self, properties: dict[str, Any]) -> bool:
        """Change key, retention and tags; a group of another name is a new one."""
        if properties.get(self.NAME) != self.properties.get(self.NAME):
            return False
        logs, name, key = itself.client("logs", self.region), self.physical_id, properties.get("KmsKeyId")
        if key and key != self.properties.get("KmsKeyId"):
            logs.associate_kms_key(logGroupName=name, kmsKeyId=key)
        elif not key and "KmsKeyId" in self.properties:
            logs.disassociate_kms_key(logGroupName=name)
        if properties.get("RetentionInDays") != self.properties.get("RetentionInDays"):
            _keep(logs, name, properties.get("RetentionInDays"))
        if lost := sorted(set(_tags(self.properties)) - set(_tags(properties))):
            logs.untag_log_group(logGroupName=name, tags=lost)
        if tags := _tags(properties):
            logs.tag_log_group(logGroupName=name, tags=tags)
        return True

    def unmake(self) -> None:
        """Delete the group."""
        itself.client("logs", self.region).delete_log_group(logGroupName=self.physical_id)


def _keep(logs: Any, name: str, days: Any) -> None:
    if days:
        logs.put_retention_policy(logGroupName=name, retentionInDays=int(days))
    else:
        logs.delete_retention_policy(logGroupName=name)


def _tags(properties: dict[str, Any]) -> dict[str, str]:
    return {item["Key"]: item["Value"] for item in properties.get("Tags", [])}
