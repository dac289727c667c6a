"""One execution per release: started once, attached to, retried after a fault, reused after a verdict."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from botocore.validate import validate_parameters
from rich.console import Console

from doubles.aws import GROUP, Client, error, input_shape, make_aws
from sagemaker_gitops import execution
from sagemaker_gitops.errors import MLOpsError
from sagemaker_gitops.execution import Execution, choose
from sagemaker_gitops.story import Story, pause
from training.errors import explain

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/income-model/execution/exec1"
NOON = datetime(2026, 1, 1, 12)


def made(*statuses: str) -> list[Execution]:
    return [Execution(f"{ARN}{number}", status, "release-x-1") for number, status in enumerate(statuses)]


@pytest.mark.parametrize(
    ("statuses", "refused", "retry", "action", "failed"),
    [
        pytest.param([], False, False, "start", 0, id="a new release is started"),
        pytest.param(["Executing"], False, False, "attach", 0, id="a running one is attached to"),
        pytest.param(["Succeeded"], False, False, "reuse", 1, id="a finished one is reused"),
        pytest.param(["Succeeded"], False, True, "reuse", 1, id="a finished one is never trained twice"),
        pytest.param(["Failed"], False, False, "retry", 1, id="a failed one goes on where it broke"),
        pytest.param(["Stopped", "Failed"], False, False, "retry", 2, id="every failure counts"),
        pytest.param(
            ["Executing", "Failed"], False, False, "attach", 1, id="a retry that runs is attached to"
        ),
        pytest.param(["Failed"], True, False, "reuse", 1, id="a refusal stays a refusal"),
        pytest.param(["Failed"], True, True, "start", 1, id="until somebody asks for a retry"),
    ],
)
def test_what_is_done_about_a_release(statuses, refused, retry, action, failed):
    choice = choose(made(*statuses), refused, retry)
    assert (choice.action, choice.failed) == (action, failed)
    assert (choice.execution is None) is (action == "start")


def test_two_runners_send_the_same_token_and_a_retry_sends_another():
    first = execution.token("ab" * 32, 0)
    assert first == execution.token("ab" * 32, 0)
    assert first != execution.token("ab" * 32, 1)
    assert 32 <= len(first) <= 128  # SageMaker's limits


def test_only_executions_of_this_release_count_newest_first():
    listed = [
        {
            "PipelineExecutionArn": f"{ARN}{number}",
            "PipelineExecutionStatus": "Failed",
            "StartTime": NOON + timedelta(number),
            "PipelineExecutionDisplayName": name,
        }
        for number, name in enumerate(
            ["release-abababababab-1", "release-cdcdcdcdcdcd-1", "release-abababababab-2", "by hand"]
        )
    ]
    aws = make_aws(sagemaker=Client(list_pipeline_executions={"PipelineExecutionSummaries": listed}))
    found = execution.of_release(aws, "income-model", "ab" * 32)
    assert [item.display for item in found] == ["release-abababababab-2", "release-abababababab-1"]


def test_a_pipeline_that_does_not_exist_has_no_executions():
    missing = error("ResourceNotFound", "Pipeline 'income-model' does not exist")
    aws = make_aws(sagemaker=Client(list_pipeline_executions=missing))
    assert execution.of_release(aws, "income-model", "ab" * 32) == []


@pytest.mark.parametrize(
    ("found", "asked", "word"),
    [
        pytest.param(error("ResourceNotFound"), "create_pipeline", "created", id="none yet"),
        pytest.param(
            {"PipelineDefinition": "old", "RoleArn": "role"}, "update_pipeline", "updated", id="another"
        ),
        pytest.param({"PipelineDefinition": "new", "RoleArn": "role"}, None, "unchanged", id="the same"),
    ],
)
def test_the_pipeline_is_sent_only_where_it_differs(found, asked, word):
    client = Client(describe_pipeline=found, update_pipeline={"PipelineVersionId": 7})
    told, version = execution.upsert_pipeline(make_aws(sagemaker=client), "income-model", "new", "role")
    assert told == word
    assert client.operations()[1:] == ([asked] if asked else [])
    assert version == ({"PipelineVersionId": 7} if asked == "update_pipeline" else {})


@pytest.mark.parametrize(
    ("champion", "goes_on"),
    [pytest.param("s3://b/1", True, id="the same champion"), pytest.param("s3://b/2", False, id="another")],
)
def test_an_execution_that_broke_goes_on_where_it_would_still_judge_by_the_same_champion(champion, goes_on):
    had = {"PipelineParameters": [{"Name": "ChampionUri", "Value": "s3://b/1"}]}
    client = Client(
        list_pipeline_parameters_for_execution=had, describe_pipeline_execution={"LastModifiedTime": NOON}
    )
    again = execution.retry(make_aws(sagemaker=client), made("Failed")[0], {"ChampionUri": champion})
    assert again is goes_on
    asked = [request for operation, request in client.asked if operation == "retry_pipeline_execution"]
    assert len(asked) == goes_on
    for request in asked:
        validate_parameters(request, input_shape("RetryPipelineExecution"))


def test_the_version_that_was_sent_is_the_one_that_is_started():
    client = Client(start_pipeline_execution={"PipelineExecutionArn": ARN})
    execution.start(make_aws(sagemaker=client), "p", "ab" * 32, 0, {}, PipelineVersionId=7)
    [(_, request)] = client.asked
    assert request["PipelineVersionId"] == 7
    validate_parameters(request, input_shape("StartPipelineExecution"))


@pytest.mark.parametrize("status", ["Succeeded", "Failed"])
def test_an_execution_of_another_releases_definition_is_never_used(status):
    client = Client(
        describe_pipeline_definition_for_execution={"PipelineDefinition": '{"Steps": ["theirs"]}'}
    )
    aws = make_aws(sagemaker=client)
    assert execution.ran(aws, ARN, '{ "Steps": ["theirs"] }')
    with pytest.raises(MLOpsError, match="another release's definition") as refused:
        execution.require(aws, ARN, '{"Steps": ["ours"]}')
    assert (refused.value.code, refused.value.exit_code) == ("E104", 1)
    choice = choose(made(status), refused=False, retry=False, foreign=True)
    assert (choice.action, choice.execution, choice.failed) == ("start", None, 1)


def step(name: str, status: str, **more: object) -> dict[str, object]:
    return {
        "StepName": name,
        "StepStatus": status,
        "StartTime": NOON,
        "EndTime": NOON + timedelta(seconds=7),
        **more,
    }


def follow(client: Client, story: Story, minutes: float = 9) -> list[dict[str, object]]:
    return execution.follow(
        make_aws(sagemaker=client, logs=client),
        made("Executing")[0],
        story,
        lambda _: ("done", ""),
        minutes,
    )


def test_a_pipeline_that_outlives_its_runner_is_left_to_run_and_says_who_goes_on():
    client = Client(
        describe_pipeline_execution={"PipelineExecutionStatus": "Executing"},
        list_pipeline_execution_steps={"PipelineExecutionSteps": [step("Train", "Executing")]},
    )
    with pytest.raises(MLOpsError, match="the pipeline runs on") as stopped:
        follow(client, Story(Console(quiet=True)), minutes=0)
    assert (stopped.value.code, stopped.value.exit_code) == ("E106", 1)
    assert "stop_pipeline_execution" not in client.operations()


def test_each_step_is_shown_once_with_its_verdict_and_awss_own_seconds():
    registered = {"RegisterModel": {"Arn": f"{GROUP}/3"}}
    begun = {"ProcessingJob": {"Arn": "arn:aws:sagemaker:eu-west-1:1:processing-job/job-7"}}
    looks = iter(
        [
            [step("Validate", "Executing")],
            [
                step("Validate", "Succeeded", Metadata=begun),
                step("DataAccepted", "Succeeded"),
                step("Register", "Succeeded", Metadata=registered),
            ],
        ]
    )
    status = iter(["Executing", "Succeeded"])
    client = Client(
        describe_pipeline_execution=lambda **_: {"PipelineExecutionStatus": next(status)},
        list_pipeline_execution_steps=lambda **_: {"PipelineExecutionSteps": next(looks)},
    )
    story = Story(Console(quiet=True))
    found = follow(client, story)
    assert [(item.name, item.verdict, item.note, item.seconds) for item in story.steps] == [
        ("validate", "done", "job-7", 7),  # a job that had no name yet when its step began
        ("register", "done", "version 3, pending", 7),
    ]
    assert execution.package_arn(found) == f"{GROUP}/3"


def test_a_job_that_failed_is_explained_with_its_reason_and_the_end_of_its_log():
    broken = step(
        "Train",
        "Failed",
        FailureReason="AlgorithmError: no memory",
        Metadata={"TrainingJob": {"Arn": "arn:aws:sagemaker:eu-west-1:1:training-job/job-1"}},
    )
    client = Client(
        describe_pipeline_execution={"PipelineExecutionStatus": "Failed"},
        list_pipeline_execution_steps={"PipelineExecutionSteps": [broken]},
        describe_log_streams={"logStreams": [{"logStreamName": "job-1/algo-1"}]},
        get_log_events={"events": [{"message": "epoch=1\n"}, {"message": "Killed"}]},
    )
    story = Story(Console(quiet=True))
    with pytest.raises(MLOpsError, match="the step Train failed") as failed:
        follow(client, story)
    assert failed.value.exit_code == 1
    assert failed.value.why == "AlgorithmError: no memory"
    assert "job-1" in failed.value.where
    assert failed.value.detail[0] == "epoch=1"
    other, how = failed.value.detail[1].split("; ")
    assert other == "and 1 other lines: /aws/sagemaker/TrainingJobs, stream job-1/algo-1"
    assert "python -m pipelines logs --whole" in how
    assert "describe_processing_job" not in client.operations()
    assert story.steps[0].verdict == "failed"


def test_a_processing_job_that_failed_is_explained_in_its_own_words():
    broken = step(
        "Validate",
        "Failed",
        FailureReason="AlgorithmError: exit code 1",
        Metadata={"ProcessingJob": {"Arn": "arn:aws:sagemaker:eu-west-1:1:processing-job/job-2"}},
    )
    client = Client(
        describe_pipeline_execution={"PipelineExecutionStatus": "Failed"},
        list_pipeline_execution_steps={"PipelineExecutionSteps": [broken]},
        describe_processing_job={"ExitMessage": "MemoryError at data_checks/files.py:9"},
        describe_log_streams={"logStreams": []},
    )
    with pytest.raises(MLOpsError) as failed:
        follow(client, Story(Console(quiet=True)))
    assert failed.value.why == "MemoryError at data_checks/files.py:9"
    assert ("describe_processing_job", {"ProcessingJobName": "job-2"}) in client.asked


def test_a_job_that_a_quota_kept_from_starting_names_the_quota():
    limit = "The account-level service limit 'ml.m5.xlarge for training job usage' is 0 Instances"
    reason = f"ClientError: Failed to invoke sagemaker:CreateTrainingJob. Error Details: {limit}"
    client = Client(
        describe_pipeline_execution={"PipelineExecutionStatus": "Failed"},
        list_pipeline_execution_steps={
            "PipelineExecutionSteps": [step("Train", "Failed", FailureReason=reason)]
        },
    )
    with pytest.raises(MLOpsError, match=r"ml\.m5\.xlarge for training job usage") as failed:
        follow(client, Story(Console(quiet=True)))
    assert (failed.value.code, failed.value.where) == ("E109", "the step Train")


def test_a_log_that_cannot_be_read_does_not_hide_the_reason():
    broken = step("Train", "Failed", FailureReason="why", Metadata={"TrainingJob": {"Arn": "arn:x/job-1"}})
    client = Client(
        describe_pipeline_execution={"PipelineExecutionStatus": "Failed"},
        list_pipeline_execution_steps={"PipelineExecutionSteps": [broken]},
        describe_log_streams=error("ResourceNotFoundException"),
    )
    with pytest.raises(MLOpsError) as failed:
        follow(client, Story(Console(quiet=True)))
    assert (failed.value.why, failed.value.detail) == ("why", [])


def test_a_text_that_may_quote_the_data_is_said_to_be_nowhere_with_a_way_to_see_it():
    untold = explain(ValueError("row 17 has age=4711"))
    broken = step("Train", "Failed", FailureReason=untold, Metadata={"TrainingJob": {"Arn": "arn:x/job-1"}})
    client = Client(
        describe_pipeline_execution={"PipelineExecutionStatus": "Failed"},
        list_pipeline_execution_steps={"PipelineExecutionSteps": [broken]},
        describe_log_streams=error("ResourceNotFoundException"),
    )
    with pytest.raises(MLOpsError) as failed:
        follow(client, Story(Console(quiet=True)))
    assert failed.value.why == untold
    assert failed.value.todo.startswith("its text is kept nowhere")
    assert 'make test ARGS="tests/training"' in failed.value.todo


def test_a_verdict_is_no_fault():
    fail = step("RefuseModel", "Failed", Metadata={"Fail": {"ErrorMessage": "model refused, see s3://..."}})
    client = Client(
        describe_pipeline_execution={"PipelineExecutionStatus": "Failed"},
        list_pipeline_execution_steps={"PipelineExecutionSteps": [fail]},
    )
    found = follow(client, Story(Console(quiet=True)))
    assert execution.refusal(found) == fail


def limited(minutes: int, *, inside: str = "Train") -> dict[str, str]:
    """Return a definition whose training may run so long; it stands in the branch of a condition."""
    job = {"Name": inside, "Arguments": {"StoppingCondition": {"MaxRuntimeInSeconds": minutes * 60}}}
    branch = {"Name": "DataAccepted", "Arguments": {"ElseSteps": [{"Name": "Refuse"}], "IfSteps": [job]}}
    return {"PipelineDefinition": json.dumps({"Steps": [{"Name": "Validate"}, branch]})}


TRAINING = {"TrainingJob": {"Arn": "arn:aws:sagemaker:eu-west-1:1:training-job/job-1"}}
PROCESSING = {"ProcessingJob": {"Arn": "arn:aws:sagemaker:eu-west-1:1:processing-job/job-1"}}


@pytest.mark.parametrize(
    ("name", "metadata", "status", "minutes", "reason"),
    [
        pytest.param("Train", TRAINING, "Stopped", 125, "", id="a training that was stopped"),
        pytest.param("Train", TRAINING, "Failed", 118, "MaxRuntimeExceeded: stopped", id="one that failed"),
        pytest.param("Evaluate", PROCESSING, "Stopped", 120, "", id="a processing job"),
    ],
)
def test_a_job_that_ran_out_of_time_is_named_with_its_limit_and_what_to_do(
    name, metadata, status, minutes, reason
):
    ended = {"EndTime": NOON + timedelta(minutes=minutes), "Metadata": metadata, "FailureReason": reason}
    client = Client(
        describe_pipeline_execution={"PipelineExecutionStatus": "Failed", "FailureReason": "a step failed"},
        list_pipeline_execution_steps={"PipelineExecutionSteps": [step(name, status, **ended)]},
        describe_pipeline_definition_for_execution=limited(120, inside=name),
        describe_log_streams={"logStreams": [{"logStreamName": "job-1/algo-1"}]},
        get_log_events={"events": [{"message": "epoch=7"}]},
    )
    with pytest.raises(MLOpsError, match=f"the step {name} ran out of time") as late:
        follow(client, Story(Console(quiet=True)))
    assert (late.value.code, late.value.exit_code, late.value.detail) == ("E108", 1, ["epoch=7"])
    assert late.value.where.startswith("job job-1, log group /aws/sagemaker/")
    assert f"max_minutes = 120 of [jobs.{name.lower()}] in mlops.toml" in late.value.why
    assert ("goes on from its last checkpoint" in late.value.todo) is (name == "Train")


@pytest.mark.parametrize(
    ("status", "minutes", "definition", "code"),
    [
        pytest.param("Stopped", 20, limited(120), "E102", id="somebody stopped the job"),
        pytest.param("Stopped", 125, error("AccessDeniedException"), "E102", id="nobody may read the limit"),
        pytest.param("Failed", 125, limited(120), "E101", id="it failed, and long ago"),
    ],
)
def test_a_job_that_ended_in_another_way_is_not_said_to_have_run_out_of_time(
    status, minutes, definition, code
):
    ended = {
        "EndTime": NOON + timedelta(minutes=minutes),
        "Metadata": TRAINING,
        "FailureReason": "exit code: 1",
    }
    client = Client(
        describe_pipeline_execution={"PipelineExecutionStatus": "Failed"},
        list_pipeline_execution_steps={"PipelineExecutionSteps": [step("Train", status, **ended)]},
        describe_pipeline_definition_for_execution=definition,
        describe_log_streams={"logStreams": []},
    )
    with pytest.raises(MLOpsError) as failed:
        follow(client, Story(Console(quiet=True)))
    assert failed.value.code == code
    assert (code == "E101") or "the step Train was stopped" in failed.value.why


def test_a_stopped_execution_is_no_success():
    client = Client(
        describe_pipeline_execution={"PipelineExecutionStatus": "Stopped"},
        list_pipeline_execution_steps={"PipelineExecutionSteps": [step("Train", "Stopped")]},
    )
    with pytest.raises(MLOpsError, match="ended as Stopped"):
        follow(client, Story(Console(quiet=True)))


def test_short_steps_are_looked_at_often_and_long_ones_seldom():
    assert pause(0) == 0.2
    assert pause(60) == 3
    assert pause(3600) == 15
