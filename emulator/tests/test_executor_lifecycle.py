"""What boto3 can do with pipelines and executions: stop, retry, tokens, parameters, lists, versions."""

from __future__ import annotations

import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from botocore.exceptions import ClientError
from pipelines_by_hand import (
    ROLE,
    SHELL,
    create,
    document,
    image,
    processing,
    run,
    start,
    statuses,
    steps_of,
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


def test_stop_stops_the_running_job_and_starts_nothing_more(sagemaker):
    name = create(sagemaker, processing("long", "sleep 60"), processing("next", "true", DependsOn=["long"]))
    arn = start(sagemaker, name)
    job = wait_for_job(sagemaker, arn, "long")
    sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    assert wait(sagemaker, arn)["PipelineExecutionStatus"] == "Stopped"
    assert statuses(sagemaker, arn) == {"long": "Stopped"}
    assert sagemaker.describe_processing_job(ProcessingJobName=job)["ProcessingJobStatus"] == "Stopped"
    with pytest.raises(ClientError, match="cannot be stopped"):
        sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)


def wait_for_job(sagemaker, arn, step):
    for _ in range(100):
        metadata = steps_of(sagemaker, arn).get(step, {}).get("Metadata", {})
        if metadata:
            return next(iter(metadata.values()))["Arn"].rsplit("/", 1)[-1]
        time.sleep(0.05)
    raise AssertionError(f"{step} started no job")


def test_retry_runs_only_what_did_not_succeed(sagemaker, tmp_path):
    marker = tmp_path / "fixed"
    first = processing("first", "true")
    second = processing("second", f"test -e {marker}", DependsOn=["first"])
    third = processing("third", "true", DependsOn=["second"])
    name = create(sagemaker, first, second, third)
    arn = start(sagemaker, name)
    assert wait(sagemaker, arn)["PipelineExecutionStatus"] == "Failed"
    before = steps_of(sagemaker, arn)
    marker.touch()
    token = uuid.uuid4().hex
    for _ in range(2):  # the second call is the same request, and changes nothing
        answer = sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken=token)
        assert answer["PipelineExecutionArn"] == arn
    assert wait(sagemaker, arn)["PipelineExecutionStatus"] == "Succeeded"
    after = steps_of(sagemaker, arn)
    assert after["first"] == before["first"]
    assert after["second"]["Metadata"] != before["second"]["Metadata"]
    assert after["second"]["StepStatus"] == after["third"]["StepStatus"] == "Succeeded"
    with pytest.raises(ClientError, match="only a failed or stopped execution"):
        sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken=uuid.uuid4().hex)


def test_the_same_token_is_the_same_execution(sagemaker):
    name = create(sagemaker, processing("once", "true"))
    token = uuid.uuid4().hex
    arns = {
        sagemaker.start_pipeline_execution(PipelineName=name, ClientRequestToken=token)[
            "PipelineExecutionArn"
        ]
        for _ in range(3)
    }
    assert len(arns) == 1
    wait(sagemaker, arns.pop())
    assert len(sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"]) == 1


def test_the_same_token_at_the_same_moment_is_still_one_execution(sagemaker):
    name, token = create(sagemaker, processing("once", "true")), uuid.uuid4().hex
    with ThreadPoolExecutor(8) as pool:
        ask = partial(sagemaker.start_pipeline_execution, PipelineName=name, ClientRequestToken=token)
        arns = {future.result()["PipelineExecutionArn"] for future in [pool.submit(ask) for _ in range(8)]}
    assert len(arns) == 1
    wait(sagemaker, arns.pop())


def test_versions_are_kept_and_can_be_started(sagemaker):
    name = create(sagemaker, processing("first", "true"))
    answer = sagemaker.update_pipeline(
        PipelineName=name, PipelineDefinition=document(processing("second", "true"))
    )
    assert answer["PipelineVersionId"] == 2
    listed = sagemaker.list_pipeline_versions(PipelineName=name)["PipelineVersionSummaries"]
    assert [each["PipelineVersionId"] for each in listed] == [2, 1]
    arn = sagemaker.start_pipeline_execution(PipelineName=name, PipelineVersionId=1)["PipelineExecutionArn"]
    assert wait(sagemaker, arn)["PipelineVersionId"] == 1
    assert list(steps_of(sagemaker, arn)) == ["first"]


def test_a_token_that_is_too_long_is_refused(sagemaker):
    """boto3 itself refuses one that is too short."""
    name = create(sagemaker, processing("once", "true"))
    with pytest.raises(ClientError, match=r"clientRequestToken.*length"):
        sagemaker.start_pipeline_execution(PipelineName=name, ClientRequestToken="x" * 129)


def test_wrong_parameters_start_nothing(sagemaker):
    name = create(sagemaker, processing("p", "true"), parameters=[{"Name": "Must", "Type": "Integer"}])
    for values in ({}, {"Must": "x"}, {"Must": "1", "Unknown": "2"}):
        with pytest.raises(ClientError) as refused:
            start(sagemaker, name, **values)
        assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"] == []


def test_parameters_are_listed_with_their_defaults(sagemaker):
    declared = [{"Name": "A", "Type": "Float", "DefaultValue": 0.5}, {"Name": "B", "Type": "String"}]
    ended = run(sagemaker, processing("p", "true"), parameters=declared, B="given")
    listed = sagemaker.list_pipeline_parameters_for_execution(
        PipelineExecutionArn=ended["PipelineExecutionArn"]
    )
    assert listed["PipelineParameters"] == [{"Name": "A", "Value": "0.5"}, {"Name": "B", "Value": "given"}]


def test_a_custom_prefix_names_the_job(sagemaker):
    step = processing("p", "true")
    step["Arguments"]["ProcessingJobName"] = "nightly"
    arn = run(sagemaker, step)["PipelineExecutionArn"]
    job = steps_of(sagemaker, arn)["p"]["Metadata"]["ProcessingJob"]["Arn"].rsplit("/", 1)[-1]
    assert job.startswith(f"nightly-{arn.rsplit('/', 1)[-1]}-")


def test_a_long_step_name_with_underscores_still_names_a_job(sagemaker):
    name = "a_very_long_step_name_" + "x" * 40
    ended = run(sagemaker, processing(name, "true"))
    assert ended["PipelineExecutionStatus"] == "Succeeded"


def test_steps_come_latest_first_in_pages(sagemaker):
    ended = run(
        sagemaker, *(processing(f"s{n}", "true", DependsOn=[f"s{n - 1}"] if n else []) for n in range(3))
    )
    pages = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(
        PipelineExecutionArn=ended["PipelineExecutionArn"], PaginationConfig={"PageSize": 2}
    )
    assert [[step["StepName"] for step in page["PipelineExecutionSteps"]] for page in pages] == [
        ["s2", "s1"],
        ["s0"],
    ]


def test_an_execution_keeps_the_definition_it_started_with(sagemaker):
    name = create(sagemaker, processing("old", "sleep 0.3"))
    arn = start(sagemaker, name)
    new = document(processing("new", "true"))
    sagemaker.update_pipeline(PipelineName=name, PipelineDefinition=new)
    assert list(statuses(sagemaker, wait(sagemaker, arn)["PipelineExecutionArn"])) == ["old"]
    kept = sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=arn)[
        "PipelineDefinition"
    ]
    assert json.loads(kept)["Steps"][0]["Name"] == "old"
    assert sagemaker.describe_pipeline(PipelineName=name)["PipelineDefinition"] == new


def test_a_definition_is_read_from_s3(sagemaker, lake):
    padding = [{"Name": f"P{n}", "Type": "String", "DefaultValue": "x" * 900} for n in range(150)]
    text = document(processing("only", "true"), parameters=padding)
    assert len(text) > 100_000
    lake.put_object(Bucket="lake", Key="definitions/big.json", Body=text)
    place = {"Bucket": "lake", "ObjectKey": "definitions/big.json"}
    name = f"big-{uuid.uuid4().hex[:8]}"
    sagemaker.create_pipeline(PipelineName=name, PipelineDefinitionS3Location=place, RoleArn=ROLE)
    assert sagemaker.describe_pipeline(PipelineName=name)["PipelineDefinition"] == text
    assert wait(sagemaker, start(sagemaker, name))["PipelineExecutionStatus"] == "Succeeded"


def test_a_wrong_definition_is_refused_and_the_old_one_stays(sagemaker):
    name = create(sagemaker, processing("fine", "true"))
    before = sagemaker.describe_pipeline(PipelineName=name)["PipelineDefinition"]
    for wrong in ("{", document({**processing("tune", "true"), "Type": "Tuning"})):
        with pytest.raises(ClientError) as refused:
            sagemaker.update_pipeline(PipelineName=name, PipelineDefinition=wrong)
        assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert sagemaker.describe_pipeline(PipelineName=name)["PipelineDefinition"] == before


def test_what_start_cannot_do_is_refused_by_name(sagemaker):
    name = create(sagemaker, processing("fine", "true"))
    with pytest.raises(ClientError, match="SelectiveExecutionConfig"):
        sagemaker.start_pipeline_execution(
            PipelineName=name, SelectiveExecutionConfig={"SelectedSteps": [{"StepName": "fine"}]}
        )


def test_a_missing_pipeline_and_a_taken_name(sagemaker):
    name = create(sagemaker, processing("fine", "true"))
    with pytest.raises(ClientError, match="already exists"):
        sagemaker.create_pipeline(
            PipelineName=name, PipelineDefinition=document(processing("x", "true")), RoleArn=ROLE
        )
    sagemaker.delete_pipeline(PipelineName=name)
    with pytest.raises(sagemaker.exceptions.ResourceNotFound):
        sagemaker.describe_pipeline(PipelineName=name)
    with pytest.raises(sagemaker.exceptions.ResourceNotFound):
        start(sagemaker, name)


def test_pipelines_carry_tags_and_are_listed(sagemaker):
    name = f"tagged-{uuid.uuid4().hex[:8]}"
    arn = sagemaker.create_pipeline(
        PipelineName=name,
        PipelineDefinition=document(processing("x", "true")),
        RoleArn=ROLE,
        Tags=[{"Key": "team", "Value": "bread"}],
    )["PipelineArn"]
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "bread"}]
    found = sagemaker.list_pipelines(PipelineNamePrefix="tagged")["PipelineSummaries"]
    assert name in [each["PipelineName"] for each in found]
