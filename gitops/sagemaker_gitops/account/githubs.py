"""What GitHub must allow and know: default subject, workflows' pull requests, reviewers, variables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sagemaker_gitops.account import apart, gh, roles
from sagemaker_gitops.account.findings import Finding, bad, ok, warn
from sagemaker_gitops.account.gh import GitHub
from sagemaker_gitops.account.roles import Account
from sagemaker_gitops.account.trust import INFRASTRUCTURE
from sagemaker_gitops.run import Run

Environments = dict[str, dict[str, Any]]  # by name, as GitHub tells them


def check(run: Run) -> Iterator[Finding]:
    """Yield what GitHub must allow: default subject, workflows' pull requests, reviewers, variables."""
    github = gh.of(run.settings)
    if github.absent:
        yield warn("github", f"not looked at: {github.absent}", fix=github.login_first)
        return
    yield ok(
        "github",
        f"{github.facts['full_name']}, repository {github.facts['id']}, owner {github.facts['owner']['id']}",
    )
    if github.subject().get("use_default") is False:
        fix = f"gh api -X PUT repos/{github.repository}/actions/oidc/customization/sub -F use_default=true"
        yield bad("github", "the tokens' subject has a form of its own", "no role trusts it", fix=fix)
    yield from _settings(run, github)
    if github.facts.get("default_branch") != "main":
        yield bad(
            "github",
            f"the default branch is {github.facts.get('default_branch')}",
            "roles and workflows mean main",
            fix="rename it to main",
        )


def _settings(run: Run, github: GitHub) -> Iterator[Finding]:
    allowed = github.about("/actions/permissions/workflow")
    page = f"https://github.com/{github.repository}/settings/actions"
    if allowed is None:
        yield warn("github", "this login may not see whether workflows may open pull requests", fix=page)
    elif not allowed.get("can_approve_pull_request_reviews"):
        why = "a revert and a promotion are pull requests by a workflow"
        yield bad(
            "github",
            "workflows may not create pull requests",
            why,
            fix=f'tick "Allow GitHub Actions to create and approve pull requests": {page}; where that is '
            "forbidden, give outcome and propose the token of a GitHub App (README, What GitHub must allow)",
        )
    yield from _owned(github)
    where = roles.account(run.aws, run.project)
    yield from _apart(github, where)
    there = github.variables()
    wrong = [name for name, value in roles.variables(where, run.project).items() if there.get(name) != value]
    if wrong:
        yield bad(
            "github",
            f"variables missing or other: {', '.join(wrong)}",
            "workflows take their roles from them",
            fix=apart.connecting(run, where),
        )
    environments = github.environments()
    if run.settings.project.approval == "reviewer":
        yield _reviewed(github, environments)
    yield _infrastructure(github, environments)


def _owned(github: GitHub) -> Iterator[Finding]:
    """Yield what GitHub leaves out of CODEOWNERS: a line whose owner is nobody who may write here."""
    told = github.about("/codeowners/errors?ref=main") or {}
    if wrong := told.get("errors", []):
        lines = ", ".join(str(item.get("line")) for item in wrong)
        yield warn(
            "github",
            f".github/CODEOWNERS counts for nothing in line {lines}: {wrong[0].get('kind', 'unknown')}",
            "nobody is asked about a change of workflows, roles or gate there",
            fix="name users, or teams as @acme/ml, who may write to this repository",
        )


def _apart(github: GitHub, where: Account) -> Iterator[Finding]:
    """Yield what does not fit where production has, or had, an account of its own."""
    role = github.variables().get(roles.PRODUCTION_ROLE, "")
    if role and f":{where.production}:" not in role:
        yield bad(
            "github",
            f"{roles.PRODUCTION_ROLE} is {role}, but production is in account {where.production}",
            "the stack names that one: no other may read what is registered",
            fix=f"{apart.switching(where.production)}, in {where.registry}"
            if where.production != where.registry
            else f"python -m pipelines connect --production-account {where.number}",
        )


def _asks(there: Environments, name: str) -> bool:
    """Say whether an environment has required reviewers."""
    rules = there.get(name, {}).get("protection_rules", [])
    return any(rule.get("type") == "required_reviewers" for rule in rules)


def _reviewed(github: GitHub, there: Environments) -> Finding:
    """Return whether somebody must let a release into production: not every plan of GitHub's has that."""
    if _asks(there, "production"):
        return ok("github", "production has required reviewers")
    plan = "; in a private repository that needs GitHub Enterprise" if github.facts.get("private") else ""
    return bad(
        "github",
        'approval = "reviewer", but production has no required reviewers',
        f"a proven release would go to production unasked{plan}",
        fix='name them in the settings of the environment production, or choose approval = "pull-request"',
    )


def _infrastructure(github: GitHub, there: Environments) -> Finding:
    """Return whether somebody must let a merged change of infra/ be applied."""
    if _asks(there, INFRASTRUCTURE):
        return ok("github", f"{INFRASTRUCTURE} has required reviewers")
    plan = "; in a private repository they need GitHub Enterprise" if github.facts.get("private") else ""
    if INFRASTRUCTURE not in there:
        return warn(
            "github",
            f"there is no environment {INFRASTRUCTURE}",
            f"GitHub makes it at its first job, without a reviewer: what is merged is applied unasked{plan}",
            fix="protect main, with a review of code owners; or have it made: python -m pipelines connect",
        )
    return warn(
        "github",
        f"the environment {INFRASTRUCTURE} has no required reviewers",
        f"a merged change of infra/ is applied unasked{plan}",
        fix="protect main, with a review of code owners; "
        f"or name them: https://github.com/{github.repository}/settings/environments",
    )
