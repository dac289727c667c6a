"""The operations on alarms, and what is refused of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from moto.cloudwatch.models import Alarm, CloudWatchBackend

from sagemaker_emulator import itself, seams
from sagemaker_emulator.monitoring import alarms, data, evaluation, history, queries, statistics
from sagemaker_emulator.monitoring.expressions import ExpressionError
from sagemaker_emulator.seams import AwsError, Call

NOT_OFFERED = ("ThresholdMetricId", "EvaluationWindow", "WarmUpConfiguration", "EvaluationCriteria")
NOT_OFFERED += ("EvaluationInterval", "ActionConfiguration")


@seams.operation("PutMetricAlarm", service="cloudwatch")
def put_metric_alarm(call: Call) -> Any:
    """Make or change an alarm, once it is sure that it can be evaluated."""
    check(call.params)
    return seams.original(call)


@seams.operation("PutCompositeAlarm", service="cloudwatch")
def put_composite_alarm(call: Call) -> Any:
    """Refuse: composite alarms are not built.

    Raises:
        NotImplementedError: always; it becomes a refusal on the wire that names the operation.
    """
    raise NotImplementedError(call.operation)


@seams.operation("DescribeAlarms", service="cloudwatch")
def describe_alarms(call: Call) -> dict[str, Any]:
    """Describe alarms as they are now; all filters that are given count."""
    asked, backend = call.params, _backend(call)
    found = []
    for alarm in list(backend.alarms.values()):
        if _wanted(alarm, asked) and "MetricAlarm" in asked.get("AlarmTypes", ["MetricAlarm"]):
            alarms.refresh(backend, alarm)
            if alarm.state_value == asked.get("StateValue", alarm.state_value):
                found.append(alarm)
    start = int(asked.get("NextToken") or 0)
    end = start + int(asked.get("MaxRecords") or 50)
    answer: dict[str, Any] = {"MetricAlarms": found[start:end], "CompositeAlarms": []}
    return answer | ({"NextToken": str(end)} if end < len(found) else {})


@seams.operation("DescribeAlarmsForMetric", service="cloudwatch")
def describe_alarms_for_metric(call: Call) -> Any:
    """Describe the alarms on one metric as they are now."""
    backend = _backend(call)
    for alarm in list(backend.alarms.values()):
        alarms.refresh(backend, alarm)
    return seams.original(call)


@seams.operation("DeleteAlarms", service="cloudwatch")
def delete_alarms(call: Call) -> Any:
    """Delete alarms; their history stays."""
    backend = _backend(call)
    for alarm in _named(backend, call.params.get("AlarmNames", [])):
        history.configured(backend, alarm, "deleted")
    return seams.original(call)


@seams.operation("SetAlarmState", service="cloudwatch")
def set_alarm_state(call: Call) -> None:
    """Set a state until the next evaluation; its actions are done.

    Raises:
        AwsError: there is no such alarm or state, or the data are not JSON.
    """
    asked, backend = call.params, _backend(call)
    if asked["StateValue"] not in (evaluation.OK, evaluation.ALARM, evaluation.INSUFFICIENT_DATA):
        raise AwsError(
            "ValidationError",
            f"1 validation error detected: Value '{asked['StateValue']}' at 'stateValue' failed to satisfy "
            "constraint: Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]",
        )
    try:
        json.loads(asked.get("StateReasonData") or "{}")
    except ValueError:
        raise AwsError("InvalidFormat", "StateReasonData is not JSON") from None
    alarm = backend.alarms.get(asked["AlarmName"])
    if alarm is None:
        raise AwsError("ResourceNotFound", "Unknown")
    alarms.set_by_hand(
        backend, alarm, asked["StateValue"], asked["StateReason"], asked.get("StateReasonData")
    )


@seams.operation("DescribeAlarmHistory", service="cloudwatch")
def describe_alarm_history(call: Call) -> dict[str, Any]:
    """Return what became of alarms, newest first unless asked otherwise."""
    asked = call.params
    found = [item for item in list(history.items(_backend(call))) if _in_question(item, asked)]
    if asked.get("ScanBy", "TimestampDescending") == "TimestampDescending":
        found.reverse()
    start = int(asked.get("NextToken") or 0)
    end = start + int(asked.get("MaxRecords") or 100)
    answer: dict[str, Any] = {"AlarmHistoryItems": found[start:end]}
    return answer | ({"NextToken": str(end)} if end < len(found) else {})


def check(asked: Mapping[str, Any]) -> None:
    """Raise AwsError for an alarm that AWS would refuse, or that could not be evaluated here."""
    for name in NOT_OFFERED:
        if name in asked:
            raise _invalid(f"sagemaker-emulator does not offer {name} (see COVERAGE.md)")
    if asked.get("ComparisonOperator") not in evaluation.BREACHES:
        raise _invalid(
            f"sagemaker-emulator does not offer ComparisonOperator {asked.get('ComparisonOperator')}"
        )
    for name in ("EvaluationPeriods", "Threshold"):
        if name not in asked:
            raise _invalid(f"The parameter {name} is required for creating an alarm")
    if asked.get("DatapointsToAlarm", 1) > asked["EvaluationPeriods"]:
        raise _invalid("DatapointsToAlarm must be less than or equal to EvaluationPeriods")
    if asked.get("TreatMissingData", "missing") not in evaluation.TREATMENTS:
        allowed = ", ".join(evaluation.TREATMENTS)
        raise _invalid(
            f"Option {asked['TreatMissingData']} is not supported for TreatMissingData: use {allowed}"
        )
    if asked.get("EvaluateLowSampleCountPercentile") == "ignore":
        raise _invalid("sagemaker-emulator does not offer EvaluateLowSampleCountPercentile ignore")
    _check_math(asked) if asked.get("Metrics") else _check_metric(asked)


def _check_metric(asked: Mapping[str, Any]) -> None:
    for name in ("MetricName", "Namespace", "Period"):
        if name not in asked:
            raise _invalid(f"The parameter {name} is required for an alarm on one metric")
    stat = asked.get("Statistic") or asked.get("ExtendedStatistic")
    if stat is None or ("Statistic" in asked and "ExtendedStatistic" in asked):
        raise _invalid("Exactly one of Statistic and ExtendedStatistic must be specified")
    if not statistics.offered(stat):
        raise _invalid(f"sagemaker-emulator does not offer the statistic {stat} (see COVERAGE.md)")
    _check_period(asked["Period"])


def _check_math(asked: Mapping[str, Any]) -> None:
    beside = [
        name for name in ("MetricName", "Namespace", "Statistic", "Period", "Dimensions") if name in asked
    ]
    if beside:
        raise _invalid(f"Metrics must not be specified together with {', '.join(beside)}")
    wanted = asked["Metrics"]
    returned = [query for query in wanted if query.get("ReturnData", True)]
    if len(returned) != 1:
        raise _invalid(f"Exactly one element of Metrics must return data; {len(returned)} do")
    periods = {query["MetricStat"]["Period"] for query in wanted if "MetricStat" in query}
    if len(periods) > 1:
        raise _invalid("All metrics of an alarm must have the same period")
    for period in periods:
        _check_period(period)
    try:
        queries.check(wanted)
        single = queries.single(wanted, returned[0]["Id"])
    except ExpressionError as error:
        raise _invalid(f"Error in Metrics: {error}") from None
    if not single:
        raise _invalid(f"'{returned[0]['Id']}' must give one time series")


def _check_period(period: int) -> None:
    if period not in (10, 20, 30) and period % 60:
        raise _invalid(f"Period {period} is not valid: it must be 10, 20, 30 or a multiple of 60")


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationError", message)


def _wanted(alarm: Alarm, asked: Mapping[str, Any]) -> bool:
    actions = [
        *(alarm.alarm_actions or ()),
        *(alarm.ok_actions or ()),
        *(alarm.insufficient_data_actions or ()),
    ]
    prefix = asked.get("ActionPrefix")
    return (
        alarm.name in asked.get("AlarmNames", [alarm.name])
        and alarm.name.startswith(asked.get("AlarmNamePrefix", ""))
        and (prefix is None or any(action.startswith(prefix) for action in actions))
    )


def _in_question(item: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    at = item["Timestamp"].timestamp()
    return (
        item["AlarmName"] == asked.get("AlarmName", item["AlarmName"])
        and item["HistoryItemType"] == asked.get("HistoryItemType", item["HistoryItemType"])
        and ("StartDate" not in asked or at >= data.epoch(asked["StartDate"]))
        and ("EndDate" not in asked or at <= data.epoch(asked["EndDate"]))
    )


def _named(backend: CloudWatchBackend, names: list[str]) -> list[Alarm]:
    return [backend.alarms[name] for name in names if name in backend.alarms]


def _backend(call: Call) -> CloudWatchBackend:
    return itself.backend("cloudwatch", call.account, call.region)
