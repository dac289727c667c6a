"""What each task is measured by: one table, extended by adding a line.

A metric is a name, a function and a direction. The function takes the truth, the predictions and one
weight per row, as scikit-learn's do, and returns a number. To judge by a metric of your own, write
such a function, add `Metric(name, function, higher_is_better)` to its task in METRICS, and name it in
`[gate] metric` of mlops.toml.

Shapes: truth (n,) 0/1, class numbers, or values; predictions (n,) probability of the positive class or
values, (n, classes) probabilities for multiclass; weights (n,), and (resamples, n) in `at_once`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from sklearn import metrics as sk

from training import resampled
from training.resampled import labels, normal

Array = np.ndarray


@dataclass(frozen=True)
class Metric:
    """A name, a function of (truth, predictions, weights), and which way is better.

    `at_once` is optional: the same number for a matrix of weights at once, for a quick bootstrap.
    Without it the function is called once for each resample.
    """

    name: str
    function: Callable[[Array, Array, Array], float]
    higher_is_better: bool = True
    at_once: Callable[[Array, Array, Array], Array] | None = None

    def measure(self, truth: Array, predictions: Array) -> float:
        """Return the metric of all rows, or NaN where it has no value: no rows, NaN answers, one class."""
        if not len(truth) or not np.isfinite(predictions).all():
            return float("nan")
        return self._call(truth, predictions, np.ones(len(truth)))

    def resample(self, truth: Array, predictions: Array, weights: Array) -> Array:
        """Return the metric under each row of weights, shape (resamples,); NaN where it has no value."""
        if not len(truth) or not np.isfinite(predictions).all():
            return np.full(len(weights), np.nan)
        if self.at_once is None:
            return np.array([self._call(truth, predictions, row) for row in weights])
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.at_once(truth, predictions, weights)

    def _call(self, truth: Array, predictions: Array, weights: Array) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scikit-learn warns and answers NaN where a class is absent
            try:
                return float(self.function(truth, predictions, weights))
            except ValueError:
                return float("nan")  # no value; the gate refuses it and says which metric it was


# scikit-learn's functions, as functions of (truth, predictions, weights)


def _accuracy(truth: Array, predictions: Array, weights: Array) -> float:
    return sk.accuracy_score(truth, labels(predictions), sample_weight=weights)


def _log_loss(truth: Array, predictions: Array, weights: Array) -> float:
    classes = np.arange(predictions.shape[1] if predictions.ndim == 2 else 2)
    return sk.log_loss(truth, normal(predictions), sample_weight=weights, labels=classes)


def _macro_f1(truth: Array, predictions: Array, weights: Array) -> float:
    classes = np.arange(predictions.shape[1])
    score = sk.f1_score(
        truth, labels(predictions), labels=classes, average="macro", sample_weight=weights, zero_division=0
    )
    return float(score)


def _macro_auc(truth: Array, predictions: Array, weights: Array) -> float:
    """Return the mean AUC of each class against the rest; NaN when a class is absent."""
    each = [
        sk.roc_auc_score(truth == k, column, sample_weight=weights) for k, column in enumerate(predictions.T)
    ]
    return float(np.mean(each))


def _auc(truth: Array, predictions: Array, weights: Array) -> float:
    return sk.roc_auc_score(truth, predictions, sample_weight=weights)


def _average_precision(truth: Array, predictions: Array, weights: Array) -> float:
    if not truth.any():
        return float("nan")  # scikit-learn answers 0 here, which would pass for a measurement
    return sk.average_precision_score(truth, predictions, sample_weight=weights)


def _brier(truth: Array, predictions: Array, weights: Array) -> float:
    return sk.brier_score_loss(truth, normal(predictions), sample_weight=weights)


def _rmse(truth: Array, predictions: Array, weights: Array) -> float:
    return sk.root_mean_squared_error(truth, predictions, sample_weight=weights)


def _mae(truth: Array, predictions: Array, weights: Array) -> float:
    return sk.mean_absolute_error(truth, predictions, sample_weight=weights)


def _r2(truth: Array, predictions: Array, weights: Array) -> float:
    return sk.r2_score(truth, predictions, sample_weight=weights)


LOG_LOSS = Metric("log_loss", _log_loss, False, partial(resampled.mean_of, resampled.row_log_loss))
ACCURACY = Metric("accuracy", _accuracy, True, partial(resampled.mean_of, resampled.row_correct))

# The first metric of a task is the one that its report leads with.
METRICS: dict[str, tuple[Metric, ...]] = {
    "binary": (
        Metric("auc", _auc, True, resampled.aucs),
        Metric("average_precision", _average_precision, True, resampled.average_precisions),
        LOG_LOSS,
        Metric("brier", _brier, False, partial(resampled.mean_of, resampled.row_squared)),
        ACCURACY,
    ),
    "multiclass": (
        ACCURACY,
        Metric("macro_f1", _macro_f1, True, resampled.macro_f1s),
        LOG_LOSS,
        Metric("macro_auc", _macro_auc, True, resampled.macro_aucs),
    ),
    "regression": (
        Metric("rmse", _rmse, False, resampled.rmses),
        Metric("mae", _mae, False, partial(resampled.mean_of, resampled.row_absolute)),
        Metric("r2", _r2, True, resampled.r2s),
    ),
}


def directions(task: str) -> dict[str, bool]:
    """Return {metric name: higher is better} of a task, which is all the gate needs to know."""
    return {metric.name: metric.higher_is_better for metric in METRICS[task]}
