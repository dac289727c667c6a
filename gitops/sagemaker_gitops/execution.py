"""One execution of the pipeline per release: started once, attached to while it runs, reused when it is over.

The display name ties an execution to its release; ClientRequestToken makes a lost or doubled start harmless.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sagemaker_gitops import jobs, names
from sagemaker_gitops.aws import Aws, found
from sagemaker_gitops.errors import MLOpsError
from sagemaker_gitops.story import Step, Story, pause

OVER = ("Succeeded", "Failed", "Stopped", "CompletedWithFailures")
SHOWN = ("Validate", "Train", "Evaluate", "Gate", "Register")
VERDICTS = {"Succeeded": "done", "Failed": "failed", "Stopped": "stopped", "Stopping": "stopped"}
Tell = Callable[[str], tuple[str, str]]  # a finished step's name to its verdict and what it found


@dataclass(frozen=True)
class Execution:
    """An execution as ListPipelineExecutions shows it."""

    arn: str
    status: str
    display: str

    @property
    def id(self) -> str:
        """The last part of its ARN, which stands in the addresses of its outputs."""
        return self.arn.rsplit("/", 1)[1]


@dataclass(frozen=True)
class Choice:
    """What to do about a release: start, attach, retry or reuse; and why, for the reader."""

    action: str
    why: str
    execution: Execution | None = None
    failed: int = 0  # executions of this release that are over, of no use: part of the token


def choose(executions: list[Execution], refused: bool, retry: bool, foreign: bool = False) -> Choice:
    """Decide from a release's executions, newest first.

    `refused`: the newest ended in a verdict. `foreign`: it ran a definition that is not this release's.
    """
    if not executions:
        return Choice("start", "first execution of this release")
    newest = executions[0]
    failed = sum(item.status not in ("Executing", "Stopping") for item in executions)
    if foreign and newest.status in OVER:
        return Choice("start", f"execution {newest.id} ran another definition", None, failed)
    if newest.status not in OVER:
        return Choice("attach", f"execution {newest.id} is running", newest, failed)
    if newest.status == "Succeeded":
        return Choice("reuse", f"execution {newest.id} has finished", newest, failed)
    if refused and not retry:
        return Choice("reuse", f"execution {newest.id} was refused; --retry judges it again", newest, failed)
    if not refused:  # a fault: what succeeded before it is kept
        return Choice("retry", f"execution {newest.id} ended as {newest.status}", newest, failed)
    return Choice("start", f"execution {newest.id} was refused", None, failed)


def token(release_id: str, failed: int) -> str:
    """Return the ClientRequestToken: the same for everyone who starts this attempt of this release."""
    return hashlib.sha256(f"{release_id}:{failed}".encode()).hexdigest()


def of_release(aws: Aws, project: str, release_id: str) -> list[Execution]:
    """Return the executions of one release, newest first."""
    prefix = names.execution_display(release_id)
    return [item for item in executions(aws, project) if item.display.startswith(prefix)]


def executions(aws: Aws, project: str) -> list[Execution]:
    """Return all executions of the pipeline, newest first."""
    pages = aws.listed("list_pipeline_executions", "PipelineExecutionSummaries", PipelineName=project)
    items = found(lambda: list(pages)) or []  # before the first release there is no pipeline
    items.sort(key=lambda item: item["StartTime"], reverse=True)
    facts = ("PipelineExecutionArn", "PipelineExecutionStatus", "PipelineExecutionDisplayName")
    return [Execution(*(item.get(fact, "") for fact in facts)) for item in items]


def upsert_pipeline(aws: Aws, project: str, definition: str, role: str) -> tuple[str, dict[str, Any]]:
    """Create or update the pipeline where its definition or role differs.

    Returns which in one word, and the version as a start names it, where AWS told one: only an update does.
    """
    request = {"PipelineName": project, "PipelineDefinition": definition, "RoleArn": role}
    there = found(aws.sagemaker.describe_pipeline, PipelineName=project)
    if there is None:
        created = hashlib.sha256(definition.encode()).hexdigest()
        aws.sagemaker.create_pipeline(**request, ClientRequestToken=created)
        return "created", {}
    if there["PipelineDefinition"] == definition and there["RoleArn"] == role:
        return "unchanged", {}
    version = aws.sagemaker.update_pipeline(**request).get("PipelineVersionId")
    return "updated", {"PipelineVersionId": version} if version else {}


def ran(aws: Aws, arn: str, definition: str) -> bool:
    """Say whether an execution runs `definition`: another release may have updated the pipeline meanwhile."""
    told = aws.sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=arn)
    return json.loads(told["PipelineDefinition"]) == json.loads(definition)


def require(aws: Aws, arn: str, definition: str) -> None:
    """Raise MLOpsError E104 unless an execution runs `definition`: what it makes is not this release's."""
    if not ran(aws, arn, definition):
        raise MLOpsError(f"""E104 the execution runs another release's definition
            {arn}
            two releases changed the pipeline at the same time
            nothing of it is used: stop it (python -m pipelines status says how), then release again""")


def start(
    aws: Aws, project: str, release_id: str, failed: int, parameters: dict[str, str], **version: Any
) -> Execution:
    """Start an execution; twice gives the same one."""
    display = names.execution_display(release_id, failed + 1)
    answer = aws.sagemaker.start_pipeline_execution(
        PipelineName=project,
        PipelineExecutionDisplayName=display,
        PipelineParameters=[{"Name": key, "Value": value} for key, value in parameters.items()],
        ClientRequestToken=token(release_id, failed),
        **version,
    )
    return Execution(answer["PipelineExecutionArn"], "Executing", display)


def retry(aws: Aws, execution: Execution, parameters: dict[str, str]) -> bool:
    """Run an execution again from what did not succeed; False where it would judge by another champion."""
    if given(aws, execution.arn).get("ChampionUri") != parameters["ChampionUri"]:
        return False
    ended = aws.sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution.arn)["LastModifiedTime"]
    attempt = hashlib.sha256(f"{execution.arn}:{ended.isoformat()}".encode()).hexdigest()
    aws.sagemaker.retry_pipeline_execution(PipelineExecutionArn=execution.arn, ClientRequestToken=attempt)
    return True


def given(aws: Aws, arn: str) -> dict[str, str]:
    """Return the parameters that an execution was started with."""
    request = {"PipelineExecutionArn": arn}
    listed = aws.listed("list_pipeline_parameters_for_execution", "PipelineParameters", **request)
    return {item["Name"]: item["Value"] for item in listed}


def steps(aws: Aws, arn: str) -> list[dict[str, Any]]:
    """Return the steps of an execution, oldest first."""
    request = {"PipelineExecutionArn": arn, "SortOrder": "Ascending"}
    listed = aws.listed("list_pipeline_execution_steps", "PipelineExecutionSteps", **request)
    return sorted(listed, key=lambda item: item.get("StartTime") or item.get("EndTime"))


def refusal(listed: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the Fail step that ended an execution, or None: a job that broke is no verdict."""
    return next((step for step in listed if "Fail" in step.get("Metadata", {})), None)


def follow(
    aws: Aws, execution: Execution, story: Story, tell: Tell, minutes: float = math.inf
) -> list[dict[str, Any]]:
    """Show the steps until the execution is over; return them.

    Raises:
        MLOpsError: E101, a job failed; E106, after so many minutes it still runs.
    """
    shown: dict[str, Step] = {}
    changed, before = time.monotonic(), []
    until = changed + minutes * 60
    while True:
        # Status first: what steps say afterwards can only be newer.
        status = aws.sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution.arn)
        listed = steps(aws, execution.arn)
        state = [(step["StepName"], step["StepStatus"]) for step in listed]
        if state != before:
            changed, before = time.monotonic(), state
            show(listed, shown, story, tell)
        if status["PipelineExecutionStatus"] in OVER:
            break
        if time.monotonic() > until:
            raise MLOpsError(f"""E106 the pipeline runs on
                {execution.arn}
                it has not ended within {minutes:g} minutes; nothing is lost, nothing was stopped
                the same verb goes on from there; in GitHub reconcile.yml does that""")
        time.sleep(pause(time.monotonic() - changed))
    if status["PipelineExecutionStatus"] != "Succeeded" and refusal(listed) is None:
        raise jobs.failure(aws, execution.arn, status, listed)
    return listed


def show(listed: list[dict[str, Any]], shown: dict[str, Step], story: Story, tell: Tell) -> None:
    """Bring the story's steps up to what AWS says; `tell` knows what a finished step has found."""
    for step in listed:
        name, status = step["StepName"], step["StepStatus"]
        if name in SHOWN and name not in shown:
            shown[name] = story.begin(name.lower())
            shown[name].note = jobs.job(step)[0]
        if name in SHOWN and status in VERDICTS and shown[name].verdict == "running":
            verdict, note = tell(name) if status == "Succeeded" else (VERDICTS[status], "")
            arn = step.get("Metadata", {}).get("RegisterModel", {}).get("Arn")
            registered = f"version {names.package_version(arn)}, pending" if arn else ""
            shown[name].note = note or registered or jobs.job(step)[0]  # begun, it may have had no name
            timed = "StartTime" in step and "EndTime" in step
            seconds = (step["EndTime"] - step["StartTime"]).total_seconds() if timed else None
            story.end(shown[name], verdict, seconds)


def package_arn(listed: list[dict[str, Any]]) -> str:
    """Return the package that the execution registered; raise MLOpsError E102 where it did not."""
    for step in listed:
        if "RegisterModel" in step.get("Metadata", {}):
            return step["Metadata"]["RegisterModel"]["Arn"]
    raise MLOpsError("""E102 the execution succeeded without registering a model
        step Register
        its steps name no package
        look at the pipeline's definition: pipelines/steps.py""")
