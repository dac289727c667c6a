"""What each task is measured by: one table, extended by adding a line.

A metric is a name, a function and a direction. The function takes the truth, the predictions and one
weight per row, as scikit-learn's do, and returns a number. To judge by a metric of your own, write
such a function, add `Metric(name, function, higher_is_better)` to its task in METRICS, and name it in
`[gate] metric` of mlops.toml.

Shapes: truth (n,) 0/1, class numbers, or values; predictions (n,) probability of the positive class or
values, (n, classes) probabilities for multiclass; weights (n,), or (resamples, n) for the quick ones.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from training import resampled

Array = np.ndarray


@dataclass(frozen=True)
class Metric:
    """A name, a function of (truth, predictions, weights), and which way is better."""

    name: str
    function: Callable[[Array, Array, Array], float | Array]
    higher_is_better: bool = True
    at_once: bool = False  # the function takes all resamples' weights at once and returns one number for each

    def measure(self, truth: Array, predictions: Array) -> float:
        """Return the metric of all rows, or NaN where it has no value: no rows, NaN answers, one class."""
        return float(self.resample(truth, predictions, np.ones((1, len(truth))))[0])

    def resample(self, truth: Array, predictions: Array, weights: Array) -> Array:
        """Return the metric under each row of weights, shape (resamples,); NaN where it has no value."""
        if not len(truth) or not np.isfinite(predictions).all():
            return np.full(len(weights), np.nan)
        with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
            warnings.simplefilter("ignore")  # scikit-learn warns and answers NaN where a class is absent
            if self.at_once:
                return np.asarray(self.function(truth, predictions, weights))
            return np.array([self._one(truth, predictions, row) for row in weights])

    def _one(self, truth: Array, predictions: Array, weights: Array) -> float:
        try:
            return float(self.function(truth, predictions, weights))
        except ValueError:
            return float("nan")  # no value; the gate refuses it and says which metric it was


LOG_LOSS = Metric("log_loss", partial(resampled.mean_of, resampled.row_log_loss), False, at_once=True)
ACCURACY = Metric("accuracy", partial(resampled.mean_of, resampled.row_correct), at_once=True)

# The first metric of a task is the one that its report leads with.
METRICS: dict[str, tuple[Metric, ...]] = {
    "binary": (
        Metric("auc", resampled.aucs, at_once=True),
        Metric("average_precision", resampled.average_precisions, at_once=True),
        LOG_LOSS,
        Metric("brier", partial(resampled.mean_of, resampled.row_squared), False, at_once=True),
        ACCURACY,
    ),
    "multiclass": (
        ACCURACY,
        Metric("macro_f1", resampled.macro_f1s, at_once=True),
        LOG_LOSS,
        Metric("macro_auc", resampled.macro_aucs, at_once=True),
    ),
    "regression": (
        Metric("rmse", resampled.rmses, False, at_once=True),
        Metric("mae", partial(resampled.mean_of, resampled.row_absolute), False, at_once=True),
        Metric("r2", resampled.r2s, at_once=True),
    ),
}


def directions(task: str) -> dict[str, bool]:
    """Return {metric name: higher is better} of a task, which is all the gate needs to know."""
    return {metric.name: metric.higher_is_better for metric in METRICS[task]}
