"""Endpoints are looked at, waited for and taken away; no wait goes on for ever, no lost answer does harm."""

from __future__ import annotations

import itertools
import threading

import pytest

from doubles.aws import NO_ENDPOINT, Client, error, make_aws
from sagemaker_gitops import endpoints
from sagemaker_gitops.errors import DeployFailed
from sagemaker_gitops.story import Step

BUSY = error("ValidationException", 'Cannot update in-progress endpoint "arn:e".', "UpdateEndpoint")


def endpoint(status: str = "InService", config: str = "old", **more: object) -> dict[str, object]:
    return {"EndpointName": "e", "EndpointStatus": status, "EndpointConfigName": config} | more


def fleet(weight: float, *phases: str) -> dict[str, object]:
    return {"CurrentWeight": weight, "VariantStatus": [{"Status": phase} for phase in phases]}


@pytest.mark.parametrize(
    "act", [lambda aws: endpoints.delete(aws, "e"), lambda aws: endpoints.wait(aws, "e", Step("s"))]
)
def test_an_endpoint_that_moves_for_an_hour_is_waited_for_no_longer(monkeypatch, act):
    clock = itertools.count(0, 15 * 60)
    monkeypatch.setattr(endpoints.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(endpoints.time, "sleep", lambda _: None)
    client = Client(describe_endpoint=endpoint("Updating"))
    with pytest.raises(DeployFailed, match="is still Updating") as failed:
        act(make_aws(sagemaker=client))
    assert failed.value.why == "waited 60 minutes"


@pytest.mark.parametrize("status", ["Creating", "Updating", "SystemUpdating", "RollingBack"])
def test_whatever_moves_is_waited_for(monkeypatch, status):
    monkeypatch.setattr(endpoints.time, "sleep", lambda _: None)
    states = iter([endpoint(status), endpoint(status), endpoint()])
    client = Client(describe_endpoint=lambda **_: next(states))
    assert endpoints.wait(make_aws(sagemaker=client), "e", Step("s"))["EndpointStatus"] == "InService"


@pytest.mark.parametrize("status", ["InService", "Failed", "UpdateRollbackFailed", "OutOfService"])
def test_what_has_come_to_rest_is_not_waited_for(status):
    client = Client(describe_endpoint=endpoint(status))
    assert endpoints.wait(make_aws(sagemaker=client), "e", Step("s"))["EndpointStatus"] == status


def test_an_endpoint_that_disappears_is_said():
    with pytest.raises(DeployFailed, match="has disappeared"):
        endpoints.wait(make_aws(sagemaker=Client(describe_endpoint=NO_ENDPOINT)), "e", Step("s"))


@pytest.mark.parametrize(
    "now",
    [
        pytest.param(
            endpoint("Updating", PendingDeploymentSummary={"EndpointConfigName": "new"}), id="under way"
        ),
        pytest.param(endpoint(config="new"), id="already over"),
    ],
)
def test_an_update_whose_answer_was_lost_is_not_asked_for_again(now):
    client = Client(describe_endpoint=now, update_endpoint=BUSY)
    aws = make_aws(sagemaker=client)
    endpoints.ask(aws, "e", aws.sagemaker.update_endpoint, EndpointConfigName="new")
    assert client.operations().count("update_endpoint") == 1


def test_an_update_that_somebody_else_was_quicker_with_is_refused():
    pending = {"PendingDeploymentSummary": {"EndpointConfigName": "theirs"}}
    aws = make_aws(sagemaker=Client(describe_endpoint=endpoint("Updating", **pending), update_endpoint=BUSY))
    with pytest.raises(type(BUSY), match="in-progress"):
        endpoints.ask(aws, "e", aws.sagemaker.update_endpoint, EndpointConfigName="new")


def test_a_mixed_fleet_that_may_not_be_updated_is_no_lost_answer():
    refused = error("ValidationException", "CanarySize must be less than or equal to 50%", "UpdateEndpoint")
    mixed = endpoint("UpdateRollbackFailed", config="old")
    aws = make_aws(sagemaker=Client(describe_endpoint=mixed, update_endpoint=refused))
    with pytest.raises(type(refused), match="CanarySize"):
        endpoints.ask(aws, "e", aws.sagemaker.update_endpoint, EndpointConfigName="old")


def test_an_endpoint_that_is_busy_is_deleted_when_it_has_come_to_rest(monkeypatch):
    monkeypatch.setattr(endpoints.time, "sleep", lambda _: None)
    answers = iter([BUSY, {}])
    client = Client(
        describe_endpoint=lambda **_: (
            NO_ENDPOINT if client.operations().count("delete_endpoint") == 2 else endpoint("Creating")
        ),
        delete_endpoint=lambda **_: next(answers),
    )
    endpoints.delete(make_aws(sagemaker=client), "e")
    assert client.operations().count("delete_endpoint") == 2


def streams(**begun: float) -> Client:
    """Return logs whose streams began then, each with its name in a line; the later ones first, as asked."""
    return Client(
        describe_log_streams={
            "logStreams": [
                {"logStreamName": name, "creationTime": int(at * 1000)} for name, at in begun.items()
            ]
        },
        get_log_events=lambda logStreamName, **_: {"events": [{"message": f"{logStreamName}: boom\n"}]},
    )


def test_the_last_lines_are_those_of_the_newest_container_that_began_since():
    aws = make_aws(logs=streams(serves=10, first=100, newest=120))
    assert endpoints.last_lines(aws, "e", since=90) == ["newest: boom"]
    assert endpoints.last_lines(aws, "e", since=200) == []


@pytest.mark.parametrize("refusal", [error("AccessDeniedException"), error("ResourceNotFoundException")])
def test_a_log_that_nobody_may_read_hides_nothing(refusal):
    assert endpoints.last_lines(make_aws(logs=Client(describe_log_streams=refusal)), "e", since=0) == []


def test_share_and_phase_of_the_new_fleet_are_what_sagemaker_shows():
    summary = {"EndpointConfigName": "new", "ProductionVariants": [fleet(0.25, "Baking")]}
    now = endpoint("Updating", ProductionVariants=[fleet(0.75)], PendingDeploymentSummary=summary)
    assert (endpoints.share(now), endpoints.phase(now)) == (0.25, "Baking")
    assert (endpoints.share(endpoint()), endpoints.phase(endpoint())) == (0.0, "")


EXISTS = error("ValidationException", "Cannot create already existing endpoint configuration")
VARIANT = {"VariantName": "main", "ModelName": "x", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}


def make(client: Client) -> None:
    """Make an endpoint config, once."""
    request = {"EndpointConfigName": "x", "ProductionVariants": [VARIANT]}
    endpoints.once(
        client.create_endpoint_config, client.describe_endpoint_config, "EndpointConfigName", **request
    )


def test_a_config_made_earlier_is_used_and_one_that_cannot_be_made_is_said():
    there = {"ProductionVariants": [VARIANT | {"VolumeSizeInGB": 30}], "EndpointConfigArn": "arn"}
    client = Client(create_endpoint_config=EXISTS, describe_endpoint_config=there)
    make(client)
    assert client.asked[-1] == ("describe_endpoint_config", {"EndpointConfigName": "x"})
    with pytest.raises(type(EXISTS), match="quota"):
        make(Client(create_endpoint_config=error("ResourceLimitExceeded", "quota")))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        pytest.param({"ModelName": "theirs"}, "ModelName", id="another model"),
        pytest.param(
            {"InstanceType": "ml.t2.medium", "InitialInstanceCount": 9},
            "InstanceType, InitialInstanceCount",
            id="other machines",
        ),
    ],
)
def test_something_else_under_the_name_of_a_config_stops_the_release_before_it_is_served(change, named):
    there = {"ProductionVariants": [VARIANT | change]}
    with pytest.raises(DeployFailed, match="x exists, and is not what this release needs") as stopped:
        make(Client(create_endpoint_config=EXISTS, describe_endpoint_config=there))
    assert (stopped.value.code, stopped.value.why) == ("E402", f"other than asked for: {named}")


UNSEEN = error("ValidationException", 'Could not find endpoint configuration "arn:aws:x"', "CreateEndpoint")


def test_what_was_made_a_moment_ago_is_asked_for_again_until_it_is_seen(monkeypatch):
    monkeypatch.setattr(endpoints.time, "sleep", lambda _: None)
    answers = iter([UNSEEN, error("ValidationException", 'Could not find model "arn:aws:y"'), {}])
    client = Client(create_endpoint=lambda **_: next(answers))
    endpoints.ask(make_aws(sagemaker=client), "e", client.create_endpoint, EndpointConfigName="c")
    assert client.operations() == ["create_endpoint"] * 3


def test_what_is_never_seen_is_waited_for_so_long_and_then_said(monkeypatch):
    monkeypatch.setattr(endpoints, "SETTLE_SECONDS", 0.05)
    monkeypatch.setattr(endpoints.time, "sleep", lambda _: threading.Event().wait(0.01))
    client = Client(create_endpoint=UNSEEN, describe_endpoint=NO_ENDPOINT)
    with pytest.raises(type(UNSEEN), match="Could not find endpoint configuration"):
        endpoints.ask(make_aws(sagemaker=client), "e", client.create_endpoint, EndpointConfigName="c")
    assert 1 < client.operations().count("create_endpoint") < 50


@pytest.mark.parametrize(
    "refusal", ["Could not find model data at s3://b/m", "Could not find endpoint", "bad request"]
)
def test_what_will_not_come_is_not_waited_for(refusal):
    client = Client(create_endpoint=error("ValidationException", refusal))
    with pytest.raises(type(UNSEEN), match=refusal):
        endpoints.settled(client.create_endpoint, EndpointName="e")
    assert client.operations() == ["create_endpoint"]
