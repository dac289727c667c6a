"""What GitHub says of main and of the workflow runs that release it; None where nobody can ask."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING

from sagemaker_gitops.github import api
from sagemaker_gitops.github.proposal import MAIN

if TYPE_CHECKING:
    from github.WorkflowRun import WorkflowRun

COLLECTS = "Collect"  # the job of reconcile.yml that brings a lost release to its end
RELEASES, ENDS = "Release", "Outcome"  # the job of main.yml, and the last one in it
LAST = 60  # runs that are looked at: more than two days of the schedule
CALLERS = ("main.yml", "reconcile.yml")  # of that job
CHANGES = ("Production", "Back to the release before")  # the jobs of production.yml and of rollback.yml


def newest(commit: str, environ: Mapping[str, str] = os.environ) -> bool | None:
    """Say whether a commit is main's newest: a job may have waited long since it was checked out."""
    repository = api.repository(environ)
    if repository is None:
        return None
    with api.asking("look at main", repository):
        return repository.get_branch(MAIN).commit.sha == commit


def active(commit: str, environ: Mapping[str, str] = os.environ) -> bool | None:
    """Say whether another run releases a commit, or collects main's newest one."""
    repository = api.repository(environ)
    if repository is None:
        return None
    with api.asking("list the runs of main.yml and reconcile.yml", repository):
        for run in repository.get_workflow("main.yml").get_runs(head_sha=commit):
            if _another(run, environ) and _releases(run):
                return True
        return any(
            _another(run, environ) and _collects(run)
            for file in CALLERS
            for run in islice(repository.get_workflow(file).get_runs(), LAST)  # also those that wait
        )


def changing(environ: Mapping[str, str] = os.environ) -> bool | None:
    """Say whether a job promotes or rolls back just now: what serves may not be noted yet."""
    repository = api.repository(environ)
    if repository is None:
        return None
    with api.asking("list the runs of main.yml, reconcile.yml and rollback.yml", repository):
        return any(
            _another(run, environ) and _changes(run)
            for file in (*CALLERS, "rollback.yml")
            for run in islice(repository.get_workflow(file).get_runs(), LAST)
        )


def _another(run: WorkflowRun, environ: Mapping[str, str]) -> bool:
    return run.status != "completed" and str(run.id) != environ.get("GITHUB_RUN_ID")


def _releases(run: WorkflowRun) -> bool:
    """Say whether its release goes on: reconcile, which comes after it, may wait for a reviewer for weeks.

    Its last job tells: GitHub lists a job only once those that it needs are over.
    """
    over = (job.name.split(" / ") for job in run.jobs() if job.status == "completed")
    return [RELEASES, ENDS] not in over


def _collects(run: WorkflowRun) -> bool:
    """Say whether its collecting job goes on; names of callers stand before a job's own."""
    return any(job.status != "completed" and COLLECTS in job.name.split(" / ") for job in run.jobs())


def _changes(run: WorkflowRun) -> bool:
    """Say whether its job that changes production is at work; one that waits has not begun."""
    return any(job.status == "in_progress" and job.name.split(" / ")[-1] in CHANGES for job in run.jobs())
