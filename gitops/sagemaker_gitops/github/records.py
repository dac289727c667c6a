"""Outcomes as they lie on S3: outcomes/COMMIT.json, and outcomes/rollback-RUN.json of a rollback by hand.

A record gives way to what knows more of the same commit; what a verb has told is never lost to what nobody
saw.
"""

from __future__ import annotations

import json
from typing import Any

from sagemaker_gitops import names
from sagemaker_gitops.aws import Aws, found
from sagemaker_gitops.github.endings import RUNS_ON, UNTOLD
from sagemaker_gitops.github.outcome import CANCELLED, SERVED, Outcome, Work

LOST = (RUNS_ON, UNTOLD)  # nobody has told the end: another run may still bring it about


def uri(bucket: str, commit: str) -> str:
    """Return where the outcome of a commit, or of another key, is recorded."""
    return f"s3://{bucket}/outcomes/{commit}.json"


def recorded(aws: Aws, bucket: str, commit: str) -> dict[str, Any] | None:
    """Return what is recorded of a commit, or None where nothing is that can be read."""
    body = found(lambda: aws.read_bytes(uri(bucket, commit)))
    try:
        told = json.loads(body) if body else None
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def told_at(aws: Aws, bucket: str, work: Work) -> str:
    """Return when this very run and attempt has recorded its commit's outcome; empty where it has not."""
    told = recorded(aws, bucket, work.commit) or {}
    return str(told.get("at", "")) if _age(told) == (work.id, work.attempt) else ""


def record(aws: Aws, bucket: str, outcome: Outcome) -> bool:
    """Record an outcome; False where what is recorded of the same key stays."""
    before = recorded(aws, bucket, outcome.key)
    if before and not replaces(outcome, before):
        return False
    body = json.dumps(outcome.record(), indent=2) + "\n"
    aws.write_bytes(uri(bucket, outcome.key), body.encode())
    return True


def replaces(outcome: Outcome, before: dict[str, Any]) -> bool:
    """Say whether an outcome takes the place of what is recorded: the later attempt, the later decision.

    Of two runs the one with the greater number need not have decided last: what it has collected may have
    been run again in the first. Where such an earlier run does not know its end, what the later one has told
    stays. Who cancels a run takes back nothing that was told, his own run's earlier attempt included.
    """
    work, (run, attempt) = outcome.work, _age(before)
    told = _told(before.get("outcome"), before.get("code"))
    if told and outcome.kind == CANCELLED:
        return False
    if run == work.id:
        return work.attempt >= attempt
    if run > work.id and not _told(outcome.kind, outcome.code):
        return not told
    return outcome.at >= str(before.get("at", ""))


def _told(kind: object, code: object) -> bool:
    """Say whether a verb has said how a release ended; of one that was cancelled none has."""
    return kind != CANCELLED and code not in LOST


def _age(told: dict[str, Any]) -> tuple[int, int]:
    """Return run and attempt of a record: GitHub counts both upwards."""
    run = told.get("run")
    id, attempt = (run.get("id"), run.get("attempt")) if isinstance(run, dict) else (0, 0)
    return (id, attempt) if isinstance(id, int) and isinstance(attempt, int) else (0, 0)


def serves(told: dict[str, Any] | None, release_id: str) -> bool:
    """Say whether a recorded commit's own release was proven in production, and is this one."""
    return bool(told) and told.get("outcome") in SERVED and told.get("release_id") == release_id


def address(bucket: str, release_id: str) -> str:
    """Return where the evidence of a release's last rollout lies."""
    return f"{names.release_prefix(bucket, release_id)}/rollout.json"
