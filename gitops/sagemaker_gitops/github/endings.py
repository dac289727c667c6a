"""The four lines of what no verb has said itself: a job that is gone, a run that was cancelled, a "no"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

UNTOLD = "E105"  # a job ended, and nobody has said how
RUNS_ON = "E106"  # cancelled before its pipeline was over: SageMaker does not stop
AGAIN = "look at production (python -m pipelines status); where it has not gone back, start rollback again"


def untold(job: str, why: str, url: str) -> list[str]:
    """Return the four lines of a release whose end nobody has told."""
    what = f"the job '{job}' stopped the release" if job else "nobody knows how the release ended"
    return [
        f"✗ {UNTOLD} {what}",
        f"  {url}",
        f"  {why}",
        "  look at its log and at production (python -m pipelines status), then run the failed jobs again",
    ]


def cancelled(jobs: Sequence[str], url: str, ran: bool) -> list[str]:
    """Return the four lines of a run that somebody, or a job's time limit, has cancelled."""
    what, why = "the release was cancelled", "by somebody, or by a job's time limit"
    if not ran:
        what = f"{RUNS_ON} {what}, its pipeline may run on"
        why += "; SageMaker does not stop: python -m pipelines status says how to stop it"
    return [
        f"✗ {what}",
        f"  {url}",
        f"  cancelled: {', '.join(jobs) or 'a verb'}; {why}",
        "  nothing goes on by itself: run the failed jobs again, then the release goes on from what is there",
    ]


def not_let_in(version: int, run: int, url: str) -> list[str]:
    """Return the four lines of a release that no reviewer has let into production."""
    return [
        f"◷ version {version} was not let into production",
        f"  {url}",
        "  staging has proven it; a reviewer of the environment production said no, or none came in 30 days",
        f"  to let it in after all: gh run rerun {run} --failed, then approve it; else revert its merge",
    ]


def taken_back(package: dict[str, Any], url: str) -> list[str]:
    """Return the four lines of a release that a person has taken back."""
    return [
        f"✗ version {package.get('version')} was taken back by hand",
        f"  {url}",
        "  the verb rollback: its package is Rejected, the release before it serves again, proven",
        "  main still has it: merge its revert, or repair what is wrong",
    ]


def of_rollback(kind: str) -> str:
    """Return how a rollback by hand ended that took nothing back, in words."""
    ended = {"cancelled": "was cancelled", "waiting": "did not begin"}
    return "nothing to take back" if kind == "unchanged" else f"the rollback {ended.get(kind, kind)}"


def not_begun(url: str) -> list[str]:
    """Return the four lines of a rollback by hand that no reviewer has let in, as far as anybody can see."""
    no = "a reviewer of the environment production said no, or none came in 30 days"
    why = f"it was not let in: {no}; or its job stopped first, as its log says"
    todo = "nothing was taken back; to go back after all, start the workflow rollback again"
    return ["◷ the rollback did not begin", f"  {url}", f"  {why}", f"  {todo}"]


def rollback_untold(url: str) -> list[str]:
    """Return the four lines of a rollback by hand whose end nobody has told."""
    why = "its job left no word of ours: a reviewer said no, or its runner was lost"
    return [f"✗ {UNTOLD} nobody knows how the rollback ended", f"  {url}", f"  {why}", f"  {AGAIN}"]


def rollback_cancelled(url: str) -> list[str]:
    """Return the four lines of a rollback by hand that somebody, or its time limit, has cancelled."""
    why = "by somebody, or by the job's time limit; what it has asked SageMaker for goes on"
    return ["✗ the rollback was cancelled", f"  {url}", f"  {why}", f"  {AGAIN}"]
