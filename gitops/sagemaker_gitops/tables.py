"""What every table of mlops.toml is made of, and the tables that say how an environment serves."""

from __future__ import annotations

from math import ceil
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[int, Field(ge=1)]
Drop = Annotated[float, Field(ge=0)]  # by how much a metric may become worse
Machine = Annotated[str, Field(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9-]+$")]
Minutes = Annotated[int, Field(ge=0, le=60)]  # SageMaker waits an hour at most

BAKE_MINUTES = 3  # the least in which our slowest alarm has two whole minutes to look at
# The least in all: CloudWatch takes three to four minutes to call missing what a dead runner does not send.
UNWATCHED_MINUTES = 5
STARTING_MINUTES = 30  # for machines that come late, on top of what is waited for on purpose
USUAL_MINUTES = 5
PRESETS = {"small": "all_at_once", "safe": "canary"}
# Which waits a strategy has: between its steps, and at the end with both fleets up.
WAITS = {
    "all_at_once": ("final_bake_minutes",),
    "canary": ("bake_minutes", "final_bake_minutes"),
    "linear": ("bake_minutes", "final_bake_minutes"),
    "rolling": ("bake_minutes",),
}


class Table(BaseModel):
    """A table of mlops.toml: frozen, no key that we do not know, no number in quotation marks."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Rollout(Table):
    """How a new release takes over production's traffic, and what sends it back."""

    preset: Literal["small", "safe"] = "small"
    strategy: Literal["all_at_once", "canary", "linear", "rolling"]
    share: Annotated[float, Field(ge=0.05, le=0.5)] | None = None  # of the fleet, in each step
    bake_minutes: Minutes | None = None  # after each step
    final_bake_minutes: Minutes | None = None  # with all traffic on the new fleet, the old one still up
    max_minutes: Annotated[int, Field(ge=10, le=480)] | None = None
    shadow_minutes: Minutes = 0  # before it: copies of real requests only; 0: no shadow
    max_error_rate: Annotated[float, Field(gt=0, le=1)] = 0.01  # 5xx answers of all answers in a minute
    max_latency_ratio: Annotated[float, Field(gt=1, le=100)] = 3.0  # to the old fleet, in the same minutes
    alarms: Annotated[
        tuple[str, ...], Field(max_length=7, strict=False)
    ] = ()  # SageMaker takes 10, three are ours

    @model_validator(mode="before")
    @classmethod
    def _preset_fills_the_rest(cls, given: Any) -> Any:
        """Fill in the preset's strategy, or the waits of the one that is named."""
        if not isinstance(given, dict):
            return given
        strategy = given.get("strategy", PRESETS.get(given.get("preset", "small"), "all_at_once"))
        return {"strategy": strategy} | dict.fromkeys(WAITS.get(strategy, ()), USUAL_MINUTES) | given

    @model_validator(mode="after")
    def _waits_are_there_and_long_enough(self) -> Rollout:
        for wait in ("bake_minutes", "final_bake_minutes"):
            minutes = getattr(self, wait)
            if wait not in WAITS[self.strategy]:
                if minutes is not None:
                    raise ValueError(f"{wait}|none: {self.strategy} has no such wait")
            elif minutes < BAKE_MINUTES:
                raise ValueError(f"{wait}|{BAKE_MINUTES} or more: alarms need whole minutes to look at")
        if self.waited(self.share or 0.5) < UNWATCHED_MINUTES:
            raise ValueError(
                f"{WAITS[self.strategy][-1]}|{UNWATCHED_MINUTES} or more, if no probes shall be noticed"
            )
        if 0 < self.shadow_minutes < BAKE_MINUTES:
            raise ValueError(f"shadow_minutes|0 or {BAKE_MINUTES} to 60: alarms need whole minutes")
        if self.share is not None and self.strategy == "all_at_once":
            raise ValueError("share|none: all_at_once moves everything in one step")
        if self.share is not None and self.strategy == "linear" and self.share < 0.1:
            raise ValueError("share|0.1 to 0.5: SageMaker's steps are no smaller")
        if self.max_minutes is not None and self.max_minutes <= self.waited(self.share or 0.1):
            raise ValueError("max_minutes|more than all waits together, or the release runs out of time")
        return self

    def waited(self, share: float) -> int:
        """Return the minutes that are waited on purpose, with steps of `share`."""
        steps = {"all_at_once": 0, "canary": 1}.get(self.strategy, ceil(1 / share))
        return steps * (self.bake_minutes or 0) + (self.final_bake_minutes or 0)


class Environment(Table):
    """The machines behind one endpoint."""

    instance_type: Machine
    instance_count: Annotated[int, Field(ge=1, le=100)] = 1


class Staging(Environment):
    """A release's proof; its endpoint is made anew each time and taken away afterwards."""

    keep: bool = False


class Production(Environment):
    """What serves, and how a release gets there."""

    rollout: Rollout = Rollout.model_validate({})

    @model_validator(mode="after")
    def _steps_need_machines(self) -> Production:
        if self.instance_count < 2 and self.rollout.strategy != "all_at_once":
            raise ValueError(
                f"instance_count|2 or more: {self.rollout.strategy} moves at most half of the fleet at first"
            )
        return self

    def of(self, count: int) -> Production:
        """Return the same for a fleet of so many machines; one alone has no half that could go first."""
        rollout = self.rollout
        if count < 2 and rollout.strategy != "all_at_once":
            kept = rollout.model_dump(exclude={"strategy", "share", "bake_minutes", "final_bake_minutes"})
            final = max(rollout.final_bake_minutes or 0, UNWATCHED_MINUTES)
            rollout = Rollout(**kept, strategy="all_at_once", final_bake_minutes=final)
        return self.model_copy(update={"instance_count": count, "rollout": rollout})

    def share(self) -> float:
        """Return the share of the fleet that moves in the first step: one machine, or a tenth."""
        if self.rollout.strategy == "all_at_once":
            return 1.0
        return self.rollout.share or max(0.1, ceil(100 / self.instance_count) / 100)

    def max_minutes(self) -> int:
        """Return the minutes after which SageMaker gives a rollout up and rolls it back."""
        waited = self.rollout.waited(self.share())
        return self.rollout.max_minutes or min(480, waited + STARTING_MINUTES)


class Environments(Table):
    """Staging proves, production serves."""

    staging: Staging
    production: Production
