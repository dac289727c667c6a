"""The state of an alarm, from the last points of what it watches. Pure.

The rules are CloudWatch's own, "Configuring how CloudWatch alarms treat missing data" in its User Guide:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sagemaker_emulator.monitoring import reasons
from sagemaker_emulator.monitoring.reasons import Point

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"
EXTRA = 2  # periods looked at beyond EvaluationPeriods: the documentation's examples retrieve 5 for 3
BREACHES = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")


@dataclass(frozen=True)
class Rule:
    """What an alarm asks of the points it sees: M (to_alarm) of N (periods) beyond the threshold."""

    comparison: str
    threshold: float
    periods: int
    to_alarm: int
    missing: str = "missing"

    def breached(self, value: float) -> bool:
        """Whether a value lies beyond the threshold."""
        return BREACHES[self.comparison](value, self.threshold)


@dataclass(frozen=True)
class Verdict:
    """The state an alarm should have, why, and the points that decided."""

    state: str
    reason: str
    points: tuple[Point, ...] = ()


def evaluate(rule: Rule, points: Sequence[Point | None], now: str) -> Verdict:
    """Return the verdict on the evaluation range, newest point last; `now` is the alarm's state so far."""
    real = [point for point in points if point is not None]
    decisive = tuple(real[-rule.periods :])
    filled = rule.periods - len(decisive)
    bad = sum(rule.breached(point.value) for point in decisive)
    if filled and rule.missing in ("breaching", "notBreaching"):
        if rule.missing == "breaching":
            bad += filled
    elif filled and not _known(rule, points, bad, len(decisive)):
        if rule.missing == "ignore":
            return Verdict(now, "")
        if not decisive or not _premature(rule, points):
            return Verdict(INSUFFICIENT_DATA, reasons.unknown(filled), decisive)
        return Verdict(ALARM, reasons.crossed(rule, decisive, 0, ALARM, now), decisive)
    else:
        filled = 0  # decided by what is there
    state = ALARM if bad >= rule.to_alarm else OK
    return Verdict(state, reasons.crossed(rule, decisive, filled, state, now), decisive)


def _known(rule: Rule, points: Sequence[Point | None], bad: int, there: int) -> bool:
    """Whether the points that are there decide, too few as they are: enough bad ones, or a good one."""
    return bad >= rule.to_alarm or there > bad


def _premature(rule: Rule, points: Sequence[Point | None]) -> bool:
    """Whether only bad points are there and the oldest is at least as old as DatapointsToAlarm: an ALARM.

    The documentation has it under "Avoiding premature transitions to alarm state": - - X - - is one for 3 of
    3, - - - X - and - - - - X are not.
    """
    oldest = next(index for index, point in enumerate(points) if point is not None)
    return len(points) - oldest >= rule.to_alarm
