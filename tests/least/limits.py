"""Every Deny and every condition of the roles' policies: a request that it alone refuses.

Such a request is one that was recorded, with one fact changed. A Deny is held against a role that somebody
has widened to everything: that is what it is for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sagemaker_emulator.policies import Request
from sagemaker_emulator.policies.statements import applies

from least.permissions import Document, Recorded, Role, listed

# What each condition must refuse: the key, and the fact that makes a request wrong.
WRONG: dict[str, Any] = {
    "iam:PassedToService": "lambda.amazonaws.com",
    "iam:PermissionsBoundary": "arn:aws:iam::123456789012:policy/somebodys-own",
    "kms:GrantIsForAWSResource": "false",
    "kms:ViaService": "ec2.eu-west-1.amazonaws.com",
    "cloudwatch:namespace": "AWS/EC2",
    "sagemaker:ModelApprovalStatus": {
        "pipeline": "Rejected",  # Approved is refused by the boundary as well
        "execution": "Rejected",
        "deploy": "PendingManualApproval",
    },
    "sagemaker:CustomerMetadataProperties/staging": "proven",
    "sagemaker:CustomerMetadataProperties/production": "proven",
    "sagemaker:CustomerMetadataPropertiesToRemove": ["staging"],
}
# A name that each action which is denied might be asked of.
TARGETS = {
    "iam": "arn:aws:iam::123456789012:role/income-model-eu-west-1-infra",
    "kms": "arn:aws:kms:eu-west-1:123456789012:key/any",
    "s3": "arn:aws:s3:::income-model-123456789012-eu-west-1/data/adult/part-0.parquet",
    "sagemaker": "arn:aws:sagemaker:eu-west-1:123456789012:model-package/income-model/1",
    "sts": "arn:aws:iam::123456789012:role/income-model-eu-west-1-deploy",
}
EVERYTHING = {"Sid": "SomebodyHasWidenedIt", "Effect": "Allow", "Action": "*", "Resource": "*"}


@dataclass(frozen=True)
class Limit:
    """One limit, a request that it must refuse, and whether it does so and nothing else does."""

    role: str
    sid: str
    what: str
    request: Request
    refused: bool
    alone: bool

    def __str__(self) -> str:
        return f"{self.role}: {self.sid}: {self.what}"


def conditions(recorded: Recorded, name: str) -> Iterator[Limit]:
    """Yield every condition of a role's Allow statements."""
    role = recorded.roles[name]
    for policy, told in role.statements():
        for operator, keys in told.get("Condition", {}).items():
            for key in keys:
                looser = role.changed(policy, told["Sid"], _unconditional(told, operator, key))
                wrong = _wrong(recorded.requests[name], told, key, name)
                decided = [(role.decide(each).allowed, looser.decide(each).allowed) for each in wrong]
                at = next((n for n, each in enumerate(decided) if each == (False, True)), 0)
                request = wrong[at] if wrong else Request("", "", "")
                refused, alone = decided[at] if decided else (True, False)
                yield Limit(name, told["Sid"], f"{operator} {key}", request, not refused, alone)


def _unconditional(told: Document, operator: str, key: str) -> Document:
    """Return a statement without one condition."""
    left = {name: dict(keys) for name, keys in told["Condition"].items()}
    del left[operator][key]
    return {**told, "Condition": {name: keys for name, keys in left.items() if keys}}


def _wrong(requests: list[Request], told: Document, key: str, role: str) -> list[Request]:
    """Return what was allowed by a statement, with the one fact changed that its condition is about."""
    fact = WRONG[key][role] if isinstance(WRONG[key], dict) else WRONG[key]
    return [
        replace(each, context={**each.context, key: fact}) for each in requests if applies(told, each, True)
    ]


def denials(role: Role) -> Iterator[Limit]:
    """Yield every action of every Deny statement, held against the role once it may do everything."""
    for policy, told in role.statements("Deny"):
        (allow,) = [{**each, "Sid": told["Sid"]} for each in [EVERYTHING]]
        for action in listed(told["Action"]):
            others = [each for each in listed(told["Action"]) if each != action]
            kept = [told | {"Action": others}] if others else []
            wide, without = role.changed(policy, told["Sid"], told, allow), role.changed(
                policy, told["Sid"], *kept, allow
            )
            request = _request(role, action)
            refused, alone = not wide.decide(request).allowed, without.decide(request).allowed
            yield Limit(role.name, told["Sid"], f"Deny {action}", request, refused, alone)


def _request(role: Role, action: str) -> Request:
    named = action.replace("*", "")
    session = role.arn.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/") + "/session"
    return Request(named, TARGETS[action.split(":")[0]], session, role.arn)
