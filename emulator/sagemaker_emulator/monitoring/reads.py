"""PutMetricData, GetMetricStatistics and GetMetricData, as a client asks: in seconds of the wall clock."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sagemaker_emulator import seams
from sagemaker_emulator.monitoring import data, queries, statistics
from sagemaker_emulator.monitoring.arithmetic import Line
from sagemaker_emulator.monitoring.data import Metric
from sagemaker_emulator.monitoring.expressions import ExpressionError
from sagemaker_emulator.monitoring.statistics import Grid
from sagemaker_emulator.seams import AwsError, Call

SHORT_PERIODS = (1, 5, 10, 20, 30)
MOST_POINTS = 1440  # of one GetMetricStatistics


@seams.operation("PutMetricData", service="cloudwatch")
def put_metric_data(call: Call) -> Any:
    """Keep the data; moto's own operation calls the backend, which is wrapped in data.py.

    Raises:
        AwsError: it holds EntityMetricData, which is not kept.
    """
    if call.params.get("EntityMetricData"):
        raise AwsError(
            "InvalidParameterValue", "sagemaker-emulator does not keep EntityMetricData (see COVERAGE.md)"
        )
    return seams.original(call)


@seams.operation("GetMetricStatistics", service="cloudwatch")
def get_metric_statistics(call: Call) -> dict[str, Any]:
    """Return the statistics of each period that has data.

    Raises:
        AwsError: the request asks for too much, or contradicts itself.
    """
    asked = call.params
    simple, extended = asked.get("Statistics", []), asked.get("ExtendedStatistics", [])
    if not simple and not extended:
        raise AwsError("InvalidParameterCombination", "Must specify either Statistics or ExtendedStatistics")
    for name in extended:
        if not statistics.offered(name):
            text = f"The value {name} for parameter ExtendedStatistics.member.1 is not supported."
            raise AwsError("InvalidParameterValue", text)
    wanted = _grid(asked, int(asked["Period"]))
    if wanted.count > MOST_POINTS:
        raise AwsError(
            "InvalidParameterCombination",
            f"You have requested up to {wanted.count:,} datapoints, which exceeds the limit of 1,440"
            ". You may reduce the datapoints requested by increasing Period, or decreasing the time range.",
        )
    metric = Metric.of(asked["Namespace"], asked["MetricName"], asked.get("Dimensions"))
    samples = _within(asked, data.read(call.account, call.region, metric, wanted.start, wanted.end))
    groups = statistics.groups(samples, wanted, asked.get("Unit"))
    points = [_point(group, wanted.begin(index), simple, extended) for index, group in sorted(groups.items())]
    return {"Label": asked["MetricName"], "Datapoints": points}


@seams.operation("GetMetricData", service="cloudwatch")
def get_metric_data(call: Call) -> dict[str, Any]:
    """Return the metrics and expressions that are asked for and not hidden by ReturnData.

    Raises:
        AwsError: a query is none that CloudWatch takes.
    """
    asked = call.params
    wanted: Sequence[Mapping[str, Any]] = asked.get("MetricDataQueries", [])
    for query in wanted:
        if "MetricStat" not in query and "Expression" not in query:
            # AWS also returns the empty line
            raise AwsError(
                "ValidationError", "The parameter MetricDataQueries.member.1.MetricStat is required.\n"
            )
    try:
        queries.check(wanted)
        results = queries.Results(wanted, functools.partial(_grid, asked), functools.partial(_read, call))
        answers = [
            _answer(query, line, asked.get("ScanBy"))
            for query in wanted
            if query.get("ReturnData", True)
            for line in results.lines(query["Id"])
        ]
    except ExpressionError as error:
        raise AwsError("ValidationError", f"Error in MetricDataQueries: {error}") from None
    return {"MetricDataResults": answers, "Messages": []}


def _read(call: Call, metric: Metric, start: float, end: float) -> list[data.Sample]:
    return _within(call.params, data.read(call.account, call.region, metric, start, end))


def _within(asked: Mapping[str, Any], samples: list[data.Sample]) -> list[data.Sample]:
    """Return the samples before EndTime, which need not be the end of a period."""
    end = data.epoch(asked["EndTime"])
    return [each for each in samples if each.at < end]


def _grid(asked: Mapping[str, Any], period: int) -> Grid:
    """Return the periods from StartTime, rounded down as CloudWatch does, to EndTime. Raises AwsError."""
    if period not in SHORT_PERIODS and period % 60:
        text = "The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60."
        raise AwsError("InvalidParameterValue", text)
    start, end = data.epoch(asked["StartTime"]), data.epoch(asked["EndTime"])
    if start >= end:
        text = "The parameter StartTime must be less than the parameter EndTime."
        raise AwsError("InvalidParameterValue" if "Period" in asked else "ValidationError", text)
    step = min(period, 60)
    begin = math.floor(start / step) * step
    return Grid(begin, period, math.ceil((end - begin) / period), period)


def _point(group: Sequence[data.Sample], at: float, simple: list[str], extended: list[str]) -> dict[str, Any]:
    point: dict[str, Any] = {"Timestamp": datetime.fromtimestamp(at, UTC), "Unit": group[-1].unit}
    point |= {name: statistics.value(group, name) for name in simple}
    percentiles = {name: statistics.value(group, name) for name in extended}
    if found := {name: value for name, value in percentiles.items() if value is not None}:
        point["ExtendedStatistics"] = found
    return point


def _answer(query: Mapping[str, Any], line: Line, scan_by: str | None) -> dict[str, Any]:
    order = sorted(line.values, reverse=scan_by != "TimestampAscending")
    stat = query.get("MetricStat")
    label = f"{stat['Metric']['MetricName']} {stat['Stat']}" if stat else query["Id"]
    return {
        "Id": query["Id"],
        "Label": query.get("Label") or label,
        "Timestamps": [datetime.fromtimestamp(line.grid.begin(index), UTC) for index in order],
        "Values": [line.values[index] for index in order],
        "StatusCode": "Complete",
    }
