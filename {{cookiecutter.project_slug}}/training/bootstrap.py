"""How sure a metric is: intervals by resampling the test rows, and how well probabilities are calibrated.

Candidate and champion meet the same resamples, so the interval of their difference is a paired one: what
both find hard cancels out, and it is several times narrower than the two intervals beside each other.
Intervals are the middle 95 % of the resamples; the seed is fixed, so the same rows give the same interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from training.metrics import Metric
from training.resampled import labels

Array = np.ndarray
Entry = dict[
    str, Any
]  # {"value", "low", "high", "n"} as evaluation.json holds it; None where there is no number

SEED = 7  # fixed: two evaluations of one model on one snapshot must give one verdict
LEVEL = 0.95  # of every interval
RESAMPLES = (200, 1000)  # fewest and most; large tables need fewer, their intervals are narrow
RESAMPLED_ROWS = 40_000_000  # budget of rows drawn, which decides between the two
CHUNK = 2_000_000  # weights held in memory at a time, 16 MB
LOST = 0.05  # share of resamples that may have no value (a class is absent) before the interval has none
Z = 1.959964  # 95 % of a normal distribution


@dataclass(frozen=True)
class Comparison:
    """Metrics of a candidate, of a champion on the same rows, and candidate minus champion."""

    candidate: dict[str, Entry]
    champion: dict[str, Entry] | None
    difference: dict[str, Entry] | None


def compare(
    metrics: Sequence[Metric], truth: Array, candidate: Array, champion: Array | None = None, seed: int = SEED
) -> Comparison:
    """Measure both models on the same rows, with intervals from the same resamples."""
    models = {"candidate": candidate} | ({} if champion is None else {"champion": champion})
    draws: dict[tuple[str, str], list[Array]] = {(model, m.name): [] for model in models for m in metrics}
    for weights in resamples(len(truth), seed):
        for model, predictions in models.items():
            for metric in metrics:
                draws[model, metric.name].append(metric.resample(truth, predictions, weights))
    drawn = {key: np.concatenate(chunks) if chunks else np.empty(0) for key, chunks in draws.items()}
    value = {(model, m.name): m.measure(truth, models[model]) for model in models for m in metrics}

    def table(model: str) -> dict[str, Entry]:
        return {m.name: entry(value[model, m.name], drawn[model, m.name], len(truth)) for m in metrics}

    if champion is None:
        return Comparison(table("candidate"), None, None)
    difference = {
        m.name: entry(
            value["candidate", m.name] - value["champion", m.name],
            drawn["candidate", m.name] - drawn["champion", m.name],
            len(truth),
        )
        for m in metrics
    }
    return Comparison(table("candidate"), table("champion"), difference)


def resamples(rows: int, seed: int = SEED) -> Iterator[Array]:
    """Yield matrices (resamples, rows) of how often each row was drawn, a chunk at a time."""
    if not rows:
        return
    random = np.random.default_rng(seed)
    left = int(np.clip(RESAMPLED_ROWS // rows, *RESAMPLES))
    size = max(1, CHUNK // rows)
    while left > 0:
        count = min(size, left)
        drawn = random.integers(0, rows, size=(rows, count)) * count + np.arange(count)
        times = np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count)
        yield times.T.astype(np.float64)  # a row's weights lie side by side, since metrics sort and pick rows
        left -= count


def entry(value: float, drawn: Array, rows: int) -> Entry:
    """Return a value with the interval of its resamples; null where there is no number for one."""
    good = drawn[np.isfinite(drawn)]
    result: Entry = {"value": value if isfinite(value) else None, "low": None, "high": None, "n": rows}
    if isfinite(value) and len(good) and len(good) >= (1.0 - LOST) * len(drawn):
        low, high = np.quantile(good, [(1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0])
        result |= {"low": float(low), "high": float(high)}
    return result


def calibration(truth: Array, predictions: Array, bins: int = 10) -> list[Entry]:
    """Return bins of equally many rows: mean prediction, observed share, its interval (Wilson's), and n.

    Of many classes, the prediction is the likeliest one's probability, the truth whether it is right.
    """
    if not len(truth) or not np.isfinite(predictions).all():
        return []
    if predictions.ndim == 2:
        truth, predictions = (labels(predictions) == truth).astype(np.int64), predictions.max(axis=1)
    edges = np.unique(np.quantile(predictions, np.linspace(0.0, 1.0, bins + 1)[1:-1]))
    place = np.searchsorted(edges, predictions, side="right")
    return [_bin(truth[place == k], predictions[place == k]) for k in np.unique(place)]


def calibration_error(bins: Sequence[Entry]) -> float | None:
    """Return the expected calibration error: how far prediction and observation are apart in a row's bin."""
    total = sum(entry["n"] for entry in bins)
    return (
        sum(entry["n"] * abs(entry["predicted"] - entry["observed"]) for entry in bins) / total
        if total
        else None
    )


def _bin(truth: Array, predictions: Array) -> Entry:
    rows, share = len(truth), float(truth.mean())
    middle = (share + Z**2 / (2 * rows)) / (1 + Z**2 / rows)
    half = Z / (1 + Z**2 / rows) * np.sqrt(share * (1 - share) / rows + Z**2 / (4 * rows**2))
    return {
        "n": rows,
        "predicted": float(predictions.mean()),
        "observed": share,
        "low": max(0.0, float(middle - half)),
        "high": min(1.0, float(middle + half)),
    }
