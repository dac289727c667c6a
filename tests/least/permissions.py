"""Every single permission of the roles, as their stacks were deployed, and a role without one of them.

A permission is one action of one statement on one of its resources; a resource of a kind that the action
does not know gives nothing, and is none.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from sagemaker_emulator.policies import Decision, Request, evaluate

from least.inner import kinds

Document = dict[str, Any]
ROLES = ("pull-request", "pipeline", "deploy", "infra", "execution")


@dataclass(frozen=True)
class Role:
    """A role: its inline policies by name, its boundary, and who may take it."""

    name: str
    arn: str
    policies: dict[str, Document]
    boundary: Document | None = None
    trust: Document = field(default_factory=dict)

    def statements(self, effect: str = "Allow") -> Iterator[tuple[str, Document]]:
        """Yield (policy, statement) of one effect."""
        for name, document in self.policies.items():
            yield from ((name, each) for each in document["Statement"] if each["Effect"] == effect)

    def decide(self, request: Request) -> Decision:
        """Return what IAM says to a request of this role; another account's own policies grant their side."""
        theirs = _granted(request.account) if request.account != request.owner else None
        return evaluate(request, list(self.policies.values()), theirs, boundary=self.boundary)

    def changed(self, policy: str, sid: str, *statements: Document) -> Role:
        """Return the role with other statements in the place of one."""
        document = copy.deepcopy(self.policies[policy])
        at = next(n for n, each in enumerate(document["Statement"]) if each["Sid"] == sid)
        document["Statement"][at : at + 1] = statements
        return replace(self, policies=self.policies | {policy: document})


def _granted(account: str) -> Document:
    everything = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "*", "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [everything]}


@dataclass(frozen=True, order=True)
class Permission:
    """One action of one statement on one resource."""

    role: str
    policy: str
    sid: str
    action: str
    resource: str

    def __str__(self) -> str:
        return f"{self.role}: {self.sid}: {self.action} on {self.resource}"


@dataclass(frozen=True)
class Recorded:
    """What the roles of an account may, and what was asked of them."""

    roles: dict[str, Role]
    requests: dict[str, list[Request]]  # that were allowed, by role, each once
    taken: dict[str, list[Request]]  # the tokens, or the service, that a role was taken with


def deployed(iam: Any, prefix: str, names: tuple[str, ...] = ROLES) -> dict[str, Role]:
    """Return the roles as CloudFormation made them."""
    return {name: _role(iam, name, f"{prefix}-{name}") for name in names}


def _role(iam: Any, name: str, full: str) -> Role:
    told = iam.get_role(RoleName=full)["Role"]
    inline = iam.list_role_policies(RoleName=full)["PolicyNames"]
    read = {each: iam.get_role_policy(RoleName=full, PolicyName=each)["PolicyDocument"] for each in inline}
    boundary = told.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    if boundary:
        version = iam.get_policy(PolicyArn=boundary)["Policy"]["DefaultVersionId"]
        boundary = iam.get_policy_version(PolicyArn=boundary, VersionId=version)["PolicyVersion"]["Document"]
    return Role(name, told["Arn"], read, boundary, told["AssumeRolePolicyDocument"])


def permissions(role: Role) -> Iterator[Permission]:
    """Yield every permission of a role."""
    for policy, told in role.statements():
        for action in listed(told["Action"]):
            for resource in listed(told["Resource"]):
                if knows(action, resource):
                    yield Permission(role.name, policy, told["Sid"], action, resource)


def knows(action: str, resource: str) -> bool:
    """Say whether an action knows resources of this kind; a pattern of actions knows any."""
    return "*" in action or resource == "*" or kinds.matches(resource, kinds.of_action(action))


def without(role: Role, lost: Permission) -> Role:
    """Return the role without one permission, and with all its others."""
    told = next(each for _, each in role.statements() if each["Sid"] == lost.sid)
    others = [each for each in listed(told["Action"]) if each != lost.action]
    elsewhere = [each for each in listed(told["Resource"]) if each != lost.resource]
    kept = [told | {"Action": others}] if others else []
    kept += [told | {"Action": lost.action, "Resource": elsewhere}] if elsewhere else []
    return role.changed(lost.policy, lost.sid, *kept)


def without_action(role: Role, sid: str, action: str) -> Role:
    """Return the role without one action of a statement, on all its resources."""
    policy, told = next((name, each) for name, each in role.statements() if each["Sid"] == sid)
    others = [each for each in listed(told["Action"]) if each != action]
    return role.changed(policy, sid, *([told | {"Action": others}] if others else []))


def listed(value: Any) -> list[Any]:
    """Return what may stand alone as a list."""
    return value if isinstance(value, list) else [value]
