"""How the release of a merge ended: one of ten outcomes, decided from what its jobs left, and recorded.

In:   $NEEDS, GitHub's toJSON(needs): each job's result, and the stories of its verbs among its outputs
Out:  an Outcome, which `records` writes down
Nothing is taken for good that no verb has said: a job that succeeded without a story is no release.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sagemaker_gitops.github import endings
from sagemaker_gitops.github.endings import RUNS_ON, UNTOLD
from sagemaker_gitops.github.needs import Job, Story, read

RELEASED, UNCHANGED, WAITING, SUPERSEDED = "released", "unchanged", "waiting", "superseded"
DATA_REFUSED, GATE_REFUSED = "data refused", "gate refused"
ROLLED_BACK, NOT_PROVEN, FAILED, CANCELLED = "rolled back", "not proven", "failed", "cancelled"
KINDS = (
    RELEASED, UNCHANGED, WAITING, DATA_REFUSED, GATE_REFUSED,
    ROLLED_BACK, NOT_PROVEN, SUPERSEDED, FAILED, CANCELLED,
)  # fmt: skip
SERVED = (RELEASED, UNCHANGED)  # the commit's release is in production
BY_HAND = "rollback"  # the job of rollback.yml
QUICKER = ("E413",)  # a newer release was there first
UNTOUCHED = ("E404", "E405", "E407", "E408", "E409", "E410", "E411")  # nothing was judged, nothing was asked
VERBS = ("image", "pipeline", "stage", "promote", "release", "rollback")  # in the order of a release
TOUCHED = {"staging": "staging", "production": "production", "put back": "production"}


@dataclass(frozen=True)
class Work:
    """The workflow run that a release went through."""

    id: int
    attempt: int
    url: str
    commit: str

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Work:
        """Read the run that GitHub says this is."""
        server, repository = (
            environ.get("GITHUB_SERVER_URL", "https://github.com"),
            environ.get("GITHUB_REPOSITORY", ""),
        )
        run = environ.get("GITHUB_RUN_ID", "0")
        url = f"{server}/{repository}/actions/runs/{run}"
        return cls(int(run), int(environ.get("GITHUB_RUN_ATTEMPT", "1")), url, environ.get("GITHUB_SHA", ""))


@dataclass(frozen=True)
class Outcome:
    """How a release ended."""

    kind: str  # one of KINDS
    work: Work
    at: str  # when it was decided, UTC
    release_id: str = ""
    version: int | None = None  # of its package
    environment: str = ""  # staging or production, where that stopped it
    code: str = ""
    lines: tuple[str, ...] = ()  # the four of what stopped it
    seconds: float = 0  # that its verbs took
    fired: dict[str, str] = field(default_factory=dict)  # alarms, with their reasons
    steps: tuple[dict[str, Any], ...] = ()
    jobs: dict[str, str] = field(default_factory=dict)

    @property
    def red(self) -> bool:
        """Whether something went wrong that a person must see."""
        return self.kind not in (*SERVED, WAITING, SUPERSEDED)

    @property
    def by_hand(self) -> bool:
        """Whether it is how a person's rollback ended, and no merge."""
        return BY_HAND in self.jobs

    @property
    def key(self) -> str:
        """Under what it is recorded: a rollback is no commit's outcome, whichever is main's newest then."""
        return f"rollback-{self.work.id}" if self.by_hand else self.work.commit

    @property
    def taken_back(self) -> bool:
        """Whether production was asked to serve it and did not keep it: main is ahead of what serves."""
        return self.kind in (ROLLED_BACK, NOT_PROVEN) and self.environment == "production"

    def record(self) -> dict[str, Any]:
        """Return what lies on S3."""
        told = asdict(self)
        work = told.pop("work")
        commit = work.pop("commit")
        return {"schema_version": 1, "outcome": told.pop("kind"), "commit": commit, "run": work} | told


def decide(needs: str, work: Work, now: datetime) -> Outcome:
    """Return the outcome of a release. Pure: whatever `needs` holds, it is exactly one."""
    jobs = list(read(needs))
    by_verb = {story.verb: story for job in jobs for story in job.stories}
    stories = [by_verb[verb] for verb in VERBS if verb in by_verb]
    stopped = next((story for story in stories if story.error), None)
    if any(job.name == BY_HAND for job in jobs):
        kind, code, lines = _by_hand(jobs, stories, work)
    else:
        kind, code, lines = _stopped(stopped) if stopped else _ended(jobs, stories, work)
    last = stopped or (stories[-1] if stories else None)
    told = _package(stories, kind)
    return Outcome(
        kind,
        work,
        now.isoformat(timespec="seconds"),
        release_id=str(told.get("release_id", "")),
        version=version if isinstance(version := told.get("version"), int) else None,
        environment="production" if kind == ROLLED_BACK else environment(stopped) if stopped else "",
        code=code,
        lines=tuple(lines),
        seconds=round(sum(story.seconds for story in stories), 3),
        fired=_fired(last),
        steps=tuple({"verb": story.verb} | step.model_dump() for story in stories for step in story.steps),
        jobs={job.name: job.result for job in jobs},
    )


def environment(story: Story) -> str:
    """Return the environment whose step stopped a verb, empty where none was reached."""
    return TOUCHED.get(story.steps[-1].name, "") if story.steps else ""


def _stopped(story: Story) -> tuple[str, str, list[str]]:
    """Return kind, code and lines of a verb that was stopped by an error."""
    assert story.error
    code, production = story.error.code, environment(story) == "production"
    if code in QUICKER:
        kind = SUPERSEDED
    elif code.startswith("E2"):
        kind = DATA_REFUSED
    elif code.startswith("E3"):
        kind = GATE_REFUSED
    elif code in ("E401", "E412") and production:
        kind = ROLLED_BACK
    elif (code.startswith("E4") and code not in UNTOUCHED) or story.step("put back"):
        kind = NOT_PROVEN
    else:
        kind = FAILED
    return kind, code, story.error.lines


def _ended(jobs: list[Job], stories: list[Story], work: Work) -> tuple[str, str, list[str]]:
    """Return kind, code and lines of a release that no verb's error has stopped."""
    red = next((job for job in jobs if job.result == "failure"), None)
    if red:
        why = "it failed and left no error of ours"
        return FAILED, UNTOLD, endings.untold(red.name, why, work.url)
    if any(job.result == "cancelled" for job in jobs) or any(story.verdict == "stopped" for story in stories):
        ran = any(story.verb in ("pipeline", "release") and story.verdict == "done" for story in stories)
        which = [job.name for job in jobs if job.result == "cancelled"]
        return CANCELLED, "" if ran else RUNS_ON, endings.cancelled(which, work.url, ran)
    last = stories[-1] if stories else None
    for kind in (SUPERSEDED, WAITING):
        if last and any(step.verdict == kind for step in last.steps):
            return kind, "", []
    there = last.step("production") if last and last.verdict == "done" else None
    if last is None or there is None:
        told = ", ".join(f"{job.name}: {job.result}" for job in jobs) or "no job"
        why = f"no job tells that production serves the release ({told})"
        return FAILED, UNTOLD, endings.untold("", why, work.url)
    return (UNCHANGED if there.verdict == "reused" else RELEASED), "", []


def _by_hand(jobs: list[Job], stories: list[Story], work: Work) -> tuple[str, str, list[str]]:
    """Return kind, code and lines of a rollback by hand: rolled back only where it came to its end."""
    last = stories[-1] if stories else None
    if last and last.error:
        return FAILED, last.error.code, last.error.lines
    if last and last.taken_back and last.verdict == "done":
        return ROLLED_BACK, "", endings.taken_back(last.taken_back, work.url)
    if any(job.result == "cancelled" for job in jobs) or (last and last.verdict == "stopped"):
        return CANCELLED, "", endings.rollback_cancelled(work.url)
    if last is None or any(job.result == "failure" for job in jobs):
        return FAILED, UNTOLD, endings.rollback_untold(work.url)
    return UNCHANGED, "", []


def _package(stories: list[Story], kind: str) -> dict[str, Any]:
    """Return version and id of the package that the outcome is about; the id alone where none is known."""
    if taken := next((story.taken_back for story in stories if story.taken_back), None):
        return taken
    rolled = [rollout.package for story in stories for rollout in story.rollouts or ()]
    made = [story.package for story in stories if story.package]
    ids = [story.ids for story in stories if story.ids]
    own = {"release_id": ids[-1].get("release_id", "")} if ids else {}
    if rolled and (kind in (ROLLED_BACK, NOT_PROVEN) or stories[-1].verb == BY_HAND):
        return rolled[0]  # what is put back afterwards is another one's rollout
    of_it = [
        package for package in made if kind in SERVED or package.get("release_id") == own.get("release_id")
    ]
    return of_it[-1] if of_it else own


def _fired(story: Story | None) -> dict[str, str]:
    """Return the alarms of a verb's first rollout, with their reasons."""
    rollouts = (story.rollouts if story else None) or []
    fired = rollouts[0].alarms.get("fired") if rollouts else None
    return {str(name): str(why) for name, why in fired.items()} if isinstance(fired, dict) else {}
