"""Who lets a release into production: the gate, a reviewer, or the pull request that moves production.lock.

In:   project.approval of mlops.toml; production.lock, which names a release; what production serves
Out:  a release in production, or one that waits, or one that a later commit was quicker than
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from sagemaker_gitops import accounts, delivery, history, names, registry
from sagemaker_gitops.errors import SettingsError
from sagemaker_gitops.github import runs
from sagemaker_gitops.registry import BEGINNING, Package
from sagemaker_gitops.run import Run
from sagemaker_gitops.tree import Tree

LOCK = Path("production.lock")


def promote(run: Run, work: Tree, package: Package) -> Package:
    """Bring to production what the settings let in; `package` is the working tree's, proven on staging."""
    approval, commit = run.settings.project.approval, work.ids.commit_sha
    if approval != "pull-request":  # a reviewer has let this job begin
        why = f"proven on staging, the {approval} decides"
        return in_turn(run, work, lambda: delivery.promote(run, package.release_id, why, commit)) or package
    wanted = named(work.root)
    own = bool(wanted) and package.release_id.startswith(wanted)
    if not own:
        delivery.hold(run, package)
    if own or (wanted and not rejected(run, wanted)):
        in_turn(run, work, lambda: delivery.promote(run, wanted, f"{LOCK} names it", commit))
    return package


def rejected(run: Run, release_id: str) -> bool:
    """Say whether a release was rejected since somebody let it in: then production stays as it is."""
    package = registry.find(run.aws, run.stack.group, release_id)
    if package is None or package.approval != "Rejected":
        return False
    with run.story.step("production") as step:
        step.verdict = "waiting"
        step.note = f"{LOCK} names version {package.version}, which was rejected: nothing is changed"
    return True


def to_production(run: Run, work: Tree, package: Package) -> Package:
    """Bring an approved release to production, unless a later commit is there already."""
    commit = work.ids.commit_sha
    return in_turn(run, work, lambda: delivery.to_production(run, package, commit)) or package


def in_turn(run: Run, work: Tree, bring: Callable[[], Package]) -> Package | None:
    """Bring a release to production; None where a later commit's serves there.

    No lock: a runner that is gone would hold it. Of two releases SageMaker takes one, the other looks again.

    Raises:
        NotStarted: E413, others came in between again and again.
    """
    return delivery.turns(lambda: None if superseded(run, work) else bring())


def superseded(run: Run, work: Tree) -> bool:
    """Say whether production serves what a later commit has asked for: an older one does not replace it.

    A commit that main's newest one does not come after is not on main: that history was rewritten.
    """
    serving = registry.served(run.aws, run.stack.group, run.endpoint("production"))
    asked = serving.metadata.get("asked_by", "") if serving else ""
    if serving is None or history.contains(work.root, asked) is not False:
        return False
    if runs.newest(work.ids.commit_sha):
        return False
    with run.story.step("production") as step:
        step.verdict = "superseded"
        again = f"python -m pipelines promote {names.short(work.ids.release_id)}"
        if accounts.by_workflows(run.stack, "promote"):
            again = accounts.BY_WORKFLOWS["promote"]
        step.note = (
            f"version {serving.version} serves, asked for by commit {names.short(asked)}, which this history "
            f"does not have: a later one, or main was rewritten (then: {again})"
        )
    return True


def named(root: Path) -> str:
    """Return the release that production.lock names, empty where there is no such file.

    Raises:
        SettingsError: E502, it cannot be read.
    """
    path = root / LOCK
    if not path.exists():
        return ""
    try:
        wanted = json.loads(path.read_text("utf-8"))["release_id"]
        if BEGINNING.fullmatch(wanted):
            return wanted
        why = f"release_id is {str(wanted)[:80]!r}"
    except (ValueError, KeyError, TypeError) as error:
        why = f"it is not as it must be ({type(error).__name__})"
    raise SettingsError(f"""E502 {LOCK} names no release
        {path}
        {why}
        write {{"release_id": "..."}}: 64 hex digits, python -m pipelines status shows the first of them""")


def lock(package: Package) -> str:
    """Return production.lock's text for a release."""
    facts = {"release_id": package.release_id, "version": package.version}
    return json.dumps(facts, indent=2) + "\n"
