"""All jobs of this emulator, and how to wait for one without polling."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from sagemaker_emulator import endings, seams
from sagemaker_emulator.jobs.job import Job

_lock = threading.Lock()
_jobs: dict[tuple[str, str, str, str], Job] = {}


class Duplicate(Exception):
    """A job of that kind and name exists; jobs are never deleted."""


def add(job: Job) -> None:
    """Keep a new job. Raises Duplicate."""
    key = (job.kind, job.account, job.region, job.name)
    with _lock:
        if key in _jobs:
            raise Duplicate(job.arn)
        _jobs[key] = job


def get(kind: str, call: seams.Call, name: str) -> Job | None:
    """Return the caller's job of that name."""
    with _lock:
        return _jobs.get((kind, call.account, call.region, name))


def of_kind(kind: str, call: seams.Call) -> Iterator[Job]:
    """Yield the caller's jobs of one kind, oldest first."""
    with _lock:
        jobs = list(_jobs.values())
    return (job for job in jobs if (job.kind, job.account, job.region) == (kind, call.account, call.region))


def wait(arn: str, timeout_seconds: float | None = None) -> Job:
    """Block until the job has ended or the time is up; return it. Raises KeyError for an unknown ARN."""
    with _lock:
        job = next((job for job in _jobs.values() if job.arn == arn), None)
    if job is None:
        raise KeyError(arn)
    job.finished.wait(timeout_seconds)
    return job


@endings.at_shutdown
def stop_all() -> None:
    """Ask every running job to stop; their processes get what grace the shutdown leaves them."""
    with _lock:
        running = [job for job in _jobs.values() if not job.finished.is_set()]
    for job in running:
        job.stop()
    for job in running:
        job.finished.wait(timeout=5)
