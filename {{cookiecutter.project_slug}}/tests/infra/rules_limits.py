"""Rules about the limits of roles: the boundary, infra, what IAM takes. Each yields what is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from tests.infra import kinds
from tests.infra.reading import (
    ACCOUNT,
    ACCOUNTS,
    ARN,
    GIVEN,
    INFRA,
    PSEUDO,
    REGION,
    Infra,
    Statement,
    resolved,
)
from tests.infra.rules_rights import rights

BOUNDARIES = {
    account: f"{ARN}:iam::{account}:policy/income-{REGION}-boundary"
    for account in (ACCOUNT, *ACCOUNTS.values())
}
INFRA_WRITES = {"iam:DeleteRolePolicy", "iam:PutRolePolicy", "iam:TagRole", "iam:UntagRole"}
INFRA_WRITES |= {"iam:UpdateRole", "iam:UpdateRoleDescription"}
INFRA_NEVER = (
    "iam:AttachRolePolicy",
    "iam:CreatePolicyVersion",
    "iam:CreateRole",
    "iam:DeleteRole",
    "iam:DeleteRolePermissionsBoundary",
    "iam:PassRole",
    "iam:PutRolePermissionsBoundary",
    "iam:SetDefaultPolicyVersion",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateOpenIDConnectProviderThumbprint",
    "kms:Decrypt",
    "kms:PutKeyPolicy",
    "s3:GetObject",
    "s3:PutObject",
    "sagemaker:UpdateModelPackage",
    "sts:AssumeRole",
)
# What IAM and CloudFormation take at most: characters without white space, bytes.
INLINE, TRUST, MANAGED, TEMPLATE = 10_240, 2_048, 6_144, 51_200
LONGEST = GIVEN | {
    "Project": "p" * 32,
    "Repository": f"{'o' * 30}/{'r' * 40}",
    "OwnerId": "9" * 10,
    "RepositoryId": "9" * 10,
    "Bucket": "b" * 63,
    "RegistryKey": f"arn:aws-us-gov:kms:ap-southeast-1:{ACCOUNT}:key/{'k' * 36}",
    "AWS::Region": "ap-southeast-1",
    "AWS::Partition": "aws-us-gov",
}


def every_role_is_bounded(infra: Infra) -> Iterator[str]:
    """But infra, which only an administrator changes; and the boundary holds no more of IAM than PassRole."""
    for template, name, properties in infra.of_type("AWS::IAM::Role"):
        own = BOUNDARIES[ACCOUNTS.get(template, ACCOUNT)]
        if name != "InfraRole" and properties.get("PermissionsBoundary") != own:
            yield f"{template}.yml {name}: no boundary"
        if properties.get("ManagedPolicyArns"):
            yield f"{template}.yml {name}: managed policies are wider than this project"
    for each in infra.statements("boundary"):
        if each.allows and any(fnmatchcase("iam:PutRolePolicy", name) for name in each.actions):
            yield f"{each}: bounds nothing"


def the_boundary_holds_what_roles_need(infra: Infra) -> Iterator[str]:
    """What a role is given and the boundary is not, nobody has."""
    limits = [each for each in infra.statements("boundary") if each.allows]
    for each in rights(infra):
        if each.owner == "InfraRole":
            continue
        own = [limit for limit in limits if limit.account == each.account]
        for action in each.actions:
            for name in each.resources:
                if pointless(action, name, each.actions) or any(covers(limit, action, name) for limit in own):
                    continue
                yield f"{each}: the boundary lacks {action} on {name}"


def pointless(action: str, name: str, actions: list[str]) -> bool:
    """Say whether a statement of several actions pairs one with a resource that is another's."""
    return (
        len(actions) > 1
        and name != "*"
        and "*" not in action
        and not kinds.matches(name, kinds.of_action(action))
    )


def covers(limit: Statement, action: str, name: str) -> bool:
    """Say whether a statement names, or a pattern of it means, an action on a resource."""
    return any(fnmatchcase(action, each) for each in limit.actions) and any(
        fnmatchcase(name, each) for each in limit.resources
    )


def infra_cannot_widen(infra: Infra) -> Iterator[str]:
    """It writes inline policies of four roles within the boundary; the rest of IAM is denied by name."""
    own = f"{ARN}:iam::{ACCOUNT}:role/income-{REGION}-infra"
    denied: list[Statement] = []
    for each in infra.of("github", "InfraRole", "identity"):
        if not each.allows:
            denied.append(each)
            continue
        writes = {name for name in each.actions if re.match(r"iam:(?!Get|List)", name)}
        if writes - INFRA_WRITES:
            yield f"{each}: {sorted(writes - INFRA_WRITES)}"
        if writes and any(fnmatchcase(own, name) for name in each.resources):
            yield f"{each}: writes itself"
        bounded = each.condition("StringEquals", "iam:PermissionsBoundary") == [BOUNDARIES[ACCOUNT]]
        if {"iam:PutRolePolicy", "iam:DeleteRolePolicy"} & writes and not bounded:
            yield f"{each}: beyond the boundary"
    for action in INFRA_NEVER:
        if not any(_denies(each, action, "*") for each in denied):
            yield f"InfraRole: {action} is not denied"
    if not any(_denies(each, "iam:PutRolePolicy", own) for each in denied):
        yield "InfraRole: may write itself"


def _denies(each: Statement, action: str, resource: str) -> bool:
    named = any(fnmatchcase(action, pattern) for pattern in each.actions)
    return named and resource in each.resources and "Condition" not in each.told


def policies_fit(infra: Infra) -> Iterator[str]:
    """IAM takes no longer ones: counted for the longest names that a project may have."""
    for stem, template in infra.templates.items():
        if (size := (INFRA / f"{stem}.yml").stat().st_size) > TEMPLATE:
            yield f"{stem}.yml: {size} bytes, CloudFormation takes {TEMPLATE}"
        for name, told in template["Resources"].items():
            properties = resolved(told.get("Properties", {}), template, PSEUDO | LONGEST)
            if told["Type"] == "AWS::IAM::Role":
                inline = sum(_length(policy["PolicyDocument"]) for policy in properties["Policies"])
                trust = _length(properties["AssumeRolePolicyDocument"])
                if inline > INLINE or trust > TRUST or len(properties["RoleName"]) > 64:
                    yield f"{stem}.yml {name}: {inline} of {INLINE}, trust {trust} of {TRUST}"
            if told["Type"] == "AWS::IAM::ManagedPolicy" and _length(properties["PolicyDocument"]) > MANAGED:
                yield f"{stem}.yml {name}: {_length(properties['PolicyDocument'])} of {MANAGED}"


def _length(document: Any) -> int:
    return len(re.sub(r"\s", "", json.dumps(document, separators=(",", ":"))))


RULES = (every_role_is_bounded, the_boundary_holds_what_roles_need, infra_cannot_widen, policies_fit)
