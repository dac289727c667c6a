"""What an execution knows while it runs: what became of its steps, and the values that others may read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from sagemaker_emulator.executor import calls
from sagemaker_emulator.executor.definition import Definition, Step
from sagemaker_emulator.executor.plan import State
from sagemaker_emulator.executor.values import Context


@dataclass
class StepRun:
    """What became of one step in one execution."""

    state: State = State.WAITING
    started: datetime | None = None
    ended: datetime | None = None
    reason: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    described: dict[str, Any] = field(default_factory=dict)  # what references to this step read
    attempts: int = 0


class Running(Protocol):
    """An execution, as far as values are concerned."""

    arn: str
    pipeline_name: str
    pipeline_arn: str
    definition: Definition
    values: Mapping[str, Any]
    region: str
    created: datetime
    runs: dict[str, StepRun]

    @property
    def id(self) -> str:
        """Return the last part of the ARN."""


def context(execution: Running) -> Context:
    """Return what references of a step that starts now can see."""
    done = {name: run for name, run in execution.runs.items() if run.state == State.SUCCEEDED}
    return Context(
        parameters=execution.values,
        execution={
            "PipelineName": execution.pipeline_name,
            "PipelineArn": execution.pipeline_arn,
            "PipelineExecutionId": execution.id,
            "PipelineExecutionArn": execution.arn,
            "StartDateTime": _timestamp(execution.created),
            "CurrentDateTime": _timestamp(datetime.now(UTC)),
        },
        steps={name: run.described for name, run in done.items()},
        property_files={name: _property_files(execution.definition.step(name), done[name]) for name in done},
        read_json=lambda uri: calls.read_json(execution.region, uri),
    )


def _timestamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _property_files(step: Step, run: StepRun) -> dict[str, str]:
    """Return where each property file of a finished Processing step lies."""
    outputs = {
        output["OutputName"]: output["S3Output"]["S3Uri"]
        for output in run.described.get("ProcessingOutputConfig", {}).get("Outputs", [])
        if "S3Output" in output
    }
    return {
        item["PropertyFileName"]: f"{outputs[item['OutputName']].rstrip('/')}/{item['FilePath']}"
        for item in step.property_files
        if item["OutputName"] in outputs
    }
