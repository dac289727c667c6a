"""The decision: an explicit deny, else an allow, else no. Across accounts both sides must allow.

A resource policy that names the caller allows by itself within an account; one that names the account only
leaves it to the account's own policies. A key's policy and a role's trust decide in any case: what they do
not allow, nobody is allowed.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sagemaker_emulator.policies.patterns import Values
from sagemaker_emulator.policies.statements import applies, names, statements

Document = str | bytes | dict[str, Any]
IDENTITY, RESOURCE, BOUNDARY, SESSION = (
    "identity-based policy",
    "resource-based policy",
    "permissions boundary",
    "session policy",
)


@dataclass(frozen=True)
class Request:
    """Who wants to do what to which resource, and what else is known of the moment."""

    action: str
    resource: str
    principal: str  # an ARN, the name of a service, or "*" for nobody in particular
    role: str | None = None  # ARN of the role whose session the principal is
    context: Mapping[str, Any] = field(default_factory=dict)
    resource_account: str | None = None  # read off the resource's ARN, which S3's lack, else the caller's
    kind: str = "AWS"  # the key of Principal: AWS, Service, Federated; empty for nobody in particular

    @classmethod
    def recorded(cls, decision: Mapping[str, Any]) -> Request:
        """Return the request of a decision that the emulator has recorded."""
        keys = ("action", "resource", "principal", "role", "context", "resource_account", "kind")
        return cls(**{key: decision[key] for key in keys if key in decision})

    @property
    def account(self) -> str:
        """Return the caller's account, empty for services and strangers."""
        return _account(self.principal)

    @property
    def names(self) -> tuple[str, ...]:
        """Return what a Principal may call the caller."""
        return tuple(name for name in (self.principal, self.role) if name)

    @property
    def owner(self) -> str:
        """Return the account of the resource; what is AWS's own counts as the caller's."""
        named = self.resource_account or _account(self.resource)
        return named if named.isdigit() else self.account

    @functools.cached_property
    def values(self) -> Values:
        """Return the context, keys in lower case."""
        return {
            key.lower(): tuple(map(str, value)) if isinstance(value, list | tuple) else _text(value)
            for key, value in self.context.items()
        }


@dataclass(frozen=True)
class Decision:
    """Whether it is allowed, and why in the words that AWS ends its denials with."""

    allowed: bool
    why: str


def evaluate(
    request: Request,
    identity_policies: Sequence[Document],
    resource_policy: Document | None = None,
    *,
    boundary: Document | None = None,
    session_policies: Sequence[Document] = (),
    resource_decides: bool = False,
) -> Decision:
    """Return the decision. `resource_decides`: keys and trust, see above. Raises UnsupportedPolicy."""
    sides = {IDENTITY: identity_policies, BOUNDARY: [boundary] if boundary else [], SESSION: session_policies}
    heard = {side: _heard(request, documents) for side, documents in sides.items()}
    spoken = _spoken(request, resource_policy)
    for side in (IDENTITY, BOUNDARY, SESSION):
        if "Deny" in heard[side]:
            return _denied(side)
    if "Deny" in spoken:
        return _denied(RESOURCE)
    by_identity, directly = "Allow" in heard[IDENTITY], "directly" in spoken
    if request.account != request.owner or resource_decides:
        missing = _missing_of_both(by_identity, spoken, request)
    else:
        missing = "" if by_identity or directly else IDENTITY
    if missing:
        return _no(missing, request)
    for side in (BOUNDARY, SESSION):
        if sides[side] and "Allow" not in heard[side]:
            return _no(side, request)
    return Decision(True, f"allowed by {_an(IDENTITY if by_identity else RESOURCE)}")


def _missing_of_both(by_identity: bool, spoken: set[str], request: Request) -> str:
    """Return the side that does not allow, where the resource's own must."""
    if not spoken:
        return RESOURCE
    alone = "directly" in spoken and request.account in ("", request.owner)
    return "" if by_identity or alone else IDENTITY


def _heard(request: Request, documents: Iterable[Document]) -> set[str]:
    """Return the effects of the statements that are about the request."""
    return {
        statement["Effect"]
        for document in documents
        for statement, variables in statements(document)
        if applies(statement, request, variables)
    }


def _spoken(request: Request, policy: Document | None) -> set[str]:
    """Return Deny, or how the resource's policy allows: directly, by account."""
    effects = set()
    for statement, variables in statements(policy) if policy else ():
        how = names(statement, request)
        if how and applies(statement, request, variables, anywhere=True):
            effects.add("Deny" if statement["Effect"] == "Deny" else how)
    return effects


def _denied(side: str) -> Decision:
    return Decision(False, f"with an explicit deny in {_an(side)}")


def _no(side: str, request: Request) -> Decision:
    return Decision(False, f"because no {side} allows the {request.action} action")


def _an(side: str) -> str:
    return f"an {side}" if side[0] in "aeiou" else f"a {side}"


def _account(arn: str) -> str:
    parts = arn.split(":", 5)
    return parts[4] if len(parts) > 4 else ""


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
