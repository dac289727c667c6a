"""Why an alarm has its state, in CloudWatch's own sentences. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sagemaker_emulator.monitoring.evaluation import Rule

CREATED = "Unchecked: Initial alarm creation"
WORDS = {
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "GreaterThanThreshold": "greater than",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}
TREATED = {"breaching": "Breaching", "notBreaching": "NonBreaching"}


@dataclass(frozen=True)
class Point:
    """One period's value, and when the period began."""

    value: float
    at: float


def unknown(count: int) -> str:
    """Return the reason of INSUFFICIENT_DATA."""
    return f"Insufficient Data: {_counted(count)} {'was' if count == 1 else 'were'} unknown."


def crossed(rule: Rule, points: Sequence[Point], filled: int, state: str, before: str) -> str:
    """Return the reason of OK or ALARM: how many points did it, which, and how many were made up."""
    treated = f"{filled} missing {_noun(filled)} {'was' if filled == 1 else 'were'} treated as "
    treated += f"[{TREATED.get(rule.missing, '')}]"
    if not points:
        periods = f"{filled} period{'' if filled == 1 else 's'}"
        return f"Threshold Crossed: no datapoints were received for {periods} and {treated}."
    alarm = state == "ALARM"
    bad = [point for point in points if rule.breached(point.value)]
    good = [point for point in points if point not in bad]
    deciding = (
        (bad or good) if alarm else (good or bad)
    )  # what is made up may decide against all that is there
    shown = ", ".join(f"{point.value!r} ({_moment(point.at)})" for point in reversed(deciding))
    side = ("was " if len(deciding) == 1 else "were ") + ("" if deciding is bad else "not ")
    side += f"{WORDS[rule.comparison]} the threshold ({rule.threshold!r})"
    if filled:
        return f"Threshold Crossed: {_counted(len(deciding))} [{shown}] {side} and {treated}."
    needed = rule.to_alarm if alarm else rule.periods - rule.to_alarm + 1
    change = "OK -> ALARM" if alarm else "ALARM -> OK"
    return (
        f"Threshold Crossed: {len(deciding)} out of the last {rule.periods} datapoints [{shown}] {side} "
        f"(minimum {_counted(needed)} for {change} transition)."
    )


def _counted(count: int) -> str:
    return f"{count} {_noun(count)}"


def _noun(count: int) -> str:
    return "datapoint" if count == 1 else "datapoints"


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%d/%m/%y %H:%M:%S")
