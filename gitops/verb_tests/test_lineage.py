"""What release.json holds, the same for everybody; and who wrote it, which stands beside it."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from doubles.aws import GROUP, RELEASE, Client, make_aws, make_package, make_run, packages
from doubles.told import COMMIT, ENTRY, FILE, JOB
from sagemaker_gitops import card, jobs, lineage, registry, standing, tree
from sagemaker_gitops.data import Lock

SHARED = {"prefix": "data/adult", "key": "row_id", "rows": 9, "files": [FILE]}
EVALUATION = {
    "task": "binary",
    "rows": 9,
    "candidate": {"metrics": {"auc": ENTRY}},
    "champion": None,
    "difference": None,
    "slices": [{"column": "sex", "value": "a value of the data"}],
    "verdict": {"accepted": True, "first_release": True, "reasons": ["good."]},
    "artifact": {"sha256": "0" * 64, "files": {}},
}
STEPS = [
    {"StepName": "Validate", "Metadata": {"ProcessingJob": {"Arn": f"{JOB}:processing-job/v"}}},
    {"StepName": "Train", "Metadata": {"TrainingJob": {"Arn": f"{JOB}:training-job/t"}}},
    {"StepName": "Gate", "Metadata": {"Condition": {"Outcome": "True"}}},
]


def story(make_settings, **evaluation):
    """Return the story of a release that was just registered."""
    run = make_run(make_settings())
    lock = Lock("data/adult", "row_id", 9, (), json.dumps(SHARED).encode())
    work = tree.Tree(run.settings, lock, tree.Ids("c", "s", RELEASE, COMMIT), "{}", Path())
    left = SimpleNamespace(evaluation=EVALUATION | evaluation, evaluation_sha256="e" * 64)
    package = make_package(1, commit_sha="a" * 40)
    more = {"execution": f"{JOB}:e/1", "images": {"jobs": "sha256:1"}, "versions": {FILE["key"]: "v-one"}}
    return lineage.tell(run, work, left, STEPS, package, **more)


def test_a_first_release_tells_all_that_its_card_needs(make_settings):
    told = story(make_settings)
    assert told["jobs"] == {"Validate": f"{JOB}:processing-job/v", "Train": f"{JOB}:training-job/t"}
    assert told["data"]["versions"] == {FILE["key"]: "v-one"}
    assert told["pins"]["jobs"]["packages"]["torch"]
    assert (told["champion"], told["champion_metrics"], told["difference"]) == (None, {}, {})
    assert card.card(told | {"uri": "s3://bucket/releases/x/release.json"})
    assert lineage.summary(told | {"uri": "s3://b/k"})["verdict"] == "accepted"


def test_the_commit_is_the_one_that_was_trained_whoever_completes_it(make_settings):
    assert story(make_settings)["commit_sha"] == "a" * 40  # the working tree is at another one


def test_no_value_of_a_slice_is_in_the_story(make_settings):
    assert "a value of the data" not in json.dumps(story(make_settings))


def test_the_same_release_tells_the_same_whoever_registers_it(make_settings, monkeypatch):
    once = story(make_settings)
    monkeypatch.setenv("GITHUB_RUN_ID", "7")
    assert story(make_settings) == once


@pytest.mark.parametrize(
    ("environ", "address"),
    [
        pytest.param({}, "", id="on a laptop"),
        pytest.param(
            {"GITHUB_RUN_ID": "7", "GITHUB_REPOSITORY": "o/r", "GITHUB_SERVER_URL": "https://github.com"},
            "https://github.com/o/r/actions/runs/7",
            id="in a workflow run",
        ),
    ],
)
def test_who_registers_is_told_with_the_workflow_run_where_there_is_one(
    make_settings, monkeypatch, environ, address
):
    monkeypatch.delenv("GITHUB_RUN_ID", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    run = make_run(make_settings())
    run.aws.caller = "arn:aws:iam::1:user/ada"
    run_of = {"registered_run": address} if address else {}
    assert lineage.by(run) == {"registered_by": "arn:aws:iam::1:user/ada"} | run_of


def test_a_job_is_named_by_the_step_that_started_it():
    assert list(jobs.arns(STEPS)) == ["Validate", "Train"]


@pytest.mark.parametrize("caller", ["", "arn:aws:iam::1:user/ada"])
def test_who_approves_and_when_is_noted(caller):
    client = packages("PendingManualApproval")
    aws = make_aws(sagemaker=client)
    aws.caller = caller
    registry.judge(aws, registry.describe(aws, f"{GROUP}/1"), "Approved", "proven")
    [change] = [request for operation, request in client.asked if operation == "update_model_package"]
    noted = change["CustomerMetadataProperties"]
    assert noted.get("judged_by", "") == caller
    assert datetime.fromisoformat(noted["judged_at"])


def test_a_proof_is_noted_with_its_time():
    noted = standing.noted(standing.PROVEN)
    assert noted["staging"] == "proven"
    assert datetime.fromisoformat(noted["staging_at"]).utcoffset().total_seconds() == 0


def test_the_caller_is_known_from_the_first_call(monkeypatch):
    aws = make_aws()
    sts = Client(get_caller_identity={"Account": "1", "Arn": "arn:aws:iam::1:user/ada"})
    monkeypatch.setattr(type(aws), "_client", lambda *_, **__: sts)
    del aws.__dict__["account"]
    assert (aws.account(), aws.caller) == ("1", "arn:aws:iam::1:user/ada")
