"""The alarms that send a release back: three of ours on the new endpoint config only, and the user's own.

SageMaker rolls a release back when one of them fires, and takes an alarm that cannot fire for a quiet one:
`dead` tells them apart. All is pure here; guard.py asks CloudWatch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sagemaker_gitops import names
from sagemaker_gitops.tables import Production

KINDS = ("errors", "latency", "wrong")
PERIOD = 60  # seconds
LATENCY_FLOOR = 20_000  # microseconds: below this a model is quick, and three times as slow means nothing
BINARY = ("Invocation4XXErrors", "Invocation5XXErrors", "InvocationModelErrors")  # 1 or 0 of each request
# What SageMaker publishes of an endpoint's variants in AWS/SageMaker; nothing else ever has data there.
PUBLISHED = {
    *BINARY, "Invocations", "InvocationsPerInstance", "ModelLatency", "OverheadLatency", "ModelSetupTime",
    "ConcurrentRequestsPerModel", "MidStreamErrors", "FirstChunkLatency", "FirstChunkModelLatency",
    "FirstChunkOverheadLatency",
}  # fmt: skip


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
        return dimensions(EndpointName=self.endpoint, EndpointConfigName=self.config)

    @property
    def fleets(self) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
        """The dimensions of the new fleet's figures, and of the old one's."""
        return fleet(self.endpoint, self.config), fleet(self.endpoint, self.before)

    @property
    def names(self) -> list[str]:
        """Every alarm that may send this release back."""
        return [*own(self.config), *self.machines.rollout.alarms]


def without(watched: Watched, ringing: set[str]) -> Watched:
    """Return the same without some of the user's own alarms."""
    machines = watched.machines
    kept = tuple(name for name in machines.rollout.alarms if name not in ringing)
    rollout = machines.rollout.model_copy(update={"alarms": kept})
    return replace(watched, machines=machines.model_copy(update={"rollout": rollout}))


def own(config: str) -> list[str]:
    """Return the names of the alarms that a rollout to a config makes for itself."""
    return [f"{config}-{kind}" for kind in KINDS]


def requests(watched: Watched, baseline: float) -> list[dict[str, Any]]:
    """Return our PutMetricAlarm requests; `baseline` is the old fleet's latency in microseconds."""
    limits, (failing, slow, wrong) = watched.machines.rollout, own(watched.config)
    # Each request counts 1 or 0.
    failed = _metric("AWS/SageMaker", "Invocation5XXErrors", watched.fleets[0], "Average")
    asked = _metric(watched.namespace, "WrongAnswers", watched.dimensions, "Sum")
    ratio = {"Metrics": _latency(watched, max(baseline, LATENCY_FLOOR))}
    return [
        # No traffic is no fault; no probes are, for then nobody watches: as bad as a wrong answer.
        _alarm(failing, failed, limits.max_error_rate, "notBreaching"),
        _alarm(slow, ratio, limits.max_latency_ratio, "notBreaching", periods=2),  # one slow minute is none
        _alarm(wrong, asked, 1.0, "breaching"),
    ]


def _alarm(
    name: str, metric: dict[str, Any], threshold: float, missing: str, periods: int = 1
) -> dict[str, Any]:
    return {
        "AlarmName": name,
        **metric,
        "Threshold": threshold,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "EvaluationPeriods": periods,
        "DatapointsToAlarm": periods,
        "TreatMissingData": missing,
        "ActionsEnabled": False,  # SageMaker reads the state; there is nobody to notify
    }


def _metric(namespace: str, name: str, dimensions: list[dict[str, str]], statistic: str) -> dict[str, Any]:
    return {
        "Namespace": namespace,
        "MetricName": name,
        "Dimensions": dimensions,
        "Statistic": statistic,
        "Period": PERIOD,
    }


def _latency(watched: Watched, baseline: float) -> list[dict[str, Any]]:
    """Return the new fleet's latency divided by the old one's in the same minute.

    Once the old fleet has no traffic its last figure stands in, and below the floor it counts as the floor.
    """
    read = [_latency_of(name, each) for name, each in zip(("new", "old"), watched.fleets, strict=True)]
    floored = f"IF(usual > {LATENCY_FLOOR}, usual, {LATENCY_FLOOR})"
    return [
        *read,
        {"Id": "usual", "Expression": f"FILL(old, {baseline:.0f})", "ReturnData": False},
        {"Id": "ratio", "Expression": f"new / {floored}", "ReturnData": True},
    ]


def _latency_of(name: str, of: list[dict[str, str]]) -> dict[str, Any]:
    """Return the metric query of one fleet's latency."""
    metric = {"Namespace": "AWS/SageMaker", "MetricName": "ModelLatency", "Dimensions": of}
    return {
        "Id": name,
        "MetricStat": {"Metric": metric, "Period": PERIOD, "Stat": "Average"},
        "ReturnData": False,
    }


def fleet(endpoint: str, config: str) -> list[dict[str, str]]:
    """Return the dimensions of one fleet's own figures: those of the endpoint mix old and new."""
    return dimensions(EndpointName=endpoint, VariantName=names.VARIANT, EndpointConfigName=config)


def dimensions(**values: str) -> list[dict[str, str]]:
    """Return dimensions as CloudWatch takes them."""
    return [{"Name": name, "Value": value} for name, value in values.items()]


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
    metrics = [_of_query(alarm, each) for each in queries if "MetricStat" in each] or [alarm]
    configs = {_dimensions(metric).get("EndpointConfigName") for metric in metrics}
    if configs == {watched.before} != {watched.config}:
        return f"it watches {watched.before}, not what is released"
    for metric in metrics:
        if why := _deaf(metric, watched):
            return why
        # What an expression makes of it is not known here.
        if metric.get("MetricName") in BINARY and metric.get("ReturnData", True):
            most = 1.0 if "EndpointConfigName" in _dimensions(metric) else share
            if why := _unreachable(metric, most):
                return why
    return None


def _of_query(alarm: dict[str, Any], query: dict[str, Any]) -> dict[str, Any]:
    """Return one metric of a metric-math alarm as if it were the alarm's only one."""
    told = query["MetricStat"]
    shown = {"ReturnData": query.get("ReturnData", True), "Statistic": told["Stat"], "Dimensions": []}
    return alarm | shown | told["Metric"]


def _dimensions(metric: dict[str, Any]) -> dict[str, str]:
    return {item["Name"]: item["Value"] for item in metric.get("Dimensions") or []}


def _deaf(metric: dict[str, Any], watched: Watched) -> str | None:
    """Return why a metric has no data of what is released, or None."""
    found, name, space = _dimensions(metric), metric.get("MetricName"), metric.get("Namespace")
    config, endpoint = found.get("EndpointConfigName"), found.get("EndpointName")
    if config not in (None, watched.config, watched.before) or endpoint not in (None, watched.endpoint):
        return f"it watches {config or endpoint}, not what is released"
    if space == watched.namespace and metric.get("TreatMissingData") != "breaching":
        return "where probes stop it stays quiet: missing data must be breaching"
    if space != "AWS/SageMaker":
        return None
    if name not in PUBLISHED:
        return f"SageMaker publishes no metric {name} of an endpoint"
    if set(found) - {"EndpointConfigName"} != {"EndpointName", "VariantName"}:
        return f"{name} has the dimensions EndpointName and VariantName, not {', '.join(found) or 'none'}"
    variants = [_dimensions({"Dimensions": each})["VariantName"] for each in watched.fleets]
    if found["VariantName"] not in variants:
        return f"there is no variant {found['VariantName']}; it is called {variants[0]}"
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
