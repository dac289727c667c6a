"""Carry a plan out: bring instances up, move traffic, watch, and go back when anything says so."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sagemaker_emulator.hosting.fleet import Fleet, FleetFailed
from sagemaker_emulator.hosting.rollout import Counts, Plan, way_back
from sagemaker_emulator.hosting.side import OldSide
from sagemaker_emulator.hosting.stopwatch import Stopped, Stopwatch

log = logging.getLogger(__name__)

SERVICE_FAILED = "Request to service failed. If failure persists after retry, contact customer support."
TIMED_OUT = (
    "The deployment did not complete within its MaximumExecutionTimeoutInSeconds of {seconds} seconds "
    "and was rolled back."
)
ALARMED = "The deployment was rolled back because of CloudWatch alarm(s) in ALARM state: {names}."

Phase = Literal["Creating", "ActivatingTraffic", "Baking", "Deleting", "RollingBack"]


class GoBack(Exception):
    """The update ends here and the old side is to serve again; `reason` is None for a silent rollback."""

    def __init__(self, reason: str | None) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Outcome:
    """How an update ended, and the endpoint's FailureReason."""

    kind: Literal["promoted", "rolled back", "rollback failed"]
    reason: str | None = None


@dataclass(frozen=True)
class Surroundings:
    """What the runner asks and tells besides its fleets."""

    watch: Stopwatch
    in_alarm: Callable[[tuple[str, ...]], list[str]]
    fault: Callable[[str], bool]
    enter: Callable[[Phase], None]  # told of each phase as it begins


class Runner:
    """One update from one side to a new fleet. `run` blocks; the sides serve all the while."""

    def __init__(self, plan: Plan, old: OldSide, new: Fleet, around: Surroundings) -> None:
        self._plan, self._old, self._new, self._around = plan, old, new, around

    def run(self) -> Outcome:
        """Go forward to the end or back. Raises Stopped when the emulator ends meanwhile."""
        try:
            self._forward()
        except GoBack as back:
            return self._backward(back.reason)
        except FleetFailed as error:
            return self._backward(self._late() or str(error))
        except Stopped:
            raise
        except Exception:
            log.exception("event=deployment_broke")
            return self._backward(SERVICE_FAILED)
        return Outcome("promoted")

    def _forward(self) -> None:
        self._around.enter("Creating")
        if self._around.fault("stuck-update"):
            self._bake(float("inf"))
        if not self._plan.in_place:
            self._bring_up(self._new.wanted)
        if self._around.fault("silent-rollback"):
            raise GoBack(None)
        for step in self._plan.steps:
            if self._plan.in_place:
                self._around.enter("Creating")
                self._bring_up(step.new)
            self._around.enter("ActivatingTraffic")
            self._new.put_in_service(step.new)
            self._old.put_in_service(step.old)
            self._around.enter("Baking")
            self._bake(step.bake_seconds)
            if self._plan.in_place:
                self._around.enter("Deleting")
                self._old.scale(step.old)
        self._around.enter("Deleting")

    def _bring_up(self, counts: Counts) -> None:
        self._new.scale(counts, max(0.0, self._plan.limit_seconds - self._around.watch.spent))
        self._look()

    def _bake(self, seconds: float) -> None:
        """Wait so many of AWS's seconds and look at the alarms all the while. Raises GoBack."""
        left = seconds
        while left > 0:
            self._around.watch.wait(min(left, self._around.watch.tick))
            left -= self._around.watch.tick
            self._look()
            if alarms := self._around.in_alarm(self._plan.alarms):
                raise GoBack(ALARMED.format(names=", ".join(alarms)))

    def _look(self) -> None:
        if reason := self._late():
            raise GoBack(reason)

    def _late(self) -> str | None:
        limit = self._plan.limit_seconds
        return TIMED_OUT.format(seconds=limit) if self._around.watch.spent > limit else None

    def _backward(self, reason: str | None) -> Outcome:
        """Let the old side serve as before; where that fails, both go on serving as they do."""
        self._around.enter("RollingBack")
        try:
            if self._around.fault("rollback-failed"):
                counts = self._old.counts.in_service  # a mix: of the old side, at least one takes requests
                self._old.put_in_service({name: max(1, count) for name, count in counts.items()})
                raise FleetFailed("This was asked for.")
            for step in way_back(self._plan.back, self._new.in_service, self._old.counts):
                self._old.scale(step.old)
                self._old.put_in_service(step.old)
                self._new.put_in_service(step.new)
                if self._plan.in_place:
                    self._new.scale(step.new)
        except FleetFailed as error:
            return Outcome("rollback failed", f"{reason or ''} The rollback failed too: {error}".strip())
        return Outcome("rolled back", reason)
