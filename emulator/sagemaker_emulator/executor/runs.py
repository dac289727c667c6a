"""Operations on pipeline executions: start, stop, retry, describe, list."""

from __future__ import annotations

import secrets
import string
import threading
from datetime import UTC, datetime
from typing import Any

from sagemaker_emulator import seams
from sagemaker_emulator.executor import checks, parameters, store
from sagemaker_emulator.executor.errors import ParameterError
from sagemaker_emulator.executor.execution import Execution
from sagemaker_emulator.executor.knowledge import StepRun
from sagemaker_emulator.executor.operations import between, version_text
from sagemaker_emulator.executor.paging import page
from sagemaker_emulator.executor.plan import State
from sagemaker_emulator.executor.store import Pipeline
from sagemaker_emulator.executor.values import as_text
from sagemaker_emulator.seams import AwsError, Call

# Members of StartPipelineExecution that would change what runs: refused rather than ignored.
NOT_OFFERED = ("SelectiveExecutionConfig", "PipelineVersionAlias", "MlflowExperimentName")


# A client that lost an answer asks again while the first request may still be under way.
_tokens = threading.Lock()


@seams.operation("StartPipelineExecution")
def start_pipeline_execution(call: Call) -> dict[str, Any]:
    """Start an execution; the same ClientRequestToken gives the same execution."""
    found, token = store.pipeline(call, call.params["PipelineName"]), call.params["ClientRequestToken"]
    with _tokens:
        if token not in found.tokens:
            found.tokens[token] = _start(call, found).arn
    return {"PipelineExecutionArn": found.tokens[token]}


def _start(call: Call, found: Pipeline) -> Execution:
    for member in NOT_OFFERED:
        if call.params.get(member):
            raise AwsError(
                "ValidationException", f"sagemaker-emulator does not offer {member} (see COVERAGE.md)"
            )
    version = call.params.get("PipelineVersionId", found.version)
    text = version_text(found, version)
    definition = checks.parse(text)
    try:
        values = parameters.values(definition.parameters, call.params.get("PipelineParameters", []))
    except ParameterError as error:
        raise AwsError("ValidationException", str(error)) from None
    execution_id = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(12))
    started = Execution(
        f"{found.arn}/execution/{execution_id}",
        found.pipeline_name,
        found.arn,
        definition,
        text,
        values,
        call.region,
        _max_parallel(call) or (found.parallelism_configuration or {}).get("MaxParallelExecutionSteps"),
        call.params.get("PipelineExecutionDisplayName"),
        call.params.get("PipelineExecutionDescription"),
        version,
        call.params.get("RoleArn", found.role_arn),
    )
    found.pipeline_executions[started.arn] = started
    found.last_execution_time = started.created
    started.start()
    return started


@seams.operation("StopPipelineExecution")
def stop_pipeline_execution(call: Call) -> dict[str, Any]:
    """Stop a running execution and the jobs that it runs.

    Raises:
        AwsError: there is none, or it has ended.
    """
    execution = store.execution(call)
    if execution.status not in ("Executing", "Stopping"):
        raise AwsError(
            "ConflictException",
            f"Pipeline execution with ARN {execution.arn} cannot be stopped in status {execution.status}.",
        )
    execution.stop()
    return {"PipelineExecutionArn": execution.arn}


@seams.operation("RetryPipelineExecution")
def retry_pipeline_execution(call: Call) -> dict[str, Any]:
    """Run a failed or stopped execution again, from what did not succeed."""
    execution, token = store.execution(call), call.params["ClientRequestToken"]
    tokens = store.pipeline(call, execution.pipeline_name).tokens
    with _tokens:
        if tokens.get(token) != execution.arn:
            _retry(call, execution)
            tokens[token] = execution.arn
    return {"PipelineExecutionArn": execution.arn}


def _retry(call: Call, execution: Execution) -> None:
    if execution.status not in ("Failed", "Stopped", "CompletedWithFailures"):
        raise AwsError(
            "ConflictException",
            f"Pipeline execution with ARN {execution.arn} is in status {execution.status}; "
            "only a failed or stopped execution can be retried.",
        )
    execution.retry(_max_parallel(call))


@seams.operation("UpdatePipelineExecution")
def update_pipeline_execution(call: Call) -> dict[str, Any]:
    """Change the names of an execution and how many of its steps may run at once."""
    execution = store.execution(call)
    execution.display_name = call.params.get("PipelineExecutionDisplayName", execution.display_name)
    execution.description = call.params.get("PipelineExecutionDescription", execution.description)
    execution.max_parallel = _max_parallel(call) or execution.max_parallel
    execution.modified = datetime.now(UTC)
    return {"PipelineExecutionArn": execution.arn}


@seams.operation("DescribePipelineExecution")
def describe_pipeline_execution(call: Call) -> dict[str, Any]:
    """Describe an execution."""
    execution = store.execution(call)
    answer = {
        "PipelineArn": execution.pipeline_arn,
        "PipelineExecutionArn": execution.arn,
        "PipelineExecutionDisplayName": _display_name(execution),
        "PipelineExecutionStatus": execution.status,
        "PipelineExecutionDescription": execution.description,
        "FailureReason": execution.failure_reason,
        "CreationTime": execution.created,
        "LastModifiedTime": execution.modified,
        "CreatedBy": store.user(call),
        "LastModifiedBy": store.user(call),
        "PipelineVersionId": execution.version,
        "RoleArn": execution.role_arn,
    }
    if execution.max_parallel is not None:
        answer["ParallelismConfiguration"] = {"MaxParallelExecutionSteps": execution.max_parallel}
    return {key: value for key, value in answer.items() if value is not None}


@seams.operation("DescribePipelineDefinitionForExecution")
def describe_definition(call: Call) -> dict[str, Any]:
    """Return the definition that an execution runs, whatever became of the pipeline since."""
    execution = store.execution(call)
    return {"PipelineDefinition": execution.text, "CreationTime": execution.created}


@seams.operation("ListPipelineExecutions")
def list_pipeline_executions(call: Call) -> dict[str, Any]:
    """List the executions of a pipeline, newest first unless told otherwise."""
    found = store.pipeline(call, call.params["PipelineName"])
    after, before = call.params.get("CreatedAfter"), call.params.get("CreatedBefore")
    executions = [e for e in found.pipeline_executions.values() if between(e.created, after, before)]
    by_arn = call.params.get("SortBy") == "PipelineExecutionArn"
    executions.sort(key=lambda e: e.arn if by_arn else e.created, reverse=_descending(call))
    return page([_summary(e) for e in executions], call.params, "PipelineExecutionSummaries")


@seams.operation("ListPipelineExecutionSteps")
def list_pipeline_execution_steps(call: Call) -> dict[str, Any]:
    """List the steps that have started, the latest first unless told otherwise."""
    execution = store.execution(call)
    names = list(execution.order)
    if _descending(call):
        names.reverse()
    return page([_step(execution, name) for name in names], call.params, "PipelineExecutionSteps")


@seams.operation("ListPipelineParametersForExecution")
def list_pipeline_parameters(call: Call) -> dict[str, Any]:
    """List every parameter with the value that the execution uses, defaults included."""
    values = store.execution(call).values
    listed = [{"Name": name, "Value": as_text(value)} for name, value in values.items()]
    return page(listed, call.params, "PipelineParameters")


def _step(execution: Execution, name: str) -> dict[str, Any]:
    step, run = execution.definition.step(name), execution.runs[name]
    answer = {
        "StepName": name,
        "StepDisplayName": step.display_name,
        "StepDescription": step.description,
        "StartTime": run.started,
        "EndTime": run.ended,
        "StepStatus": _status(run),
        "FailureReason": run.reason,
        "Metadata": dict(run.metadata),
        "AttemptCount": run.attempts,
    }
    return {key: value for key, value in answer.items() if value is not None}


def _status(run: StepRun) -> str:
    """Return AWS's word; a step between two attempts is about to start."""
    return str(State.STARTING if run.state == State.WAITING else run.state)


def _summary(execution: Execution) -> dict[str, Any]:
    answer = {
        "PipelineExecutionArn": execution.arn,
        "StartTime": execution.created,
        "PipelineExecutionStatus": execution.status,
        "PipelineExecutionDescription": execution.description,
        "PipelineExecutionDisplayName": _display_name(execution),
        "PipelineExecutionFailureReason": execution.failure_reason,
    }
    return {key: value for key, value in answer.items() if value is not None}


def _display_name(execution: Execution) -> str:
    return execution.display_name or f"execution-{int(execution.created.timestamp() * 1000)}"


def _descending(call: Call) -> bool:
    return call.params.get("SortOrder", "Descending") == "Descending"


def _max_parallel(call: Call) -> int | None:
    return call.params.get("ParallelismConfiguration", {}).get("MaxParallelExecutionSteps")
