"""The golden definition: what the SDK builds, what SageMaker accepts, what a release sends."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.validate import validate_parameters
from sagemaker_gitops import definition
from sagemaker_gitops.aws import offline_session
from sagemaker_gitops.errors import SettingsError
from sagemaker_gitops.stack import Stack

from tests.conftest import TABLES
from training.tasks import TASKS
from training.waiver import Waiver

GOLDEN = json.loads(definition.GOLDEN.read_text())
ONE = "1" * 12
STACK = Stack(
    "bucket", "key", "role", "repository", "income-model", account=ONE, production=ONE, registry=ONE
)
OPERATIONS = {
    "Processing": "CreateProcessingJob",
    "Training": "CreateTrainingJob",
    "RegisterModel": "CreateModelPackage",
}
VPC = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1", "subnet-2"]}
JOBS = ("Validate", "Train", "Evaluate")
NAMED_BY_THE_SERVICE = {"Processing": "ProcessingJobName", "Training": "TrainingJobName"}
BUILD = """
import json, sys
from datetime import date
from pipelines import __main__ as verbs, settings
from sagemaker_gitops import definition
tables = json.load(sys.stdin)
for waiver in filter(None, [tables["gate"].get("waiver")]):
    waiver["until"] = date.fromisoformat(waiver["until"])
sys.stdout.write(definition.build(settings.build(tables), verbs.compiled))
"""


def all_steps(steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for step in steps:
        yield step
        yield from all_steps(step["Arguments"].get("IfSteps", []) + step["Arguments"].get("ElseSteps", []))


def by_name(made: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {step["Name"]: step for step in all_steps(made["Steps"])}


STEPS = by_name(GOLDEN)


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if set(value) == {"Get"}:
            yield value["Get"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from references(item)


def resolved(value: Any) -> Any:
    """Return arguments as a job would get them: every reference and join is some string."""
    if isinstance(value, dict):
        if set(value) & {"Get", "Std:Join"}:
            return "s3://bucket/some/address"
        return {key: resolved(item) for key, item in value.items()}
    return [resolved(item) for item in value] if isinstance(value, list) else value


def reach(step: dict[str, Any]) -> dict[str, Any]:
    """Return what a job can reach: a training job says so itself, a processing job in a member."""
    told = step["Arguments"] if step["Type"] == "Training" else step["Arguments"].get("NetworkConfig", {})
    return {key: told[key] for key in ("EnableNetworkIsolation", "VpcConfig") if key in told}


def build(tables: dict[str, Any], environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", BUILD],
        input=json.dumps(tables),
        env=environment,
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[2],
    )
    return done.stdout


def test_the_sdk_gives_the_same_bytes_without_network_credentials_region_or_home(tmp_path):
    config = tmp_path / "config.yaml"  # a user's defaults for the SDK must not reach the pipeline
    vpc = "{VpcConfig: {SecurityGroupIds: [sg-1], Subnets: [subnet-1]}}"
    config.write_text(f"SchemaVersion: '1.0'\nSageMaker: {{ProcessingJob: {{NetworkConfig: {vpc}}}}}\n")
    offline = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "HTTPS_PROXY": "http://127.0.0.1:9"}
    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_DEFAULT_REGION": "ap-south-1"}
    bare = build(TABLES, offline)
    usual = build(TABLES, dict(os.environ) | keys | {"SAGEMAKER_USER_CONFIG_OVERRIDE": str(config)})
    assert bare == usual
    assert json.loads(bare)["Version"] == "2020-12-01"


def accepted(step: dict[str, Any]) -> None:
    """Hold the arguments of a step against Amazon's own model."""
    arguments = resolved(step["Arguments"])
    if step["Type"] in NAMED_BY_THE_SERVICE:
        arguments[NAMED_BY_THE_SERVICE[step["Type"]]] = "name"
    if (
        step["Type"] == "RegisterModel"
    ):  # the SDK's word for "do validate"; the pipeline takes it, the operation too
        assert arguments["SkipModelValidation"] == "None"
    model = offline_session().client("sagemaker").meta.service_model
    validate_parameters(arguments, model.operation_model(OPERATIONS[step["Type"]]).input_shape)


@pytest.mark.parametrize("name", [name for name, step in STEPS.items() if step["Type"] in OPERATIONS])
def test_sagemaker_accepts_the_arguments_of_a_step(name):
    accepted(STEPS[name])


def test_unless_told_otherwise_no_job_can_reach_anything():
    assert [reach(STEPS[name]) for name in JOBS] == [{"EnableNetworkIsolation": True}] * len(JOBS)


@pytest.mark.parametrize("isolation", [True, False], ids=["and reach nothing", "and reach what it leads to"])
def test_jobs_run_in_the_subnets_that_the_stack_tells(isolation):
    tables = {**TABLES, "network": {"vpc": True, "isolation": isolation}}
    own = dataclasses.replace(STACK, vpc=VPC, role="arn:aws:iam::123456789012:role/r")
    made = definition.sentinels(own, "income-model", "ecr/x:tag")
    steps = by_name(json.loads(definition.substitute(build(tables, dict(os.environ)), made)))
    for name in JOBS:
        assert reach(steps[name]) == {"EnableNetworkIsolation": isolation, "VpcConfig": VPC}
        accepted(steps[name])


def test_without_isolation_and_vpc_a_definition_says_nothing_of_networks():
    steps = by_name(json.loads(build({**TABLES, "network": {"isolation": False}}, dict(os.environ))))
    assert [reach(steps[name]) for name in JOBS] == [{}] * len(JOBS)


def test_every_argument_and_hyperparameter_is_short_enough_for_sagemaker():
    for step in STEPS.values():
        specification = step["Arguments"].get("AppSpecification", {})
        assert all(len(word) <= 256 for word in specification.get("ContainerArguments", []))
        assert all(len(str(value)) <= 2500 for value in step["Arguments"].get("HyperParameters", {}).values())


def test_a_waiver_reaches_the_gate_as_an_argument_of_its_own_that_sagemaker_takes():
    longest = {"champion": "5e41" * 16, "until": "2030-01-31", "reason": "ä" * 120}
    tables = {**TABLES, "gate": {**TABLES["gate"], "waiver": longest}}
    arguments = by_name(json.loads(build(tables, dict(os.environ))))["Evaluate"]["Arguments"]
    words = arguments["AppSpecification"]["ContainerArguments"]
    assert all(len(word) <= 256 for word in words)
    told = dict(zip(words[::2], words[1::2], strict=True))
    assert told["--waiver"] == json.dumps(longest, separators=(",", ":"), ensure_ascii=False)
    assert Waiver.parse(told["--waiver"])
    assert "waiver" not in json.loads(told["--policy"])
    without = STEPS["Evaluate"]["Arguments"]["AppSpecification"]["ContainerArguments"]
    assert "--waiver" not in without


def test_the_steps_are_the_ones_that_the_release_follows():
    assert list(STEPS) == [
        "Validate",
        "DataAccepted",
        "Train",
        "Evaluate",
        "Gate",
        "Register",
        "RefuseModel",
        "RefuseData",
    ]


def test_every_reference_leads_somewhere():
    names = {parameter["Name"] for parameter in GOLDEN["Parameters"]}
    files = {
        f"{step['Name']}.PropertyFiles.{file['PropertyFileName']}"
        for step in STEPS.values()
        for file in step.get("PropertyFiles", [])
    }
    for reference in references(GOLDEN["Steps"]):
        kind, _, rest = reference.partition(".")
        if kind == "Parameters":
            assert rest in names
        elif kind == "Steps":
            assert rest in files or rest.split(".")[0] in STEPS
        else:
            assert reference == "Execution.PipelineExecutionId"
    assert names == {
        found.removeprefix("Parameters.") for found in references(GOLDEN["Steps"]) if "Parameters." in found
    }


def test_a_model_is_registered_pending_and_only_behind_both_verdicts():
    assert STEPS["Register"]["Arguments"]["ModelApprovalStatus"] == "PendingManualApproval"
    assert [step["Name"] for step in STEPS["Gate"]["Arguments"]["IfSteps"]] == ["Register"]
    assert "Gate" in [step["Name"] for step in STEPS["DataAccepted"]["Arguments"]["IfSteps"]]
    for name in ("Gate", "DataAccepted"):
        [condition] = STEPS[name]["Arguments"]["Conditions"]
        assert condition["Type"] == "Equals"
        assert condition["LeftValue"]["Std:JsonGet"]["Path"] == "verdict.accepted"
        assert condition["RightValue"] is True


def test_what_jobs_write_and_their_volumes_are_encrypted():
    for name in ("Validate", "Evaluate"):
        arguments = STEPS[name]["Arguments"]
        assert arguments["ProcessingOutputConfig"]["KmsKeyId"] == "${KEY}"
        assert arguments["ProcessingResources"]["ClusterConfig"]["VolumeKmsKeyId"] == "${KEY}"
    assert STEPS["Train"]["Arguments"]["ResourceConfig"]["VolumeKmsKeyId"] == "${KEY}"
    assert STEPS["Train"]["Arguments"]["OutputDataConfig"]["KmsKeyId"] == "${KEY}"


def test_the_metrics_are_found_in_a_line_that_training_logs():
    train = STEPS["Train"]["Arguments"]
    watched = f"validation_{TASKS[train['HyperParameters']['task']].metric}"
    line = f"epoch=3 train_loss=0.31 validation_loss=0.32 {watched}=9.1e-1"
    metrics = train["AlgorithmSpecification"]["MetricDefinitions"]
    found = {metric["Name"]: re.search(metric["Regex"], line)[1] for metric in metrics}
    assert found == {"train_loss": "0.31", "validation_loss": "0.32", watched: "9.1e-1"}


def test_a_release_sends_real_names_and_no_sentinel():
    sentinels = definition.sentinels(dataclasses.replace(STACK, bucket="bucket-1"), "income", "ecr/x:tag")
    sent = definition.substitute(definition.GOLDEN.read_text(), sentinels)
    assert "${" not in sent
    assert "000000000000" not in sent
    assert "s3://bucket-1/releases" in sent
    assert "ecr/x:tag-jobs" in sent
    assert "ecr/x:tag-serve" in sent


def test_a_sentinel_without_a_name_stops_the_release():
    with pytest.raises(SettingsError, match=r"the sentinel \$\{BUCKET\} has no value"):
        definition.substitute(
            definition.GOLDEN.read_text(), {"${PROJECT}": "x", "${IMAGE}": "y", "${KEY}": "z"}
        )


def test_a_golden_file_of_other_settings_is_refused_with_the_command_that_refreshes_it(
    make_settings, tmp_path
):
    path = tmp_path / "definition.json"
    path.write_text(json.dumps({"Metadata": {"settings_sha256": make_settings().digest()}}))
    assert definition.golden(make_settings(), path) == path.read_text()
    with pytest.raises(SettingsError, match="built from other settings") as refused:
        definition.golden(make_settings(**{"training.epochs": 13}), path)
    assert refused.value.code == "E503"
    assert "python -m pipelines definition --write" in refused.value.todo


@pytest.mark.parametrize("text", [None, "{", "[]", '{"Metadata": null}'])
def test_a_damaged_golden_file_is_refused(make_settings, tmp_path, text):
    path = tmp_path / "definition.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SettingsError, match="missing or damaged"):
        definition.golden(make_settings(), path)


def test_check_refuses_a_file_that_differs(tmp_path):
    path = tmp_path / "definition.json"
    path.write_text("old")
    with pytest.raises(SettingsError, match="differs from what is built now"):
        definition.check("new", path)
    definition.check("old", path)
