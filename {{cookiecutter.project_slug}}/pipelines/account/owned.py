"""What a project has in its account: listed, counted, said what becomes of it, deleted in the order that works."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pipelines import endpoints, execution, prune, registry, stack
from pipelines.account import roles
from pipelines.aws import found
from pipelines.run import Run
from pipelines.story import Step

KEY_DAYS = 30  # in which the deletion of the key can still be cancelled
BATCH = 1000  # objects that S3 deletes at once
IMAGES = 100  # that ECR deletes at once


@dataclass(frozen=True)
class Thing:
    """Something to delete: its kind, its name, what is worth knowing, how."""

    kind: str
    name: str
    note: str
    delete: Callable[[Step], object]
    data: bool = False  # what cannot be made again; it stays unless asked for


def things(run: Run) -> list[Thing]:
    """Return all that the project has, in the order in which it can be deleted."""
    return [*_serving(run), *_pipeline(run), *_stacks(run, "github"), *_data(run), *_stacks(run), *_kept(run)]


def _serving(run: Run) -> Iterator[Thing]:
    """Yield endpoints, then what they used: nothing may be taken from under one that serves."""
    aws, client = run.aws, run.aws.sagemaker
    mine = re.compile(rf"{re.escape(run.project)}-(staging(-[0-9a-f]{{12}})?|production)")
    for item in aws.listed("list_endpoints", "Endpoints", NameContains=run.project):
        name = item["EndpointName"]
        if mine.fullmatch(name):
            yield Thing("endpoint", name, item["EndpointStatus"], lambda _, it=name: endpoints.delete(aws, it))
    delete: dict[str, Callable[[str], object]] = {
        "alarm": lambda name: aws.cloudwatch.delete_alarms(AlarmNames=[name]),
        "config": lambda name: client.delete_endpoint_config(EndpointConfigName=name),
        "model": lambda name: client.delete_model(ModelName=name),
    }
    for kind, name in list(prune.made(run)):
        if prune.version_of(run.project, name) is not None:
            yield Thing(kind, name, "", lambda _, act=delete[kind], it=name: act(it))


def _pipeline(run: Run) -> Iterator[Thing]:
    """Yield the pipeline; what still runs of it is stopped before."""
    if found(run.aws.sagemaker.describe_pipeline, PipelineName=run.project):
        yield Thing("pipeline", run.project, "with its executions", lambda step: _stop_and_delete(run, step))


def _stop_and_delete(run: Run, step: Step) -> None:
    client = run.aws.sagemaker
    listed = run.aws.listed(
        "list_pipeline_executions", "PipelineExecutionSummaries", PipelineName=run.project
    )
    going = [item for item in listed if item["PipelineExecutionStatus"] not in execution.OVER]
    for item in going:
        arn = item["PipelineExecutionArn"]
        step.note = f"stop {arn.rsplit('/', 1)[1]}"
        if item["PipelineExecutionStatus"] != "Stopping":
            client.stop_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken=f"destroy-{arn[-32:]:0>32}")
        endpoints.settle(
            lambda arn=arn: client.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"]
            in execution.OVER
        )
    client.delete_pipeline(PipelineName=run.project, ClientRequestToken=f"destroy-{run.project:0>32}")
