"""The pipelines of one account and region, and their executions.

They lie in moto's own `backend.pipelines`, so that whatever resets moto resets them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sagemaker_emulator.executor.execution import Execution
from sagemaker_emulator.seams import AwsError, Call


@dataclass
class Pipeline:
    """One pipeline: its current definition, every earlier one, and its executions by ARN."""

    pipeline_name: str
    arn: str
    role_arn: str
    pipeline_display_name: str
    pipeline_description: str | None = None
    parallelism_configuration: dict[str, int] | None = None
    token: str | None = None  # of the CreatePipeline that made it
    creation_time: datetime = field(default_factory=lambda: datetime.now(UTC))
    last_modified_time: datetime = field(default_factory=lambda: datetime.now(UTC))
    last_execution_time: datetime | None = None
    versions: list[tuple[str, datetime]] = field(default_factory=list)  # every definition stored, and when
    pipeline_executions: dict[str, Execution] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)  # ClientRequestToken: what it started

    @property
    def version(self) -> int:
        """Return the number of the current definition; every definition stored counts."""
        return len(self.versions)

    def set_definition(self, text: str) -> None:
        """Make `text` the current version."""
        self.versions.append((text, datetime.now(UTC)))


def pipelines(call: Call) -> dict[str, Any]:
    """Return the pipelines of the caller's account and region by name."""
    return call.backend.pipelines


def pipeline(call: Call, name_or_arn: str) -> Pipeline:
    """Return a pipeline. Raises AwsError as AWS does where there is none."""
    name = name_or_arn.rsplit("pipeline/", 1)[-1]
    found = pipelines(call).get(name)
    if found is None:
        arn = call.arn(f"pipeline/{name}")
        raise AwsError("ResourceNotFound", f"Pipeline '{arn}' does not exist.")
    return found


def execution(call: Call) -> Execution:
    """Return the execution that the call names. Raises AwsError where there is none."""
    arn = call.params.get("PipelineExecutionArn", "")
    for each in list(pipelines(call).values()):
        if arn in each.pipeline_executions:
            return each.pipeline_executions[arn]
    raise AwsError("ResourceNotFound", f"Pipeline execution with ARN '{arn}' does not exist.")


def user(call: Call) -> dict[str, Any]:
    """Return who created or changed something, as AWS shows an IAM user outside Studio."""
    return {
        "IamIdentity": {
            "Arn": call.arn("root", "iam").replace(f":{call.region}:", "::"),
            "PrincipalId": call.account,
        }
    }
