"""From points to an alarm's state: every cell of CloudWatch's own tables, and the sentences that say why.

The tables: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
("How alarm state is evaluated when data is missing" and "Avoiding premature transitions to alarm state").
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from sagemaker_emulator.monitoring import definitions
from sagemaker_emulator.monitoring.evaluation import EXTRA, Rule, evaluate
from sagemaker_emulator.monitoring.reasons import Point

THRESHOLD = 50.0
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
KEEPS, UNKNOWN = "keeps its state", "INSUFFICIENT_DATA"
THREE_OF_THREE = [
    ("0 - X - X", "OK", "OK", "OK", "OK"),
    ("0 - - - -", "OK", "OK", "OK", "OK"),
    ("- - - - -", UNKNOWN, KEEPS, "ALARM", "OK"),
    ("0 X X - X", "ALARM", "ALARM", "ALARM", "ALARM"),
    ("- - X - -", "ALARM", KEEPS, "ALARM", "OK"),
]
TWO_OF_THREE = [
    ("0 - X - X", "ALARM", "ALARM", "ALARM", "ALARM"),
    ("0 0 X 0 X", "ALARM", "ALARM", "ALARM", "ALARM"),
    ("0 - X - -", "OK", "OK", "ALARM", "OK"),
    ("- - - - 0", "OK", "OK", "ALARM", "OK"),
    ("- - - X -", "ALARM", KEEPS, "ALARM", "OK"),
]
CELLS = [
    pytest.param(pattern, to_alarm, treatment, state, id=f"{to_alarm} of 3: {pattern}: {treatment}")
    for to_alarm, table in ((3, THREE_OF_THREE), (2, TWO_OF_THREE))
    for pattern, *states in table
    for treatment, state in zip(TREATMENTS, states, strict=True)
]


def rule(periods=3, to_alarm=3, missing="missing", comparison="GreaterThanThreshold"):
    return Rule(comparison, THRESHOLD, periods, to_alarm, missing)


def points(pattern):
    """Return `0 - X` as points: under the threshold, none, over it; one minute apart."""
    values = {"0": 10.0, "X": 99.5, "-": None}
    found = [values[sign] for sign in pattern.split()]
    return [None if v is None else Point(v, 60.0 * index) for index, v in enumerate(found)]


@pytest.mark.parametrize(("pattern", "to_alarm", "treatment", "state"), CELLS)
@pytest.mark.parametrize("before", ["OK", "ALARM", "INSUFFICIENT_DATA"])
def test_every_cell_of_cloudwatchs_tables(pattern, to_alarm, treatment, state, before):
    assert len(pattern.split()) == 3 + EXTRA
    verdict = evaluate(rule(to_alarm=to_alarm, missing=treatment), points(pattern), before)
    assert verdict.state == (before if state == KEEPS else state)


@pytest.mark.parametrize("pattern", ["- - - - X", "- - - X -"])
def test_a_first_bad_point_is_no_alarm_yet_where_three_are_asked_for(pattern):
    assert evaluate(rule(), points(pattern), "INSUFFICIENT_DATA").state == "INSUFFICIENT_DATA"


def test_one_bad_point_is_an_alarm_where_one_is_asked_for_and_gaps_do_not_end_it():
    for pattern in ("- - X", "0 X -", "X - -"):
        assert evaluate(rule(1, 1), points(pattern), "OK").state == "ALARM"
    assert evaluate(rule(1, 1), points("X - 0"), "ALARM").state == "OK"


@pytest.mark.parametrize(
    ("period", "width", "end"),
    [
        pytest.param(60, 1.0, 1234.0, id="a minute, up to the last whole one"),
        pytest.param(300, 5.0, 1234.0, id="five minutes, every minute anew"),
        pytest.param(10, 1 / 6, 1234 + 4 / 6, id="ten seconds, up to the last whole ten"),
    ],
)
def test_an_alarm_looks_at_whole_minutes_of_scaled_time(monkeypatch, period, width, end):
    monkeypatch.setenv("SAGEMAKER_EMULATOR_MINUTE", "1")
    grid = definitions.grid(SimpleNamespace(period=period, evaluation_periods=3), now=1234.7)
    assert (grid.width, grid.count, grid.period) == (pytest.approx(width), 3 + EXTRA, period)
    assert grid.end == pytest.approx(end)


@pytest.mark.parametrize(
    ("comparison", "bad"),
    [
        ("GreaterThanOrEqualToThreshold", {50.0, 51.0}),
        ("GreaterThanThreshold", {51.0}),
        ("LessThanThreshold", {49.0}),
        ("LessThanOrEqualToThreshold", {49.0, 50.0}),
    ],
)
def test_each_comparison_at_below_and_above_the_threshold(comparison, bad):
    for value in (49.0, 50.0, 51.0):
        verdict = evaluate(rule(1, 1, comparison=comparison), [None, None, Point(value, 0)], "OK")
        assert verdict.state == ("ALARM" if value in bad else "OK")


@pytest.mark.parametrize(
    ("made", "pattern", "before", "words"),
    [
        pytest.param(
            rule(1, 1),
            "0 0 X",
            "OK",
            "Threshold Crossed: 1 out of the last 1 datapoints [99.5 (01/01/70 00:02:00)] was greater than "
            "the threshold (50.0) (minimum 1 datapoint for OK -> ALARM transition).",
            id="an alarm",
        ),
        pytest.param(
            rule(3, 2),
            "X X X 0 0",
            "ALARM",
            "Threshold Crossed: 2 out of the last 3 datapoints [10.0 (01/01/70 00:04:00), 10.0 (01/01/70 "
            "00:03:00)] were not greater than the threshold (50.0) (minimum 2 datapoints for ALARM -> OK "
            "transition).",
            id="the end of one",
        ),
        pytest.param(rule(1, 1), "- - -", "OK", "Insufficient Data: 1 datapoint was unknown.", id="no data"),
        pytest.param(
            rule(2, 2, "breaching"),
            "- - - -",
            "OK",
            "Threshold Crossed: no datapoints were received for 2 periods and 2 missing datapoints were "
            "treated as [Breaching].",
            id="no data, which is bad",
        ),
        pytest.param(
            rule(3, 2, "breaching"),
            "- - - - 0",
            "OK",
            "Threshold Crossed: 1 datapoint [10.0 (01/01/70 00:04:00)] was not greater than the threshold "
            "(50.0) and 2 missing datapoints were treated as [Breaching].",
            id="a good point outvoted by gaps",
        ),
    ],
)
def test_the_reason_is_the_sentence_that_cloudwatch_writes(made, pattern, before, words):
    assert evaluate(made, points(pattern), before).reason == words
