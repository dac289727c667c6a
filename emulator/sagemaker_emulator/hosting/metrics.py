"""What CloudWatch knows of invocations: AWS's metric names, with and without the config's dimension.

Requests are only counted here; a thread hands the sums over twice a second: counting costs a request nothing.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sagemaker_emulator import seams

log = logging.getLogger(__name__)

NAMESPACE = "AWS/SageMaker"
FLUSH_SECONDS = 0.5


@dataclass
class Sum:
    """A statistic set of one metric: CloudWatch needs no more for Sum, Average, Minimum, Maximum."""

    count: int = 0
    total: float = 0.0
    least: float = float("inf")
    most: float = float("-inf")

    def add(self, value: float) -> None:
        """Count one value."""
        self.count += 1
        self.total += value
        self.least, self.most = min(self.least, value), max(self.most, value)


@dataclass(frozen=True)
class Where:
    """Who was invoked."""

    endpoint: str
    config: str
    variant: str


Key = tuple[str, tuple[tuple[str, str], ...], str, str]  # region, dimensions, metric, unit

_lock = threading.Lock()
_sums: defaultdict[Key, Sum] = defaultdict(Sum)
_running = threading.Event()


def record(
    region: str, where: Where, status: int, model_seconds: float | None, overhead_seconds: float
) -> None:
    """Count one invocation. `model_seconds` is None when no container was asked."""
    two = (("EndpointName", where.endpoint), ("VariantName", where.variant))
    values = [
        ("Invocations", 1.0, "Count"),
        ("Invocation4XXErrors", float(400 <= status < 500), "Count"),
        # 0 stands for no answer at all, which SageMaker's own client sees as a server's error.
        ("Invocation5XXErrors", float(status >= 500 or status == 0), "Count"),
        ("OverheadLatency", overhead_seconds * 1e6, "Microseconds"),
    ]
    if model_seconds is not None:
        values.append(("ModelLatency", model_seconds * 1e6, "Microseconds"))
    with _lock:
        for dimensions in (two, (*two, ("EndpointConfigName", where.config))):
            for name, value, unit in values:
                _sums[region, dimensions, name, unit].add(value)
    _start()


def flush() -> None:
    """Hand what was counted to CloudWatch."""
    with _lock:
        taken = dict(_sums)
        _sums.clear()
    by_region: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    now = datetime.now(UTC)
    for (region, dimensions, name, unit), each in taken.items():
        by_region[region].append(_datum(dimensions, name, unit, each, now))
    for region, data in by_region.items():
        for start in range(0, len(data), 500):
            seams.client("cloudwatch", region).put_metric_data(
                Namespace=NAMESPACE, MetricData=data[start : start + 500]
            )


def _datum(
    dimensions: tuple[tuple[str, str], ...], name: str, unit: str, each: Sum, now: datetime
) -> dict[str, Any]:
    return {
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions],
        "Timestamp": now,
        "Unit": unit,
        "StatisticValues": {
            "SampleCount": each.count,
            "Sum": each.total,
            "Minimum": each.least,
            "Maximum": each.most,
        },
    }


def _start() -> None:
    if not _running.is_set():
        _running.set()
        stop = threading.Event()
        seams.at_shutdown(stop.set)
        threading.Thread(target=_hand_over, args=(stop,), name="metrics", daemon=True).start()


def _hand_over(stop: threading.Event) -> None:
    while not stop.wait(FLUSH_SECONDS):
        try:
            flush()
        except Exception:
            log.exception("event=metrics_lost")
    _running.clear()
