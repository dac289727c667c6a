"""AWS::IAM::Role with its managed policies attached and its updates applied, and AWS's own policies loaded on demand."""

from __future__ import annotations

import json
import os
import threading
from typing import Any

from moto.iam.models import IAMBackend

from sagemaker_emulator import seams

AWS_OWNED = ":iam::aws:policy/"
VARIABLE = "MOTO_IAM_LOAD_MANAGED_POLICIES"
_lock = threading.Lock()


@seams.wrap("moto.iam.models", "IAMBackend.attach_role_policy")
def attach_role_policy(original: Any, backend: IAMBackend, policy_arn: str, role_name: str) -> None:
    """Attach a policy; one of AWS's own is there without anyone having made it."""
    _load_aws_policies(backend, policy_arn)
    original(backend, policy_arn, role_name)


@seams.wrap("moto.iam.models", "IAMBackend.get_policy")
def get_policy(original: Any, backend: IAMBackend, policy_arn: str) -> Any:
    """Return a policy, one of AWS's own included."""
    _load_aws_policies(backend, policy_arn)
    return original(backend, policy_arn)


@seams.wrap("moto.iam.models", "Role.create_from_cloudformation_json")
def create(original: Any, cls: Any, name: str, document: dict[str, Any], account: str, region: str, **kwargs: Any) -> Any:
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
    iam.update_role(RoleName=role.name, Description=properties.get("Description", ""), MaxSessionDuration=duration)
    trust = _text(properties["AssumeRolePolicyDocument"])
    iam.update_assume_role_policy(RoleName=role.name, PolicyDocument=trust)
    _inline(iam, role.name, {item["PolicyName"]: _text(item["PolicyDocument"]) for item in properties.get("Policies", [])})
    _managed(iam, role.name, set(properties.get("ManagedPolicyArns", [])))
    return role


def _inline(iam: Any, role: str, wanted: dict[str, str]) -> None:
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        if name not in wanted:
            iam.delete_role_policy(RoleName=role, PolicyName=name)
    for name, policy in wanted.items():
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=policy)


def _managed(iam: Any, role: str, wanted: set[str]) -> None:
    attached = {item["PolicyArn"] for item in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]}
    for arn in sorted(attached - wanted):
        iam.detach_role_policy(RoleName=role, PolicyArn=arn)
    for arn in sorted(wanted - attached):
        iam.attach_role_policy(RoleName=role, PolicyArn=arn)


def _load_aws_policies(backend: IAMBackend, arn: str) -> None:
    """Load AWS's thousand policies when the first of them is asked for: it takes more than a second."""
    with _lock:
        if AWS_OWNED not in arn or backend.aws_managed_policies:
            return
        before = os.environ.get(VARIABLE)
        os.environ[VARIABLE] = "true"
        try:
            backend.aws_managed_policies = backend._init_aws_policies()
        finally:
            os.environ.pop(VARIABLE) if before is None else os.environ.update({VARIABLE: before})
        backend.managed_policies |= {policy.arn: policy for policy in backend.aws_managed_policies}


def _text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document, default=str)
