"""Pipelines that run, seen through boto3 only: order, data, branches, failures."""

from __future__ import annotations

import uuid
from itertools import pairwise

import pytest
from pipelines_by_hand import (
    ROLE,
    SHELL,
    condition,
    create,
    equals,
    fail,
    get,
    image,
    join,
    own_uri,
    processing,
    run,
    start,
    statuses,
    steps_of,
    training,
    wait,
)


@pytest.fixture
def sagemaker(aws):
    image(SHELL, ["sh", "-c"])
    return aws.sagemaker


@pytest.fixture(autouse=True)
def lake(aws):
    aws.s3.create_bucket(Bucket="lake")
    return aws.s3


def register(group, **arguments):
    return {
        "Name": "shelve",
        "Type": "RegisterModel",
        "Arguments": {
            "ModelPackageGroupName": group,
            "InferenceSpecification": {
                "Containers": [
                    {"Image": SHELL, "ModelDataUrl": get("Steps.bake.ModelArtifacts.S3ModelArtifacts")}
                ],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
            **arguments,
        },
    }


MILL = processing(
    "mill",
    "echo wheat > $OUT/flour/bag\n"
    'echo \'{"verdict": {"good": true, "grade": [0.25, 0.75]}}\' > $OUT/notes/n.json',
    outputs=("flour", "notes"),
    files={"Notes": ("notes", "n.json")},
)
GOOD = {"Std:JsonGet": {"PropertyFile": get("Steps.mill.PropertyFiles.Notes"), "Path": "verdict.good"}}
GRADE = {"Std:JsonGet": {"PropertyFile": get("Steps.mill.PropertyFiles.Notes"), "Path": "verdict.grade[1]"}}
BAKE = training(
    "bake",
    "cat $SAGEMAKER_BASE_DIR/input/data/dough/bag > $SAGEMAKER_BASE_DIR/model/bread",
    channels={"dough": get("Steps.mill.ProcessingOutputConfig.Outputs['flour'].S3Output.S3Uri")},
    hyperparameters={"degrees": join(get("Parameters.Degrees"), on="")},
)


def test_data_flows_from_step_to_step_into_the_registry(sagemaker):
    group = f"g-{uuid.uuid4().hex[:8]}"
    shelve = register(
        group,
        ModelApprovalStatus="PendingManualApproval",
        CustomerMetadataProperties={"run": get("Execution.PipelineExecutionId"), "oven": "hot"},
        ModelMetrics={
            "ModelQuality": {
                "Statistics": {"ContentType": "application/json", "S3Uri": own_uri("mill", "notes", "n.json")}
            }
        },
    )
    gate = condition(
        "is-it-good",
        equals(GOOD, True),
        {"Type": "GreaterThan", "LeftValue": GRADE, "RightValue": 0.5},
        then=[shelve, BAKE],
        otherwise=[fail("throw-away", "bad flour")],
    )
    ended = run(
        sagemaker,
        gate,
        MILL,
        parameters=[{"Name": "Degrees", "Type": "Integer", "DefaultValue": 180}],
        Degrees="220",
    )
    arn = ended["PipelineExecutionArn"]
    assert ended["PipelineExecutionStatus"] == "Succeeded"
    steps = steps_of(sagemaker, arn)
    assert list(steps) == ["mill", "is-it-good", "bake", "shelve"]
    assert steps["is-it-good"]["Metadata"] == {"Condition": {"Outcome": "True"}}
    job = steps["bake"]["Metadata"]["TrainingJob"]["Arn"].rsplit("/", 1)[-1]
    execution_id = arn.rsplit("/", 1)[-1]
    assert job.startswith(f"pipelines-{execution_id}-bake-")
    described = sagemaker.describe_training_job(TrainingJobName=job)
    assert described["HyperParameters"] == {"degrees": "220"}
    package = sagemaker.describe_model_package(
        ModelPackageName=steps["shelve"]["Metadata"]["RegisterModel"]["Arn"]
    )
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    assert package["CustomerMetadataProperties"] == {"run": execution_id, "oven": "hot"}
    container = package["InferenceSpecification"]["Containers"][0]
    assert container["ModelDataUrl"] == described["ModelArtifacts"]["S3ModelArtifacts"]
    assert (
        package["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]
        == f"s3://lake/{execution_id}/mill/notes/n.json"
    )
    assert (
        sagemaker.describe_model_package_group(ModelPackageGroupName=group)["ModelPackageGroupName"] == group
    )


def test_the_other_branch_runs_and_its_fail_step_speaks(sagemaker):
    message = join("grade", GRADE["Std:JsonGet"]["Path"], "of", get("Execution.PipelineName"), on=" ")
    gate = condition(
        "strict",
        {"Type": "GreaterThan", "LeftValue": GRADE, "RightValue": 0.9},
        then=[BAKE],
        otherwise=[fail("throw-away", message)],
    )
    name = create(
        sagemaker, gate, MILL, parameters=[{"Name": "Degrees", "Type": "Integer", "DefaultValue": 1}]
    )
    ended = wait(sagemaker, start(sagemaker, name))
    assert ended["PipelineExecutionStatus"] == "Failed"
    assert ended["FailureReason"] == "Step failure: One or multiple steps failed."
    steps = steps_of(sagemaker, ended["PipelineExecutionArn"])
    assert list(steps) == ["mill", "strict", "throw-away"]
    assert steps["strict"]["Metadata"]["Condition"]["Outcome"] == "False"
    text = f"grade verdict.grade[1] of {name}"
    assert steps["throw-away"]["Metadata"] == {"Fail": {"ErrorMessage": text}}
    assert steps["throw-away"]["FailureReason"] == text


def test_a_condition_whose_file_lacks_the_value_fails_and_opens_neither_branch(sagemaker):
    lost = {"Std:JsonGet": {"PropertyFile": get("Steps.mill.PropertyFiles.Notes"), "Path": "verdict.missing"}}
    gate = condition("blind", equals(lost, True), then=[fail("a", "x")], otherwise=[fail("b", "y")])
    arn = run(sagemaker, MILL, gate)["PipelineExecutionArn"]
    steps = steps_of(sagemaker, arn)
    assert list(steps) == ["mill", "blind"]
    assert steps["blind"]["StepStatus"] == "Failed"
    assert "verdict.missing" in steps["blind"]["FailureReason"]


def test_a_report_with_nan_opens_neither_branch(sagemaker):
    sour = processing(
        "sour", "echo '{\"score\": NaN}' > $OUT/r/r.json", outputs=["r"], files={"R": ("r", "r.json")}
    )
    score = {"Std:JsonGet": {"PropertyFile": get("Steps.sour.PropertyFiles.R"), "Path": "score"}}
    gate = condition(
        "gate", {"Type": "LessThan", "LeftValue": score, "RightValue": 1}, otherwise=[fail("no", "x")]
    )
    arn = run(sagemaker, sour, gate)["PipelineExecutionArn"]
    assert statuses(sagemaker, arn) == {"sour": "Succeeded", "gate": "Failed"}
    assert "not valid JSON" in steps_of(sagemaker, arn)["gate"]["FailureReason"]


def test_conditions_nest_and_a_step_in_a_closed_branch_takes_its_dependents_with_it(sagemaker):
    deep = condition(
        "deep", equals(1, 2), then=[processing("cellar", "true")], otherwise=[processing("attic", "true")]
    )
    outer = condition("outer", equals("a", "a"), then=[deep], otherwise=[])
    after_attic = processing("roof", "true", DependsOn=["attic"])
    after_cellar = processing("well", "true", DependsOn=["cellar"])
    ended = run(sagemaker, after_cellar, after_attic, outer)
    assert ended["PipelineExecutionStatus"] == "Succeeded"
    assert list(steps_of(sagemaker, ended["PipelineExecutionArn"])) == ["outer", "deep", "attic", "roof"]


def test_branches_run_side_by_side(sagemaker):
    """Each waits for the other's file: run one after the other they would never end."""
    wait_for = "for i in $(seq 100); do [ -e {0} ] && exit 0; sleep 0.05; done; exit 9"
    folder = f"/tmp/side-{uuid.uuid4().hex}"
    left = processing("left", f"mkdir -p {folder}; touch {folder}/l; " + wait_for.format(f"{folder}/r"))
    right = processing("right", f"mkdir -p {folder}; touch {folder}/r; " + wait_for.format(f"{folder}/l"))
    tidy = processing("tidy", f"rm -r {folder}", DependsOn=["left", "right"])
    ended = run(sagemaker, tidy, left, right)
    assert ended["PipelineExecutionStatus"] == "Succeeded"


def test_max_parallel_execution_steps_is_kept(sagemaker):
    name = create(sagemaker, *(processing(f"s{n}", "sleep 0.2") for n in range(3)))
    arn = sagemaker.start_pipeline_execution(
        PipelineName=name, ParallelismConfiguration={"MaxParallelExecutionSteps": 1}
    )["PipelineExecutionArn"]
    assert wait(sagemaker, arn)["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 1}
    steps = list(steps_of(sagemaker, arn).values())
    assert all(earlier["EndTime"] <= later["StartTime"] for earlier, later in pairwise(steps))


def test_a_failing_job_fails_the_execution_after_what_ran_beside_it_has_ended(sagemaker):
    bad = processing("bad", "sleep 0.2; echo no flour > $SAGEMAKER_BASE_DIR/output/message; exit 3")
    slow = processing("slow", "sleep 1")
    after_bad = processing("after-bad", "true", DependsOn=["bad"])
    after_slow = processing("after-slow", "true", DependsOn=["slow"])
    ended = run(sagemaker, after_bad, after_slow, bad, slow)
    steps = steps_of(sagemaker, ended["PipelineExecutionArn"])
    assert {name: step["StepStatus"] for name, step in steps.items()} == {
        "bad": "Failed",
        "slow": "Succeeded",
    }
    assert ended["PipelineExecutionStatus"] == "Failed"
    job = steps["bad"]["Metadata"]["ProcessingJob"]["Arn"].rsplit("/", 1)[-1]
    described = sagemaker.describe_processing_job(ProcessingJobName=job)
    assert described["ProcessingJobStatus"] == "Failed"
    assert steps["bad"]["FailureReason"] == described["FailureReason"]


def test_a_model_step_makes_a_model_that_others_can_name(sagemaker, lake):
    lake.put_object(Bucket="lake", Key="any/model.tar.gz", Body=b"any")
    model = {
        "Name": "mould",
        "Type": "Model",
        "Arguments": {
            "ExecutionRoleArn": ROLE,
            "PrimaryContainer": {"Image": SHELL, "ModelDataUrl": "s3://lake/any/model.tar.gz"},
        },
    }
    arn = run(sagemaker, fail("say", get("Steps.mould.ModelName")), model)["PipelineExecutionArn"]
    steps = steps_of(sagemaker, arn)
    name = steps["say"]["Metadata"]["Fail"]["ErrorMessage"]
    assert steps["mould"]["Metadata"]["Model"]["Arn"].endswith(f":model/{name}")
    assert sagemaker.describe_model(ModelName=name)["PrimaryContainer"]["Image"] == SHELL


def test_a_call_that_sagemaker_refuses_fails_the_step_in_awss_words(sagemaker):
    model = {
        "Name": "mould",
        "Type": "Model",
        "Arguments": {
            "ExecutionRoleArn": ROLE,
            "PrimaryContainer": {"Image": SHELL, "ModelDataUrl": "s3://lake/nowhere/model.tar.gz"},
        },
    }
    ended = run(sagemaker, model)
    reason = steps_of(sagemaker, ended["PipelineExecutionArn"])["mould"]["FailureReason"]
    assert reason.startswith("ClientError: Failed to invoke sagemaker:CreateModel. Error Details: ")
    assert "Could not find model data" in reason


def test_a_step_that_waits_for_a_failure_runs_then(sagemaker):
    bad = processing("bad", "exit 1")
    rescue = processing("rescue", "true", DependsOn=[{"Step": "bad", "Trigger": "Failed"}])
    calm = processing("calm", "true", DependsOn=[{"Step": "bad", "Trigger": "Stopped"}])
    ended = run(sagemaker, rescue, calm, bad)
    assert ended["PipelineExecutionStatus"] == "CompletedWithFailures"
    assert statuses(sagemaker, ended["PipelineExecutionArn"]) == {"bad": "Failed", "rescue": "Succeeded"}
