"""What is so on AWS after a release: what production serves, and the last packages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sagemaker_gitops import errors, registry
from sagemaker_gitops.github import endings, outcome
from sagemaker_gitops.github.outcome import Outcome
from sagemaker_gitops.registry import Package
from sagemaker_gitops.run import Run

SHOWN = 8  # packages in the list


@dataclass(frozen=True)
class Look:
    """What AWS says now; where it says nothing, why."""

    serving: Package | None = None
    packages: tuple[Package, ...] = ()
    trouble: str = ""

    def now(self) -> str:
        """Return what production serves, in words."""
        if self.trouble:
            return "it is not known what production serves"
        return f"production serves {self.serving.version}" if self.serving else "production serves nothing"

    def package(self, release_id: str) -> Package | None:
        """Return a release's package where it is among the last ones."""
        return next((item for item in self.packages if item.release_id == release_id), None)


def look(run: Run) -> Look:
    """Ask AWS; an AWS that does not answer must not keep an outcome from being told."""
    try:
        packages = tuple(registry.newest(run.aws, run.stack.group)[:SHOWN])
        return Look(run.serving(), packages)
    except errors.TROUBLE as error:
        known = errors.translate(error)
        return Look(trouble=f"{known.code} {known.what}" if known else type(error).__name__)


def named(ended: Outcome, seen: Look) -> Outcome:
    """Return the outcome with its package's version, where the registry knows it and no verb has said it."""
    if ended.by_hand and not ended.taken_back and seen.serving:
        return of_rollback(ended, seen, seen.serving)
    if ended.version is not None or not ended.release_id:
        return ended
    package = seen.package(ended.release_id)
    return replace(ended, version=package.version) if package else ended


def of_rollback(ended: Outcome, seen: Look, serving: Package) -> Outcome:
    """Return the outcome of a rollback by hand that failed: about the release that serves, or serves no more.

    Where its verb died behind the rollout, production serves what it has brought back. That it serves is not
    enough: from another account it is what was noted, and a rollout that failed may have left it there.
    """
    why = f"rolled back by hand to version {serving.version}"  # the words of rollback.back_to
    gone = next((item for item in judged(ended, seen) if item.judged.startswith(f"{why} ")), None)
    last = next((step for step in reversed(ended.steps) if step["name"] == "production"), None)
    proven = last is not None and last["verdict"] == "done"
    if gone and proven and ended.release_id == serving.release_id:
        found: dict[str, Any] = {"kind": outcome.ROLLED_BACK, "environment": "production"}
    else:
        gone, found = serving, {}
    return replace(ended, release_id=gone.release_id, version=gone.version, **found)


def judged(ended: Outcome, seen: Look) -> list[Package]:
    """Return the packages that this very run has rejected by hand: rollback.by_hand writes down the run."""
    return [item for item in seen.packages if item.judged.endswith(f" (run {ended.work.id})")]


def let_in(ended: Outcome, seen: Look) -> Outcome:
    """Return the outcome, as one that waits where a reviewer's no, or none in time, has ended the run.

    GitHub shows that as a job that failed. The registry tells it from a verb that died: promote writes down
    who asks before it touches production, and nothing of this commit's is there; rollback rejects what it
    takes back.
    """
    if ended.by_hand:
        untold = ended.code == endings.UNTOLD and ended.jobs[outcome.BY_HAND] == "failure" and not ended.steps
        if not untold or seen.trouble or judged(ended, seen):
            return ended
        lines = endings.not_begun(ended.work.url)
        return replace(ended, kind=outcome.WAITING, code="", lines=tuple(lines))
    package = seen.package(ended.release_id)
    red = [name for name, result in ended.jobs.items() if result != "success"]
    if package is None or ended.code != endings.UNTOLD or red != ["deploy"]:
        return ended
    staged = any(step["verb"] == "stage" for step in ended.steps) or package.approval == "Approved"
    begun = package.metadata.get("asked_by") == ended.work.commit or package.approval == "Rejected"
    if not staged or begun or package.metadata.get("staging") != "proven":
        return ended
    lines = endings.not_let_in(package.version, ended.work.id, ended.work.url)
    return replace(ended, kind=outcome.WAITING, code="", lines=tuple(lines))
