"""Metrics over the wire: what was put, asked for in every way, gives the same right numbers."""

from __future__ import annotations

import random
import statistics
import time
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)
ONE = [{"Name": "EndpointName", "Value": "e"}, {"Name": "VariantName", "Value": "v"}]


@pytest.fixture
def put(aws, unique):
    """Return put(**datum): one datum of the metric `m` in a namespace of the test's own."""

    def put_one(**datum):
        datum = {"MetricName": "m", "Timestamp": MIDNIGHT + timedelta(seconds=30), **datum}
        aws.cloudwatch.put_metric_data(Namespace=unique, MetricData=[datum])

    return put_one


@pytest.fixture
def asked(aws, unique):
    """Return asked(statistic, ...): by GetMetricStatistics and GetMetricData, which must agree."""

    def ask(stat, period=60, seconds=300, dimensions=(), unit=None):
        span = {"StartTime": MIDNIGHT, "EndTime": MIDNIGHT + timedelta(seconds=seconds)}
        metric = {"Namespace": unique, "MetricName": "m", "Dimensions": list(dimensions)}
        unit = {"Unit": unit} if unit else {}
        kind = "ExtendedStatistics" if stat.startswith("p") else "Statistics"
        points = aws.cloudwatch.get_metric_statistics(
            **span, **metric, Period=period, **{kind: [stat]}, **unit
        )["Datapoints"]
        one = {
            (p["Timestamp"] - MIDNIGHT).total_seconds(): p.get("ExtendedStatistics", p).get(stat)
            for p in points
        }
        query = {"Id": "q", "MetricStat": {"Metric": metric, "Period": period, "Stat": stat, **unit}}
        (answer,) = aws.cloudwatch.get_metric_data(MetricDataQueries=[query], **span)["MetricDataResults"]
        starts = [(at - MIDNIGHT).total_seconds() for at in answer["Timestamps"]]
        assert starts == sorted(starts, reverse=True)
        two = dict(zip(starts, answer["Values"], strict=True))
        assert two == {at: value for at, value in one.items() if value is not None}
        return one

    return ask


@pytest.mark.parametrize(
    ("stat", "wanted"),
    [
        ("Sum", 17),
        ("Average", 17 / 6),
        ("Minimum", 1),
        ("Maximum", 5),
        ("SampleCount", 6),
        ("p50", 2),
        ("p99", 5),
    ],
)
def test_each_statistic_of_values_and_how_often_they_came(put, asked, stat, wanted):
    put(Value=2.0)
    put(Values=[1.0, 5.0], Counts=[2.0, 2.0])
    put(Value=3.0)
    assert asked(stat) == {0: pytest.approx(wanted)}


def test_percentiles_of_many_values_are_those_of_the_values(put, asked):
    values = [random.Random(7).lognormvariate(3, 1) for _ in range(1000)]
    for start in range(0, 1000, 100):
        put(Values=values[start : start + 100])
    cuts = statistics.quantiles(values, n=1000, method="inclusive")
    for stat, cut in (("p50", cuts[499]), ("p90", cuts[899]), ("p99", cuts[989]), ("p99.9", cuts[998])):
        assert asked(stat)[0] == pytest.approx(cut, rel=0.05)
    assert asked("p100")[0] == max(values)


def test_a_statistic_set_counts_but_knows_no_percentile(put, asked):
    put(StatisticValues={"SampleCount": 4, "Sum": 10, "Minimum": 1, "Maximum": 4})
    assert asked("Average") == {0: 2.5}
    assert asked("p99") == {0: None}
    put(
        Timestamp=MIDNIGHT + timedelta(seconds=90),
        StatisticValues=dict.fromkeys(("SampleCount", "Sum", "Minimum", "Maximum"), 1),
    )
    assert asked("p99") == {0: None, 60: 1}


def test_a_value_belongs_to_the_period_of_its_time(put, asked):
    for second in (0, 59.9, 60, 150):
        put(Value=1.0, Timestamp=MIDNIGHT + timedelta(seconds=second))
    assert asked("Sum") == {0: 2, 60: 1, 120: 1}
    assert asked("Sum", period=300) == {0: 4}
    assert asked("Sum", seconds=60) == {0: 2}
    assert asked("Sum", seconds=140) == {0: 2, 60: 1}


def test_a_metric_has_all_its_dimensions_and_no_others(put, asked):
    put(Value=1.0)
    put(Value=2.0, Dimensions=ONE)
    put(Value=4.0, Dimensions=ONE[:1])
    assert asked("Sum") == {0: 1}
    assert asked("Sum", dimensions=reversed(ONE)) == {0: 2}
    assert asked("Sum", dimensions=ONE[:1]) == {0: 4}
    assert asked("Sum", dimensions=ONE[1:]) == {}


def test_with_a_unit_only_what_was_put_with_it(put, asked):
    put(Value=1.0)
    put(Value=2.0, Unit="Seconds")
    assert asked("Sum") == {0: 3}
    assert asked("Sum", unit="Seconds") == {0: 2}
    assert asked("Sum", unit="None") == {0: 1}


def test_expressions_over_the_wire_hide_what_is_not_asked_for(aws, put, unique):
    for second, value in ((0, 3.0), (120, 6.0)):
        put(Value=value, Timestamp=MIDNIGHT + timedelta(seconds=second))
    stat = {"Metric": {"Namespace": unique, "MetricName": "m"}, "Period": 60, "Stat": "Average"}
    answers = aws.cloudwatch.get_metric_data(
        MetricDataQueries=[
            {"Id": "m1", "MetricStat": stat, "ReturnData": False},
            {"Id": "filled", "Expression": "FILL(m1, 1)", "ReturnData": False},
            {"Id": "twice", "Expression": "2 * filled", "Label": "Twice"},
        ],
        StartTime=MIDNIGHT,
        EndTime=MIDNIGHT + timedelta(minutes=3),
        ScanBy="TimestampAscending",
    )["MetricDataResults"]
    assert [(each["Id"], each["Label"], each["Values"]) for each in answers] == [
        ("twice", "Twice", [6, 2, 12])
    ]


def test_an_expression_that_is_not_offered_is_refused_by_name_not_answered_empty(aws):
    with pytest.raises(ClientError, match=r"ValidationError.*function SEARCH is not supported"):
        aws.cloudwatch.get_metric_data(
            MetricDataQueries=[{"Id": "e1", "Expression": "SEARCH('{N} x', 'Sum', 60)"}],
            StartTime=MIDNIGHT,
            EndTime=MIDNIGHT + timedelta(minutes=3),
        )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ExtendedStatistics": ["tm90"]}, "tm90"),
        ({"Statistics": ["Sum"], "Period": 45}, "Period"),
        ({"Statistics": ["Sum"], "EndTime": MIDNIGHT}, "StartTime must be less"),
        ({"Statistics": ["Sum"], "Period": 1}, "exceeds the limit of 1,440"),
        ({}, "Must specify either"),
    ],
)
def test_questions_that_cloudwatch_does_not_answer_are_refused(aws, change, words):
    request = {"StartTime": MIDNIGHT, "EndTime": MIDNIGHT + timedelta(hours=1), "Period": 60, **change}
    with pytest.raises(ClientError, match=words):
        aws.cloudwatch.get_metric_statistics(Namespace="N", MetricName="m", **request)


def test_values_that_are_no_numbers_are_refused(aws, put):
    for value in (float("nan"), float("inf")):
        with pytest.raises(ClientError, match="InvalidParameterValue"):
            put(Value=value)


def test_listed_once_however_often_it_was_put(aws, put, unique):
    for _ in range(3):
        put(Values=[1.0, 2.0], Counts=[10.0, 10.0], Dimensions=ONE)
    (listed,) = aws.cloudwatch.list_metrics(Namespace=unique)["Metrics"]
    assert (listed["MetricName"], listed["Dimensions"]) == ("m", ONE)


def test_ten_thousand_puts_are_neither_lost_nor_slow():
    from sagemaker_emulator.monitoring import data
    from sagemaker_emulator.monitoring.statistics import value

    metric, region, began = data.Metric("N", "many"), "eu-west-3", time.perf_counter()
    for number in range(10_000):
        data.put(
            "123456789012", region, [(metric, data.sample({float(number % 100): 1.0}, 1e9 + number / 20))]
        )
    found = data.read("123456789012", region, metric, 1e9, 1e9 + 1000)
    assert (value(found, "SampleCount"), value(found, "p99"), value(found, "Average")) == (10_000, 98, 49.5)
    assert len(found) <= data.FINE
    assert time.perf_counter() - began < 10
