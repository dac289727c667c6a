"""Intervals: paired, seeded, quick, and absent where they would say nothing."""

from __future__ import annotations

import time

import numpy as np
import pytest

from tests.training.test_metrics import make_rows
from training.bootstrap import calibration, calibration_error, compare, resamples
from training.metrics import METRICS, Metric

AUC = METRICS["binary"][0]


def test_two_evaluations_of_the_same_rows_give_the_same_intervals():
    truth, candidate = make_rows("binary")
    assert compare([AUC], truth, candidate, candidate) == compare([AUC], truth, candidate, candidate)


def test_an_identical_champion_differs_by_exactly_nothing():
    truth, candidate = make_rows("binary")
    difference = compare([AUC], truth, candidate, candidate).difference
    assert difference["auc"] == {"value": 0.0, "low": 0.0, "high": 0.0, "n": len(truth)}


def test_the_paired_interval_is_narrower_than_the_two_beside_each_other():
    truth, candidate = make_rows("binary", rows=2000)
    noise = np.random.default_rng(1).normal(scale=0.02, size=len(truth))
    result = compare([AUC], truth, candidate, candidate + noise)
    width = {name: entry["auc"]["high"] - entry["auc"]["low"] for name, entry in vars(result).items()}
    assert width["difference"] < width["candidate"] / 3


def test_the_interval_holds_the_value_and_is_as_wide_as_theory_says():
    truth = np.repeat([0, 1], 500)
    right = np.where(np.arange(1000) % 10 == 0, 1 - truth, truth)  # accuracy 0.9
    accuracy = next(metric for metric in METRICS["binary"] if metric.name == "accuracy")
    entry = compare([accuracy], truth, right.astype(np.float32)).candidate["accuracy"]
    assert entry["value"] == pytest.approx(0.9)
    half = 1.96 * (0.9 * 0.1 / 1000) ** 0.5
    assert (entry["low"], entry["high"]) == pytest.approx((0.9 - half, 0.9 + half), abs=0.004)


def test_without_a_champion_there_is_no_difference():
    truth, candidate = make_rows("binary")
    result = compare([AUC], truth, candidate)
    assert result.champion is None
    assert result.difference is None


def test_a_value_without_enough_resamples_that_have_one_gets_no_interval():
    truth = np.array([1] + [0] * 9)  # a third of all resamples draw no positive row
    entry = compare([AUC], truth, np.linspace(1, 0, 10)).candidate["auc"]
    assert entry == {"value": 1.0, "low": None, "high": None, "n": 10}


def test_nan_and_no_rows_give_null_rather_than_nan():
    empty = {"value": None, "low": None, "high": None}
    assert compare([AUC], np.array([0, 1]), np.array([np.nan, 1.0])).candidate["auc"] == empty | {"n": 2}
    assert compare([AUC], np.empty(0), np.empty(0)).candidate["auc"] == empty | {"n": 0}


def test_large_tables_are_resampled_less_often_and_in_chunks():
    chunks = list(resamples(150_000))
    assert sum(len(chunk) for chunk in chunks) == 266
    assert max(chunk.size for chunk in chunks) <= 2_000_000
    assert (chunks[0].sum(axis=1) == 150_000).all()


def test_all_metrics_of_both_models_on_five_thousand_rows_take_about_a_second():
    truth, candidate = make_rows("binary", rows=5000)
    started = time.process_time()
    compare(METRICS["binary"], truth, candidate, candidate)
    assert time.process_time() - started < 6  # 1 s on a quiet machine; a loop over scikit-learn takes 30


def test_a_metric_of_ones_own_gets_an_interval_too():
    share = Metric(
        "share", lambda truth, predictions, weights: float(np.average(predictions > 0.5, weights=weights))
    )
    entry = compare([share], *make_rows("binary", rows=100)).candidate["share"]
    assert entry["low"] < entry["value"] < entry["high"]


def test_calibration_bins_hold_equally_many_rows_and_their_intervals():
    random = np.random.default_rng(0)
    predictions = random.random(5000)
    truth = (random.random(5000) < predictions).astype(np.int64)
    bins = calibration(truth, predictions)
    assert [entry["n"] for entry in bins] == [500] * 10
    assert sum(entry["low"] <= entry["predicted"] <= entry["high"] for entry in bins) >= 8
    assert calibration_error(bins) < 0.03
    assert calibration_error(calibration(truth, predictions**3)) > 0.15


def test_calibration_of_few_distinct_or_no_predictions_does_not_fail():
    assert [entry["n"] for entry in calibration(np.array([0, 1, 1]), np.full(3, 0.5))] == [3]
    assert calibration(np.array([0, 1]), np.array([np.nan, 0.5])) == []
    assert calibration_error([]) is None


def test_calibration_of_many_classes_looks_at_the_likeliest_one():
    truth, predictions = make_rows("multiclass", rows=3000)
    assert calibration_error(calibration(truth, predictions)) < 0.04
