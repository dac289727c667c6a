"""What CloudWatch writes when an alarm changes: the message to SNS and the event to EventBridge. Pure.

The event is documented ("Alarm events and EventBridge" in the User Guide); the message to SNS is not: it is
as people show it who have received one.
"""

from __future__ import annotations

import functools
import json
from typing import Any

import botocore.session
from moto.cloudwatch.models import Alarm, CloudWatchBackend

from sagemaker_emulator.monitoring import definitions
from sagemaker_emulator.monitoring.states import State, moment


def subject(backend: CloudWatchBackend, alarm: Alarm, after: State) -> str:
    """Return the subject of the message."""
    return f'{after.value}: "{alarm.name}" in {region_name(backend.region_name)}'


def notification(backend: CloudWatchBackend, alarm: Alarm, before: State, after: State) -> str:
    """Return the message to SNS, as JSON."""
    told = {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": backend.account_id,
        "AlarmConfigurationUpdatedTimestamp": moment(alarm.configuration_updated_timestamp),
        "NewStateValue": after.value,
        "NewStateReason": after.reason,
        "StateChangeTime": moment(after.since),
        "Region": region_name(backend.region_name),
        "AlarmArn": alarm.alarm_arn,
        "OldStateValue": before.value,
        "OKActions": alarm.ok_actions or [],
        "AlarmActions": alarm.alarm_actions or [],
        "InsufficientDataActions": alarm.insufficient_data_actions or [],
        "Trigger": _trigger(alarm),
    }
    return json.dumps(told)


def event(alarm: Alarm, before: State, after: State) -> dict[str, Any]:
    """Return the detail of "CloudWatch Alarm State Change"."""
    configuration: dict[str, Any] = {"metrics": [_described(query) for query in definitions.queries(alarm)]}
    if alarm.description:
        configuration = {"description": alarm.description, **configuration}
    return {
        "alarmName": alarm.name,
        "configuration": configuration,
        "previousState": _state(before),
        "state": _state(after),
    }


@functools.cache
def region_name(region: str) -> str:
    """Return a region as CloudWatch names it in messages: US East (N. Virginia)."""
    for partition in botocore.session.get_session().get_data("endpoints")["partitions"]:
        if region in partition["regions"]:
            return partition["regions"][region]["description"]
    return region


def _state(state: State) -> dict[str, Any]:
    told = {"reason": state.reason, "timestamp": moment(state.since), "value": state.value}
    if state.reason_data:
        told["reasonData"] = state.reason_data
    return told


def _trigger(alarm: Alarm) -> dict[str, Any]:
    rule = definitions.rule(alarm)
    told: dict[str, Any] = {
        "Period": definitions.period(alarm),
        "EvaluationPeriods": rule.periods,
        "DatapointsToAlarm": rule.to_alarm,
        "ComparisonOperator": rule.comparison,
        "Threshold": rule.threshold,
        "TreatMissingData": rule.missing,
        "EvaluateLowSampleCountPercentile": alarm.evaluate_low_sample_count_percentile or "",
    }
    if alarm.metric_data_queries:
        return {**told, "Metrics": definitions.queries(alarm)}
    kind = "Statistic" if alarm.statistic else "ExtendedStatistic"
    return {
        "MetricName": alarm.metric_name,
        "Namespace": alarm.namespace,
        "StatisticType": kind,
        kind: alarm.statistic.upper() if alarm.statistic else alarm.extended_statistic,
        "Unit": alarm.unit,
        "Dimensions": [{"value": each.value, "name": each.name} for each in alarm.dimensions],
        **told,
    }


def _described(query: dict[str, Any]) -> dict[str, Any]:
    told = {"id": query["Id"], "returnData": query["ReturnData"]}
    if "Label" in query:
        told["label"] = query["Label"]
    if "Expression" in query:
        return {**told, "expression": query["Expression"]}
    stat = query["MetricStat"]
    metric = {
        "namespace": stat["Metric"]["Namespace"],
        "name": stat["Metric"]["MetricName"],
        "dimensions": {each["Name"]: each["Value"] for each in stat["Metric"]["Dimensions"]},
    }
    return {**told, "metricStat": {"metric": metric, "period": stat["Period"], "stat": stat["Stat"]}}
