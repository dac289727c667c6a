"""KMS: its own operations, and what other services ask of it on a caller's behalf."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sagemaker_emulator.access import resources
from sagemaker_emulator.access.needs.table import Call, Need, on, rule, tags

ON_A_KEY = (
    *("DescribeKey", "GetKeyPolicy", "PutKeyPolicy", "ListKeyPolicies", "EnableKeyRotation", "EnableKey"),
    *("DisableKeyRotation", "GetKeyRotationStatus", "ScheduleKeyDeletion", "CancelKeyDeletion", "DisableKey"),
    *("Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "UpdateKeyDescription"),
    *("TagResource", "UntagResource", "ListResourceTags", "ListGrants", "RevokeGrant", "RetireGrant", "Sign"),
    *("Verify", "GetPublicKey", "CreateGrant"),
)


@rule("kms", *ON_A_KEY)
def _on_a_key(call: Call) -> Iterable[Need]:
    context: dict[str, Any] = tags(call.params)
    for name, value in (call.params.get("EncryptionContext") or {}).items():
        context[f"kms:EncryptionContext:{name}"] = value
    if call.operation == "CreateGrant":
        context["kms:GrantIsForAWSResource"] = False
    named = call.params.get("KeyId")
    arn = resources.key_arn(named, call.caller.account, call.region) if named else "*"
    yield Need(f"kms:{call.operation}", arn, {**context, "kms:CallerAccount": call.caller.account})


@rule("kms", "CreateAlias", "DeleteAlias", "UpdateAlias")
def _alias(call: Call) -> Iterable[Need]:
    name = call.params.get("AliasName", "*")
    action = f"kms:{call.operation}"
    yield Need(action, call.arn(name))
    key = call.params.get("TargetKeyId") or name
    yield Need(action, resources.key_arn(key, call.caller.account, call.region))


@rule("kms", "CreateKey")
def _create_key(call: Call) -> Iterable[Need]:
    yield Need("kms:CreateKey", "*", tags(call.params))
    if call.params.get("Tags"):
        yield Need("kms:TagResource", call.arn("key/*"), tags(call.params))


on("kms", "*", ("ListKeys", "ListAliases", "GenerateRandom"))


def grant(call: Call, key: str | None, role: str | None) -> list[Need]:
    """Return the permission to lend a key to a service; the passed role may have it instead."""
    if not key:
        return []
    context = {"kms:GrantIsForAWSResource": True, "kms:CallerAccount": call.caller.account}
    arn = resources.key_arn(key, call.caller.account, call.region)
    return [Need("kms:CreateGrant", arn, context, or_role=role, via="sagemaker")]


def of_object(action: str, key: str | None, object_arn: str, call: Call) -> list[Need]:
    """Return what S3 asks of an object's key; nothing where AWS keeps the key itself."""
    if not key:
        return []
    context = {"kms:EncryptionContext:aws:s3:arn": object_arn, "kms:CallerAccount": call.caller.account}
    arn = resources.key_arn(key, call.caller.account, call.region)
    return [Need(f"kms:{action}", arn, context, via="s3")]
