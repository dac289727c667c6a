"""Whom a role trusts: what GitHub's token would say for a job, held against what the role wants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from pipelines.account.gh import Identity

ISSUER = "token.actions.githubusercontent.com"
# Which environments the jobs of a role name, and the workflow file that must run them: .github/workflows.
ENVIRONMENTS = {
    "pull-request": (),
    "pipeline": (),
    "deploy": ("staging", "production"),
    "infra": ("infrastructure",),
}
NAMED = tuple(name for names in ENVIRONMENTS.values() for name in names)
WORKFLOWS = {"pipeline": "release.yml", "deploy": "deploy.yml", "infra": "reconcile.yml"}


@dataclass(frozen=True)
class Mismatch:
    """A claim that a role refuses: what GitHub sends, what the role wants."""

    claim: str
    sent: str
    wanted: tuple[str, ...]


def tokens(
    identity: Identity, role: str, environments: set[str], immutable: bool
) -> Iterator[dict[str, str]]:
    """Yield the claims of the tokens that this role's jobs get: one for each environment that is there."""
    name = identity.immutable_name if immutable else identity.repository
    common = {
        "aud": "sts.amazonaws.com",
        "repository": identity.repository,
        "repository_id": identity.repository_id,
        "repository_owner_id": identity.owner_id,
    }
    if role == "pull-request":
        yield {**common, "sub": f"repo:{name}:pull_request"}
        return
    file = f"{identity.repository}/.github/workflows/{WORKFLOWS[role]}@refs/heads/main"
    common |= {"ref": "refs/heads/main", "job_workflow_ref": file}
    wanted = ENVIRONMENTS[role]
    for environment in (item for item in wanted if item in environments):
        yield {**common, "sub": f"repo:{name}:environment:{environment}", "environment": environment}
    if not wanted or set(wanted) - environments:
        yield {**common, "sub": f"repo:{name}:ref:refs/heads/main"}


def refusal(policy: dict[str, Any], claims: dict[str, str]) -> Mismatch | None:
    """Return the claim over which a trust policy refuses a token, None where a statement takes it."""
    reasons = []
    for statement in policy["Statement"]:
        federated = statement.get("Principal", {}).get("Federated", "")
        if statement["Effect"] == "Allow" and ISSUER in str(federated):
            reasons.append(_refusal(statement, claims))
    if not reasons:
        return Mismatch("iss", f"https://{ISSUER}", ("no token of GitHub's",))
    return None if None in reasons else reasons[0]


def _refusal(statement: dict[str, Any], claims: dict[str, str]) -> Mismatch | None:
    for operator, conditions in statement.get("Condition", {}).items():
        like = operator.startswith("StringLike")
        for key, value in conditions.items():
            claim, sent = key.removeprefix(f"{ISSUER}:"), claims.get(key.removeprefix(f"{ISSUER}:"), "")
            wanted = (value,) if isinstance(value, str) else tuple(value)
            if not any(fnmatchcase(sent, each) if like else sent == each for each in wanted):
                return Mismatch(claim, sent, wanted)
    return None
