"""UpdateEndpoint under load and with containers that never become healthy, seen through boto3 only."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from botocore.exceptions import ClientError
from models_by_hand import Account

from sagemaker_emulator.hosting import deployments


@pytest.fixture
def account(aws, monkeypatch):
    monkeypatch.setenv("SAGEMAKER_EMULATOR_HEALTH_SECONDS", "3")
    made = Account(aws)
    yield made
    made.clean()


def refused(call, **request):
    """Return code and message of the error that a call must give."""
    with pytest.raises(ClientError) as error:
        call(**request)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def test_an_update_moves_all_requests_to_the_new_fleet_and_loses_none(account):
    old, new = account.config("old", count=2), account.config("new", count=2)
    name = account.endpoint(old)
    answers, stop = [], threading.Event()

    def client():
        while not stop.is_set():
            answers.append(account.ask(name).split()[0])

    threads = [threading.Thread(target=client) for _ in range(3)]
    for thread in threads:
        thread.start()
    account.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new)
    described = account.settled(name)
    time.sleep(0.2)
    stop.set()
    for thread in threads:
        thread.join()
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", new)
    assert set(answers) == {"old", "new"}
    assert answers.index("new") > 0
    assert account.ask(name).startswith("new")
    assert account.log(name).count("stopped in peace") == 2


def test_of_many_updates_at_once_one_is_accepted(account, monkeypatch):
    # A pause between looking at the state and changing it, in which the others may look too.
    monkeypatch.setattr(deployments, "check", lambda *_: time.sleep(0.02))
    name, new = account.endpoint(account.config("old")), account.config("new")
    with ThreadPoolExecutor(4) as pool:
        ask = partial(account.sagemaker.update_endpoint, EndpointName=name, EndpointConfigName=new)
        errors = [future.exception() for future in [pool.submit(ask) for _ in range(4)]]
    assert errors.count(None) == 1
    assert all("in-progress" in str(error) for error in errors if error)
    assert account.settled(name)["EndpointConfigName"] == new


def test_a_request_under_way_is_answered_before_the_old_container_is_stopped(account):
    name = account.endpoint(account.config("old"))
    answers = []
    slow = threading.Thread(target=lambda: answers.append(account.ask(name, "sleep 3")))
    slow.start()
    time.sleep(0.3)
    account.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=account.config("new"))
    account.settled(name)
    slow.join()
    assert answers[0].startswith("old")


def test_while_updating_the_pending_deployment_shows_and_a_second_update_is_refused(account):
    name = account.endpoint(account.config("old"))
    new = account.config("new", PING_AFTER="0.7")
    account.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new)
    described = account.sagemaker.describe_endpoint(EndpointName=name)
    assert described["EndpointStatus"] == "Updating"
    assert described["PendingDeploymentSummary"]["EndpointConfigName"] == new
    assert (
        described["PendingDeploymentSummary"]["ProductionVariants"][0]["VariantStatus"][0]["Status"]
        == "Creating"
    )
    for call, request in (
        (account.sagemaker.update_endpoint, {"EndpointConfigName": new}),
        (account.sagemaker.delete_endpoint, {}),
    ):
        code, message = refused(call, EndpointName=name, **request)
        assert code == "ValidationException"
        assert message.startswith("Cannot update in-progress endpoint")
    assert account.ask(name).startswith("old")
    described = account.settled(name)
    assert "PendingDeploymentSummary" not in described
    assert account.ask(name).startswith("new")


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({"EXIT": "1"}, id="exits at start"),
        pytest.param({"PING": "500"}, id="ping never good"),
    ],
)
def test_an_update_that_never_becomes_healthy_goes_back_to_the_old_config(account, broken):
    old = account.config("old")
    name = account.endpoint(old)
    account.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=account.config("new", **broken))
    described = account.settled(name)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", old)
    assert "did not pass the ping health check" in described["FailureReason"]
    assert account.ask(name).startswith("old")
    healthy = account.config("newer")
    account.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=healthy)
    described = account.settled(name)
    assert described["EndpointConfigName"] == healthy
    assert "FailureReason" not in described


def test_the_last_deployment_is_kept_and_used_again_when_asked_to(account):
    name = account.endpoint(account.config("old"))
    routing = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    policy = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": 60}
    deployment = {"BlueGreenUpdatePolicy": policy}
    for members in ({"DeploymentConfig": deployment}, {"RetainDeploymentConfig": True}):
        began, new = time.monotonic(), account.config("new")
        account.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new, **members)
        described = account.settled(name)
        assert (described["EndpointConfigName"], described["LastDeploymentConfig"]) == (new, deployment)
        assert time.monotonic() - began >= 1.0  # a minute of AWS's


def test_a_renamed_variant_is_refused_under_guardrails(account):
    name = account.endpoint(account.config(variant="blue"))
    policy = {"TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}}
    code, message = refused(
        account.sagemaker.update_endpoint,
        EndpointName=name,
        EndpointConfigName=account.config(variant="green"),
        DeploymentConfig={"BlueGreenUpdatePolicy": policy},
    )
    assert code == "ValidationException"
    assert "same production variants" in message
