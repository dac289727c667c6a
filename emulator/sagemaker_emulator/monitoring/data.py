"""What was put into CloudWatch, kept so that every statistic of it can still be told, percentiles included.

moto keeps one record for each value and goes through all of them for each question. Here a put of many values
is one sample, filed under its metric: namespace, name and all dimensions.
"""

from __future__ import annotations

import bisect
import math
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from moto.cloudwatch.models import CloudWatchBackend, MetricDatum

from sagemaker_emulator import itself, seams

AT = attrgetter("at")
FINE = 4096  # samples of one metric; of more than that, the older half is merged by the second
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Metric:
    """What a series of values is called; with other dimensions it is another metric."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, namespace: str, name: str, dimensions: Iterable[Mapping[str, str]] | None) -> Metric:
        """Return the metric of a request; the order of dimensions does not matter."""
        pairs = sorted((each["Name"], each["Value"]) for each in dimensions or ())
        return cls(namespace, name, tuple(pairs))


@dataclass(frozen=True, slots=True)
class Sample:
    """What one put said of one metric at one moment."""

    at: float  # seconds since the epoch, as everywhere in this package
    unit: str
    count: float
    total: float
    low: float
    high: float
    values: Mapping[float, float] | None  # value: how often; None where only a statistic set was put


def sample(values: Mapping[float, float], at: float, unit: str = "None") -> Sample:
    """Return a sample of values and how often each came."""
    total = math.fsum(value * count for value, count in values.items())
    return Sample(at, unit, sum(values.values()), total, min(values), max(values), values)


def put(account: str, region: str, samples: Iterable[tuple[Metric, Sample]]) -> None:
    """Keep samples of this machine's own making (invocations): what PutMetricData does, without the wire."""
    _keep(itself.backend("cloudwatch", account, region), samples)


def read(account: str, region: str, metric: Metric, start: float, end: float) -> list[Sample]:
    """Return the samples of a metric from `start` to before `end`, oldest first."""
    backend = itself.backend("cloudwatch", account, region)
    with _lock:
        kept = _series(backend).get(metric, [])
        first = bisect.bisect_left(kept, start, key=AT)
        found = kept[first : bisect.bisect_left(kept, end, lo=first, key=AT)]
    return found or _of_moto(backend, metric, start, end)


def epoch(moment: datetime | None) -> float:
    """Return a moment as seconds since the epoch; no moment is now, one without a zone is in UTC."""
    if moment is None:
        return time.time()
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


@seams.wrap("moto.cloudwatch.models", "CloudWatchBackend.put_metric_data")
def put_metric_data(
    original: Any, backend: CloudWatchBackend, namespace: str, metric_data: list[dict[str, Any]]
) -> None:
    """Check what moto checks and keep it here; `original` would keep every value apart."""
    for number, datum in enumerate(metric_data, 1):
        backend._validate_parameters_put_metric_data(datum, number)
        _refuse_infinite(datum, number)
    _keep(
        backend,
        [(Metric.of(namespace, d["MetricName"], d.get("Dimensions")), _sample(d)) for d in metric_data],
    )


def _refuse_infinite(datum: Mapping[str, Any], number: int) -> None:
    for value in [
        datum.get("Value", 0.0),
        *datum.get("Values", ()),
        *datum.get("StatisticValues", {}).values(),
    ]:
        if not math.isfinite(float(value)):
            name = f"MetricData.member.{number}.Value"
            raise seams.AwsError(
                "InvalidParameterValue", f"The value {value} for parameter {name} is invalid."
            )


def _sample(datum: Mapping[str, Any]) -> Sample:
    at, unit = epoch(datum.get("Timestamp")), datum.get("Unit") or "None"
    if datum.get("Values"):
        values: dict[float, float] = {}
        counts = datum.get("Counts") or [1.0] * len(datum["Values"])
        for value, count in zip(datum["Values"], counts, strict=True):
            values[float(value)] = values.get(float(value), 0.0) + float(count)
        return sample(values, at, unit)
    if given := datum.get("StatisticValues"):
        count, total = float(given["SampleCount"]), float(given["Sum"])
        low, high = float(given["Minimum"]), float(given["Maximum"])
        # "Percentiles ... unless the SampleCount is 1 or Min and Max are equal" (PutMetricData).
        return Sample(at, unit, count, total, low, high, {low: count} if low == high else None)
    return sample({float(datum.get("Value", 0.0)): 1.0}, at, unit)


def _keep(backend: CloudWatchBackend, samples: Iterable[tuple[Metric, Sample]]) -> None:
    with _lock:
        series = _series(backend)
        for metric, each in samples:
            if metric not in series:
                series[metric] = []
                backend.metric_data.append(_named(metric, each))
            bisect.insort(series[metric], each, key=AT)
            if len(series[metric]) > FINE:
                series[metric] = merged(series[metric])


def merged(samples: list[Sample]) -> list[Sample]:
    """Return samples with the older half merged by unit and second: no value is lost, memory is kept."""
    half = len(samples) // 2
    groups: dict[tuple[int, str, bool], list[Sample]] = {}
    for each in samples[:half]:
        groups.setdefault((int(each.at), each.unit, each.values is None), []).append(each)
    return sorted([*(_merge(group) for group in groups.values()), *samples[half:]], key=AT)


def _merge(group: list[Sample]) -> Sample:
    values: dict[float, float] | None = None if group[0].values is None else {}
    for each in group:
        for value, count in (each.values or {}).items():
            assert values is not None
            values[value] = values.get(value, 0.0) + count
    return Sample(
        group[0].at,
        group[0].unit,
        sum(each.count for each in group),
        math.fsum(each.total for each in group),
        min(each.low for each in group),
        max(each.high for each in group),
        values,
    )


def _series(backend: CloudWatchBackend) -> dict[Metric, list[Sample]]:
    return vars(backend).setdefault("emulator_series", {})  # goes when moto forgets the backend's state


def _named(metric: Metric, each: Sample) -> MetricDatum:
    """Return the one record by which moto's ListMetrics knows of a metric."""
    dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions]
    moment = datetime.fromtimestamp(each.at, UTC)
    return MetricDatum(metric.namespace, metric.name, 0.0, dimensions, moment, each.unit)


def _of_moto(backend: CloudWatchBackend, metric: Metric, start: float, end: float) -> list[Sample]:
    """Return what moto's own services say of themselves: buckets of their sizes."""
    if metric.namespace != "AWS/S3":
        return []
    found = []
    for datum in backend.aws_metric_data:
        dimensions = tuple(sorted((each.name, each.value) for each in datum.dimensions))
        at = epoch(datum.timestamp)
        if Metric(datum.namespace, datum.name, dimensions) == metric and start <= at < end:
            found.append(sample({float(datum.value): 1.0}, at, datum.unit))
    return found
