"""What an alarm is made of: its rule, its queries, its periods; read off moto's record."""

from __future__ import annotations

import math
from typing import Any

from moto.cloudwatch.models import Alarm, MetricDataQuery

from sagemaker_emulator import clock
from sagemaker_emulator.monitoring.evaluation import EXTRA, Rule
from sagemaker_emulator.monitoring.statistics import Grid

ONLY = "m1"  # the Id of the one metric of an alarm without Metrics


def rule(alarm: Alarm) -> Rule:
    """Return what decides the alarm's state."""
    periods = int(alarm.evaluation_periods)
    return Rule(
        comparison=alarm.comparison_operator,
        threshold=float(alarm.threshold),
        periods=periods,
        to_alarm=int(alarm.datapoints_to_alarm or periods),
        missing=alarm.treat_missing_data or "missing",
    )


def queries(alarm: Alarm) -> list[dict[str, Any]]:
    """Return the alarm's metric, or its metric math, as the MetricDataQueries of GetMetricData."""
    if alarm.metric_data_queries:
        return [_query(each) for each in alarm.metric_data_queries]
    metric = {
        "Namespace": alarm.namespace,
        "MetricName": alarm.metric_name,
        "Dimensions": [{"Name": each.name, "Value": each.value} for each in alarm.dimensions],
    }
    stat = {
        "Metric": metric,
        "Period": int(alarm.period),
        "Stat": alarm.statistic or alarm.extended_statistic,
    }
    if alarm.unit:
        stat["Unit"] = alarm.unit
    return [{"Id": ONLY, "MetricStat": stat, "ReturnData": True}]


def watched(alarm: Alarm) -> str:
    """Return the Id of the query whose answer is held against the threshold."""
    return next(query["Id"] for query in queries(alarm) if query.get("ReturnData", True))


def period(alarm: Alarm) -> int:
    """Return the length of the alarm's periods, in AWS's seconds."""
    if alarm.period:
        return int(alarm.period)
    periods = [each.metric_stat.period for each in alarm.metric_data_queries if each.metric_stat]
    return int(periods[0]) if periods else int(alarm.metric_data_queries[0].period or 60)


def beat(alarm: Alarm) -> float:
    """Return the seconds between two evaluations: AWS's minute, or its 10 seconds for shorter periods."""
    return clock.scaled(60 if period(alarm) >= 60 else 10)


def grid(alarm: Alarm, now: float) -> Grid:
    """Return the evaluation range: whole periods, the last of which ended when the last minute did.

    A period of 300 is looked at every minute, as on AWS: minutes 1 to 5, then 2 to 6.
    """
    width, count = clock.scaled(period(alarm)), int(alarm.evaluation_periods) + EXTRA
    end = math.floor(now / beat(alarm)) * beat(alarm)
    return Grid(end - width * count, width, count, period(alarm))


def _query(each: MetricDataQuery) -> dict[str, Any]:
    query: dict[str, Any] = {
        "Id": each.id,
        "ReturnData": True if each.return_data is None else each.return_data,
    }
    if each.label is not None:
        query["Label"] = each.label
    if each.expression is not None:
        query["Expression"] = each.expression
    if each.period is not None:
        query["Period"] = int(each.period)
    if (stat := each.metric_stat) is not None:
        metric = {
            "Namespace": stat.metric.namespace,
            "MetricName": stat.metric.metric_name,
            "Dimensions": [{"Name": pair.name, "Value": pair.value} for pair in stat.metric.dimensions],
        }
        query["MetricStat"] = {"Metric": metric, "Period": int(stat.period), "Stat": stat.stat}
        if stat.unit:
            query["MetricStat"]["Unit"] = stat.unit
    return query
