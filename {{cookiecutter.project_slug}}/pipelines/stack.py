"""The CloudFormation stack: create or update it, wait, explain a failure; and what it made, by name."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from pipelines import names, refusals
from pipelines.aws import Aws
from pipelines.errors import SettingsError
from pipelines.settings import Settings
from pipelines.story import Step, pause

TEMPLATE = Path("infra/stack.yml")
UNCHANGED = "No updates are to be performed"


@dataclass(frozen=True)
class Stack:
    """What the stack made."""

    bucket: str
    key: str  # ARN
    role: str  # ARN
    repository: str  # account.dkr.ecr.region.amazonaws.com/name
    group: str


def outputs(aws: Aws, project: str) -> Stack:
    """Return what the stack made; raise SettingsError E504 where there is no whole stack."""
    found = describe(aws, project)
    made = {item["OutputKey"]: item["OutputValue"] for item in (found or {}).get("Outputs", [])}
    if not all(made.get(key) for key in names.STACK_OUTPUTS):
        state = found["StackStatus"] if found else "there is none"
        raise SettingsError(
            "E504",
            f"the stack '{project}' is not there yet",
            f"CloudFormation in {aws.region}",
            f"its state: {state}",
            "make it: python -m pipelines stack",
        )
    return Stack(*(made[key] for key in names.STACK_OUTPUTS))


def describe(aws: Aws, project: str) -> dict[str, Any] | None:
    """Return the stack as CloudFormation describes it, or None."""
    try:
        return aws.cloudformation.describe_stacks(StackName=project)["Stacks"][0]
    except ClientError as error:
        if refusals.missing(error):
            return None
        raise


def request(settings: Settings, template: str) -> dict[str, Any]:
    """Return what CreateStack and UpdateStack are sent."""
    project = settings.project.slug
    return {
        "StackName": project,
        "TemplateBody": template,
        "Parameters": [{"ParameterKey": "Project", "ParameterValue": project}],
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
        "Tags": [{"Key": "project", "Value": project}],
    }


def apply(aws: Aws, settings: Settings, step: Step, template: Path = TEMPLATE) -> None:
    """Bring the stack to what the template says; raise SettingsError E504 with the resource that failed."""
    wanted = request(settings, template.read_text("utf-8"))
    found = describe(aws, wanted["StackName"])
    if (
        found and found["StackStatus"] == "ROLLBACK_COMPLETE"
    ):  # a first creation that failed: it can only be deleted
        aws.cloudformation.delete_stack(StackName=wanted["StackName"])
        wait(aws, wanted["StackName"], step)
        found = None
    if found is None:
        aws.cloudformation.create_stack(**wanted)
    elif not _update(aws, wanted):
        step.note = f"{wanted['StackName']} is as the template says"
        return
    wait(aws, wanted["StackName"], step)


def _update(aws: Aws, wanted: dict[str, Any]) -> bool:
    """Ask for an update; say whether there is anything to do."""
    try:
        aws.cloudformation.update_stack(**wanted)
    except ClientError as error:
        if UNCHANGED in str(error):
            return False
        raise
    return True


def wait(aws: Aws, project: str, step: Step) -> None:
    """Wait until CloudFormation is done; raise SettingsError E504 unless it went well."""
    started = time.monotonic()
    while True:
        found = describe(aws, project)
        state = found["StackStatus"] if found else "DELETE_COMPLETE"
        step.note = f"{project} {state}"
        if not state.endswith("_IN_PROGRESS"):
            break
        time.sleep(pause(time.monotonic() - started))
    if state not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE"):
        resource, reason = first_failure(
            aws.cloudformation.describe_stack_events(StackName=project)["StackEvents"]
        )
        raise SettingsError(
            "E504",
            f"the stack '{project}' ended as {state}",
            f"resource {resource}",
            reason,
            "correct infra/stack.yml or the account, then repeat: python -m pipelines stack",
        )


def first_failure(events: list[dict[str, Any]]) -> tuple[str, str]:
    """Return (resource, reason) of what failed first: later failures are cancellations; newest come first."""
    for event in reversed(events):
        if event["ResourceStatus"].endswith("_FAILED"):
            return event["LogicalResourceId"], event.get("ResourceStatusReason", "no reason given")
    return "unknown", "CloudFormation gave no reason"
