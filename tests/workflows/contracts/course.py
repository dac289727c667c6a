"""When things run: triggers, schedules, queues, limits, and the one check that a merge requires."""

from __future__ import annotations

import re
from collections.abc import Iterator

from workflows.reading import Project, table

RUNNER = "ubuntu-24.04"
LONGEST_MINUTES = 360  # GitHub ends a job then
TRAINING = {"image", "pipeline"}
# minute, hour, day of the month, month, day of the week: numbers, though GitHub takes some names, too
CRON = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))


def a_job_ends_in_time(project: Project) -> Iterator[str]:
    """A job that hangs holds its queue for 6 hours otherwise, and every release behind it."""
    for job in project.jobs:
        minutes = job.body.get("timeout-minutes")
        if not job.calls and not (type(minutes) is int and 1 <= minutes <= LONGEST_MINUTES):
            yield f"{job} has timeout-minutes: {minutes}"


def a_job_runs_on_one_system(project: Project) -> Iterator[str]:
    """`ubuntu-latest` is another system one day, on which nobody has tried the release."""
    for job in project.jobs:
        if not job.calls and job.body.get("runs-on") != RUNNER:
            yield f"{job} runs on {job.body.get('runs-on')}, not {RUNNER}"


def a_release_waits_and_is_not_dropped(project: Project) -> Iterator[str]:
    """By default a newer run takes the place of the one that waits: a merge, or a rollback, never runs."""
    for file, workflow in project.workflows.items():
        if "pull_request" in project.triggers(file):
            continue
        owners = [(file, workflow), *((str(job), job.body) for job in project.jobs if job.file == file)]
        for where, body in owners:
            group = table(body.get("concurrency") or {"queue": "max"})
            if group.get("queue") != "max" or "cancel-in-progress" in group:
                yield f"{where}: the group {group.get('group')} does not keep every run (queue: max)"


def a_training_is_never_cancelled(project: Project) -> Iterator[str]:
    """It is paid for, and the next run of its commit would have to pay again."""
    for job in project.jobs:
        if job.verbs & TRAINING:
            for group in project.groups(job):
                if group.get("cancel-in-progress"):
                    yield f"{job} is cancelled by the next of its group {group['group']}"


def production_changes_one_at_a_time(project: Project) -> Iterator[str]:
    """Two updates of one endpoint cannot run at once: the second is refused by SageMaker."""
    for job in project.jobs:
        environment = job.body.get("environment") or ""
        name = environment["name"] if isinstance(environment, dict) else environment
        changes = not job.calls and "DEPLOY" in job.roles and name != "staging"
        if changes and not project.groups(job):
            yield f"{job} changes production outside of any group"


def every_merge_is_released(project: Project) -> Iterator[str]:
    """A path filter drops the merge that changes what it forgot; the release knows what has changed."""
    push = project.triggers("main.yml").get("push")
    if push != {"branches": ["main"]}:
        yield f"main.yml starts on push with {push}, not on each to main"


def a_failure_stays_one(project: Project) -> Iterator[str]:
    """continue-on-error paints a red step green."""
    places = [*project.steps, *((str(job), job.body) for job in project.jobs)]
    for where, body in places:
        if "continue-on-error" in body:
            yield f"{where} goes on after an error"


def a_schedule_is_valid_and_off_the_hour(project: Project) -> Iterator[str]:
    """GitHub delays and drops what is due at minute 0, when everybody's schedules are."""
    for file in project.workflows:
        for entry in project.triggers(file).get("schedule") or ():
            minutes = times(entry["cron"])
            if minutes is None:
                yield f"{file}: {entry['cron']} is no schedule"
            elif 0 in minutes:
                yield f"{file}: {entry['cron']} is due at minute 0"


def times(cron: str) -> set[int] | None:
    """Return the minutes at which a schedule is due, None where it is not valid."""
    fields = cron.split()
    if len(fields) != len(CRON):
        return None
    due = [expand(field, low, high) for field, (low, high) in zip(fields, CRON, strict=True)]
    return due[0] if all(due) else None


def expand(field: str, low: int, high: int) -> set[int]:
    """Return the numbers that one field stands for, none where it is not valid."""
    found: set[int] = set()
    for part in field.split(","):
        given = re.fullmatch(r"(?:\*|(\d+)(?:-(\d+))?)(?:/([1-9]\d*))?", part)
        if given is None:
            return set()
        first, last, step = (int(number) if number else None for number in given.groups())
        end = last if last is not None else high if first is None or step else first
        numbers = range(low if first is None else first, end + 1, step or 1)
        if not numbers or numbers[0] < low or numbers[-1] > high:
            return set()
        found |= set(numbers)
    return found


def the_required_check_waits_for_all(project: Project) -> Iterator[str]:
    """A check that was skipped counts as passed: it must always run, and look at every other job."""
    for file in project.workflows:
        if "pull_request" not in project.triggers(file):
            continue
        jobs = {job.name: job for job in project.jobs if job.file == file}
        ready = jobs.pop("ready", None)
        if ready is None:
            yield f"{file} has no job `ready`"
            continue
        if ready.body.get("if") not in ("always()", "${{ always() }}"):
            yield f"{ready} runs if {ready.body.get('if')}, not always()"
        needs = ready.body.get("needs") or []
        for name in sorted(set(jobs) - set([needs] if isinstance(needs, str) else needs)):
            yield f"{ready} does not need {name}"


RULES = (
    a_job_ends_in_time,
    a_job_runs_on_one_system,
    a_release_waits_and_is_not_dropped,
    a_training_is_never_cancelled,
    production_changes_one_at_a_time,
    every_merge_is_released,
    a_failure_stays_one,
    a_schedule_is_valid_and_off_the_hour,
    the_required_check_waits_for_all,
)
