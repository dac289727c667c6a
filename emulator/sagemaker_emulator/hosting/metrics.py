"""What CloudWatch knows of invocations: AWS's metric names, with and without the config's dimension.

A request only counts up a few numbers; a thread hands them over six times a minute. Each value is kept, so
that percentiles are right; latencies are rounded to three digits, so that a histogram stays small.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from dataclasses import dataclass, field

from sagemaker_emulator import clock, endings, itself
from sagemaker_emulator.monitoring import data
from sagemaker_emulator.monitoring.data import Metric, Sample

log = logging.getLogger(__name__)

NAMESPACE = "AWS/SageMaker"
FLUSH_SECONDS = 10  # of AWS's time, which is scaled
LEAST_SECONDS = 0.1


@dataclass(frozen=True)
class Where:
    """Who was invoked."""

    endpoint: str
    config: str
    variant: str


@dataclass
class Counts:
    """What happened since the last flush: for each metric, which value came how often."""

    values: dict[str, dict[float, float]] = field(default_factory=dict)

    def add(self, metric: str, value: float) -> None:
        """Count one value."""
        counts = self.values.setdefault(metric, {})
        counts[value] = counts.get(value, 0.0) + 1.0


Key = tuple[str, str, Where]  # account, region

_lock = threading.Lock()
_counts: dict[Key, Counts] = {}
_something = threading.Event()
_stop: threading.Event | None = None


def record(
    region: str,
    where: Where,
    status: int,
    model_seconds: float | None,
    overhead_seconds: float,
    account: str = itself.ACCOUNT,
) -> None:
    """Count one invocation; `model_seconds` is None if no container was asked, `status` 0 without answer."""
    with _lock:
        counts = _counts.get((account, region, where))
        if counts is None:
            counts = _counts[account, region, where] = Counts()
        counts.add("Invocations", 1.0)
        counts.add("Invocation4XXErrors", float(400 <= status < 500))
        # No answer at all is a server's error to SageMaker's own client.
        counts.add("Invocation5XXErrors", float(status >= 500 or status == 0))
        counts.add("OverheadLatency", _rounded(overhead_seconds * 1e6))
        if model_seconds is not None:
            # 1 for whatever is not a 2XX, a request without an answer included.
            counts.add("InvocationModelErrors", float(not 200 <= status < 300))
            counts.add("ModelLatency", _rounded(model_seconds * 1e6))
    if _stop is None or not _something.is_set():
        _start()


def flush() -> None:
    """Hand what was counted to CloudWatch."""
    with _lock:
        _something.clear()
        taken = dict(_counts)
        _counts.clear()
    now = time.time()
    for (account, region, where), counts in taken.items():
        data.put(account, region, _samples(where, counts, now))


def _samples(where: Where, counts: Counts, now: float) -> list[tuple[Metric, Sample]]:
    two = (("EndpointName", where.endpoint), ("VariantName", where.variant))
    three = (("EndpointConfigName", where.config), *two)  # in order of their names, as Metric has them
    found = []
    for name, values in counts.values.items():
        each = data.sample(values, now, "Microseconds" if name.endswith("Latency") else "Count")
        found += [(Metric(NAMESPACE, name, dimensions), each) for dimensions in (two, three)]
    return found


def _rounded(microseconds: float) -> float:
    if microseconds < 1:
        return 0.0
    digits = 2 - math.floor(math.log10(microseconds))
    return float(round(microseconds, digits))


def _start() -> None:
    """Wake the thread that hands over, or make one."""
    global _stop
    with _lock:
        _something.set()
        if _stop is None:
            _stop = threading.Event()
            threading.Thread(target=_hand_over, args=(_stop,), name="metrics", daemon=True).start()


def _hand_over(stop: threading.Event) -> None:
    while not stop.is_set():
        _something.wait()
        stop.wait(max(clock.scaled(FLUSH_SECONDS), LEAST_SECONDS))
        try:
            flush()
        except Exception:
            log.exception("event=metrics_lost")


@endings.at_shutdown
def stop() -> None:
    """Stop handing over; the emulator ends."""
    global _stop
    with _lock:
        ending, _stop = _stop, None
    if ending is not None:
        ending.set()
        _something.set()
