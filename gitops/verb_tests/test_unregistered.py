"""The story of a release without a package: refused, failed or under way, told as far as it came."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from doubles.aws import GROUP, Bucket, Client, make_run, packages
from doubles.told import ENTRY, JOB
from sagemaker_gitops import explain, explained, status
from sagemaker_gitops.errors import SettingsError

REFUSED, COMMIT = "e1" * 32, "c" * 40
ARN = f"{JOB}:pipeline/income-model/execution/exec9"
ROOT = f"releases/{REFUSED}"
GIVEN = {"ReleaseId": REFUSED, "CodeId": "c0" * 32, "SnapshotId": "da" * 32, "CommitSha": COMMIT}
LOCK = {"prefix": "data/adult", "key": "row_id", "rows": 32000, "files": [{"key": "a", "sha256": "7f" * 32}]}
REASON = {
    "code": "E204", "rule": "column_values_between", "column": "age", "count": 3,
    "message": "age: 3 rows are outside of 17 to 90", "row_keys": ["r7", "r8", "r9"],
}  # fmt: skip
VALIDATION = {
    "verdict": {"accepted": False, "reasons": [REASON], "warnings": []}, "rows": 32000,
    "expectations": [{"success": True}, {"success": False}], "not_judged": 4,
}  # fmt: skip
EVALUATION = {
    "task": "binary", "rows": 4949, "candidate": {"metrics": {"auc": ENTRY}},
    "champion": {"package": f"{GROUP}/2", "metrics": {"auc": ENTRY | {"value": 0.95}}},
    "difference": {"auc": {"value": -0.03, "low": -0.04, "high": -0.02, "n": 4949}},
    "slices": [{"column": "sex", "value": "a value of the data"}],
    "verdict": {
        "accepted": False, "first_release": False, "reasons": ["auc is clearly worse.", "And in a slice."],
        "rules": [{"metric": "auc", "passed": False, "value": 0.92}],
    },
    "artifact": {"sha256": "0" * 64, "files": {}},
}  # fmt: skip
ACCEPTED = VALIDATION | {"verdict": {"accepted": True, "reasons": [], "warnings": []}}


def step(name: str, status: str = "Succeeded", minute: int = 0, **more: Any) -> dict[str, Any]:
    """Return a step of an execution."""
    return {
        "StepName": name, "StepStatus": status, "StartTime": datetime(2026, 11, 23, 15, minute, tzinfo=UTC),
        **more,
    }  # fmt: skip


VALIDATE = step("Validate", Metadata={"ProcessingJob": {"Arn": f"{JOB}:processing-job/v-1"}})
TRAIN = step("Train", minute=1, Metadata={"TrainingJob": {"Arn": f"{JOB}:training-job/t-1"}})
JUDGED = [VALIDATE, TRAIN, step("Evaluate", minute=2)]
NO_DATA = [VALIDATE, step("RefuseData", "Failed", 3, Metadata={"Fail": {}})]
NO_MODEL = [*JUDGED, step("RefuseModel", "Failed", 3, Metadata={"Fail": {}})]
HALTED = [VALIDATE, TRAIN | {"StepStatus": "Stopped"}]
BROKEN = [VALIDATE, TRAIN | {"StepStatus": "Failed", "FailureReason": "AlgorithmError: exit code 137"}]


def executed(steps: list, ended: str, release: str = REFUSED) -> Client:
    """Return an AWS with two versions, and an execution that is not of them unless `release` says so."""
    client = packages("Approved", "Approved", serving=2, production="proven")
    summary = {
        "PipelineExecutionArn": ARN, "PipelineExecutionStatus": ended,
        "PipelineExecutionDisplayName": f"release-{release[:12]}-1", "StartTime": steps[0]["StartTime"],
    }  # fmt: skip
    parameters = [{"Name": name, "Value": value} for name, value in GIVEN.items()]
    client.answers |= {
        "list_pipeline_executions": {"PipelineExecutionSummaries": [summary]},
        "list_pipeline_parameters_for_execution": {"PipelineParameters": parameters},
        "describe_pipeline_execution": {"PipelineExecutionStatus": ended},
        "list_pipeline_execution_steps": {"PipelineExecutionSteps": steps},
    }
    return client


def ended(make_settings, steps: list, status: str = "Failed", wanted: str = REFUSED[:12], **left: object):
    """Return what explain tells of a release that has an execution and no package."""
    client = executed(steps, status)
    documents = {
        f"{ROOT}/lock/data.lock": LOCK,
        f"{ROOT}/exec9/validate/report/validation.json": left.get("validation"),
        f"{ROOT}/exec9/evaluate/evaluation/evaluation.json": left.get("evaluation"),
        f"outcomes/{COMMIT}.json": left.get("outcome"),
    }
    bucket = Bucket({key: json.dumps(body).encode() for key, body in documents.items() if body})
    run = make_run(
        make_settings(), sagemaker=client, s3=bucket, logs=Client(describe_log_streams={"logStreams": []})
    )
    return explain.explain(run, wanted), client, bucket


def printed(document) -> str:
    """Return what a person sees."""
    stream = io.StringIO()
    explained.show(Console(file=stream, width=160), document)
    return stream.getvalue()


def shown(document) -> str:
    """Return what a person sees, on one line."""
    return " ".join(printed(document).split())


def test_data_that_were_refused_are_told_by_rule_and_row(make_settings):
    outcome = {"outcome": "data refused", "code": "E204", "release_id": REFUSED, "at": "2026-11-23T15:41:00"}
    document, _, _ = ended(make_settings, NO_DATA, validation=VALIDATION, outcome=outcome)
    assert document["became"]["is"] == "refused"
    assert (document["package"], document["ids"]["commit_sha"]) == (None, COMMIT)
    text = shown(document)
    for part in (
        REFUSED, COMMIT, "never registered", "data/adult: 32,000 rows in 1 file",
        "1 of 6 expectations, 32,000 rows; 4 not judged", "E204 data refused: age: 3 rows are outside",
        "the first: r7, r8, r9", "data refused E204", "validate/report/validation.json",
    ):  # fmt: skip
        assert part in text, part
    assert "evaluation.json" not in text


def test_a_model_that_the_gate_refused_is_told_with_its_metrics_and_every_reason(make_settings):
    document, _, _ = ended(make_settings, NO_MODEL, validation=ACCEPTED, evaluation=EVALUATION)
    assert document["became"]["is"] == "refused"
    text = shown(document)
    for part in (
        COMMIT, "E301 model refused: auc is clearly worse.", "auc 0.9200 (0.9100 to 0.9300); champion 0.9500",
        "auc differs by -0.0300", "refused, against version 2", "And in a slice.", "Train: t-1",
        "evaluate/evaluation/evaluation.json",
    ):  # fmt: skip
        assert part in text, part
    assert "a value of the data" not in text + json.dumps(document)


def test_a_training_that_failed_is_told_with_its_step(make_settings):
    document, _, _ = ended(make_settings, BROKEN, validation=ACCEPTED)
    assert document["became"]["is"] == "failed"
    assert "E101 the step Train failed" in shown(document)
    assert "exit code 137" in shown(document)


def test_a_release_under_way_is_told_as_far_as_it_is(make_settings):
    document, _, _ = ended(make_settings, [VALIDATE], "Executing", validation=ACCEPTED)
    assert document["became"] == {"is": "runs", "sentence": "not registered yet: execution exec9 runs"}
    assert COMMIT in shown(document)


def test_a_report_that_is_gone_hides_nothing_else(make_settings):
    document, _, _ = ended(make_settings, NO_DATA)
    assert "never registered: execution exec9 ended as Failed" in shown(document)


def test_a_package_that_somebody_deleted_is_told_with_its_version(make_settings):
    register = step("Register", minute=3, Metadata={"RegisterModel": {"Arn": f"{GROUP}/3"}})
    document, _, _ = ended(make_settings, [*JUDGED, register], "Succeeded", evaluation=EVALUATION)
    told = f"was registered as version 3, which is gone from the registry: {GROUP}/3"
    assert document["became"] == {"is": "gone", "sentence": told}
    assert "was registered as version 3, which is gone" in shown(document)
    assert "never registered" not in shown(document)


def test_it_fits_80_columns_and_changes_nothing(make_settings):
    document, client, bucket = ended(make_settings, NO_MODEL, validation=ACCEPTED, evaluation=EVALUATION)
    assert max(map(len, printed(document).splitlines())) <= 80
    asked = {name.split("_")[0] for name in (*client.operations(), *bucket.operations())}
    assert asked <= {"describe", "list", "get", "head"}


def test_six_digits_of_its_id_name_it(make_settings):
    document, _, _ = ended(make_settings, BROKEN, validation=ACCEPTED, wanted=REFUSED[:6])
    assert document["ids"]["release_id"] == REFUSED


def test_an_id_that_only_begins_as_an_executions_names_no_release(make_settings):
    with pytest.raises(SettingsError, match="E508 there is no release"):
        ended(make_settings, NO_DATA, wanted=REFUSED[:12] + "0" * 12)


@pytest.mark.parametrize(
    ("steps", "became", "told"),
    [
        pytest.param(BROKEN, "Failed", "failed in Train", id="a job broke"),
        pytest.param(NO_MODEL, "Failed", "was refused (RefuseModel)", id="the gate refused it"),
        pytest.param(HALTED, "Stopped", "was stopped in Train", id="somebody stopped it"),
    ],
)
def test_status_tells_how_the_newest_release_ended_that_has_no_version(make_settings, steps, became, told):
    [line] = status.running(make_run(make_settings(), sagemaker=executed(steps, became)))
    assert line == f"release {REFUSED[:12]} {told}; look: python -m pipelines explain {REFUSED[:12]}"


@pytest.mark.parametrize(
    ("release", "became"),
    [
        pytest.param("2" * 64, "Failed", id="a later attempt failed, a version is there"),
        pytest.param(REFUSED, "Succeeded", id="it succeeded"),
        pytest.param("by-hand", "Failed", id="somebody started it without a release"),
    ],
)
def test_status_adds_nothing_of_an_execution_that_left_no_question(make_settings, release, became):
    run = make_run(make_settings(), sagemaker=executed(BROKEN, became, release))
    assert status.running(run) == []
