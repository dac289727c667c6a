"""What the emulator knows of resources: their owners, the policies that hang on them, their keys."""

from __future__ import annotations

from typing import Any

from moto.kms.models import kms_backends
from moto.s3.models import s3_backends
from moto.sagemaker.models import sagemaker_backends
from moto.utilities.utils import get_partition

from sagemaker_emulator import tags
from sagemaker_emulator.access import directory
from sagemaker_emulator.registry.state import State


def policy(action: str, arn: str) -> tuple[Any, bool]:
    """Return the policy that hangs on a resource, if any, and whether it must allow in any case."""
    if action.startswith("sts:"):
        role = directory.role(arn)
        return (role.assume_role_policy_document if role is not None else None), True
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return None, False
    service, region, account, name = parts[2], parts[3], parts[4], parts[5]
    if service == "s3":
        bucket = _bucket(name.partition("/")[0])
        return (bucket.policy if bucket is not None else None), False
    if service == "kms":
        found = _key_policy(account, region, name)
        return found, found is not None
    if service == "ecr" and name.startswith("repository/"):
        return _repository_policy(account, region, name.removeprefix("repository/")), False
    if service == "sagemaker":
        return _group_policy(account, region, name), False
    if service == "sns":
        return _topic_policy(account, region, arn), False
    return None, False


def bucket_owner(name: str) -> str | None:
    """Return the account that owns a bucket."""
    found = s3_backends.bucket_accounts.get(name)
    return found[1] if found else None


def bucket_key(name: str) -> str | None:
    """Return the customer's key that a bucket encrypts with by default."""
    bucket = _bucket(name)
    try:
        default = bucket.encryption["Rule"]["ApplyServerSideEncryptionByDefault"]
    except (AttributeError, KeyError, TypeError):
        return None
    return default.get("KMSMasterKeyID") if default.get("SSEAlgorithm") == "aws:kms" else None


def s3_object(bucket: str, key: str, version: str | None) -> Any | None:
    """Return moto's object, None where there is none."""
    found = s3_backends.bucket_accounts.get(bucket)
    if found is None:
        return None
    try:
        return s3_backends[found[1]][found[0]].get_object(bucket, key, version_id=version)
    except Exception:  # moto has many ways to say that something is not there
        return None


def key_arn(named: str, account: str, region: str) -> str:
    """Return the ARN of a key that is named by id, alias or ARN; what is not there keeps its name."""
    parts = named.split(":", 5)
    if len(parts) == 6:
        region, account = parts[3], parts[4]
    backend = kms_backends[account][region]
    try:
        return backend.keys[backend.any_id_to_key_id(named)].arn
    except (KeyError, AttributeError, TypeError):
        name = named if named.startswith(("arn:", "alias/")) else f"key/{named}"
        return (
            name if name.startswith("arn:") else f"arn:{get_partition(region)}:kms:{region}:{account}:{name}"
        )


def endpoint_config_key(account: str, region: str, name: str) -> str | None:
    """Return the key that an endpoint configuration lends to its volumes."""
    found = sagemaker_backends[account][region].endpoint_configs.get(name)
    return getattr(found, "request", {}).get("KmsKeyId") if found is not None else None


def stack_of_change_set(account: str, region: str, arn: str) -> str | None:
    """Return the name of the stack that a change set is of."""
    from moto.cloudformation.models import cloudformation_backends  # takes time to import

    found = cloudformation_backends[account][region].change_sets.get(arn)
    return found.stack.name if found is not None else None


def next_version(group_arn: str) -> int | str:
    """Return the number that the group's next package gets."""
    state = _registry(group_arn)
    group = state.groups.get(group_arn.rsplit("/", 1)[-1]) if state else None
    return group.last_version + 1 if group is not None else "*"


def resource_tags(arn: str) -> dict[str, str]:
    """Return the tags that a resource of SageMaker has."""
    return tags.of(arn)


def _bucket(name: str) -> Any | None:
    found = s3_backends.bucket_accounts.get(name)
    return s3_backends[found[1]][found[0]].buckets.get(name) if found else None


def _key_policy(account: str, region: str, name: str) -> str | None:
    key = kms_backends[account][region].keys.get(name.removeprefix("key/"))
    return key.policy if key is not None else None


def _repository_policy(account: str, region: str, name: str) -> str | None:
    from moto.ecr.models import ecr_backends  # takes time to import, and is seldom needed

    found = ecr_backends[account][region].repositories.get(name)
    return found.policy if found is not None else None


def _group_policy(account: str, region: str, name: str) -> str | None:
    """Return the policy of the model package group that a group or a package belongs to."""
    kind, _, rest = name.partition("/")
    state = State.known(account, region)
    if kind not in ("model-package-group", "model-package") or state is None:
        return None
    wanted = rest.partition("/")[0].lower()
    return next((group.policy for key, group in state.groups.items() if key.lower() == wanted), None)


def _topic_policy(account: str, region: str, arn: str) -> str | None:
    from moto.sns.models import sns_backends

    topic = sns_backends[account][region].topics.get(arn)
    return topic.policy if topic is not None else None


def _registry(arn: str) -> State | None:
    parts = arn.split(":")
    return State.known(parts[4], parts[3]) if len(parts) > 4 else None
