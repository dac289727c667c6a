"""What was recorded, decided again by IAM's own rules: who is denied what without one permission."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from sagemaker_emulator.access.authorize import Denied
from sagemaker_emulator.access.directory import Caller
from sagemaker_emulator.access.needs import Need
from sagemaker_emulator.policies import Request

from least.permissions import Permission, Recorded, Role, permissions, without

VOLATILE = ("aws:CurrentTime", "aws:EpochTime", "aws:userid", "aws:UserAgent")


def requests(decisions: Iterable[dict[str, Any]], role: str) -> list[Request]:
    """Return what a role (its ARN) was allowed, each request once."""
    found: dict[str, Request] = {}
    for told in decisions:
        if told["role"] == role and told["allowed"]:
            context = {key: value for key, value in told["context"].items() if key not in VOLATILE}
            found.setdefault(json.dumps([told["action"], told["resource"], context]), Request.recorded(told))
    return list(found.values())


def recorded(decisions: list[dict[str, Any]], roles: dict[str, Role]) -> Recorded:
    """Return what was asked of some roles, and with what they were taken."""
    asked = {name: requests(decisions, role.arn) for name, role in roles.items()}
    took = [each for each in decisions if each["action"].startswith("sts:AssumeRole") and each["allowed"]]
    taken = {
        name: [Request.recorded(each) for each in took if each["resource"] == role.arn]
        for name, role in roles.items()
    }
    return Recorded(roles, asked, taken)


def denials(recorded: Recorded, name: str) -> Iterator[tuple[Permission, str]]:
    """Yield each permission of a role with the denial that its loss brings; empty where it brings none."""
    role = recorded.roles[name]
    allowed = [request for request in recorded.requests[name] if role.decide(request).allowed]
    for permission in permissions(role):
        yield permission, denial(without(role, permission), allowed)


def denial(role: Role, requests: list[Request]) -> str:
    """Return the message of the first request that a role is denied; empty where it is denied none."""
    for request in requests:
        decision = role.decide(request)
        if not decision.allowed:
            caller = Caller(request.principal, request.account, "AssumedRole")
            return str(Denied(caller, Need(request.action, request.resource), decision))
    return ""
