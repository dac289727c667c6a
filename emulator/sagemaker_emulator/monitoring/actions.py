"""What follows from an alarm's change: its actions (SNS topics) and CloudWatch's event on EventBridge."""

from __future__ import annotations

import logging

from moto.cloudwatch.models import Alarm, CloudWatchBackend

from sagemaker_emulator import itself
from sagemaker_emulator.monitoring import errands, events, history, messages
from sagemaker_emulator.monitoring.states import State

log = logging.getLogger(__name__)

MEMBERS = {"OK": "ok_actions", "ALARM": "alarm_actions", "INSUFFICIENT_DATA": "insufficient_data_actions"}


def begin(backend: CloudWatchBackend, alarm: Alarm, before: State) -> None:
    """Have the alarm's actions done for the state it has just got."""
    after = State.of(alarm)
    wanted = list(getattr(alarm, MEMBERS[after.value]) or []) if alarm.actions_enabled else []

    def act() -> None:
        detail = messages.event(alarm, before, after)
        event = events.Event("aws.cloudwatch", "CloudWatch Alarm State Change", (alarm.alarm_arn,), detail)
        events.emit(backend.account_id, backend.region_name, event)
        if wanted:
            subject = messages.subject(backend, alarm, after)
            message = messages.notification(backend, alarm, before, after)
            for action in wanted:
                history.acted(backend, alarm, action, _publish(action, subject, message))

    errands.send(act)


def _publish(action: str, subject: str, message: str) -> str | None:
    """Publish to a topic; return why that failed, or None."""
    if ":sns:" not in action:
        return "sagemaker-emulator does no actions but those of SNS topics"
    topics = itself.backend("sns", action.split(":")[4], action.split(":")[3])
    if action not in topics.topics:
        return f"Topic does not exist: {action}"
    try:
        topics.publish(message, arn=action, subject=subject[:100])
    except Exception as error:
        log.warning("event=action_failed action=%s error=%s", action, type(error).__name__)
        return f"Resource: {action} answered {type(error).__name__}"
    return None
