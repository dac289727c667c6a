"""The alarms that send a release back: three of ours on the new endpoint config only, and the user's own.

SageMaker rolls a release back when one of them fires, and takes an alarm that cannot fire for a quiet one.
So each is looked at before the endpoint is asked: is it there, can it fire, is it quiet now, has it data.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from pipelines import errors, names
from pipelines.aws import Aws
from pipelines.errors import NotStarted
from pipelines.story import pause
from pipelines.tables import Production

KINDS = ("errors", "latency", "wrong")
PERIOD = 60  # seconds
LATENCY_FLOOR = 20_000  # microseconds: below this a model is quick, and three times as slow means nothing
READY_MINUTES = 10  # within which a new alarm has been evaluated and has data
BINARY = ("Invocation4XXErrors", "Invocation5XXErrors", "InvocationModelErrors")  # 1 or 0 of each request


@dataclass(frozen=True)
class Watched:
    """What the alarms of one rollout watch."""

    project: str
    endpoint: str
    config: str  # the new one
    before: str  # the config that serves until then
    machines: Production

    @property
    def namespace(self) -> str:
        """Where the prober publishes."""
        return f"{self.project}/Releases"

    @property
    def dimensions(self) -> list[dict[str, str]]:
        """The new config's own figures in that namespace."""
        return _dimensions(EndpointName=self.endpoint, EndpointConfigName=self.config)

    @property
    def names(self) -> list[str]:
        """Every alarm that may send this release back."""
        return [*own(self.config), *self.machines.rollout.alarms]


def own(config: str) -> list[str]:
    """Return the names of the alarms that a rollout to a config makes for itself."""
    return [f"{config}-{kind}" for kind in KINDS]


def requests(watched: Watched, baseline: float) -> list[dict[str, Any]]:
    """Return our PutMetricAlarm requests; `baseline` is the old fleet's latency in microseconds."""
    limits, (failing, slow, wrong) = watched.machines.rollout, own(watched.config)
    shared = {"EvaluationPeriods": 1, "DatapointsToAlarm": 1, "ActionsEnabled": False}
    quiet = {"TreatMissingData": "notBreaching"}  # no traffic is no fault: the prober's alarm sees to that
    share = {"Threshold": limits.max_error_rate, "ComparisonOperator": "GreaterThanOrEqualToThreshold"}
    counted = {"Threshold": 1.0, "ComparisonOperator": "GreaterThanOrEqualToThreshold"}
    ratio = {"Threshold": limits.max_latency_ratio, "ComparisonOperator": "GreaterThanThreshold"}
    mine = {"Namespace": watched.namespace, "MetricName": "WrongAnswers", "Dimensions": watched.dimensions}
    return [
        {"AlarmName": failing, **_errors(watched), **share, **shared, **quiet},
        {
            "AlarmName": slow,
            "Metrics": _latency(watched, max(baseline, LATENCY_FLOOR)),
            **ratio,
            **shared,
            "EvaluationPeriods": 2,  # one slow minute is no slow model
            "DatapointsToAlarm": 2,
            **quiet,
        },
        # Without probes nobody watches: that is as bad as a wrong answer.
        {
            "AlarmName": wrong,
            **mine,
            "Statistic": "Sum",
            "Period": PERIOD,
            **counted,
            **shared,
            "TreatMissingData": "breaching",
        },
    ]


def _errors(watched: Watched) -> dict[str, Any]:
    """Return the share of 5xx among the new fleet's answers: each request counts 1 or 0."""
    return {
        "Namespace": "AWS/SageMaker",
        "MetricName": "Invocation5XXErrors",
        "Dimensions": _fleet(watched.endpoint, watched.config),
        "Statistic": "Average",
        "Period": PERIOD,
    }


def _latency(watched: Watched, baseline: float) -> list[dict[str, Any]]:
    """Return the new fleet's latency divided by the old one's in the same minute.

    Once the old fleet has no traffic its last figure stands in, and below the floor it counts as the floor.
    """
    sources = {"new": watched.config, "old": watched.before}
    read = [_latency_of(name, watched.endpoint, config) for name, config in sources.items()]
    floored = f"IF(usual > {LATENCY_FLOOR}, usual, {LATENCY_FLOOR})"
    return [
        *read,
        {"Id": "usual", "Expression": f"FILL(old, {baseline:.0f})", "ReturnData": False},
        {"Id": "ratio", "Expression": f"new / {floored}", "ReturnData": True},
    ]


def _latency_of(name: str, endpoint: str, config: str) -> dict[str, Any]:
    """Return the metric query of one fleet's latency."""
    metric = {
        "Namespace": "AWS/SageMaker",
        "MetricName": "ModelLatency",
        "Dimensions": _fleet(endpoint, config),
    }
    return {
        "Id": name,
        "MetricStat": {"Metric": metric, "Period": PERIOD, "Stat": "Average"},
        "ReturnData": False,
    }


def _fleet(endpoint: str, config: str) -> list[dict[str, str]]:
    return _dimensions(EndpointName=endpoint, VariantName=names.VARIANT, EndpointConfigName=config)


def _dimensions(**values: str) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in values.items()]


def baseline(aws: Aws, endpoint: str, config: str, otherwise: float) -> float:
    """Return a fleet's latency in the last hours in microseconds, or what the prober measured."""
    now = datetime.now(UTC)
    told = aws.cloudwatch.get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName="ModelLatency",
        Dimensions=_fleet(endpoint, config),
        StartTime=now - timedelta(hours=3),
        EndTime=now,
        Period=3 * 3600,
        Statistics=["Average"],
    )
    return max((point["Average"] for point in told["Datapoints"]), default=otherwise)


def dead(alarm: dict[str, Any], watched: Watched) -> str | None:
    """Return why an alarm could not fire while the new fleet is watched, or None.

    The moment that counts is the first step: a canary's share of the traffic, for one bake.
    """
    rollout, share = watched.machines.rollout, watched.machines.share()
    bake = 60 * (rollout.bake_minutes or rollout.final_bake_minutes or 0)
    queries = alarm.get("Metrics") or [alarm]
    period = max(each.get("MetricStat", each).get("Period", 0) for each in queries)
    needed = period * (alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"])
    if needed > bake:
        return f"it needs {needed} s of data and the new fleet is watched for {bake} s"
    found = {item["Name"]: item["Value"] for item in alarm.get("Dimensions") or []}
    fleet, endpoint = found.get("EndpointConfigName"), found.get("EndpointName")
    if fleet not in (None, watched.config) or endpoint not in (None, watched.endpoint):
        return f"it watches {fleet or endpoint}, not what is released"
    if alarm.get("Namespace") == watched.namespace and alarm.get("TreatMissingData") != "breaching":
        return "where probes stop it stays quiet: missing data must be breaching"
    if alarm.get("MetricName") in BINARY:
        return _unreachable(alarm, 1.0 if fleet else share)
    return None


def _unreachable(alarm: dict[str, Any], most: float) -> str | None:
    """Return why a metric of ones and zeros never reaches the threshold; `most` is the most it averages."""
    statistic = alarm.get("Statistic") or alarm.get("ExtendedStatistic", "")
    if statistic in ("Sum", "SampleCount"):
        return None
    most = most if statistic == "Average" else 1.0
    operator, threshold = alarm.get("ComparisonOperator", ""), alarm.get("Threshold", 0.0)
    reached: dict[str, Callable[[], bool]] = {
        "GreaterThanThreshold": lambda: most > threshold,
        "GreaterThanOrEqualToThreshold": lambda: most >= threshold,
        "LessThanThreshold": lambda: threshold > 0,
        "LessThanOrEqualToThreshold": lambda: threshold >= 0,
    }
    if operator not in reached or reached[operator]():
        return None
    whose = "" if most == 1 else " of all answers, where every one of the new fleet's fails"
    return f"{statistic} of {alarm['MetricName']} is {most:g} at most{whose}; it waits for {threshold:g}"


def put(aws: Aws, watched: Watched, baseline: float) -> None:
    """Make our alarms."""
    for request in requests(watched, baseline):
        aws.cloudwatch.put_metric_alarm(**request)


def delete(aws: Aws, config: str) -> None:
    """Delete the alarms that were made for a config."""
    aws.cloudwatch.delete_alarms(AlarmNames=own(config))


def described(aws: Aws, wanted: list[str]) -> dict[str, dict[str, Any]]:
    """Return alarms by name as CloudWatch describes them."""
    told = aws.cloudwatch.describe_alarms(AlarmNames=wanted, AlarmTypes=["MetricAlarm"])
    return {alarm["AlarmName"]: alarm for alarm in told["MetricAlarms"]}


def ready(aws: Aws, watched: Watched, why_no_data: Callable[[], str]) -> None:
    """Wait until every alarm is quiet and has data.

    Raises:
        NotStarted: E407 missing, E408 unreadable, E409 in ALARM already, E410 no data, E411 could not fire.
    """
    started, mine = time.monotonic(), own(watched.config)
    while True:
        try:
            found = described(aws, watched.names)
        except ClientError as error:
            raise refusal("E408", "the alarms cannot be read", watched, errors.code(error)) from None
        if missing := [name for name in watched.names if name not in found]:
            raise refusal("E407", f"there is no alarm {missing[0]}", watched, "no metric alarm of that name")
        for name, alarm in found.items():
            if why := dead(alarm, watched):
                raise refusal("E411", f"the alarm {name} could not fire", watched, why)
        states = {name: alarm["StateValue"] for name, alarm in found.items()}
        waited = time.monotonic() - started
        late = waited > READY_MINUTES * 60
        fires = {name: why for name, why in firing(found).items() if late or name not in mine}
        for name, why in fires.items():  # one of ours may still see what an earlier attempt left
            raise refusal("E409", f"the alarm {name} is in ALARM already", watched, why)
        silent = [name for name, state in states.items() if state != "OK"]
        if not silent:
            return
        if late:
            why = f"INSUFFICIENT_DATA for {READY_MINUTES} minutes {why_no_data()}"
            raise refusal("E410", f"the alarm {silent[0]} has no data", watched, why)
        time.sleep(pause(waited))


def refusal(code: str, what: str, watched: Watched, why: str) -> NotStarted:
    """Return the error for an alarm that would watch nothing; the endpoint was not touched."""
    return NotStarted(f"""{code} {what}
        {watched.endpoint}
        {why}
        correct the alarm, or [environments.production.rollout] in mlops.toml; production is as it was""")


def firing(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Return which alarms fire, with CloudWatch's reason."""
    return {
        name: alarm.get("StateReason", "") for name, alarm in found.items() if alarm["StateValue"] == "ALARM"
    }
