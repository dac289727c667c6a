"""A job summary's facts: one release that serves, one that was taken back."""

from __future__ import annotations

from datetime import UTC, datetime

from doubles.aws import make_package
from sagemaker_gitops.github import summary
from sagemaker_gitops.github.look import Look
from sagemaker_gitops.github.outcome import Work, decide

WORK = Work(41, 1, "https://github.com/acme/demo/actions/runs/41", "c" * 40)
SEVEN = make_package(7, "Approved", release_id="77" * 32, production="proven", metric="auc=0.906")
EIGHT = make_package(8, "Rejected", production="taken back", metric="auc=0.907")
SEEN = Look(SEVEN, (EIGHT, SEVEN))


def told(given: str, seen: Look = SEEN, name: str = "Income model") -> str:
    return summary.markdown(decide(given, WORK, datetime.now(UTC)), seen, name, ["[run](https://x)"])
