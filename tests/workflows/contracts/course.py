"""When things run: triggers, schedules, limits, which commit, and the one check that a merge requires."""

from __future__ import annotations

import re
from collections.abc import Iterator

from workflows.contracts.rights import CHANGES
from workflows.reading import Job, Project

RUNNER = "ubuntu-24.04"
LONGEST_MINUTES = 360  # GitHub ends a job then
# Verbs that run nothing of the jobs on the runner.
LIGHT = {"image", "pipeline", "stage", "promote", "rollback", "reconcile", "infra", "outcome", "comment"}
TRAINING = {"image", "pipeline"}
OF_MAIN = {"reconcile", "infra", "rollback"}  # verbs about what is live: hours later main has moved on
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


def a_job_installs_what_it_needs(project: Project) -> Iterator[str]:
    """All pins are gigabytes and minutes: verbs need a small part of them, tests and rehearsals need all."""
    for job in project.jobs:
        light = bool(job.verbs) and job.verbs <= LIGHT
        if light != (job.pins == "verbs"):
            runs = ", ".join(sorted(job.verbs)) or "nothing"
            yield f"{job} runs {runs} with the pins {job.pins or 'of all'}"


def a_training_is_never_cancelled(project: Project) -> Iterator[str]:
    """It is paid for, and the next run of its commit would have to pay again."""
    for job in project.jobs:
        if job.verbs & TRAINING:
            for group in project.groups(job):
                if group.get("cancel-in-progress"):
                    yield f"{job} is cancelled by the next of its group {group['group']}"


def what_is_compared_with_main_is_main(project: Project) -> Iterator[str]:
    """A run may have waited for hours: its own commit is no longer what should be live."""
    for job in project.jobs:
        if job.verbs & OF_MAIN and not job.of_main:
            yield f"{job} checks out its run's commit, not main"


def a_cancelled_run_goes_on_with_nothing(project: Project) -> Iterator[str]:
    """always() runs what nobody wants any more; only what must end a release, or a check, says it."""
    for job in project.jobs:
        if "pull_request" in project.triggers(job.file) and job.name != "ready":
            for body in (job.body, *job.steps):
                if "always()" in str(body.get("if", "")):
                    yield f"{job} goes on in a run that was cancelled: if {body['if']}"


def what_changes_production_says_how_it_ended(project: Project) -> Iterator[str]:
    """A record, a summary, an issue: also of a rollback by hand, and always where the job has failed."""
    for job in project.jobs:
        if job.verbs & CHANGES and not concluded(project, job):
            yield f"{job} is followed by no job that always runs `outcome`"


def concluded(project: Project, job: Job) -> bool:
    """Say whether a job, or each that calls its file, is followed by one that tells its outcome."""
    beside = [other for other in project.jobs if other.file == job.file]
    always = [other for other in beside if other.body.get("if") in ("always()", "${{ always() }}")]
    if any("outcome" in other.verbs and job.name in other.needs for other in always):
        return True
    callers = [caller for caller in project.jobs if caller.calls == job.file]
    return bool(callers) and all(concluded(project, caller) for caller in callers)


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
        for name in sorted(set(jobs) - set(ready.needs)):
            yield f"{ready} does not need {name}"


RULES = (
    a_job_ends_in_time,
    a_job_runs_on_one_system,
    a_job_installs_what_it_needs,
    a_training_is_never_cancelled,
    what_is_compared_with_main_is_main,
    a_cancelled_run_goes_on_with_nothing,
    what_changes_production_says_how_it_ended,
    every_merge_is_released,
    a_failure_stays_one,
    a_schedule_is_valid_and_off_the_hour,
    the_required_check_waits_for_all,
)
