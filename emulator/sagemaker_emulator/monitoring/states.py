"""A state of an alarm, and how CloudWatch writes a moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from moto.cloudwatch.models import Alarm


@dataclass(frozen=True)
class State:
    """A state of an alarm as it was at one moment."""

    value: str
    reason: str
    reason_data: str | None
    since: datetime

    @classmethod
    def of(cls, alarm: Alarm) -> State:
        """Return the state an alarm has now."""
        return cls(
            alarm.state_value, alarm.state_reason, alarm.state_reason_data, alarm.state_updated_timestamp
        )


def moment(at: float | datetime) -> str:
    """Return a moment as CloudWatch writes it into messages."""
    when = at if isinstance(at, datetime) else datetime.fromtimestamp(at, UTC)
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}+0000"
