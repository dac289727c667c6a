"""What became of alarms, for DescribeAlarmHistory; kept when the alarm is deleted, as CloudWatch keeps it."""

from __future__ import annotations

import json
from collections import deque
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.models import Alarm, CloudWatchBackend

from sagemaker_emulator.monitoring.states import State

MOST_ITEMS = 10_000


def items(backend: CloudWatchBackend) -> deque[dict[str, Any]]:
    """Return the AlarmHistoryItems of an account and region, oldest first."""
    return vars(backend).setdefault("emulator_alarm_history", deque(maxlen=MOST_ITEMS))


def configured(backend: CloudWatchBackend, alarm: Alarm, verb: str) -> None:
    """Note that an alarm was created, updated or deleted."""
    kind = {"created": "Create", "updated": "Update", "deleted": "Delete"}[verb]
    told = {"version": "1.0", "type": kind}
    _add(backend, alarm, "ConfigurationUpdate", f'Alarm "{alarm.name}" {verb}', told)


def state_changed(backend: CloudWatchBackend, alarm: Alarm, before: State) -> None:
    """Note a new state and the one before it."""
    told = {
        "version": "1.0",
        "oldState": {"stateValue": before.value, "stateReason": before.reason},
        "newState": {"stateValue": alarm.state_value, "stateReason": alarm.state_reason},
    }
    if alarm.state_reason_data:
        told["newState"]["stateReasonData"] = json.loads(alarm.state_reason_data)
    _add(backend, alarm, "StateUpdate", f"Alarm updated from {before.value} to {alarm.state_value}", told)


def acted(backend: CloudWatchBackend, alarm: Alarm, action: str, error: str | None) -> None:
    """Note that an action was done, or why it was not."""
    summary = f"{'Failed to execute' if error else 'Successfully executed'} action {action}"
    told = {"actionState": "Failed" if error else "Succeeded", "notificationResource": action, "error": error}
    _add(backend, alarm, "Action", summary, told)


def _add(backend: CloudWatchBackend, alarm: Alarm, kind: str, summary: str, told: dict[str, Any]) -> None:
    item = {
        "AlarmName": alarm.name,
        "AlarmType": "MetricAlarm",
        "Timestamp": datetime.now(UTC),
        "HistoryItemType": kind,
        "HistorySummary": summary,
        "HistoryData": json.dumps(told),
    }
    items(backend).append(item)
