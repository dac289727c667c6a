"""What an update does, step by step, decided before it starts. Pure: policy and counts in, a plan out.

Blue/green: a whole new fleet comes up, traffic moves in steps, the old fleet stays until the last bake ends.
Rolling: each step brings one batch of new instances up, and ends as many old ones once it was watched.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Counts = Mapping[str, int]  # variant: instances

# AWS documents no default for MaximumExecutionTimeoutInSeconds: we take the longest that it may be.
LONGEST_SECONDS = 28800


@dataclass(frozen=True)
class OldCounts:
    """Of the old side: what there was when the update began, what still runs, what of that takes traffic."""

    full: Counts
    running: Counts
    in_service: Counts


@dataclass(frozen=True)
class Step:
    """From now on so many instances of each fleet take traffic; alarms are watched for so long."""

    new: Counts
    old: Counts
    bake_seconds: int  # AWS's: they are scaled where they are waited for


@dataclass(frozen=True)
class Plan:
    """The steps of one update, what is watched meanwhile, and how to get back."""

    steps: tuple[Step, ...]
    in_place: bool  # rolling: instances come and go with each step
    alarms: tuple[str, ...]
    limit_seconds: int  # of AWS's time, for all of it
    back: Mapping[str, Any] | None  # CapacitySize of a rollback's batches; None is all at once


def plan(deployment: Mapping[str, Any] | None, new: Counts, old: Counts) -> Plan:
    """Return the plan for an update from `old` instances of each variant to `new` ones."""
    deployment = deployment or {}
    alarms = deployment.get("AutoRollbackConfiguration", {}).get("Alarms", [])
    names = tuple(each["AlarmName"] for each in alarms if "AlarmName" in each)
    if rolling := deployment.get("RollingUpdatePolicy"):
        stages = _evenly(rolling["MaximumBatchSize"], new)
        bakes = [rolling["WaitIntervalInSeconds"]] * len(stages)
        policy, back = rolling, rolling.get("RollbackMaximumBatchSize")
    else:
        policy, back = deployment.get("BlueGreenUpdatePolicy", {}), None
        routing = policy.get("TrafficRoutingConfiguration", {})
        stages = _stages(routing, new)
        # The interval lies between steps; after the last one comes the wait before the old fleet is ended.
        bakes = [routing.get("WaitIntervalInSeconds", 0)] * (len(stages) - 1)
        bakes.append(policy.get("TerminationWaitInSeconds", 0))
    steps = tuple(
        Step(stage, _left(old, stage, new), bake) for stage, bake in zip(stages, bakes, strict=True)
    )
    limit = policy.get("MaximumExecutionTimeoutInSeconds", LONGEST_SECONDS)
    return Plan(steps, bool(rolling), names, limit, back)


def way_back(size: Mapping[str, Any] | None, new: Counts, old: OldCounts) -> tuple[Step, ...]:
    """Return the steps of a rollback, from `new` in service to all that was there before.

    What still runs of the old side serves again at once; what has ended comes back in batches of `size`.
    """
    missing = {name: full - old.running.get(name, 0) for name, full in old.full.items()}
    batches = _evenly(size, missing, total=old.full) if size else [missing]
    stages = [dict.fromkeys(missing, 0), *batches] if any(missing.values()) else [missing]
    steps = []
    for stage in stages:
        back = {name: old.running.get(name, 0) + stage[name] for name in old.full}
        rest = {name: old.full[name] - back[name] for name in back}
        off = {name: full - old.in_service.get(name, 0) for name, full in old.full.items()}
        left = {name: _part(count, rest.get(name, 0), off.get(name, 0)) for name, count in new.items()}
        steps.append(Step(left, back, 0))
    return tuple(steps)


def instances(size: Mapping[str, Any], total: int) -> int:
    """Return how many instances a CapacitySize means: at least one, a percentage rounded down."""
    if size["Type"] == "INSTANCE_COUNT":
        return min(size["Value"], total)
    return max(1, total * size["Value"] // 100)


def _stages(routing: Mapping[str, Any], new: Counts) -> list[Counts]:
    if routing.get("Type") == "CANARY":
        return [{name: instances(routing["CanarySize"], count) for name, count in new.items()}, dict(new)]
    if routing.get("Type") == "LINEAR":
        return _evenly(routing["LinearStepSize"], new)
    return [dict(new)]


def _evenly(size: Mapping[str, Any], counts: Counts, total: Counts | None = None) -> list[Counts]:
    """Return 1, 2, 3, ... batches of each variant until all of `counts` is reached."""
    batches = {name: instances(size, (total or counts)[name]) for name in counts}
    stages: list[Counts] = []
    for number in itertools.count(1):
        stages.append({name: min(count, number * batches[name]) for name, count in counts.items()})
        if stages[-1] == dict(counts):
            return stages
    raise AssertionError


def _left(old: Counts, stage: Counts, new: Counts) -> Counts:
    """Return what stays of the old fleet: the portion that the new one does not cover yet."""
    return {
        name: _part(count, new.get(name, 0) - stage.get(name, 0), new.get(name, 0))
        for name, count in old.items()
    }


def _part(count: int, part: int, whole: int) -> int:
    """Return `part / whole` of `count`, rounded up: capacity is never lost by rounding."""
    return math.ceil(count * part / whole) if whole else 0
