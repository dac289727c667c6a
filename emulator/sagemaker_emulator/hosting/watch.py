"""What an update looks at from outside: the alarms that take it back, faults that a test has asked for."""

from __future__ import annotations

from collections.abc import Sequence

from sagemaker_emulator import faults, seams


def alarm_state(account: str, region: str, name: str) -> str | None:
    """Return OK, ALARM or INSUFFICIENT_DATA; None where there is no such alarm."""
    try:
        from sagemaker_emulator.monitoring import alarms
    except ImportError:
        found = seams.backend("cloudwatch", account, region).alarms.get(name)
        return found.state_value if found is not None else None
    return alarms.state(account, region, name)


def in_alarm(account: str, region: str, names: Sequence[str]) -> list[str]:
    """Return those of the alarms that are in ALARM now."""
    return [name for name in names if alarm_state(account, region, name) == "ALARM"]


def fault(endpoint: str, kind: str) -> bool:
    """Whether a test has asked for this fault of this endpoint; it is used up by asking."""
    return faults.wanted("endpoint", endpoint, kind)
