"""The metrics of `metrics.py` for many resamples at once: scikit-learn's would need a thousand calls each.

A resample is a row of weights: how often each row of the test data was drawn. Each function takes the
truth (n,), the predictions (n,) or (n, classes) and weights (resamples, n) and returns (resamples,).
`tests/training/test_metrics.py` holds each equal to scikit-learn's.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Array = np.ndarray
PerRow = Callable[[Array, Array], Array]  # truth and predictions to a number for each row
EPSILON = float(np.finfo(np.float64).eps)  # where scikit-learn's log_loss clips a probability of 0


def labels(predictions: Array) -> Array:
    """Return the predicted class: the likelier of two, or the likeliest of many."""
    return predictions.argmax(axis=1) if predictions.ndim == 2 else (predictions >= 0.5).astype(np.int64)


def mean_of(per_row: PerRow, truth: Array, predictions: Array, weights: Array) -> Array:
    """Return the weighted mean of a number per row: one matrix product for all resamples."""
    return weights @ per_row(truth, predictions) / weights.sum(axis=1)


def row_log_loss(truth: Array, predictions: Array) -> Array:
    """Return each row's surprise at its true class."""
    wide = predictions.astype(np.float64)
    wide = wide / wide.sum(axis=1, keepdims=True) if wide.ndim == 2 else wide  # float32 sums are off by 1e-7
    chosen = wide[np.arange(len(truth)), truth] if wide.ndim == 2 else np.where(truth == 1, wide, 1.0 - wide)
    return -np.log(np.clip(chosen, EPSILON, 1.0))


def row_correct(truth: Array, predictions: Array) -> Array:
    """Return 1 for each row whose predicted class is the true one."""
    return (labels(predictions) == truth) * 1.0


def row_squared(truth: Array, predictions: Array) -> Array:
    """Return each row's squared error."""
    return (truth - predictions.astype(np.float64)) ** 2


def row_absolute(truth: Array, predictions: Array) -> Array:
    """Return each row's absolute error."""
    return np.abs(truth - predictions.astype(np.float64))


def rmses(truth: Array, predictions: Array, weights: Array) -> Array:
    """Return the root of the mean squared error."""
    return np.sqrt(mean_of(row_squared, truth, predictions, weights))


def r2s(truth: Array, predictions: Array, weights: Array) -> Array:
    """Return the share of the variance that is explained."""
    centred = truth - truth.mean()  # r2 does not move with the origin; the sums below lose fewer digits
    mean = weights @ centred / weights.sum(axis=1)
    variance = weights @ centred**2 / weights.sum(axis=1) - mean**2
    return 1.0 - mean_of(row_squared, truth, predictions, weights) / variance


def aucs(truth: Array, predictions: Array, weights: Array) -> Array:
    """Return the share of (positive, negative) pairs in the right order; a tie counts half."""
    positive = predictions[truth == 1]
    mass, ranked = _cumulated(truth != 1, predictions, weights)
    ordered = weights.T[np.flatnonzero(truth == 1)]
    beaten = mass[np.searchsorted(ranked, positive, side="left")]
    beaten += mass[np.searchsorted(ranked, positive, side="right")]
    return np.einsum("ij,ij->j", ordered, beaten) / (2.0 * ordered.sum(axis=0) * mass[-1])


def average_precisions(truth: Array, predictions: Array, weights: Array) -> Array:
    """Return the mean, over the positives, of the precision when the threshold stands at each of them."""
    score = predictions[truth == 1]
    caught_mass, caught_ranked = _cumulated(truth == 1, -predictions, weights)
    wrong_mass, wrong_ranked = _cumulated(truth != 1, -predictions, weights)
    caught = caught_mass[np.searchsorted(caught_ranked, -score, side="right")]
    flagged = caught + wrong_mass[np.searchsorted(wrong_ranked, -score, side="right")]
    np.divide(caught, flagged, out=caught, where=flagged > 0)  # 0/0: never drawn, so of no weight below
    return np.einsum("ij,ij->j", weights.T[np.flatnonzero(truth == 1)], caught) / caught_mass[-1]


def _cumulated(chosen: Array, score: Array, weights: Array) -> tuple[Array, Array]:
    """Return weights of the chosen rows added up by rising score, (chosen + 1, resamples), and scores."""
    rows = np.flatnonzero(chosen)
    rows = rows[np.argsort(score[rows])]
    mass = np.zeros((len(rows) + 1, len(weights)))
    np.cumsum(weights.T[rows], axis=0, out=mass[1:])
    return mass, score[rows]


def macro_aucs(truth: Array, predictions: Array, weights: Array) -> Array:
    """Return the mean AUC of each class against the rest."""
    each = [aucs((truth == k) * 1, column, weights) for k, column in enumerate(predictions.T)]
    return np.mean(each, axis=0)


def macro_f1s(truth: Array, predictions: Array, weights: Array) -> Array:
    """Return the mean F1 of the classes; a class that is neither there nor predicted counts 0."""
    classes = np.arange(predictions.shape[1])
    actual, said = (each[:, None] == classes for each in (truth, labels(predictions)))
    total = weights @ (actual * 1.0 + said)
    return np.where(total > 0, 2.0 * (weights @ (actual & said)) / np.maximum(total, 1.0), 0.0).mean(axis=1)
