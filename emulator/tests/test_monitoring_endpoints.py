"""What CloudWatch knows of an endpoint's requests, and which alarms on it can fire: AWS's own two cannot."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from models_by_hand import Account
from rollouts_by_hand import canary

from sagemaker_emulator.hosting import metrics
from sagemaker_emulator.monitoring import data

REGION = "us-east-1"


@pytest.fixture
def account(aws):
    made = Account(aws)
    yield made
    made.clean()


def ask(account, name, body="hello"):
    """Ask and let the answer be an error."""
    try:
        account.ask(name, body)
    except account.runtime.exceptions.ModelError:
        return False
    return True


def statistic(account, metric, stat, **dimensions):
    """Return one statistic of the last minutes, None where there is no data."""
    kind = "ExtendedStatistics" if stat.startswith("p") else "Statistics"
    now = datetime.now(UTC)
    points = account.aws.cloudwatch.get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName=metric,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=7200,
        **{kind: [stat]},
    )["Datapoints"]
    return points[0].get("ExtendedStatistics", points[0]).get(stat) if points else None


def test_each_request_counts_on_both_sets_of_dimensions_and_latencies_have_a_tail(account):
    config = account.config()
    name = account.endpoint(config)
    for body in ["hello"] * 50 + ["sleep 0.3"] + ["fail 400", "fail 500", "fail 302"]:
        ask(account, name, body)
    time.sleep(0.5)
    two = {"EndpointName": name, "VariantName": "main"}
    for dimensions in (two, {**two, "EndpointConfigName": config}):
        sums = {
            metric: statistic(account, metric, "Sum", **dimensions)
            for metric in (
                *("Invocations", "Invocation4XXErrors", "Invocation5XXErrors", "InvocationModelErrors"),
            )
        }
        assert sums == {
            "Invocations": 54,
            "Invocation4XXErrors": 1,
            "Invocation5XXErrors": 1,
            "InvocationModelErrors": 3,
        }
        assert statistic(account, "Invocation5XXErrors", "Average", **dimensions) == pytest.approx(1 / 54)
        assert statistic(account, "ModelLatency", "SampleCount", **dimensions) == 54
        assert statistic(account, "ModelLatency", "p50", **dimensions) < 200_000
        assert statistic(account, "ModelLatency", "p99", **dimensions) >= 300_000
        assert statistic(account, "OverheadLatency", "SampleCount", **dimensions) == 54
    assert statistic(account, "Invocations", "Sum", EndpointName=name) is None


def test_counting_costs_a_request_next_to_nothing():
    where = metrics.Where("nobody", "config", "main")
    began = time.process_time()
    for number in range(20_000):
        metrics.record("eu-north-1", where, 200, 0.001 + number * 1e-6, 0.0002)
    assert (time.process_time() - began) / 20_000 < 50e-6
    metrics.flush()
    dimensions = (("EndpointName", "nobody"), ("VariantName", "main"))
    kept = data.read(
        "123456789012", "eu-north-1", data.Metric("AWS/SageMaker", "ModelLatency", dimensions), 0, 1e12
    )
    assert sum(each.count for each in kept) == 20_000
    assert sum(len(each.values or ()) for each in kept) < 5_000  # a histogram, not a list of all


def test_counting_goes_on_in_the_next_emulator_of_one_process(emulator, unique):
    metric = data.Metric("AWS/SageMaker", "Invocations", (("EndpointName", unique), ("VariantName", "main")))
    where = metrics.Where(unique, "config", "main")
    metrics.record(REGION, where, 200, 0.001, 0.0002)
    metrics.stop()  # as the end of an emulator does
    time.sleep(0.5)
    metrics.record(REGION, where, 200, 0.001, 0.0002)
    deadline = time.monotonic() + 5
    while sum(each.total for each in data.read("123456789012", REGION, metric, 0, 1e12)) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def alarm(aws, name, dimensions, threshold, comparison, period=60, periods=1):
    """Put an alarm on the average of Invocation5XXErrors."""
    aws.cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        Statistic="Average",
        Period=period,
        EvaluationPeriods=periods,
        Threshold=threshold,
        ComparisonOperator=comparison,
    )
    return name


def test_the_canary_notebooks_alarm_sleeps_through_a_wholly_broken_canary_and_a_live_one_does_not(
    account, aws
):
    """The notebook of amazon-sagemaker-examples says "1 %" and asks for an average of 1 over the endpoint."""
    old, new = account.config("old", count=2), account.config("new", count=2)
    name = account.endpoint(old)
    both, equal = {"EndpointName": name, "VariantName": "main"}, "GreaterThanOrEqualToThreshold"
    notebook = alarm(aws, f"{name}-notebook", both, 1.0, equal)
    live = alarm(aws, f"{name}-live", {**both, "EndpointConfigName": new}, 0.01, equal)
    account.sagemaker.update_endpoint(
        EndpointName=name, EndpointConfigName=new, DeploymentConfig=canary(count=1, wait=240)
    )
    states = {notebook: set(), live: set()}
    failed = asked = 0
    while "PendingDeploymentSummary" in (now := account.sagemaker.describe_endpoint(EndpointName=name)):
        asked += 1
        failed += not ask(account, name, "only new fail 500")  # the new model answers every request with 500
        if now["PendingDeploymentSummary"]["ProductionVariants"][0]["CurrentWeight"] < 1:
            for each in aws.cloudwatch.describe_alarms(AlarmNames=list(states))["MetricAlarms"]:
                states[each["AlarmName"]].add(each["StateValue"])
        time.sleep(0.01)
    aws.cloudwatch.delete_alarms(AlarmNames=list(states))
    assert 0 < failed < asked
    assert "ALARM" in states[live]
    assert "ALARM" not in states[notebook]
    assert "OK" in states[notebook]  # it had data enough to decide


def test_the_guardrails_pages_alarm_sleeps_when_every_single_request_fails(aws, unique, monkeypatch):
    """AWS's page deployment-guardrails-configuration.html asks for an average above 1, twice."""
    monkeypatch.setenv("SAGEMAKER_EMULATOR_MINUTE", "0.05")  # so that two periods of 600 s are 1 s
    both = {"EndpointName": unique, "VariantName": "AllTraffic"}
    page = alarm(aws, f"{unique}-page", both, 1.0, "GreaterThanThreshold", period=600, periods=2)
    live = alarm(aws, f"{unique}-live", both, 0.01, "GreaterThanOrEqualToThreshold")
    deadline = time.monotonic() + 2.5
    while time.monotonic() < deadline:
        metrics.record(REGION, metrics.Where(unique, "config", "AllTraffic"), 500, 0.01, 0.001)
        time.sleep(0.01)
    found = aws.cloudwatch.describe_alarms(AlarmNames=[page, live])["MetricAlarms"]
    aws.cloudwatch.delete_alarms(AlarmNames=[page, live])
    states = {each["AlarmName"]: (each["StateValue"], each["StateReason"]) for each in found}
    assert states[live][0] == "ALARM"
    assert states[page][0] == "OK"
    assert "1.0 (" in states[page][1] and "not greater than the threshold (1.0)" in states[page][1]
