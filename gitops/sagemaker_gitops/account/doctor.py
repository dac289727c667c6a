"""Doctor: everything that a release needs and that nobody notices until it is missing. Changes nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from packaging.markers import Marker

from sagemaker_gitops import errors, names, network, stack
from sagemaker_gitops.account import apart, findings, gh, githubs, quotas, roles, trust
from sagemaker_gitops.account.findings import Finding, bad, ok, warn
from sagemaker_gitops.account.gh import GitHub, Identity
from sagemaker_gitops.aws import found
from sagemaker_gitops.errors import MLOpsError, SettingsError
from sagemaker_gitops.run import Run
from sagemaker_gitops.story import counted

PINS = ("requirements/jobs.txt", "requirements/serve.txt", "requirements/dev.txt")
PIN = re.compile(r"(?m)^([a-z0-9._-]+)==([^\s\\;]+)(?: *;([^\\\n]+))?")
Check = Callable[[Run], Iterator[Finding]]


def doctor(run: Run) -> None:
    """Look at everything and show it; raise SettingsError E510 where something is bad."""
    found = examine(run)
    for line in findings.lines(found):
        run.story.console.print(line, soft_wrap=True)
    wrong = [item for item in found if item.verdict == "bad"]
    if wrong:
        first, *others = wrong
        after = dict.fromkeys(item.about for item in others if item.fix != first.fix)
        more = f"; then see {', '.join(after)}" if after else ""
        raise SettingsError(f"""E510 {len(wrong)} of {len(found)} findings would stop a release
            {", ".join(dict.fromkeys(item.about for item in wrong))}
            {first.about}: {first.what}
            {first.fix}{more}""")


def examine(run: Run) -> list[Finding]:
    """Return all findings; what stops one look, such as a login, is a finding itself."""
    seen: list[Finding] = []
    for name, check in CHECKS.items():
        try:
            seen += check(run)
        except Exception as error:
            known = errors.translate(error)
            if known is None:
                raise
            seen.append(_unable(name, known))
            if name == "account":  # without it every other look ends the same way
                rest = [other for other in CHECKS if other in NEED_AWS]
                return [*seen, *_without_account(run, rest)]
    return seen


def _unable(name: str, error: MLOpsError) -> Finding:
    make = bad if error.code in ("E504", "E509", "E605", "E606") or name == "account" else warn
    return make(name, f"{error.code} {error.what}", error.where, error.why, fix=error.todo)


def _without_account(run: Run, skipped: list[str]) -> list[Finding]:
    rest = [
        item for name, check in CHECKS.items() if name not in (*skipped, "account") for item in check(run)
    ]
    return [warn(", ".join(skipped), "not looked at: AWS did not let us in"), *rest]


def account(run: Run) -> Iterator[Finding]:
    """Yield where the credentials lead; raise what keeps them out."""
    aws, number = run.connection
    yield ok("account", f"{number}, {aws.region}")


def stacks(run: Run) -> Iterator[Finding]:
    """Yield for each stack whether it is there, whole, and what git says; and which account serves."""
    where = roles.account(run.aws, run.project)
    for name, template in stack.templates(run.project, stack.describe(run.aws, run.project)).items():
        there = stack.describe(run.aws, name)
        state = there["StackStatus"] if there else "none"
        if state not in (*stack.GOOD, "UPDATE_ROLLBACK_COMPLETE"):
            why = (there or {}).get("StackStatusReason", "roles, bucket and registry come from it")
            yield bad("stacks", f"{name}: {state}", why, fix=apart.connecting(run, where))
            continue
        body = run.aws.cloudformation.get_template(StackName=name)["TemplateBody"]
        if stack.same(body, template):
            yield ok("stacks", f"{name}: {state}, as {template} says")
        else:
            yield bad(
                "stacks",
                f"{name}: {state}, but not as {template} says",
                "what runs in AWS is older or newer than git",
                fix="python -m pipelines connect",
            )
        if name == run.project and network.differs(run):
            what = f"{name} is not as mlops.toml's network.vpc says"
            yield bad("stacks", what, "a release refuses to start jobs", fix="python -m pipelines connect")
    if left := network.left(run):
        what = f"{left.name} stands, mlops.toml says vpc = false"
        yield warn("stacks", what, "it costs money", fix=left.todo)
    if where.apart:
        yield ok("production", apart.state(where))
    elif where.let_in:
        steps = f"once connect --registry has made its stack there: {apart.switching(where.let_in)}"
        yield warn("production", apart.state(where), "no release goes there yet", fix=steps)


def trusted(run: Run) -> Iterator[Finding]:
    """Yield for each role whether it takes the tokens that GitHub gives its jobs."""
    github = gh.of(run.settings)
    identity, environments, immutable = _tokens(run, github)
    where = roles.account(run.aws, run.project)
    names = roles.named(where, run.project)
    told = {kind: found(run.aws.iam.get_role, RoleName=name) for kind, name in names.items()}
    if missing := [kind for kind, role in told.items() if role is None]:
        what = f"{len(missing)} of {len(names)} roles are not there: {', '.join(missing)}"
        yield bad("trust", what, "GitHub's jobs cannot get in", fix=apart.connecting(run, where))
    for kind, role in told.items():
        if role is not None:
            document = role["Role"]["AssumeRolePolicyDocument"]
            policy = json.loads(unquote(document)) if isinstance(document, str) else document
            yield from _judged(names[kind], kind, policy, identity, environments, immutable)


def _tokens(run: Run, github: GitHub) -> tuple[Identity, set[str], tuple[bool, ...]]:
    """Return the repository, its environments, and which forms of its name its tokens may have."""
    if github.absent:
        last = stack.parameters(stack.describe(run.aws, roles.stack_of(run)))
        number = {key: last.get(key, "") for key in ("OwnerId", "RepositoryId")}
        identity = Identity(github.repository, number["OwnerId"], number["RepositoryId"])
        return identity, set(trust.NAMED), (False, True)
    sent = github.subject().get("use_immutable_subject")
    return github.identity(), set(github.environments()), (False, True) if sent is None else (sent,)


def _judged(
    name: str,
    kind: str,
    policy: dict[str, Any],
    identity: Identity,
    environments: set[str],
    forms: tuple[bool, ...],
) -> Iterator[Finding]:
    sent = [token for form in forms for token in trust.tokens(identity, kind, environments, form)]
    for token in sent:
        if mismatch := trust.refusal(policy, token):
            yield bad(
                "trust",
                f"E601 AWS would refuse this workflow's identity: role {name}",
                f"GitHub sends   {mismatch.claim} {mismatch.sent}",
                *(f"the role wants {mismatch.claim} {wanted}" for wanted in mismatch.wanted),
                fix="python -m pipelines connect: it rewrites the trust policy",
            )
            return
    subjects = dict.fromkeys(token["sub"] for token in sent)
    yield ok("trust", f"{name} takes {', '.join(subjects)}")


def machines(run: Run) -> Iterator[Finding]:
    """Yield the quotas."""
    where = roles.account(run.aws, run.project)
    yield from quotas.check(run.aws, run.settings, where.environments)


def waived(run: Run) -> Iterator[Finding]:
    """Yield the waiver of mlops.toml; one that holds for no champion any more is left over."""
    waiver = run.settings.gate.waiver
    if waiver is None:
        return
    champion = names.short(waiver.champion)
    if spent := waiver.spent(datetime.now(UTC).date()):
        why = f"the waiver {spent}; it was for: {waiver.reason}"
        fix = "with the next change take it out of mlops.toml, then python -m pipelines definition --write"
        yield warn("gate", f"the waiver of champion {champion} does not hold", why, fix=fix)
    else:
        words = f"champion {champion} need not be compared with until {waiver.until}: {waiver.reason}"
        yield ok("gate", words)


def here(run: Run) -> Iterator[Finding]:
    """Yield what is installed and how git stands."""
    pins = {name: version for file in PINS for name, version in pinned(_read(file))}
    other = [
        f"{name} {has} (pinned {pins[name]})"
        for name in pins
        if (has := _installed(name)) not in (None, pins[name])
    ]
    missing = [name for name in pins if _installed(name) is None]
    if other or missing:
        absent = f"not installed: {', '.join(missing[:5])}{', ...' if missing[5:] else ''}"
        what = "; ".join([*other[:5], *([absent] if missing else [])])
        yield warn("packages", what, "this machine runs other code than a workflow", fix="make setup")
    else:
        yield ok("packages", f"{len(pins)} as pinned")
    torch = _installed("torch") or ""
    if any(name.startswith("nvidia-") for name in (item.name or "" for item in metadata.distributions())):
        yield warn(
            "packages",
            f"PyTorch {torch} with CUDA",
            "gigabytes that no job here uses",
            fix="make setup in a new .venv, with TORCH_INDEX=https://download.pytorch.org/whl/cpu",
        )
    yield from _git(run.settings.project.repository or "OWNER/NAME")


def _git(repository: str) -> Iterator[Finding]:
    if not gh.git("rev-parse", "--git-dir"):
        yield bad(
            "git", "this is no repository", "a release is a commit", fix="git init -b main, then commit"
        )
        return
    remote, branch = gh.git("remote", "get-url", "origin"), gh.git("branch", "--show-current")
    if not remote:
        yield warn(
            "git",
            "no remote origin",
            "a push is what releases",
            fix=f"git remote add origin git@github.com:{repository}.git",
        )
    if branch != "main":
        yield warn("git", f"on {branch or 'no branch'}", "only main is released by a push")
    if changed := gh.git("status", "--porcelain"):
        yield warn(
            "git",
            f"{counted(len(changed.splitlines()), 'file')} not committed",
            "a release by hand would not be a commit's",
        )
    if remote and branch == "main" and not changed:
        yield ok("git", f"main, clean, {remote}")


def pinned(text: str) -> Iterator[tuple[str, str]]:
    """Yield name and version of what a requirements file pins for this machine."""
    for name, version, marker in PIN.findall(text):
        if not marker or Marker(marker).evaluate():
            yield name, version


def _read(file: str) -> str:
    path = Path(file)
    return path.read_text("utf-8") if path.exists() else ""


def _installed(name: str) -> str | None:
    """Return the version that is installed, without a build's own part (+cpu)."""
    try:
        return metadata.version(name).split("+")[0]
    except metadata.PackageNotFoundError:
        return None


CHECKS: dict[str, Check] = {
    "account": account,
    "stacks": stacks,
    "trust": trusted,
    "github": githubs.check,
    "quotas": machines,
    "gate": waived,
    "here": here,
}
NEED_AWS = ("stacks", "trust", "github", "quotas")
