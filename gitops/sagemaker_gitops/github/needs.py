"""What the jobs of a workflow run left, as GitHub hands it to the job that needs them.

In:   toJSON(needs): each job's result, and the stories of its verbs among its outputs
Out:  jobs, each with the stories that can be read
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError


class Told(BaseModel):
    """One step of a story."""

    name: str
    verdict: str
    seconds: float = 0
    note: str = ""


class Error(BaseModel):
    """What stopped a verb."""

    code: str
    lines: list[str]


class Rollout(BaseModel):
    """One rollout's record."""

    package: dict[str, Any] = {}
    alarms: dict[str, Any] = {}


class Story(BaseModel):
    """What a verb left: pipelines.report.outcome, as far as an outcome rests on it."""

    verb: str
    verdict: str
    seconds: float = 0
    error: Error | None = None
    steps: list[Told] = []
    ids: dict[str, str] | None = None
    package: dict[str, Any] | None = None
    taken_back: dict[str, Any] | None = None  # by hand: the package that served before
    rollouts: list[Rollout] | None = None

    def step(self, name: str) -> Told | None:
        """Return the last step of a name."""
        return next((step for step in reversed(self.steps) if step.name == name), None)


@dataclass(frozen=True)
class Job:
    """One job of the workflow run."""

    name: str
    result: str  # success, failure, cancelled, skipped
    stories: tuple[Story, ...] = ()


def read(needs: str) -> Iterator[Job]:
    """Yield the jobs that `needs` tells of; what is no story, or none that we know, is none."""
    try:
        told = json.loads(needs)
    except ValueError:
        return
    for name, job in told.items() if isinstance(told, dict) else ():
        if isinstance(job, dict):
            outputs = job.get("outputs")
            texts = outputs.values() if isinstance(outputs, dict) else ()
            stories = tuple(story for text in texts if (story := _story(text)))
            yield Job(str(name), str(job.get("result", "")), stories)


def _story(text: object) -> Story | None:
    try:
        return Story.model_validate_json(text) if isinstance(text, str) else None
    except ValidationError:
        return None
