"""What an update looks at from outside: the alarms that take it back, faults that a test has asked for."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from sagemaker_emulator import faults
from sagemaker_emulator.monitoring import alarms, events

log = logging.getLogger(__name__)


def alarm_state(account: str, region: str, name: str) -> str | None:
    """Return OK, ALARM or INSUFFICIENT_DATA as of now; None where there is no such alarm."""
    return alarms.state(account, region, name)


def in_alarm(account: str, region: str, names: Sequence[str]) -> list[str]:
    """Return those of the alarms that are in ALARM now."""
    return [name for name in names if alarm_state(account, region, name) == "ALARM"]


def fault(endpoint: str, kind: str) -> bool:
    """Whether a test has asked for this fault of this endpoint; it is used up by asking."""
    return faults.wanted("endpoint", endpoint, kind)


def tell(endpoint: Any, status: str) -> None:
    """Have EventBridge hear of an endpoint's new status."""
    try:
        events.endpoint_state_change(endpoint, status)
    except Exception:  # nobody is served worse because nobody was told
        log.exception("event=endpoint_event_lost endpoint=%s", endpoint.endpoint_name)
