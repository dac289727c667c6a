"""Metrics: the quick ones equal scikit-learn's, and what has no value is NaN instead of an exception."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from training.metrics import METRICS, Metric, directions
from training.resampled import labels

ROWS = 400


def normal(predictions: np.ndarray) -> np.ndarray:
    """Return probabilities that add up to 1 exactly; float32 sums are off by 1e-7."""
    wide = predictions.astype(np.float64)
    return wide / wide.sum(axis=1, keepdims=True) if wide.ndim == 2 else wide


REFERENCES = {
    "auc": lambda y, p, w: sk.roc_auc_score(y, p, sample_weight=w),
    "average_precision": lambda y, p, w: sk.average_precision_score(y, p, sample_weight=w),
    "log_loss": lambda y, p, w: sk.log_loss(y, normal(p), sample_weight=w),
    "brier": lambda y, p, w: sk.brier_score_loss(y, normal(p), sample_weight=w),
    "accuracy": lambda y, p, w: sk.accuracy_score(y, labels(p), sample_weight=w),
    "macro_f1": lambda y, p, w: sk.f1_score(y, labels(p), average="macro", sample_weight=w),
    "macro_auc": lambda y, p, w: np.mean(
        [sk.roc_auc_score(y == k, column, sample_weight=w) for k, column in enumerate(p.T)]
    ),
    "rmse": lambda y, p, w: sk.root_mean_squared_error(y, p, sample_weight=w),
    "mae": lambda y, p, w: sk.mean_absolute_error(y, p, sample_weight=w),
    "r2": lambda y, p, w: sk.r2_score(y, p, sample_weight=w),
}


def make_rows(task: str, rows: int = ROWS, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return truth and predictions, with ties, of a model that is better than chance."""
    random = np.random.default_rng(seed)
    if task == "regression":
        truth = 1000.0 + 50.0 * random.normal(size=rows)
        return truth, (truth + 20.0 * random.normal(size=rows)).astype(np.float32)
    if task == "multiclass":
        predictions = random.dirichlet([1.0, 1.0, 2.0], size=rows).astype(np.float32)
        truth = np.array([random.choice(3, p=row / row.sum()) for row in predictions.astype(np.float64)])
        return truth, predictions
    truth = (random.random(rows) < 0.3).astype(np.int64)
    score = 1.0 / (1.0 + np.exp(-(2.0 * truth - 1.0 + random.normal(size=rows))))
    return truth, np.round(score, 2).astype(np.float32)


def make_weights(rows: int = ROWS, resamples: int = 5) -> np.ndarray:
    """Return how often each row was drawn, for a few resamples."""
    random = np.random.default_rng(5)
    return (
        np.stack([np.bincount(random.integers(0, rows, rows), minlength=rows) for _ in range(resamples)])
        * 1.0
    )


CASES = [
    pytest.param(task, metric, id=f"{task} {metric.name}") for task in METRICS for metric in METRICS[task]
]


@pytest.mark.parametrize(("task", "metric"), CASES)
def test_the_quick_resamples_equal_scikit_learn_called_once_for_each(task, metric):
    truth, predictions = make_rows(task)
    weights = make_weights()
    one_by_one = Metric(metric.name, REFERENCES[metric.name]).resample(truth, predictions, weights)
    assert metric.resample(truth, predictions, weights) == pytest.approx(one_by_one, rel=1e-9, abs=1e-9)
    whole = REFERENCES[metric.name](truth, predictions, np.ones(len(truth)))
    assert metric.measure(truth, predictions) == pytest.approx(whole, rel=1e-9)


@pytest.mark.parametrize(("task", "metric"), CASES)
def test_a_nan_among_the_predictions_leaves_no_metric(task, metric):
    truth, predictions = make_rows(task)
    predictions[7] = np.nan
    assert np.isnan(metric.measure(truth, predictions))
    assert np.isnan(metric.resample(truth, predictions, make_weights())).all()


@pytest.mark.parametrize(("task", "metric"), CASES)
def test_no_rows_leave_no_metric(task, metric):
    truth, predictions = make_rows(task)
    assert np.isnan(metric.measure(truth[:0], predictions[:0]))


@pytest.mark.parametrize("name", ["auc", "average_precision"])
def test_a_test_split_of_one_class_has_no_ranking_metric(name):
    metric = next(metric for metric in METRICS["binary"] if metric.name == name)
    assert np.isnan(metric.measure(np.zeros(9, np.int64), np.linspace(0, 1, 9)))


def test_a_resample_without_a_class_is_nan_and_does_not_warn():
    truth, predictions = np.array([0, 0, 1]), np.array([0.1, 0.2, 0.9])
    auc = METRICS["binary"][0]
    drawn = auc.resample(truth, predictions, np.array([[1.0, 2.0, 0.0], [1.0, 1.0, 1.0]]))
    assert np.isnan(drawn[0])
    assert drawn[1] == 1.0


def test_a_metric_of_ones_own_needs_a_name_a_function_and_a_direction():
    def half_cost(truth, predictions, weights):
        return float(np.average((predictions >= 0.5) != truth, weights=weights))

    metric = Metric("half_cost", half_cost, higher_is_better=False)
    truth, predictions = make_rows("binary")
    expected = 1.0 - sk.accuracy_score(truth, predictions >= 0.5)
    assert metric.measure(truth, predictions) == pytest.approx(expected)
    assert metric.resample(truth, predictions, make_weights()).shape == (5,)


def test_each_metric_knows_which_way_is_better():
    assert directions("binary") == {
        "auc": True,
        "average_precision": True,
        "log_loss": False,
        "brier": False,
        "accuracy": True,
    }
    assert directions("regression") == {"rmse": False, "mae": False, "r2": True}
