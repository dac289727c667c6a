"""Metric math: the examples of CloudWatch's User Guide ("Using metric math"), and what is refused by name."""

from __future__ import annotations

import pytest

from sagemaker_emulator.monitoring import queries
from sagemaker_emulator.monitoring.data import Metric, sample
from sagemaker_emulator.monitoring.expressions import ExpressionError
from sagemaker_emulator.monitoring.statistics import Grid

NO = None


def computed(expression, **metrics):
    """Return the values of an expression over metrics given as lists, None where there is no value."""
    count = max((len(values) for values in metrics.values()), default=5)
    asked = [
        {
            "Id": name,
            "MetricStat": {"Metric": {"Namespace": "N", "MetricName": name}, "Period": 60, "Stat": "Sum"},
        }
        for name in metrics
    ]
    asked.append({"Id": "e1", "Expression": expression})
    queries.check(asked)

    def read(metric: Metric, start, end):
        values = enumerate(metrics[metric.name])
        return [sample({float(value): 1.0}, 60.0 * at) for at, value in values if value is not None]

    (line,) = queries.Results(asked, lambda period: Grid(0.0, 60.0, count, period), read).lines("e1")
    return [line.values.get(index) for index in range(count)]


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("metric1 < metric2", [0, 0, 1, 0]),
        ("metric1 >= 30", [1, 0, 0, 0]),
        ("metric1 > 15 AND metric2 > 15", [1, 0, 0, 0]),
        ("metric1 > 15 && metric2 > 15 || metric1 == 0", [1, 0, 1, 1]),
    ],
)
def test_comparisons_as_in_the_user_guide(expression, values):
    assert computed(expression, metric1=[30, 20, 0, 0], metric2=[20, NO, 20, NO]) == values


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("IF(metric1, metric2, metric3)", [30, 0, 20, NO, NO]),
        ("IF(metric1, 5, metric3)", [5, 5, 20, NO, NO]),
        ("IF(metric1, metric2, 5)", [30, 0, 5, 5, NO]),
        ("IF(metric2 > 20, metric2)", [30, NO, NO, NO, 30]),
        ("IF(0, metric2, metric3)", [0, 0, 20, NO, 20]),
    ],
)
def test_if_as_in_the_user_guide(expression, values):
    given = {"metric1": [1, 1, 0, 0, NO], "metric2": [30, NO, 0, 0, 30], "metric3": [0, 0, 20, NO, 20]}
    assert computed(expression, **given) == values


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("m1 + m2", [5, 4, 2]),
        ("m1 - m2 * 2", [-1, 4, -4]),
        ("(m1 - m2) * 2", [2, 8, -4]),
        ("100 * m1 / m2", [150, NO, 0]),
        ("-m1 + 10", [7, 6, NO]),
        ("m1 ^ 2", [9, 16, NO]),
        ("2 - -m1", [5, 6, NO]),
        ("FILL(m1, 7)", [3, 4, 7]),
        ("FILL(m2, m1)", [2, 4, 2]),
        ("FILL(m2, REPEAT)", [2, 2, 2]),
        ("FILL(m2, LINEAR)", [2, 2, 2]),
        ("MAX([m1, m2])", [3, 4, 2]),
        ("MIN([m1, FILL(m2, 9)])", [2, 4, 2]),
        ("AVG([m1, m2])", [2.5, 2, 1]),
        ("SUM(METRICS())", [5, 4, 2]),
        ('SUM(METRICS("1"))', [3, 4, NO]),
        ("m1 - MIN(m1)", [0, 1, NO]),
        ("m1 / PERIOD(m1) * 60", [3, 4, NO]),
        ("TIME_SERIES(5)", [5, 5, 5]),
        ("IF(m1 > 1.2e0 * FILL(m2, 1), 1, 0)", [1, 1, 0]),
        ("CEIL(m1 / 2) + FLOOR(m1 / 2) + ABS(-m1)", [6, 8, NO]),
    ],
)
def test_arithmetic_and_functions_over_gaps(expression, values):
    assert computed(expression, m1=[3, 4, NO], m2=[2, NO, 2]) == values


def test_a_metric_that_was_never_put_can_be_filled():
    assert computed("FILL(m1, 3)", m1=[NO, NO]) == [3, 3]


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("ANOMALY_DETECTION_BAND(m1, 2)", "ANOMALY_DETECTION_BAND is not supported"),
        ("SEARCH('{N} x', 'Sum')", "SEARCH is not supported"),
        ("RATE(m1)", "RATE is not supported"),
        ("SELECT AVG(x) FROM y", "SELECT"),
        ("m1 + nowhere", "no metric or expression has the Id 'nowhere'"),
        ("m1 +", "ends too early"),
        ("m1 m1", "unexpected 'm1'"),
        ("(m1", r"expected '\)'"),
        ("m1 ? 2", r"cannot read '\? 2'"),
        ("MAX(m1, 5)", "MAX takes 1 argument"),
        ("MAX(m1)", "must give a time series, not a number"),
        ("IF(m1)", "IF takes 2 or 3 arguments"),
        ("e1 + 1", "'e1' refers to itself"),
    ],
)
def test_what_cannot_be_computed_is_refused_with_its_name(expression, words):
    with pytest.raises(ExpressionError, match=words):
        computed(expression, m1=[1])
