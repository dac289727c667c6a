"""Prune shows before it acts, and never takes what is live, previous, pending, or about to be asked for."""

from __future__ import annotations

import pytest

from doubles.aws import NO_ENDPOINT, Client, make_run, packages
from sagemaker_gitops import alarms, prune

APPROVALS = ("Approved", "Approved", "Rejected", "Approved", "Rejected", "PendingManualApproval")


def name(version: int, environment: str = "production") -> str:
    return f"income-model-{environment}-{str(version) * 12}-{version}-0123abcd"


def world(make_settings, serving: int | None = 4, pending: int | None = None, staging: int | None = None):
    """Return a run with a config, a model and alarms of six versions, one live; and what deletes them."""
    client = packages(*APPROVALS, production="proven")
    kept = dict(client.answers)
    every = [name(n, env) for n in range(1, 7) for env in ("staging", "production")]
    theirs = ["income-model-production", "income-model-2-production-111111111111-1-0123abcd", "somebody"]

    def describe_endpoint(EndpointName: str) -> object:
        version = staging if "staging" in EndpointName else serving
        if version is None:
            return NO_ENDPOINT
        told = {"EndpointConfigName": name(version), "EndpointStatus": "InService"}
        going = {"PendingDeploymentSummary": {"EndpointConfigName": name(pending)}} if pending else {}
        return told | ({} if "staging" in EndpointName else going)

    own = f"income-model-staging-{str(staging) * 12}"
    sagemaker = Client(
        **kept | {
            "describe_endpoint": describe_endpoint,
            "list_endpoints": {"Endpoints": [{"EndpointName": own}] if staging else []},
            "list_endpoint_configs": {"EndpointConfigs": [{"EndpointConfigName": n} for n in every + theirs]},
            "list_models": {"Models": [{"ModelName": n} for n in every + theirs]},
        }
    )  # fmt: skip
    found = [{"AlarmName": alarm} for config in every + theirs for alarm in alarms.own(config)]
    cloudwatch = Client(describe_alarms={"MetricAlarms": found})
    return make_run(make_settings(), sagemaker=sagemaker, cloudwatch=cloudwatch), sagemaker, cloudwatch


def deleted(*clients: Client) -> set[int | None]:
    """Return the versions of everything that was deleted."""
    return {
        prune.version_of("income-model", told[0] if isinstance(told, list) else told)
        for client in clients
        for operation, request in client.asked
        if operation.startswith("delete")
        for told in request.values()
    }


@pytest.mark.parametrize(
    ("state", "gone"),
    [
        pytest.param({}, {1, 3, 5}, id="4 serves, 2 is where a rollback goes, 6 waits"),
        pytest.param({"pending": 5}, {1, 3}, id="an update is on its way to 5"),
        pytest.param({"staging": 1}, {3, 5}, id="1 is being proven on staging"),
        pytest.param({"serving": 2}, {3, 5}, id="2 serves: nothing newer goes but what was rejected"),
        pytest.param({"serving": None}, {3, 5}, id="nothing serves"),
    ],
)
def test_nothing_live_previous_or_pending_is_deleted(make_settings, state, gone):
    run, sagemaker, cloudwatch = world(make_settings, **state)
    prune.prune(run, yes=True)
    assert deleted(sagemaker) == gone
    kinds = {operation for client in (sagemaker, cloudwatch) for operation in client.operations()}
    assert {"delete_model", "delete_endpoint_config", "delete_alarms"} <= kinds
    assert "delete_endpoint" not in kinds


def test_without_yes_everything_is_shown_and_nothing_deleted(make_settings):
    run, sagemaker, cloudwatch = world(make_settings)
    table = prune.prune(run, yes=False)
    assert deleted(sagemaker, cloudwatch) == set()
    shown = list(table.columns[1].cells)
    assert name(3) in shown
    assert f"{name(1)}-wrong" in shown
    assert name(4) not in shown
    assert f"{name(6)}-wrong" not in shown


def test_alarms_of_what_serves_or_would_be_gone_back_to_are_taken_away_and_those_of_an_update_stay(
    make_settings,
):
    run, _, cloudwatch = world(make_settings, serving=2, pending=5)
    prune.prune(run, yes=True)
    assert deleted(cloudwatch) == {1, 2, 3}  # 4 and 6 may be about to be asked for


def test_while_a_fleet_is_mixed_everything_is_kept(make_settings):
    run, sagemaker, cloudwatch = world(make_settings)
    known = sagemaker.answers["describe_endpoint"]
    mixed = {"EndpointStatus": "UpdateRollbackFailed"}
    sagemaker.answers["describe_endpoint"] = lambda EndpointName: (
        told if isinstance(told := known(EndpointName), Exception) else told | mixed
    )
    said: list[str] = []
    run.story.say = said.append
    prune.prune(run, yes=True)
    assert deleted(sagemaker, cloudwatch) == set()
    assert "UpdateRollbackFailed" in said[0]


@pytest.mark.parametrize(
    "stranger",
    ["income-model", "income-model-production", "income-model-2-production-111111111111-1-0123abcd", "x"],
)
def test_what_no_release_made_belongs_to_no_version(stranger):
    assert prune.version_of("income-model", stranger) is None
