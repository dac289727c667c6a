"""Why an execution did not end well: the job's reason and the end of its log, or the report's verdict."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from pipelines.aws import Aws
from pipelines.errors import DataRefused, MLOpsError, ModelRefused
from pipelines.results import Results

TAIL_LINES = 20
LOG_GROUPS = {"TrainingJob": "/aws/sagemaker/TrainingJobs", "ProcessingJob": "/aws/sagemaker/ProcessingJobs"}


def job_name(step: dict[str, Any]) -> str | None:
    """Return the name of the job behind a step."""
    for kind in LOG_GROUPS:
        arn = step.get("Metadata", {}).get(kind, {}).get("Arn")
        if arn:
            return arn.rsplit("/", 1)[1]
    return None


def failure(aws: Aws, arn: str, status: dict[str, Any], found: list[dict[str, Any]]) -> MLOpsError:
    """Return the error for an execution that failed or was stopped without a verdict, with its job's log."""
    step = next((item for item in found if item["StepStatus"] == "Failed"), None)
    if step is None:
        state = status["PipelineExecutionStatus"]
        return MLOpsError(
            "E102",
            f"the execution ended as {state}",
            arn,
            status.get("FailureReason") or "no step failed",
            "repeat: python -m pipelines release",
        )
    kind = next((key for key in LOG_GROUPS if key in step.get("Metadata", {})), None)
    job = job_name(step)
    where = f"job {job}, log group {LOG_GROUPS[kind]}" if kind else arn
    error = MLOpsError(
        "E101",
        f"the step {step['StepName']} failed",
        where,
        step.get("FailureReason") or "no reason given",
        "correct it and release again: nothing was registered, the endpoint is as it was",
    )
    error.detail = log_tail(aws, LOG_GROUPS[kind], job) if kind and job else []
    return error


def log_tail(aws: Aws, group: str, job: str) -> list[str]:
    """Return the last lines that a job wrote; nothing where its log cannot be read."""
    try:
        streams = aws.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{job}/")[
            "logStreams"
        ]
        if not streams:
            return []
        events = aws.logs.get_log_events(
            logGroupName=group,
            logStreamName=streams[0]["logStreamName"],
            limit=TAIL_LINES,
            startFromHead=False,
        )["events"]
    except ClientError:  # the reason stands in the error already; a missing log must not hide it
        return []
    return [event["message"].rstrip("\n") for event in events]


def refused(results: Results, fail_step: str) -> MLOpsError:
    """Return the error for a refusal, with the reasons of the report that the execution left."""
    if fail_step == "RefuseData":
        return data_refused(results.validation["verdict"]["reasons"], results.validation_uri)
    return model_refused(results.evaluation["verdict"], results.evaluation_uri)


def data_refused(reasons: list[dict[str, Any]], uri: str) -> DataRefused:
    """Return the refusal of data: first reason in full, others by code and column. Keys and counts only."""
    first, *others = reasons
    keys = ", ".join(str(key) for key in first.get("row_keys", []))
    why = f"rule {first['rule']}, {first['count']} rows" + (f", the first: {keys}" if keys else "")
    if others:
        why += f"; and {len(others)} more: " + ", ".join(
            f"{r['code']} {r['column'] or r['rule']}" for r in others[:8]
        )
    return DataRefused(
        first["code"],
        f"data refused: {first['message']}",
        uri,
        why,
        "correct the data and its lock, or the rule in data_checks/suite.py; nothing was trained",
    )


def model_refused(verdict: dict[str, Any], uri: str) -> ModelRefused:
    """Return the refusal of a model: E302 where a metric is missing, else E301."""
    failed = [rule for rule in verdict.get("rules", []) if not rule["passed"]]
    number = "E302" if any(rule.get("value") is None for rule in failed) else "E301"
    first, *others = verdict["reasons"] or ["no reason given"]
    more = f" And {len(others) - 1} more in that report." if len(others) > 1 else ""
    why = others[0] + more if others else "that is the only reason"
    return ModelRefused(
        number,
        f"model refused: {first}",
        uri,
        why,
        "change model or data, or [gate] in mlops.toml; nothing was registered, the champion serves",
    )
