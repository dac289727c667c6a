"""Operations on pipelines: create, update, describe, list, delete."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sagemaker_emulator import seams, tags
from sagemaker_emulator.executor import calls, checks, store
from sagemaker_emulator.executor.errors import DefinitionError
from sagemaker_emulator.executor.paging import page
from sagemaker_emulator.executor.store import Pipeline
from sagemaker_emulator.seams import AwsError, Call


@seams.operation("CreatePipeline")
def create_pipeline(call: Call) -> dict[str, Any]:
    """Store a definition that can run as written, or say by name what cannot.

    Raises:
        AwsError: it cannot run as written, or its name is taken by another.
    """
    name, token = call.params["PipelineName"], call.params["ClientRequestToken"]
    known = store.pipelines(call).get(name)
    if known is not None:
        if known.token == token:
            return {"PipelineArn": known.arn}
        raise AwsError(
            "ValidationException",
            "Pipeline names must be unique within an AWS account and region. "
            f"Pipeline with name ({name}) already exists.",
        )
    text = _definition(call, required=True)
    made = Pipeline(
        name,
        call.arn(f"pipeline/{name}"),
        call.params["RoleArn"],
        call.params.get("PipelineDisplayName", name),
        call.params.get("PipelineDescription"),
        call.params.get("ParallelismConfiguration"),
        token,
    )
    made.set_definition(text)
    store.pipelines(call)[name] = made
    tags.keep(made.arn, call.params.get("Tags"))
    return {"PipelineArn": made.arn}


@seams.operation("UpdatePipeline")
def update_pipeline(call: Call) -> dict[str, Any]:
    """Change what the call names; executions that run keep the definition that they started with."""
    found = store.pipeline(call, call.params["PipelineName"])
    text = _definition(call, required=False)
    if text:
        found.set_definition(text)
    for member, attribute in {
        "PipelineDisplayName": "pipeline_display_name",
        "PipelineDescription": "pipeline_description",
        "RoleArn": "role_arn",
        "ParallelismConfiguration": "parallelism_configuration",
    }.items():
        if member in call.params:
            setattr(found, attribute, call.params[member])
    found.last_modified_time = datetime.now(UTC)
    return {"PipelineArn": found.arn, "PipelineVersionId": found.version}


@seams.operation("DescribePipeline")
def describe_pipeline(call: Call) -> dict[str, Any]:
    """Describe a pipeline, with the text of its current or an earlier definition."""
    found = store.pipeline(call, call.params["PipelineName"])
    answer = {
        "PipelineArn": found.arn,
        "PipelineName": found.pipeline_name,
        "PipelineDisplayName": found.pipeline_display_name,
        "PipelineDefinition": version_text(found, call.params.get("PipelineVersionId")),
        "PipelineDescription": found.pipeline_description,
        "RoleArn": found.role_arn,
        "PipelineStatus": "Active",
        "CreationTime": found.creation_time,
        "LastModifiedTime": found.last_modified_time,
        "LastRunTime": found.last_execution_time,
        "CreatedBy": store.user(call),
        "LastModifiedBy": store.user(call),
        "ParallelismConfiguration": found.parallelism_configuration,
    }
    return {key: value for key, value in answer.items() if value is not None}


@seams.operation("ListPipelineVersions")
def list_pipeline_versions(call: Call) -> dict[str, Any]:
    """List every definition that a pipeline has had, newest first unless told otherwise."""
    found = store.pipeline(call, call.params["PipelineName"])
    after, before = call.params.get("CreatedAfter"), call.params.get("CreatedBefore")
    rows = [
        {"PipelineArn": found.arn, "PipelineVersionId": number, "CreationTime": created}
        for number, (_, created) in enumerate(found.versions, 1)
        if between(created, after, before)
    ]
    if call.params.get("SortOrder", "Descending") == "Descending":
        rows.reverse()
    return page(rows, call.params, "PipelineVersionSummaries")


@seams.operation("ListPipelines")
def list_pipelines(call: Call) -> dict[str, Any]:
    """List pipelines, newest first unless told otherwise."""
    prefix = call.params.get("PipelineNamePrefix", "")
    after, before = call.params.get("CreatedAfter"), call.params.get("CreatedBefore")
    found = [
        each
        for each in store.pipelines(call).values()
        if each.pipeline_name.startswith(prefix) and between(each.creation_time, after, before)
    ]
    by_name = call.params.get("SortBy") == "Name"
    found.sort(
        key=lambda each: each.pipeline_name if by_name else each.creation_time,
        reverse=call.params.get("SortOrder", "Descending") == "Descending",
    )
    return page([_summary(each) for each in found], call.params, "PipelineSummaries")


@seams.operation("DeletePipeline")
def delete_pipeline(call: Call) -> dict[str, Any]:
    """Delete a pipeline and its executions; refused while one of them runs.

    Raises:
        AwsError: there is none of that name, or an execution runs.
    """
    found = store.pipeline(call, call.params["PipelineName"])
    running = [e.arn for e in found.pipeline_executions.values() if e.status in ("Executing", "Stopping")]
    if running:
        raise AwsError(
            "ConflictException", f"Pipeline {found.pipeline_name} has running executions: {running}"
        )
    del store.pipelines(call)[found.pipeline_name]
    tags.drop(found.arn)
    return {"PipelineArn": found.arn}


def between(moment: datetime, after: datetime | None, before: datetime | None) -> bool:
    """Return whether `moment` lies between two limits that may be absent."""
    moment = moment.replace(tzinfo=UTC)
    return (after is None or moment > _aware(after)) and (before is None or moment < _aware(before))


def version_text(found: Pipeline, version: int | None) -> str:
    """Return the text of a version of the definition. Raises AwsError where there is none."""
    version = found.version if version is None else version
    if not 1 <= version <= found.version:
        raise AwsError("ResourceNotFound", f"Pipeline {found.pipeline_name} has no version {version}.")
    return found.versions[version - 1][0]


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _summary(found: Pipeline) -> dict[str, Any]:
    answer = {
        "PipelineArn": found.arn,
        "PipelineName": found.pipeline_name,
        "PipelineDisplayName": found.pipeline_display_name,
        "PipelineDescription": found.pipeline_description,
        "RoleArn": found.role_arn,
        "CreationTime": found.creation_time,
        "LastModifiedTime": found.last_modified_time,
        "LastExecutionTime": found.last_execution_time,
    }
    return {key: value for key, value in answer.items() if value is not None}


def _definition(call: Call, required: bool) -> str:
    """Return the text of the definition that a call carries or points to, checked. Raises AwsError."""
    text, place = call.params.get("PipelineDefinition"), call.params.get("PipelineDefinitionS3Location")
    if text and place:
        raise AwsError(
            "ValidationException",
            "Both Pipeline Definition and Pipeline Definition S3 Location shouldn't be present",
        )
    if place:
        text = _from_s3(call, place)
    if not text:
        if not required:
            return ""
        raise AwsError(
            "ValidationException",
            "Either Pipeline Definition or Pipeline Definition S3 location should be provided",
        )
    try:
        checks.parse(text)
    except DefinitionError as error:
        raise AwsError("ValidationException", str(error)) from None
    return text


def _from_s3(call: Call, place: dict[str, str]) -> str:
    version = {"VersionId": place["VersionId"]} if "VersionId" in place else {}
    s3 = calls.client("s3", call.region)
    try:
        return (
            s3.get_object(Bucket=place["Bucket"], Key=place["ObjectKey"], **version)["Body"].read().decode()
        )
    except s3.exceptions.ClientError as error:
        code = error.response["Error"]["Code"]
        raise AwsError(
            "ValidationException", f"Unable to read the pipeline definition from S3: {code}"
        ) from None
