"""The CloudFormation stack: create or update it, wait, explain a failure; and what it made, by name."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from pipelines import names
from pipelines.aws import Aws, found
from pipelines.errors import SettingsError
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
    there = describe(aws, project) or {"StackStatus": "there is none"}
    made = {item["OutputKey"]: item["OutputValue"] for item in there.get("Outputs", [])}
    if not all(made.get(key) for key in names.STACK_OUTPUTS):
        raise SettingsError(f"""E504 the stack '{project}' is not there yet
            CloudFormation in {aws.region}
            its state: {there["StackStatus"]}
            make it: python -m pipelines stack""")
    return Stack(*(made[key] for key in names.STACK_OUTPUTS))


def describe(aws: Aws, project: str) -> dict[str, Any] | None:
    """Return the stack as CloudFormation describes it, or None."""
    answer = found(aws.cloudformation.describe_stacks, StackName=project)
    return answer["Stacks"][0] if answer else None


def apply(aws: Aws, project: str, step: Step, template: Path = TEMPLATE) -> None:
    """Bring the stack to what the template says; raise SettingsError E504 with the resource that failed."""
    wanted = {
        "StackName": project,
        "TemplateBody": template.read_text("utf-8"),
        "Parameters": [{"ParameterKey": "Project", "ParameterValue": project}],
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
        "Tags": [{"Key": "project", "Value": project}],
    }
    there = describe(aws, project)
    if there and there["StackStatus"] == "ROLLBACK_COMPLETE":  # a first creation that failed: only to delete
        aws.cloudformation.delete_stack(StackName=project)
        wait(aws, project, step)
        there = None
    try:
        (aws.cloudformation.update_stack if there else aws.cloudformation.create_stack)(**wanted)
    except ClientError as error:
        if UNCHANGED not in str(error):
            raise
        step.note = f"{project} is as the template says"
    else:
        wait(aws, project, step)


def wait(aws: Aws, project: str, step: Step) -> None:
    """Wait until CloudFormation is done; raise SettingsError E504 unless it went well."""
    started = time.monotonic()
    while True:
        there = describe(aws, project)
        state = there["StackStatus"] if there else "DELETE_COMPLETE"
        step.note = f"{project} {state}"
        if not state.endswith("_IN_PROGRESS"):
            break
        time.sleep(pause(time.monotonic() - started))
    if state not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE"):
        events = aws.cloudformation.describe_stack_events(StackName=project)["StackEvents"]
        resource, reason = first_failure(events)
        raise SettingsError(f"""E504 the stack '{project}' ended as {state}
            resource {resource}
            {reason}
            correct infra/stack.yml or the account, then repeat: python -m pipelines stack""")


def first_failure(events: list[dict[str, Any]]) -> tuple[str, str]:
    """Return (resource, reason) of what failed first: later failures are cancellations; newest come first."""
    for event in reversed(events):
        if event["ResourceStatus"].endswith("_FAILED"):
            return event["LogicalResourceId"], event.get("ResourceStatusReason", "")
    return "unknown", "CloudFormation gave no reason"
