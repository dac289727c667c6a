"""The states of alarms: born, evaluated, set by hand, and told to whom it may concern.

    INSUFFICIENT_DATA <-> OK <-> ALARM

Evaluated by a thread (watcher.py) four times a minute, and freshly when someone asks: DescribeAlarms, or
`state` for what rolls back on alarms. Both do the same under one lock, so that a change is told once.
"""

from __future__ import annotations

import functools
import json
import threading
import time
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.models import Alarm, CloudWatchBackend

from sagemaker_emulator import itself, seams
from sagemaker_emulator.monitoring import actions, data, definitions, history, reasons, watcher
from sagemaker_emulator.monitoring.evaluation import INSUFFICIENT_DATA, Verdict, evaluate
from sagemaker_emulator.monitoring.queries import Results
from sagemaker_emulator.monitoring.reasons import Point
from sagemaker_emulator.monitoring.states import State, moment

SETTLES = 0.5  # of a beat: a state set by hand, or of an alarm just changed, is left alone for so long
_lock = threading.RLock()


def state(account: str, region: str, name: str) -> str | None:
    """Return OK, ALARM or INSUFFICIENT_DATA as of now; None where there is no such alarm."""
    backend = itself.backend("cloudwatch", account, region)
    alarm = backend.alarms.get(name)
    if alarm is None:
        return None
    refresh(backend, alarm)
    return alarm.state_value


def refresh(backend: CloudWatchBackend, alarm: Alarm) -> None:
    """Evaluate an alarm now, and change its state where the data say so."""
    with _lock:
        now = time.time()
        if now < alarm.settled_at:
            return
        verdict = judge(backend, alarm, now)
        if verdict.state != alarm.state_value:
            change(backend, alarm, verdict.state, verdict.reason, _reason_data(alarm, verdict, now))


def judge(backend: CloudWatchBackend, alarm: Alarm, now: float) -> Verdict:
    """Return the verdict of the data on an alarm."""
    grid = definitions.grid(alarm, now)
    read = functools.partial(data.read, backend.account_id, backend.region_name)
    results = Results(definitions.queries(alarm), lambda _: grid, read)
    (line,) = results.lines(definitions.watched(alarm))
    points = [
        Point(line.values[index], grid.begin(index)) if index in line.values else None
        for index in range(grid.count)
    ]
    return evaluate(definitions.rule(alarm), points, alarm.state_value)


def change(backend: CloudWatchBackend, alarm: Alarm, value: str, reason: str, reason_data: str) -> None:
    """Give an alarm another state, write its history, and have its actions done."""
    with _lock:
        before = State.of(alarm)
        alarm.state_value, alarm.state_reason, alarm.state_reason_data = value, reason, reason_data
        alarm.state_updated_timestamp = alarm.state_transitioned_timestamp = datetime.now(UTC)
        history.state_changed(backend, alarm, before)
        actions.begin(backend, alarm, before)


@seams.wrap("moto.cloudwatch.models", "CloudWatchBackend.put_metric_alarm")
def put_metric_alarm(original: Any, backend: CloudWatchBackend, *args: Any, **kwargs: Any) -> Alarm:
    """Make an alarm without a state (moto says OK); one that is put again keeps the state it has."""
    with _lock:
        before = backend.alarms.get(kwargs["name"])
        alarm = original(backend, *args, **kwargs)
        if before is not None:
            for name in ("value", "reason", "reason_data", "updated_timestamp", "transitioned_timestamp"):
                setattr(alarm, f"state_{name}", getattr(before, f"state_{name}"))
            alarm.settled_at = max(before.settled_at, time.time() + SETTLES * definitions.beat(alarm))
        else:
            alarm.state_value, alarm.state_reason = INSUFFICIENT_DATA, reasons.CREATED
            alarm.state_reason_data = None
            alarm.state_updated_timestamp = alarm.state_transitioned_timestamp = datetime.now(UTC)
            alarm.settled_at = time.time() + definitions.beat(alarm)  # AWS looks at it within a minute
        alarm.metric_data_queries = alarm.metric_data_queries or None  # an alarm on one metric has no Metrics
        history.configured(backend, alarm, "created" if before is None else "updated")
    watcher.watch(backend, refresh)
    return alarm


def set_by_hand(
    backend: CloudWatchBackend, alarm: Alarm, value: str, reason: str, reason_data: str | None
) -> None:
    """Give an alarm a state until its next evaluation."""
    with _lock:
        alarm.settled_at = time.time() + SETTLES * definitions.beat(alarm)
        if value != alarm.state_value:
            change(backend, alarm, value, reason, reason_data or "")


def _reason_data(alarm: Alarm, verdict: Verdict, now: float) -> str:
    told: dict[str, Any] = {"version": "1.0", "queryDate": moment(now)}
    if verdict.points:
        told["startDate"] = moment(verdict.points[0].at)
    if not alarm.metric_data_queries:
        told["statistic"] = alarm.statistic or alarm.extended_statistic
    told |= {
        "period": definitions.period(alarm),
        "recentDatapoints": [point.value for point in verdict.points],
        "threshold": float(alarm.threshold),
    }
    return json.dumps(told, separators=(",", ":"))
