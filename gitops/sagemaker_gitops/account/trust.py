"""Whom a role trusts: what GitHub's token would say for a job, held against what the role wants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from sagemaker_gitops.account.gh import Identity

ISSUER = "token.actions.githubusercontent.com"
INFRASTRUCTURE = "infrastructure"  # the environment of whoever lets a merged change of infra/ be applied
# A role's jobs: the workflow file in .github that each stands in, and the environment that it names, if any.
JOBS = {
    "pull-request": (("pull_request.yml", ""),),
    "pipeline": (("release.yml", ""), ("data.yml", ""), ("rollback.yml", "")),
    "deploy": (
        ("deploy.yml", "staging"),
        ("production.yml", ""),
        ("rollback.yml", "production"),
        ("reconcile.yml", ""),
    ),
    "infra": (("infra.yml", INFRASTRUCTURE),),
    # where it has an account of its own
    "production": (("production.yml", ""), ("rollback.yml", "production"), ("reconcile.yml", "")),
}
NAMED = tuple(dict.fromkeys(name for jobs in JOBS.values() for _, name in jobs if name))


@dataclass(frozen=True)
class Mismatch:
    """A claim that a role refuses: what GitHub sends, what the role wants."""

    claim: str
    sent: str
    wanted: tuple[str, ...]


def tokens(
    identity: Identity, role: str, environments: set[str], immutable: bool
) -> Iterator[dict[str, str]]:
    """Yield the claims of the tokens that this role's jobs get; where an environment is not there, main's."""
    name = identity.immutable_name if immutable else identity.repository
    common = {
        "aud": "sts.amazonaws.com",
        "repository": identity.repository,
        "repository_id": identity.repository_id,
        "repository_owner_id": identity.owner_id,
    }
    if role == "pull-request":  # its file is a branch's own
        yield {**common, "sub": f"repo:{name}:pull_request"}
        return
    for file, environment in JOBS[role]:
        there = environment in environments
        subject = f"environment:{environment}" if there else "ref:refs/heads/main"
        path = f"{identity.repository}/.github/workflows/{file}@refs/heads/main"
        claims = common | {
            "sub": f"repo:{name}:{subject}",
            "ref": "refs/heads/main",
            "job_workflow_ref": path,
        }
        yield claims | ({"environment": environment} if there else {})


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
