"""One statement of a policy, held against a request: does it speak of this action, resource and caller."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Protocol

from sagemaker_emulator.policies import conditions
from sagemaker_emulator.policies.conditions import UnsupportedPolicy
from sagemaker_emulator.policies.patterns import Values, like, like_arn

__all__ = ["Asking", "UnsupportedPolicy", "applies", "names", "parsed", "statements"]

ROOT = re.compile(r"(?:arn:[^:]+:iam::)?(\d{12})(?::root)?")
WITH_VARIABLES = "2012-10-17"  # an older Version takes ${...} as it is written


class Asking(Protocol):
    """What a statement needs to know of a request."""

    action: str
    resource: str
    kind: str  # AWS, Service, Federated; empty: nobody in particular
    names: tuple[str, ...]  # the ARNs, or the one name, that a Principal may use for the caller
    account: str

    @property
    def values(self) -> Values:
        """Return the context, keys in lower case."""


def parsed(document: str | bytes | dict[str, Any]) -> dict[str, Any]:
    """Return a policy document as a dict."""
    return document if isinstance(document, dict) else json.loads(document)


def statements(document: str | bytes | dict[str, Any]) -> Iterator[tuple[dict[str, Any], bool]]:
    """Yield each statement of a document, and whether its variables are filled in."""
    policy = parsed(document)
    for statement in _listed(policy.get("Statement", [])):
        yield statement, policy.get("Version") == WITH_VARIABLES


def applies(statement: dict[str, Any], request: Asking, variables: bool, anywhere: bool = False) -> bool:
    """Whether a statement is about this request, whoever asks. Raises UnsupportedPolicy.

    `anywhere`: the policy hangs on the resource, and may leave Resource out.
    """
    context = request.values if variables else None
    return (
        _acts(statement, request.action)
        and _about(statement, request.resource, context, anywhere)
        and conditions.holds(statement.get("Condition", {}), request.values, variables)
    )


def names(statement: dict[str, Any], request: Asking) -> str:
    """Return how a statement of a resource policy names the caller: directly, by account, or not ("")."""
    if "NotPrincipal" in statement:
        return "" if _named(statement["NotPrincipal"], request) else "directly"
    return _named(statement.get("Principal", {}), request)


def _named(principal: Any, request: Asking) -> str:
    if principal == "*":
        return "directly"
    listed = {kind: _listed(value) for kind, value in principal.items()}
    if "*" in listed.get("AWS", []):
        return "directly"
    wanted = listed.get(request.kind, [])
    if any(name in wanted for name in request.names) or (request.kind == "Federated" and "*" in wanted):
        return "directly"
    accounts = [found[1] for text in wanted if (found := ROOT.fullmatch(text))]
    return "by account" if request.kind == "AWS" and request.account in accounts else ""


def _acts(statement: dict[str, Any], action: str) -> bool:
    if "NotAction" in statement:
        return not _any_action(statement["NotAction"], action)
    return _any_action(statement.get("Action", []), action)


def _any_action(patterns: Any, action: str) -> bool:
    return any(like(pattern, action, ignore_case=True) for pattern in _listed(patterns))


def _about(statement: dict[str, Any], resource: str, context: Values | None, anywhere: bool) -> bool:
    if "NotResource" in statement:
        return not _any_resource(statement["NotResource"], resource, context)
    if "Resource" not in statement:
        return anywhere
    return _any_resource(statement["Resource"], resource, context)


def _any_resource(patterns: Any, resource: str, context: Values | None) -> bool:
    return any(pattern == "*" or like_arn(pattern, resource, context) for pattern in _listed(patterns))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
