"""Conditions of bucket policies, evaluated as if the wire were TLS.

The emulator speaks plain http on 127.0.0.1. A policy that denies everything while `aws:SecureTransport` is
false guards against exactly that on AWS, where every SDK speaks https; refusing the emulator's own wire would
say nothing about the policy. So `aws:SecureTransport` is true and `s3:TlsVersion` is 1.3 here, always. A
statement with a condition on any other key is left out (moto, instead, lets every conditional statement
deny). All of that holds without --iam; with it, policies are evaluated in full (access/), TLS as here.
"""

from __future__ import annotations

from typing import Any

from moto.iam.access_control import PermissionResult

from sagemaker_emulator import access, seams

SECURE, TLS = "aws:securetransport", "s3:tlsversion"
TLS_VERSION = 1.3


@seams.wrap("moto.iam.access_control", "IAMPolicyStatement.is_action_permitted")
def is_action_permitted(
    original: Any,
    statement: Any,
    action: str,
    resource: str = "*",
    principal: str | None = None,
    incoming_condition_values: dict[str, str] | None = None,
) -> Any:
    """Judge one statement; without known values for its condition, decide what can be decided."""
    document = statement._statement
    if access.enforced():
        return PermissionResult.PERMITTED  # decided on the wire, with everything that is known there
    if incoming_condition_values is not None or not document.get("Condition"):
        return original(statement, action, resource, principal, incoming_condition_values)
    if not all(_holds(operator, rule) for operator, rule in document["Condition"].items()):
        return PermissionResult.NEUTRAL
    bare = type(statement)({key: value for key, value in document.items() if key != "Condition"})
    return original(bare, action, resource, principal, None)


def _holds(operator: str, rule: dict[str, Any]) -> bool:
    return all(
        _holds_for(operator.removesuffix("IfExists"), key.lower(), value) for key, value in rule.items()
    )


def _holds_for(operator: str, key: str, wanted: Any) -> bool:
    values = wanted if isinstance(wanted, list) else [wanted]
    if (operator, key) == ("Bool", SECURE):
        return "true" in [str(value).lower() for value in values]
    if (operator, key) == ("NumericLessThan", TLS):
        return any(float(value) > TLS_VERSION for value in values)
    return False
