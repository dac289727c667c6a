"""Every Deny and every condition of the roles' policies: a request that it alone refuses.

Such a request is one that was recorded, with one fact changed. A Deny is held against a role that somebody
has widened to everything: that is what it is for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sagemaker_emulator.policies import Request, evaluate
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
        "pipeline": "Approved",
        "execution": "Approved",
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
    """Yield every condition of a role's Allow statements, whatever its boundary says besides."""
    role = replace(recorded.roles[name], boundary=None)
    for policy, told in role.statements():
        for operator, keys in told.get("Condition", {}).items():
            for key in keys:
                looser = role.changed(policy, told["Sid"], _unconditional(told, operator, key))
                wrong = _wrong(role, recorded.requests[name], told, key)
                decided = [(role.decide(each).allowed, looser.decide(each).allowed) for each in wrong]
                at = next((n for n, each in enumerate(decided) if each == (False, True)), 0)
                allowed, alone = decided[at]
                yield Limit(name, told["Sid"], f"{operator} {key}", wrong[at], not allowed, alone)


def _unconditional(told: Document, operator: str, key: str) -> Document:
    """Return a statement without one condition."""
    left = {name: dict(keys) for name, keys in told["Condition"].items()}
    del left[operator][key]
    return {**told, "Condition": {name: keys for name, keys in left.items() if keys}}


def _wrong(role: Role, requests: list[Request], told: Document, key: str) -> list[Request]:
    """Return what was allowed by a statement, with the one fact changed that its condition is about."""
    fact = WRONG[key][role.name] if isinstance(WRONG[key], dict) else WRONG[key]
    right = [each for each in requests if applies(told, each, True)] or [_spelt(role, told)]
    return [replace(each, context={**each.context, key: fact}) for each in right]


def _spelt(role: Role, told: Document) -> Request:
    """Return a request that a statement allows word by word, where nothing that was recorded needed it."""
    facts = {name: value for keys in told["Condition"].values() for name, value in keys.items()}
    context = {name: listed(value)[0].replace("*", "any") for name, value in facts.items()}
    asked = _request(role, listed(told["Action"])[0], listed(told["Resource"])[0].replace("*", "any"))
    return replace(asked, context=context)


def trusts(recorded: Recorded, name: str) -> Iterator[Limit]:
    """Yield every condition of who may take a role."""
    role = recorded.roles[name]
    for told in role.trust["Statement"]:
        for operator, keys in told["Condition"].items():
            for key in keys:
                request = recorded.taken[name][0]
                wrong = replace(request, context={**request.context, key: "somebody-elses"})
                looser = {"Version": "2012-10-17", "Statement": [_unconditional(told, operator, key)]}
                refused = not evaluate(wrong, [], role.trust, resource_decides=True).allowed
                alone = evaluate(wrong, [], looser, resource_decides=True).allowed
                yield Limit(name, told["Sid"], f"{operator} {key}", wrong, refused, alone)


def denials(role: Role) -> Iterator[Limit]:
    """Yield every action of every Deny statement, held against the role once it may do everything."""
    for policy, told in role.statements("Deny"):
        for action in listed(told["Action"]):
            wide = role.changed(policy, told["Sid"], told, EVERYTHING)
            looser = role.changed(policy, told["Sid"], *_less(told, action), EVERYTHING)
            request = _request(role, action)
            refused, alone = not wide.decide(request).allowed, looser.decide(request).allowed
            yield Limit(role.name, told["Sid"], f"Deny {action}", request, refused, alone)


def approvals(role: Role) -> Iterator[Limit]:
    """Yield every action of the boundary's Deny, held against a role that may do everything within it."""
    wide = replace(role, policies={"wide": {"Version": "2012-10-17", "Statement": [EVERYTHING]}})
    boundary = role.boundary or {"Statement": []}
    for told in (each for each in boundary["Statement"] if each["Effect"] == "Deny"):
        others = [each for each in boundary["Statement"] if each is not told]
        for action in listed(told["Action"]):
            asked = _request(role, action)
            context = {"sagemaker:ModelApprovalStatus": "Approved", "aws:PrincipalArn": role.arn}
            request = replace(asked, context=context)
            looser = replace(wide, boundary={**boundary, "Statement": [*others, *_less(told, action)]})
            refused, alone = not wide.decide(request).allowed, looser.decide(request).allowed
            yield Limit(role.name, told["Sid"], f"boundary, Deny {action}", request, refused, alone)


def bounds(recorded: Recorded) -> Iterator[Limit]:
    """Yield every condition of the boundary's Allow statements, held against a role that may do all."""
    for told in _allowing(recorded.roles["execution"].boundary):
        for operator, keys in told.get("Condition", {}).items():
            for key in keys:
                yield _bound(recorded, told, operator, key)


def _bound(recorded: Recorded, told: Document, operator: str, key: str) -> Limit:
    role = recorded.roles["execution"]
    boundary = role.boundary or {}
    wide = replace(role, policies={"wide": {"Version": "2012-10-17", "Statement": [EVERYTHING]}})
    others = [each for each in boundary["Statement"] if each is not told]
    statements = [*others, _unconditional(told, operator, key)]
    looser = replace(wide, boundary={**boundary, "Statement": statements})
    (request, *_) = _wrong(role, recorded.requests["execution"], told, key)
    refused, alone = not wide.decide(request).allowed, looser.decide(request).allowed
    return Limit("boundary", told["Sid"], f"{operator} {key}", request, refused, alone)


def _allowing(boundary: Document | None) -> list[Document]:
    return [each for each in (boundary or {"Statement": []})["Statement"] if each["Effect"] == "Allow"]


def exceptions(recorded: Recorded) -> Iterator[tuple[str, bool]]:
    """Yield every condition of the boundary's Deny: whether its loss refuses what some role must do."""
    boundary = recorded.roles["deploy"].boundary or {"Statement": []}
    for told in (each for each in boundary["Statement"] if each["Effect"] == "Deny"):
        others = [each for each in boundary["Statement"] if each is not told]
        for operator, keys in told["Condition"].items():
            for key in keys:
                stricter = {**boundary, "Statement": [*others, _unconditional(told, operator, key)]}
                bound = [
                    replace(each, boundary=stricter) for each in recorded.roles.values() if each.boundary
                ]
                broken = any(
                    not role.decide(request).allowed
                    for role in bound
                    for request in recorded.requests[role.name]
                )
                yield f"boundary: {told['Sid']}: {operator} {key}", broken


def _less(told: Document, action: str) -> list[Document]:
    """Return a statement without one of its actions, or nothing."""
    others = [each for each in listed(told["Action"]) if each != action]
    return [told | {"Action": others}] if others else []


def _request(role: Role, action: str, resource: str = "") -> Request:
    named, target = action.replace("*", ""), resource or TARGETS[action.split(":")[0]]
    session = role.arn.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/") + "/session"
    return Request(named, target, session, role.arn)
