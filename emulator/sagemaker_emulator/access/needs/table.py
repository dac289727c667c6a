"""The tables' common form: a call, what it needs, and how an operation is put down."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from moto.utilities.utils import get_partition

from sagemaker_emulator.access.directory import Caller

PREFIX = {  # where the IAM prefix is not botocore's name of the service
    "sagemaker-runtime": "sagemaker",
    "service-quotas": "servicequotas",
}


class UnknownCall(Exception):
    """No table has this operation; the message is service:Operation."""


@dataclass(frozen=True)
class Call:
    """One request, parsed: who asks whom for what."""

    service: str
    operation: str
    params: dict[str, Any]
    caller: Caller
    region: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def partition(self) -> str:
        """Return the partition of the region."""
        return get_partition(self.region)

    def arn(self, resource: str, service: str | None = None, account: str | None = None) -> str:
        """Return an ARN of the caller's account and region; one that is an ARN already stays as it is."""
        if resource.startswith("arn:"):
            return resource
        where = f"{self.region}:{account or self.caller.account}"
        return f"arn:{self.partition}:{service or PREFIX.get(self.service, self.service)}:{where}:{resource}"


@dataclass(frozen=True)
class Need:
    """One permission: an action on a resource, and the condition keys that are known of it."""

    action: str
    resource: str = "*"
    context: dict[str, Any] = field(default_factory=dict)
    owner: str | None = None  # the account of the resource, where its ARN does not say
    or_role: str | None = None  # this role's permission would do as well
    via: str | None = None  # the service that asks on the caller's behalf


Rule = Callable[[Call], Iterable[Need]]
_rules: dict[tuple[str, str], Rule] = {}


def rule(service: str, *operations: str) -> Callable[[Rule], Rule]:
    """Put down what operations need."""

    def put(made: Rule) -> Rule:
        for operation in operations:
            _rules[service, operation] = made
        return made

    return put


def on(service: str, template: str, operations: Iterable[str], action: str | None = None) -> None:
    """Put down operations that need the action of their own name on one ARN, such as model/{Name}."""
    for operation in operations:
        _rules[service, operation] = _on(template, action)


def _on(template: str, action: str | None) -> Rule:
    def rule(call: Call) -> Iterable[Need]:
        prefix = PREFIX.get(call.service, call.service)
        wanted = action or f"{prefix}:{call.operation}"
        yield Need(wanted, "*" if template == "*" else call.arn(filled(template, call.params)))

    return rule


def filled(template: str, params: dict[str, Any]) -> str:
    """Return a template with the call's members in it; a member that holds an ARN is the answer itself."""
    kind, _, rest = template.partition("{")
    member = rest.partition("}")[0]
    value = str(params.get(member) or "*")
    if value.startswith("arn:"):
        return value
    return template.replace(f"{{{member}}}", value) if member else kind


def with_context(needs: Iterable[Need], context: dict[str, Any]) -> list[Need]:
    """Return the needs with more condition keys."""
    return [replace(need, context={**context, **need.context}) for need in needs]


def tags(params: dict[str, Any], member: str = "Tags") -> dict[str, Any]:
    """Return the condition keys of the tags in a request; nothing without any."""
    given = params.get(member) or []
    pairs = {
        str(tag.get("Key", tag.get("TagKey", tag.get("key")))): str(
            tag.get("Value", tag.get("TagValue", tag.get("value", "")))
        )
        for tag in (given if isinstance(given, list) else [])
    }
    if isinstance(given, dict):
        pairs = {str(key): str(value) for key, value in given.items()}
    keys = {f"aws:RequestTag/{key}": value for key, value in pairs.items()}
    return {**keys, "aws:TagKeys": list(pairs)} if pairs else {}


def find(call: Call) -> list[Need]:
    """Return what the call needs. Raises UnknownCall."""
    found = _rules.get((call.service, call.operation))
    if found is None:
        raise UnknownCall(f"{call.service}:{call.operation}")
    return list(found(call))
