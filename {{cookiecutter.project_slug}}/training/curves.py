"""The lines behind the report's plots, as few points as a reader can see."""

from __future__ import annotations

import numpy as np

Array = np.ndarray
MOST_POINTS = 240  # of one line; more only make the file larger


def roc(truth: Array, predictions: Array) -> tuple[Array, Array]:
    """Return (false positive rate, true positive rate) as the threshold falls."""
    caught, flagged = _cumulated(truth, predictions)
    wrong = flagged - caught
    return _thinned(np.append(0.0, wrong / wrong[-1]), np.append(0.0, caught / caught[-1]))


def precision_recall(truth: Array, predictions: Array) -> tuple[Array, Array]:
    """Return (recall, precision) as the threshold falls, from the first positive on."""
    caught, flagged = _cumulated(truth, predictions)
    there = caught > 0
    return _thinned(caught[there] / caught[-1], caught[there] / flagged[there])


def histogram(values: Array, low: float, high: float, bins: int = 30) -> tuple[Array, Array]:
    """Return bin edges and the share of the values in each bin."""
    counts, edges = np.histogram(values, bins=bins, range=(low, high))
    return edges, counts / max(1, len(values))


def confusion(truth: Array, predicted: Array, classes: int) -> Array:
    """Return counts (truth, predicted)."""
    return np.bincount(truth * classes + predicted, minlength=classes**2).reshape(classes, classes)


def heat(across: Array, up: Array, low: float, high: float, bins: int = 40) -> tuple[Array, Array]:
    """Return bin edges, the same on both axes, and counts (across, up) of points."""
    counts, edges, _ = np.histogram2d(across, up, bins=bins, range=((low, high), (low, high)))
    return edges, counts


def _cumulated(truth: Array, predictions: Array) -> tuple[Array, Array]:
    """Return positives and rows at or above each distinct score, from the highest down."""
    order = np.argsort(-predictions, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(predictions[order]) != 0, True))
    return np.cumsum(truth[order] == 1)[ends].astype(float), ends + 1.0


def _thinned(across: Array, up: Array) -> tuple[Array, Array]:
    """Return the points nearest to an even spacing along the line, its ends always."""
    if len(across) <= MOST_POINTS:
        return across, up
    length = np.append(0.0, np.cumsum(np.hypot(np.diff(across), np.diff(up))))
    keep = np.unique(
        np.searchsorted(length, np.linspace(0.0, length[-1], MOST_POINTS)).clip(max=len(across) - 1)
    )
    return across[keep], up[keep]
