"""What a user reads of a release that is not in production: how far it came, and what brings it on."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from doubles.aws import GROUP, RELEASE, STACK, make_package, make_run, packages
from sagemaker_gitops import proof, release, standing, status
from sagemaker_gitops.account import logs
from sagemaker_gitops.errors import DeployFailed, NotStarted, WrongRelease

PROMOTE = f"python -m pipelines promote {RELEASE[:12]}"


@pytest.mark.parametrize(
    ("approval", "noted", "stands", "todo"),
    [
        pytest.param("Pending", {"staging": "proven"}, "proven on staging, waits", PROMOTE, id="waits"),
        pytest.param("Pending", {"staging": "refused"}, "refused on staging", "change code", id="refused"),
        pytest.param("Pending", {"staging": "failed"}, "failed on staging", "make release", id="failed"),
        pytest.param("Pending", {}, "not proven on staging", "make release", id="cut off before staging"),
        pytest.param("Approved", {"staging": "proven"}, "not proven in production", PROMOTE, id="approved"),
        pytest.param("Rejected", {}, "Rejected (wrong answers)", "change code", id="rejected"),
    ],
)
def test_a_release_says_how_far_it_came_and_what_brings_it_on(approval, noted, stands, todo):
    approval = "PendingManualApproval" if approval == "Pending" else approval
    package = replace(make_package(approval=approval, **noted), judged="wrong answers")
    assert stands in standing.sentence(package)
    assert approval in standing.sentence(package)
    assert standing.todo(package, STACK, "gate").startswith(todo)


NOTHING = "no release is registered"


@pytest.mark.parametrize(
    ("there", "environment", "why", "todo"),
    [
        pytest.param((), "production", NOTHING, "make release", id="a fresh account"),
        pytest.param((), "staging", NOTHING, "make release", id="nor anything on staging"),
        pytest.param(
            ("PendingManualApproval",), "production", "proven on staging, waits", "promote", id="it waits"
        ),
        pytest.param(("Approved",), "staging", "taken away after each proof", "production", id="no staging"),
    ],
)
def test_a_request_to_nothing_is_told_what_brings_something(make_settings, there, environment, why, todo):
    client = packages(*there)
    client.answers["list_endpoints"] = {"Endpoints": []}
    with pytest.raises(DeployFailed, match=f"E402 {environment} serves nothing") as refused:
        proof.request(make_run(make_settings(), sagemaker=client), environment)
    assert why in refused.value.why
    assert todo in refused.value.todo


def test_status_says_what_waits_and_shows_the_metric_short(make_settings, monkeypatch):
    client = packages("PendingManualApproval")
    client.answers["list_endpoints"] = {"Endpoints": []}
    known = client.answers["describe_model_package"]

    def measured(ModelPackageName: str) -> Any:
        told = known(ModelPackageName)
        return told | {
            "CustomerMetadataProperties": told["CustomerMetadataProperties"]
            | {"metric": "auc=0.9239893698250865"}
        }

    client.answers["describe_model_package"] = measured
    run = make_run(make_settings(), sagemaker=client)
    columns = {str(column.header): list(column.cells) for column in status.status(run).columns}
    assert columns["state"][-1] == "PendingManualApproval, proven on staging, waits"
    assert (columns["since"][-1], columns["metric"][-1]) == ("", "auc 0.9240")
    [line] = standing.next_step(run)
    assert line.endswith(f"python -m pipelines promote {'1' * 12}")


def test_status_has_nothing_to_add_where_production_has_proven_the_newest(make_settings):
    client = packages("Approved", serving=1, production="proven")
    assert standing.next_step(make_run(make_settings(), sagemaker=client)) == []


MESSAGE = "E402 what\nwhere\nwhy\ntodo"


@pytest.mark.parametrize(
    ("error", "before", "noted"),
    [
        pytest.param(WrongRelease(MESSAGE), "", ["refused"], id="wrong answers"),
        pytest.param(WrongRelease(MESSAGE), "proven", ["refused"], id="wrong answers after a proof"),
        pytest.param(DeployFailed(MESSAGE), "", ["failed"], id="it did not come up"),
        pytest.param(DeployFailed(MESSAGE), "proven", [], id="a proof stays where AWS had no machine"),
        pytest.param(NotStarted(MESSAGE), "", [], id="it was not asked"),
    ],
)
def test_what_staging_did_not_let_through_is_noted(make_settings, monkeypatch, error, before, noted):
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(release.delivery, "prove_on_staging", refuse)
    client = packages("PendingManualApproval", staging=before)
    run = make_run(make_settings(), sagemaker=client)
    package = release.registry.describe(run.aws, f"{GROUP}/1")
    with pytest.raises(type(error)):
        release.stage(run, package)
    changes = [asked for operation, asked in client.asked if operation == "update_model_package"]
    assert [change["CustomerMetadataProperties"]["staging"] for change in changes] == noted


def test_logs_after_a_pipeline_that_succeeded_says_what_stopped_the_release(make_settings):
    begun = {
        "PipelineExecutionArn": "arn",
        "PipelineExecutionStatus": "Succeeded",
        "StartTime": datetime.now(UTC),
    }
    client = packages("PendingManualApproval", staging="refused")
    client.answers["list_pipeline_executions"] = {"PipelineExecutionSummaries": [begun]}
    client.answers["list_pipeline_execution_steps"] = {"PipelineExecutionSteps": []}
    run = make_run(make_settings(), sagemaker=client)
    run.story.console = Console(file=io.StringIO(), width=300)
    logs.logs(run)
    told = run.story.console.file.getvalue()
    assert "version 1 is PendingManualApproval, refused on staging" in told
    assert "-m pipelines logs --env staging" in told
