"""The log of what failed last, or of an endpoint: the step, the reason, the last lines, where the rest is."""

from __future__ import annotations

import re
import time
from typing import Any

from sagemaker_gitops import endpoints, jobs, registry, standing
from sagemaker_gitops.account import console
from sagemaker_gitops.aws import Aws, found
from sagemaker_gitops.endpoints import LOGS
from sagemaker_gitops.errors import SettingsError
from sagemaker_gitops.run import Run

LINES = 40
BAD = ("Failed", "Stopped")


def logs(run: Run, which: str = "", *, whole: bool = False) -> None:
    """Show the last failed job's log, else the last job's; or an endpoint's, where `which` is an environment.

    `whole` shows every line of the tail; else libraries' lines, which can quote the data, are counted only.
    Raises SettingsError E501 for an unknown environment, E515 where there is nothing to show, E504 where
    there is no stack either.
    """
    if which:
        run.settings.environment(which)
    run.only_here(f"logs --env {which}" if which else "logs")
    if which:
        _endpoint(run, which)
    else:
        _execution(run, whole)


def _execution(run: Run, whole: bool) -> None:
    """Show the last failed execution, else the last one: steps, reason, log."""
    execution = last(run)
    arn = execution["PipelineExecutionArn"]
    request = {"PipelineExecutionArn": arn, "SortOrder": "Ascending"}
    steps = list(run.aws.listed("list_pipeline_execution_steps", "PipelineExecutionSteps", **request))
    say, display = run.story.say, execution.get("PipelineExecutionDisplayName", "")
    say(f"{display} {execution['PipelineExecutionStatus']}, begun {execution['StartTime']:%Y-%m-%d %H:%M}")
    say(f"  {arn}")
    if execution["PipelineExecutionStatus"] not in BAD:  # else what stopped the release came after it
        for line in standing.next_step(run):
            say(f"  {line}")
    step = chosen(steps)
    if step is None:
        say("  no step of it has begun a job")
        return
    name, group = jobs.job(step)
    reason = jobs.exit_message(run.aws, step, name) or step.get("FailureReason", "")
    say(f"  step {step['StepName']} {step['StepStatus']}" + (f": {reason}" if reason else ""))
    if name:
        kind = "training" if group.endswith("TrainingJobs") else "processing"
        say(f"  job {name}")
        say(f"  {console.job(run.aws.region, kind, name)}")
        tail = _tail(run.aws, group, f"{name}/") if whole else jobs.log_tail(run.aws, group, name)
        _show(run, tail, group)


def last(run: Run) -> dict[str, Any]:
    """Return the newest execution that failed, else the newest.

    Raises:
        SettingsError: there is none: E515, or E504 without a stack.
    """
    request = {"PipelineName": run.project, "SortBy": "CreationTime", "SortOrder": "Descending"}
    listed = run.aws.listed("list_pipeline_executions", "PipelineExecutionSummaries", **request)
    executions = found(lambda: list(listed)) or []
    if not executions:
        why, todo = standing.nothing_served(run, "production")
        raise SettingsError(f"""E515 {run.project} has no execution whose log could be shown
            the pipeline {run.project} in {run.aws.region}
            {why}
            {todo}""")
    executions.sort(key=lambda item: item["StartTime"], reverse=True)
    bad = [item for item in executions if item["PipelineExecutionStatus"] in BAD]
    return (bad or executions)[0]


def chosen(steps: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the step that failed, else the last one that ran a job."""
    failed = [step for step in steps if step["StepStatus"] == "Failed"]
    ran = [step for step in steps if jobs.job(step)[0]]
    return next(iter(failed + ran[::-1]), None)


def _endpoint(run: Run, environment: str) -> None:
    """Show how an environment's endpoint is, and its last lines."""
    name = registry.endpoints(run.aws, run.project, environment)[0]
    there = endpoints.describe(run.aws, name)
    group = f"{LOGS}/{name}" if there else _newest_group(run.aws, name)
    lines = _tail(run.aws, group)
    if there:
        reason = f": {there['FailureReason']}" if there.get("FailureReason") else ""
        run.story.say(f"{name} {there['EndpointStatus']}{reason}, config {there['EndpointConfigName']}")
    elif lines:
        run.story.say(f"{group.rsplit('/', 1)[1]} is gone; what it wrote last:")
    else:
        why, todo = standing.nothing_served(run, environment)
        raise SettingsError(f"""E515 there is no endpoint {name}, and no log of one
            SageMaker and CloudWatch in {run.aws.region}
            {why}
            {todo}""")
    _show(run, lines, group)


def _newest_group(aws: Aws, name: str) -> str:
    """Return the newest log group of an environment without an endpoint: of staging each release has one."""
    pages = aws.logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=f"{LOGS}/{name}")
    mine = re.compile(rf"{re.escape(f'{LOGS}/{name}')}(-[0-9a-f]{{12}})?")
    groups = [group for page in pages for group in page["logGroups"] if mine.fullmatch(group["logGroupName"])]
    groups.sort(key=lambda group: group["creationTime"])
    return groups[-1]["logGroupName"] if groups else f"{LOGS}/{name}"


def _tail(aws: Aws, group: str, prefix: str = "") -> list[str]:
    """Return the last lines of the streams of a group, as they came; none where there is no log."""
    request = {"logGroupName": group, "limit": 50, **({"logStreamNamePrefix": prefix} if prefix else {})}
    listed = found(aws.logs.describe_log_streams, **request) or {"logStreams": []}
    events = []
    for stream in listed["logStreams"]:
        request = {"logGroupName": group, "logStreamName": stream["logStreamName"], "limit": LINES}
        events += aws.logs.get_log_events(**request, startFromHead=False)["events"]
    events.sort(key=lambda event: event["timestamp"])
    stamp = "%H:%M:%S"
    return [
        f"{time.strftime(stamp, time.gmtime(event['timestamp'] / 1000))}Z {event['message'].rstrip()}"
        for event in events[-LINES:]
    ]


def _show(run: Run, lines: list[str], group: str) -> None:
    for line in lines or ["no line was written"]:
        run.story.say(f"    {line}")
    run.story.say(f"  all of it: {console.log(run.aws.region, group)}")
