"""The jobs behind an execution's steps: where their logs stand, and what a failed one says as an error."""

from __future__ import annotations

import json
import re
from typing import Any

from sagemaker_gitops import errors
from sagemaker_gitops.aws import Aws
from sagemaker_gitops.errors import MLOpsError

TAIL_LINES = 20
OURS = re.compile(r"([a-z]+ )?[a-z][a-z0-9_]*=")  # our jobs write one event a line, as key=value
WHOLE = "python -m pipelines logs --whole shows them (of an emulator while it runs: make local-up keeps one)"
RAN_OUT = re.compile(r"max_?runtime|runtime exceeded", re.IGNORECASE)  # a reason that is the job's limit
LOG_GROUPS = {"TrainingJob": "/aws/sagemaker/TrainingJobs", "ProcessingJob": "/aws/sagemaker/ProcessingJobs"}


def arns(listed: list[dict[str, Any]]) -> dict[str, str]:
    """Return the ARN of the job behind each step that has one."""
    return {
        step["StepName"]: arn
        for step in listed
        for kind in LOG_GROUPS
        if (arn := step.get("Metadata", {}).get(kind, {}).get("Arn"))
    }


def job(step: dict[str, Any]) -> tuple[str, str]:
    """Return (name, log group) of the job behind a step; empty where there is none."""
    for kind, group in LOG_GROUPS.items():
        if arn := step.get("Metadata", {}).get(kind, {}).get("Arn"):
            return arn.rsplit("/", 1)[1], group
    return "", ""


def failure(aws: Aws, arn: str, status: dict[str, Any], steps: list[dict[str, Any]]) -> MLOpsError:
    """Return the error for an execution that failed or was stopped without a verdict, with its job's log."""
    ended = [item for item in steps if item["StepStatus"] in ("Failed", "Stopped")]
    for item in ended:
        if seconds := out_of_time(aws, arn, item):
            return timed_out(aws, item, seconds)
    step = next((item for item in ended if item["StepStatus"] == "Failed"), None)
    if step is None:
        stopped = ", ".join(f"the step {item['StepName']} was stopped" for item in ended)
        return MLOpsError(f"""E102 the execution ended as {status["PipelineExecutionStatus"]}
            {arn}
            {status.get("FailureReason") or "no step failed"}{f"; {stopped}" if stopped else ""}
            repeat: python -m pipelines release""")
    name, group = job(step)
    reason = exit_message(aws, step, name) or step.get("FailureReason", "")
    if errors.LIMIT.search(reason):
        return errors.quota(f"the step {step['StepName']}", reason)
    todo = "correct it and release again: nothing was registered, the endpoint is as it was"
    if "its text is left out" in reason:
        todo = f'its text is kept nowhere; made-up rows may show it: make test ARGS="tests/training"; {todo}'
    message = f"""E101 the step {step["StepName"]} failed
        {f"job {name}, log group {group}" if name else arn}
        {reason}
        {todo}"""
    return MLOpsError(message, log_tail(aws, group, name) if name else [])


def out_of_time(aws: Aws, arn: str, step: dict[str, Any]) -> int:
    """Return after how many seconds a step's job was stopped as it ran into its limit; 0 where it did not.

    AWS documents the job's end (Stopped, for a training MaxRuntimeExceeded), not what its step says then: a
    stopped step that lasted as long as it may counts, and a failed one whose reason is the limit.
    """
    if not job(step)[0] or (
        step["StepStatus"] == "Failed" and not RAN_OUT.search(step.get("FailureReason", ""))
    ):
        return 0
    try:
        told = aws.sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=arn)
    except errors.TROUBLE:  # that it stopped is said without
        return 0
    limit = longest(json.loads(told["PipelineDefinition"])["Steps"], step["StepName"])
    timed = "StartTime" in step and "EndTime" in step
    lasted = (step["EndTime"] - step["StartTime"]).total_seconds() if timed else 0
    return limit if step["StepStatus"] == "Failed" or lasted >= limit else 0


def longest(steps: list[dict[str, Any]], name: str) -> int:
    """Return how many seconds the job of a definition's step may run; 0 where none of that name says."""
    for step in steps:
        arguments = step.get("Arguments", {})
        if step["Name"] == name:
            return arguments.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 0)
        for branch in ("IfSteps", "ElseSteps"):
            if found := longest(arguments.get(branch, []), name):
                return found
    return 0


def timed_out(aws: Aws, step: dict[str, Any], seconds: int) -> MLOpsError:
    """Return the error for a job that SageMaker stopped at its limit, with the end of its log."""
    (name, group), table = job(step), f"[jobs.{step['StepName'].lower()}]"
    training = "TrainingJob" in step.get("Metadata", {})
    again = "; or release again as it is: training goes on from its last checkpoint" if training else ""
    message = f"""E108 the step {step["StepName"]} ran out of time
        job {name}, log group {group}
        SageMaker stopped it at its limit: max_minutes = {seconds / 60:g} of {table} in mlops.toml
        make it quicker, or max_minutes larger{again}; nothing was registered, the endpoint is as it was"""
    return MLOpsError(message, log_tail(aws, group, name))


def exit_message(aws: Aws, step: dict[str, Any], name: str) -> str:
    """Return what a processing job said when it ended; SageMaker's own reason is the exit code."""
    if "ProcessingJob" not in step.get("Metadata", {}):
        return ""
    try:
        return aws.sagemaker.describe_processing_job(ProcessingJobName=name).get("ExitMessage", "")
    except errors.TROUBLE:  # SageMaker's reason does without
        return ""


def log_tail(aws: Aws, group: str, name: str) -> list[str]:
    """Return what our own code wrote of a log's last lines, and where the others stand.

    A library's lines stay in the log, which fewer people may read: they can quote the data.
    """
    try:
        listed = aws.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")
        streams = [stream["logStreamName"] for stream in listed["logStreams"][:1]]
        tails = [
            aws.logs.get_log_events(
                logGroupName=group, logStreamName=stream, limit=TAIL_LINES, startFromHead=False
            )
            for stream in streams
        ]
    except errors.TROUBLE:  # the reason stands in the error already; a missing log must not hide it
        return []
    lines = [event["message"].rstrip("\n") for tail in tails for event in tail["events"]]
    ours = [line for line in lines if OURS.match(line)]
    other = len(lines) - len(ours)
    return [*ours, f"and {other} other lines: {group}, stream {streams[0]}; {WHOLE}"] if other else ours
