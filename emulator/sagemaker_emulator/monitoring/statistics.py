"""From samples to numbers: a statistic of each period. Pure.

GetMetricStatistics, GetMetricData and alarms agree because all three ask here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from sagemaker_emulator.monitoring.data import Sample

SIMPLE = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
PERCENTILE = re.compile(r"p(\d{1,2}(\.\d{1,10})?|100)")


@dataclass(frozen=True, slots=True)
class Grid:
    """Periods one after the other. `width` is how long each lasts here, `period` what it is called."""

    start: float
    width: float
    count: int
    period: int

    @property
    def end(self) -> float:
        """Return where the last period ends."""
        return self.start + self.width * self.count

    def begin(self, index: int) -> float:
        """Return where a period begins."""
        return self.start + self.width * index


def offered(statistic: str) -> bool:
    """Whether a statistic is one of those computed here."""
    return statistic in SIMPLE or PERCENTILE.fullmatch(statistic) is not None


def values(
    samples: Sequence[Sample], grid: Grid, statistic: str, unit: str | None = None
) -> dict[int, float]:
    """Return the statistic of each period that has one, by the period's number."""
    found = {index: value(group, statistic) for index, group in groups(samples, grid, unit).items()}
    return {index: number for index, number in found.items() if number is not None}


def groups(samples: Sequence[Sample], grid: Grid, unit: str | None = None) -> dict[int, list[Sample]]:
    """Return the samples of each period that has any; with a unit, only what was put with it."""
    found: dict[int, list[Sample]] = {}
    for each in samples:
        index = math.floor((each.at - grid.start) / grid.width)
        if 0 <= index < grid.count and unit in (None, each.unit):
            found.setdefault(index, []).append(each)
    return found


def value(samples: Sequence[Sample], statistic: str) -> float | None:
    """Return one statistic of some samples; None where they cannot tell it."""
    count = sum(each.count for each in samples)
    if not count:
        return None
    if statistic == "SampleCount":
        return count
    if statistic == "Minimum":
        return min(each.low for each in samples)
    if statistic == "Maximum":
        return max(each.high for each in samples)
    total = math.fsum(each.total for each in samples)
    if statistic == "Sum":
        return total
    if statistic == "Average":
        return total / count
    return _percentile(samples, float(statistic[1:]), count)


def _percentile(samples: Sequence[Sample], percent: float, count: float) -> float | None:
    """Return the smallest value that has at least `percent` of all values at or below it.

    A statistic set of different values does not know its percentiles: CloudWatch gives none either.
    """
    histogram: dict[float, float] = {}
    for each in samples:
        if each.values is None:
            return None
        for number, times in each.values.items():
            histogram[number] = histogram.get(number, 0.0) + times
    needed, seen = count * percent / 100, 0.0
    for number in sorted(histogram):
        seen += histogram[number]
        if seen >= needed - 1e-9 * count:
            return number
    return max(histogram)
