"""AWS::IAM::Role with its managed policies attached and its updates applied."""

from __future__ import annotations

import json
from typing import Any

from sagemaker_emulator import itself, seams


@seams.wrap("moto.iam.models", "Role.create_from_cloudformation_json")
def create(
    original: Any, cls: Any, name: str, document: dict[str, Any], account: str, region: str, **kwargs: Any
) -> Any:
    """Make the role; attach its managed policies, which moto leaves out, and keep the others as texts."""
    role = original(cls, name, document, account, region, **kwargs)
    role.policies = {policy: _text(told) for policy, told in role.policies.items()}  # GetRolePolicy: JSON
    for arn in document["Properties"].get("ManagedPolicyArns", []):
        itself.client("iam", region).attach_role_policy(RoleName=role.name, PolicyArn=arn)
    return role


@seams.wrap("moto.iam.models", "Role.update_from_cloudformation_json")
def update(original: Any, cls: Any, **given: Any) -> Any:
    """Change trust, policies, boundary, description and duration; moto changes the description only.

    Raises:
        ValueError: its name would change: that needs another role.
    """
    role, properties = given["original_resource"], given["cloudformation_json"]["Properties"]
    if properties.get("RoleName", role.name) != role.name:
        raise ValueError("sagemaker-emulator does not implement renaming a role: delete it first")
    iam = itself.client("iam", given["region_name"])
    _described(iam, role, properties)
    trust = _text(properties["AssumeRolePolicyDocument"])
    if not _same(trust, role.assume_role_policy_document):
        iam.update_assume_role_policy(RoleName=role.name, PolicyDocument=trust)
    _bounded(iam, role, properties.get("PermissionsBoundary"))
    inline = {item["PolicyName"]: _text(item["PolicyDocument"]) for item in properties.get("Policies", [])}
    _inline(iam, role, inline)
    _managed(iam, role, set(properties.get("ManagedPolicyArns", [])))
    return role


def _described(iam: Any, role: Any, properties: dict[str, Any]) -> None:
    text, duration = properties.get("Description", ""), int(properties.get("MaxSessionDuration", 3600))
    if (text, duration) != (role.description or "", int(role.max_session_duration or 3600)):
        iam.update_role(RoleName=role.name, Description=text, MaxSessionDuration=duration)


def _bounded(iam: Any, role: Any, wanted: str | None) -> None:
    if (wanted or None) == (role.permissions_boundary_arn or None):
        return
    if wanted:
        iam.put_role_permissions_boundary(RoleName=role.name, PermissionsBoundary=wanted)
    else:
        iam.delete_role_permissions_boundary(RoleName=role.name)


def _inline(iam: Any, role: Any, wanted: dict[str, str]) -> None:
    for name in list(role.policies):
        if name not in wanted:
            iam.delete_role_policy(RoleName=role.name, PolicyName=name)
    for name, policy in wanted.items():
        if name not in role.policies or not _same(policy, role.policies[name]):
            iam.put_role_policy(RoleName=role.name, PolicyName=name, PolicyDocument=policy)


def _managed(iam: Any, role: Any, wanted: set[str]) -> None:
    attached = set(role.managed_policies)
    for arn in sorted(attached - wanted):
        iam.detach_role_policy(RoleName=role.name, PolicyArn=arn)
    for arn in sorted(wanted - attached):
        iam.attach_role_policy(RoleName=role.name, PolicyArn=arn)


def _same(one: Any, other: Any) -> bool:
    """Whether two policies are the same document: what has not changed is not asked for."""
    return json.loads(_text(one)) == json.loads(_text(other))


def _text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document, default=str)
