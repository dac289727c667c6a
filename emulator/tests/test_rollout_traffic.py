"""UpdateEndpoint with deployment guardrails, seen through boto3 only: real containers, a real client."""

from __future__ import annotations

import collections
import threading
import time

import pytest
from models_by_hand import Account
from rollouts_by_hand import Client, blue_green, canary, linear, phases, rolling


@pytest.fixture
def account(aws, monkeypatch):
    monkeypatch.setenv("SAGEMAKER_EMULATOR_HEALTH_SECONDS", "5")
    made = Account(aws)
    yield made
    made.clean()


HEALTHY = [
    pytest.param(1, blue_green(final=60), id="all at once"),
    pytest.param(4, canary(count=1, wait=60, final=30), id="canary"),
    pytest.param(4, linear(percent=25, wait=30, final=30), id="linear"),
    pytest.param(4, rolling(count=2, wait=30), id="rolling"),
]


@pytest.mark.parametrize(("count", "deployment"), HEALTHY)
def test_a_healthy_rollout_under_load_loses_no_request(account, count, deployment):
    old, new = account.config("old", count=count), account.config("new", count=count)
    name = account.endpoint(old)
    with Client(account, name) as client:
        account.sagemaker.update_endpoint(
            EndpointName=name, EndpointConfigName=new, DeploymentConfig=deployment
        )
        described = account.settled(name)
        time.sleep(0.2)
    assert client.failures == []
    assert {answer for _, answer in client.answers} == {"old", "new"}
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", new)
    assert "FailureReason" not in described
    assert "PendingDeploymentSummary" not in described
    assert described["ProductionVariants"][0]["CurrentInstanceCount"] == count
    assert account.log(name).count("stopped in peace") == count
    assert account.ask(name).startswith("new")


def test_a_canary_gets_its_share_of_the_requests_and_the_rest_after_its_bake(account):
    name = account.endpoint(account.config("old", count=4))
    deployment = canary(count=1, wait=180, final=60)
    seen = phases(account, name, account.config("new", count=4), deployment)
    baking = seen.of("Baking")
    first = [answer for phase, answer in baking if phase["CurrentWeight"] == pytest.approx(0.25)]
    last = [answer for phase, answer in baking if phase["CurrentWeight"] == pytest.approx(1.0)]
    assert len(first) > 60
    assert 0.1 < first.count("new") / len(first) < 0.42  # a quarter, three sigma and more
    assert set(last) == {"new"}


def test_linear_steps_move_the_traffic_in_equal_parts(account):
    name = account.endpoint(account.config("old", count=4))
    seen = phases(account, name, account.config("new", count=4), linear(percent=25, wait=60, final=60))
    assert seen.weights() == [0.0, 0.25, 0.5, 0.75, 1.0]
    answers = collections.defaultdict(list)
    for phase, answer in seen.of("Baking"):
        answers[phase["CurrentWeight"]].append(answer)
    shares = [answers[weight].count("new") / len(answers[weight]) for weight in (0.25, 0.5, 0.75, 1.0)]
    assert shares == sorted(shares) and shares[0] < 0.5 < shares[2] and shares[3] == 1.0


def test_a_rolling_update_never_runs_more_than_one_batch_beyond_the_fleet(account):
    name = account.endpoint(account.config("old", count=4))
    new = account.config("new", count=4)
    account.sagemaker.update_endpoint(
        EndpointName=name, EndpointConfigName=new, DeploymentConfig=rolling(count=2, wait=60)
    )
    running = []
    while (described := account.sagemaker.describe_endpoint(EndpointName=name))[
        "EndpointStatus"
    ] == "Updating":
        pending = described["PendingDeploymentSummary"]["ProductionVariants"][0]
        current = described["ProductionVariants"][0]["CurrentInstanceCount"]
        running.append((current, pending["CurrentInstanceCount"]))
        time.sleep(0.03)
    assert {(4, 2), (2, 2), (2, 4)} <= set(running)
    assert max(sum(pair) for pair in running) == 6
    assert account.settled(name)["EndpointConfigName"] == new


@pytest.mark.parametrize("manners", [{}, {"RUDE": "1"}], ids=["drains on SIGTERM", "dies of SIGTERM"])
def test_requests_under_way_are_answered_by_the_fleet_that_took_them(account, manners):
    name = account.endpoint(account.config("old", count=2, **manners))
    answers = []
    slow = [threading.Thread(target=lambda: answers.append(account.ask(name, "sleep 2"))) for _ in range(2)]
    for thread in slow:
        thread.start()
    time.sleep(0.3)
    account.sagemaker.update_endpoint(
        EndpointName=name,
        EndpointConfigName=account.config("new", count=2),
        DeploymentConfig=rolling(count=1, wait=0),
    )
    account.settled(name)
    for thread in slow:
        thread.join()
    assert [answer.split()[0] for answer in answers] == ["old", "old"]
    assert account.log(name).count("stopped in peace") == (0 if manners else 2)
