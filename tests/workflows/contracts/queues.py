"""Who waits for whom: groups, queues, and the person who lets a release into production."""

from __future__ import annotations

from collections.abc import Iterator

from workflows.contracts.course import TRAINING
from workflows.reading import Project, table

# The group in which each job with such a verb waits for the others.
TURNS = {
    "stage": "staging",  # the proof of one release would delete the other's endpoint
    "promote": "production",  # SageMaker refuses a second update of an endpoint
    "reconcile": "reconcile",  # two would hand on the same lost release; what heals: see below
    "infra": "infrastructure",
    "data": "data",
}
# Groups in which the newest may take the place of the one that waits, and why.
REPLACED = {"infrastructure": "each applies what main has then, and each would ask the reviewer once more"}
# How a file asks for a reviewer without making a deployment of it.
WHERE, ASKS = "environment", {"name": "production", "deployment": False}


def a_release_waits_and_is_not_dropped(project: Project) -> Iterator[str]:
    """By default a newer run takes the place of the one that waits: a merge, or a rollback, never runs."""
    for file, workflow in project.workflows.items():
        if "pull_request" in project.triggers(file):
            continue
        owners = [(file, workflow), *((str(job), job.body) for job in project.jobs if job.file == file)]
        for where, body in owners:
            group = table(body.get("concurrency") or {"queue": "max"})
            if "cancel-in-progress" in group:
                yield f"{where}: the group {group.get('group')} cancels what runs"
            if why := REPLACED.get(group.get("group", "")):
                if "queue" in group:
                    yield f"{where}: the group {group['group']} keeps every run: {why}"
            elif group.get("queue") != "max":
                yield f"{where}: the group {group.get('group')} does not keep every run (queue: max)"


def verbs_that_collide_take_turns(project: Project) -> Iterator[str]:
    """Two that change one thing at once fail or undo each other; each waits in a group of that name."""
    for job in project.jobs:
        for verb in sorted(job.verbs & set(TURNS) - ({"reconcile"} if job.heals else set())):
            if job.group != TURNS[verb]:
                yield f"{job} runs {verb} in {job.group or 'no group'}, not in {TURNS[verb]}"


def production_changes_one_at_a_time(project: Project) -> Iterator[str]:
    """Releases queue there; whatever else is in that queue holds them up, and they it."""
    for job in project.jobs:
        if job.group == "production" and "promote" not in job.verbs and not job.heals:
            yield f"{job} waits with the releases, and they behind it"


def what_mends_production_takes_its_turn(project: Project) -> Iterator[str]:
    """Beside a promote it would bring back what that one has replaced and not noted yet."""
    for job in project.jobs:
        if job.heals and job.group != "production":
            yield f"{job} heals in {job.group or 'no group'}, not in production"


def a_lost_release_is_collected_once(project: Project) -> Iterator[str]:
    """A schedule finds the same merge again before the first run is through with it, and would pay twice."""
    for job in project.jobs:
        trains = any(inner.verbs & TRAINING for inner in project.inside(job))
        if job.calls and trains and "schedule" in project.triggers(job.file) and not job.group:
            yield f"{job} trains on a schedule in no group"


def a_rollback_stands_in_no_queue(project: Project) -> Iterator[str]:
    """It is urgent; the verb itself waits for a rollout, and says so where another release was quicker."""
    for job in project.jobs:
        if "rollback" in job.verbs:
            for group in project.groups(job):
                yield f"{job} waits in {group['group']}"


def nothing_that_waits_for_a_person_holds_a_queue(project: Project) -> Iterator[str]:
    """GitHub lets a job into its group before it asks the reviewers: for 30 days nobody else gets in.

    Unless whoever waits behind it has nothing else to do: runs of that same job, all of them on main's newest
    commit, or runs of one commit.
    """
    for job in project.jobs:
        if job.environment in ("", "staging"):
            continue
        for group in {group["group"] for group in project.groups(job)}:
            others = [other for other in project.jobs if other.group == group and other != job]
            same = not others and group == job.group and job.of_main
            if not same and "github.sha" not in group:
                yield f"{job} may wait for a reviewer of {job.environment} and holds {group} meanwhile"


def production_asks_its_reviewer_first(project: Project) -> Iterator[str]:
    """Whoever calls the file that promotes has let a job of the environment pass that deployed nothing."""
    files = {job.file for job in project.jobs if "promote" in job.verbs}
    for job in project.jobs:
        if job.calls not in files:
            continue
        asks = [each.name for each in project.jobs if each.file == job.file and each.body.get(WHERE) == ASKS]
        if not set(asks) & set(job.needs):
            yield f"{job} needs no job with {WHERE} {ASKS}"


RULES = (
    a_release_waits_and_is_not_dropped,
    verbs_that_collide_take_turns,
    production_changes_one_at_a_time,
    what_mends_production_takes_its_turn,
    a_lost_release_is_collected_once,
    a_rollback_stands_in_no_queue,
    nothing_that_waits_for_a_person_holds_a_queue,
    production_asks_its_reviewer_first,
)
