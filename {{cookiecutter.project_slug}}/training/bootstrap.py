"""How sure a metric is: intervals by resampling the test rows, and how well probabilities are calibrated.

Candidate and champion meet the same resamples, so the interval of their difference is a paired one: what
both find hard cancels out, and it is several times narrower than the two intervals beside each other.
Intervals are the middle 95 % of the resamples; the seed is fixed, so the same rows give the same interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from math import isfinite, sqrt
from typing import Any

import numpy as np

from training.metrics import Metric
from training.resampled import labels

Array = np.ndarray
Entry = dict[str, Any]  # {"value", "low", "high", "n"} of evaluation.json; None where there is no number

SEED = 7  # fixed: two evaluations of one model on one snapshot must give one verdict
RESAMPLES = (200, 1000)  # fewest and most; large tables need fewer, their intervals are narrow
RESAMPLED_ROWS = 40_000_000  # budget of rows drawn, which decides between the two
CHUNK = 2_000_000  # weights held in memory at a time, 16 MB
LOST = 0.05  # share of resamples that may have no value (a class is absent) before the interval has none
Z = 1.959964  # 95 % of a normal distribution


@dataclass(frozen=True)
class Comparison:
    """Metrics of a candidate, of a champion on the same rows, and candidate minus champion."""

    candidate: dict[str, Entry]
    champion: dict[str, Entry] | None = None
    difference: dict[str, Entry] | None = None


def compare(
    metrics: Sequence[Metric], truth: Array, candidate: Array, champion: Array | None = None
) -> Comparison:
    """Measure both models on the same rows, with intervals from the same resamples."""
    models = [candidate] if champion is None else [candidate, champion]
    weights = chain([np.ones((1, len(truth)))], resamples(len(truth)))
    parts = [
        [[metric.resample(truth, model, each) for metric in metrics] for model in models] for each in weights
    ]
    found = np.concatenate(
        parts, axis=-1
    )  # (models, metrics, 1 + resamples): the first is of all rows as they are
    if champion is not None:
        found = np.append(found, found[:1] - found[1:], axis=0)
    names = [metric.name for metric in metrics]
    tables = [[entry(values[0], values[1:], len(truth)) for values in model] for model in found]
    return Comparison(*(dict(zip(names, table, strict=True)) for table in tables))


def resamples(rows: int) -> Iterator[Array]:
    """Yield matrices (resamples, rows) of how often each row was drawn, a chunk at a time."""
    random = np.random.default_rng(SEED)
    left = int(np.clip(RESAMPLED_ROWS // rows, *RESAMPLES)) if rows else 0
    while left > 0:
        count = min(max(1, CHUNK // rows), left)
        drawn = random.integers(0, rows, size=(rows, count)) * count + np.arange(count)
        times = np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count)
        yield times.T.astype(np.float64)  # a row's weights lie side by side: metrics sort and pick rows
        left -= count


def entry(value: float, drawn: Array, rows: int) -> Entry:
    """Return a value with the interval of its resamples; null where there is no number for one."""
    good = drawn[np.isfinite(drawn)]
    result: Entry = {"value": float(value) if isfinite(value) else None, "low": None, "high": None, "n": rows}
    if isfinite(value) and len(good) and len(good) >= (1.0 - LOST) * len(drawn):
        result["low"], result["high"] = np.quantile(good, [0.025, 0.975]).tolist()
    return result


def calibration(truth: Array, predictions: Array, bins: int = 10) -> list[Entry]:
    """Return bins of equally many rows: mean prediction, observed share, its interval (Wilson's), and n.

    Of many classes, the prediction is the likeliest one's probability, the truth whether it is right.
    """
    if not len(truth) or not np.isfinite(predictions).all():
        return []
    if predictions.ndim == 2:
        truth, predictions = labels(predictions) == truth, predictions.max(axis=1)
    edges = np.unique(np.quantile(predictions, np.linspace(0.0, 1.0, bins + 1)[1:-1]))
    place = np.searchsorted(edges, predictions, side="right")
    return [_bin(truth[place == k], predictions[place == k]) for k in np.unique(place)]


def calibration_error(bins: Sequence[Entry]) -> float | None:
    """Return the expected calibration error: how far prediction and observation are apart in a row's bin."""
    apart = sum(each["n"] * abs(each["predicted"] - each["observed"]) for each in bins)
    return apart / sum(each["n"] for each in bins) if bins else None


def _bin(truth: Array, predictions: Array) -> Entry:
    rows, share = len(truth), float(truth.mean())
    middle = (share + Z**2 / (2 * rows)) / (1 + Z**2 / rows)
    half = Z / (1 + Z**2 / rows) * sqrt(share * (1 - share) / rows + Z**2 / (4 * rows**2))
    ends = {"low": max(0.0, middle - half), "high": min(1.0, middle + half)}
    return {"n": rows, "predicted": float(predictions.mean()), "observed": share} | ends
