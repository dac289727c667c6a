"""AWS::IAM::Role with its managed policies attached and its updates applied."""

from __future__ import annotations

import json
from typing import Any

from sagemaker_emulator import seams


@seams.wrap("moto.iam.models", "Role.create_from_cloudformation_json")
def create(
    original: Any, cls: Any, name: str, document: dict[str, Any], account: str, region: str, **kwargs: Any
) -> Any:
    """Make the role and attach its managed policies, which moto leaves out."""
    role = original(cls, name, document, account, region, **kwargs)
    for arn in document["Properties"].get("ManagedPolicyArns", []):
        seams.client("iam", region).attach_role_policy(RoleName=role.name, PolicyArn=arn)
    return role


@seams.wrap("moto.iam.models", "Role.update_from_cloudformation_json")
def update(original: Any, cls: Any, **given: Any) -> Any:
    """Change trust, policies, description and duration; moto changes the description only."""
    role, properties = given["original_resource"], given["cloudformation_json"]["Properties"]
    if properties.get("RoleName", role.name) != role.name:
        raise ValueError("sagemaker-emulator does not implement renaming a role: delete it first")
    iam = seams.client("iam", given["region_name"])
    duration = int(properties.get("MaxSessionDuration", 3600))
    iam.update_role(
        RoleName=role.name, Description=properties.get("Description", ""), MaxSessionDuration=duration
    )
    trust = _text(properties["AssumeRolePolicyDocument"])
    iam.update_assume_role_policy(RoleName=role.name, PolicyDocument=trust)
    _inline(
        iam,
        role,
        {item["PolicyName"]: _text(item["PolicyDocument"]) for item in properties.get("Policies", [])},
    )
    _managed(iam, role, set(properties.get("ManagedPolicyArns", [])))
    return role


def _inline(iam: Any, role: Any, wanted: dict[str, str]) -> None:
    for name in list(role.policies):
        if name not in wanted:
            iam.delete_role_policy(RoleName=role.name, PolicyName=name)
    for name, policy in wanted.items():
        iam.put_role_policy(RoleName=role.name, PolicyName=name, PolicyDocument=policy)


def _managed(iam: Any, role: Any, wanted: set[str]) -> None:
    attached = set(role.managed_policies)
    for arn in sorted(attached - wanted):
        iam.detach_role_policy(RoleName=role.name, PolicyArn=arn)
    for arn in sorted(wanted - attached):
        iam.attach_role_policy(RoleName=role.name, PolicyArn=arn)


def _text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document, default=str)
