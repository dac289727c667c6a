"""Updates that take themselves back: alarms, containers that never serve, time limits, faults on request."""

from __future__ import annotations

import threading
import time
import uuid

import pytest
from faults_by_hand import clear, fault
from models_by_hand import Account
from rollouts_by_hand import Client, blue_green, canary, linear, rolling

GUARDED = [
    pytest.param(1, lambda alarm: blue_green(final=600, alarms=alarm), id="all at once"),
    pytest.param(
        2, lambda alarm: canary(count=50, kind="CAPACITY_PERCENT", wait=600, alarms=alarm), id="canary"
    ),
    pytest.param(2, lambda alarm: linear(percent=50, wait=600, alarms=alarm), id="linear"),
    pytest.param(2, lambda alarm: rolling(count=1, wait=600, alarms=alarm), id="rolling"),
]


@pytest.fixture
def account(aws, monkeypatch):
    monkeypatch.setenv("SAGEMAKER_EMULATOR_HEALTH_SECONDS", "3")
    made = Account(aws)
    yield made
    clear()
    made.clean()


@pytest.fixture
def alarm(aws):
    """An alarm on a metric of this test's own: in ALARM as soon as a value above 0 is there."""
    name = f"a-{uuid.uuid4().hex[:8]}"
    aws.cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="Test",
        MetricName=name,
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    return name


def trip(aws, name):
    """Make the alarm's metric break its threshold for as long as anyone looks."""
    aws.cloudwatch.put_metric_data(Namespace="Test", MetricData=[{"MetricName": name, "Value": 1.0}])


def update(account, name, config, deployment):
    account.sagemaker.update_endpoint(
        EndpointName=name, EndpointConfigName=config, DeploymentConfig=deployment
    )


def until(account, name, wanted, seconds=10):
    """Wait until the endpoint's description is as wanted."""
    deadline = time.monotonic() + seconds
    while not wanted(described := account.sagemaker.describe_endpoint(EndpointName=name)):
        assert time.monotonic() < deadline, described
        time.sleep(0.02)
    return described


def baking(described):
    pending = described["PendingDeploymentSummary"]["ProductionVariants"][0]
    return pending["VariantStatus"][0]["Status"] == "Baking"


@pytest.mark.parametrize(("count", "deployment"), GUARDED)
def test_an_alarm_takes_everything_back_and_is_named(account, aws, alarm, count, deployment):
    old, new = account.config("old", count=count), account.config("new", count=count)
    name = account.endpoint(old)
    with Client(account, name) as client:
        update(account, name, new, deployment([alarm]))
        until(account, name, baking)
        time.sleep(0.3)
        trip(aws, alarm)
        described = account.settled(name)
        back = time.monotonic()
        time.sleep(0.3)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", old)
    assert alarm in described["FailureReason"]
    assert described["ProductionVariants"][0]["CurrentInstanceCount"] == count
    assert client.failures == []
    assert "new" in {answer for _, answer in client.answers}
    assert {answer for when, answer in client.answers if when > back} == {"old"}


def test_a_failure_reason_stays_until_an_update_succeeds(account, aws, alarm):
    name = account.endpoint(account.config("old"))
    trip(aws, alarm)
    update(account, name, account.config("new"), blue_green(final=60, alarms=[alarm]))
    assert alarm in account.settled(name)["FailureReason"]
    update(account, name, account.config("newer"), blue_green(final=30))
    until(account, name, baking)
    assert alarm in account.sagemaker.describe_endpoint(EndpointName=name)["FailureReason"]
    assert "FailureReason" not in account.settled(name)


@pytest.mark.parametrize(
    "broken",
    [pytest.param({"EXIT": "1"}, id="exits at start"), pytest.param({"PING": "500"}, id="ping never good")],
)
@pytest.mark.parametrize("deployment", [canary(wait=0), rolling(count=1)], ids=["canary", "rolling"])
def test_a_fleet_that_never_answers_pings_gets_no_request(account, broken, deployment):
    old = account.config("old", count=2)
    name = account.endpoint(old)
    with Client(account, name) as client:
        update(account, name, account.config("new", count=2, **broken), deployment)
        described = account.settled(name)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", old)
    assert "did not pass the ping health check" in described["FailureReason"]
    assert client.failures == []
    assert {answer for _, answer in client.answers} == {"old"}


def test_an_update_beyond_its_time_is_taken_back(account, monkeypatch):
    old = account.config("old")
    name = account.endpoint(old)
    monkeypatch.setenv("SAGEMAKER_EMULATOR_MINUTE", "0.2")
    fault(kind="stuck-update", endpoint=name)
    began = time.monotonic()
    update(account, name, account.config("new"), blue_green(MaximumExecutionTimeoutInSeconds=600))
    described = account.settled(name)
    assert 1.9 < time.monotonic() - began < 8  # ten minutes of AWS's
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", old)
    assert "600 seconds" in described["FailureReason"]


def test_a_silent_rollback_is_in_service_on_the_old_config_without_a_word(account):
    old = account.config("old")
    name = account.endpoint(old)
    fault(kind="silent-rollback", endpoint=name)
    update(account, name, account.config("new"), blue_green())
    described = account.settled(name)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", old)
    assert "FailureReason" not in described
    assert account.ask(name).startswith("old")


@pytest.mark.parametrize(
    "deployment", [canary(wait=600), rolling(count=2, wait=600)], ids=["canary", "rolling"]
)
def test_when_the_rollback_fails_both_configs_serve_until_an_update_succeeds(account, aws, alarm, deployment):
    old = account.config("old", count=4)
    name = account.endpoint(old)
    fault(kind="rollback-failed", endpoint=name)
    watched = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": alarm}]}}
    with Client(account, name) as client:
        update(account, name, account.config("new", count=4), {**deployment, **watched})
        until(account, name, baking)
        trip(aws, alarm)
        described = until(account, name, lambda d: d["EndpointStatus"] == "UpdateRollbackFailed")
        mixed = time.monotonic()
        time.sleep(0.5)
    assert alarm in described["FailureReason"]
    assert described["EndpointConfigName"] == old
    assert {answer for when, answer in client.answers if when > mixed} == {"old", "new"}
    assert client.failures == []
    newest = account.config("newest", count=4)
    with Client(account, name) as client:
        update(account, name, newest, rolling(count=2))
        described = account.settled(name)
        settled = time.monotonic()
        time.sleep(0.2)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", newest)
    assert "FailureReason" not in described
    assert {answer for when, answer in client.answers if when > settled} == {"newest"}
    assert client.failures == []


def test_a_rolling_rollback_that_cannot_start_the_old_config_again_is_a_failed_one(
    account, aws, alarm, tmp_path
):
    marker = tmp_path / "broken"
    old = account.config("old", count=2, EXIT_IF=str(marker))
    name = account.endpoint(old)
    update(account, name, account.config("new", count=2), rolling(count=1, wait=120, alarms=[alarm]))
    until(account, name, lambda d: d["ProductionVariants"][0]["CurrentInstanceCount"] == 1)
    marker.touch()
    trip(aws, alarm)
    described = until(account, name, lambda d: d["EndpointStatus"] == "UpdateRollbackFailed")
    assert alarm in described["FailureReason"] and "ping health check" in described["FailureReason"]
    assert {account.ask(name).split()[0] for _ in range(20)} == {"old", "new"}


def test_during_maintenance_updates_and_deletion_are_refused_and_requests_answered(account, monkeypatch):
    name = account.endpoint(account.config("old"))
    new = account.config("new")
    monkeypatch.setenv("SAGEMAKER_EMULATOR_MINUTE", "0.3")
    fault(kind="system-updating", endpoint=name)
    assert account.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "SystemUpdating"
    for call, members in (
        (account.sagemaker.update_endpoint, {"EndpointConfigName": new}),
        (account.sagemaker.delete_endpoint, {}),
    ):
        with pytest.raises(
            account.sagemaker.exceptions.ClientError, match="Cannot update in-progress endpoint"
        ):
            call(EndpointName=name, **members)
    assert account.ask(name).startswith("old")
    assert account.settled(name)["EndpointStatus"] == "InService"
    account.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new)
    assert account.settled(name)["EndpointConfigName"] == new


def test_a_killed_container_comes_back_and_the_other_one_serves_meanwhile(account):
    name = account.endpoint(account.config("old", count=2))
    before = {account.ask(name).split()[-1] for _ in range(6)}
    fault(kind="kill-instance", endpoint=name)
    account.sagemaker.describe_endpoint(EndpointName=name)
    time.sleep(0.3)
    deadline = time.monotonic() + 10
    while len(now := {account.ask(name).split()[-1] for _ in range(6)}) < 2 or now == before:  # never fails
        assert time.monotonic() < deadline, now
    assert len(now & before) == 1


def test_requests_on_the_canary_are_answered_when_it_is_taken_back(account, aws, alarm):
    name = account.endpoint(account.config("old", count=2))
    update(account, name, account.config("new", count=2), blue_green(final=600, alarms=[alarm]))
    until(account, name, baking)
    answers = []
    slow = threading.Thread(target=lambda: answers.append(account.ask(name, "sleep 1.5")))
    slow.start()
    time.sleep(0.3)
    trip(aws, alarm)
    account.settled(name)
    slow.join()
    assert answers[0].startswith("new")
