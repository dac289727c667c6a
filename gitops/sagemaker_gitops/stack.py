"""The CloudFormation stacks: what each is to be, how it is, what it made; create, update, delete, wait.

PROJECT          infra/stack.yml       bucket, key, image repository, registry, execution role
PROJECT-github   infra/github.yml      the trust in GitHub's tokens and the roles of its jobs
PROJECT-network  infra/network.yml     where mlops.toml asks for it, the VPC of jobs and endpoints: network.py
PROJECT          infra/production.yml  alone, in an account that only serves: accounts.py
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from sagemaker_gitops import names
from sagemaker_gitops.aws import Aws, found
from sagemaker_gitops.errors import SettingsError
from sagemaker_gitops.story import Step, pause

TEMPLATE, GITHUB_TEMPLATE = Path("infra/stack.yml"), Path("infra/github.yml")
PRODUCTION_TEMPLATE, NETWORK_TEMPLATE = Path("infra/production.yml"), Path("infra/network.yml")
# A comment of YAML, or before it a quoted text, which may hold a # of its own.
COMMENT = re.compile(r"""(?P<quoted>(?<!\w)(?:"(?:\\.|[^"\\])*"|'[^']*'))|(?:^|(?<=\s))#.*""")
# No verb knows whether AWS is one: both ways are said.
FIRST = (
    "an administrator makes it: python -m pipelines connect; after a destroy, destroy --data first; "
    "in an emulator, python -m pipelines stack does"
)
UNCHANGED = "No updates are to be performed"
GOOD = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
# A creation that failed, or one that was only looked at: CloudFormation takes no other call but to delete it.
EMPTY = ("ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS")


@dataclass(frozen=True)
class Stack:
    """What the project's stack made."""

    bucket: str
    key: str  # ARN
    role: str  # ARN
    repository: str  # account.dkr.ecr.region.amazonaws.com/name
    group: str  # its name; its ARN where the registry is in another account
    account: str  # its own
    production: str  # the account that serves
    registry: str  # the account of data, training, registry
    vpc: dict[str, list[str]] | None = None  # VpcConfig of jobs and models, where they run in a VPC


@dataclass(frozen=True)
class Wanted:
    """What one stack is to be."""

    name: str
    project: str
    template: Path
    parameters: dict[str, str] = field(default_factory=dict)
    verb: str = "stack"  # that brings it there
    kept: tuple[str, ...] = ()  # parameters that stay as the stack was given them

    def request(self) -> dict[str, Any]:
        """Return what CreateStack, UpdateStack and CreateChangeSet have in common."""
        given = {**self.parameters, "Project": self.project}
        return {
            "StackName": self.name,
            "TemplateBody": self.template.read_text("utf-8"),
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()]
            + [{"ParameterKey": key, "UsePreviousValue": True} for key in self.kept],
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
            "Tags": [{"Key": "project", "Value": self.project}],
        }


def of_project(project: str, template: Path = TEMPLATE, parameters: dict[str, str] | None = None) -> Wanted:
    """Return the project's stack as infra/ wants it."""
    return Wanted(project, project, template, parameters or {})


def of_github(project: str, parameters: dict[str, str], template: Path = GITHUB_TEMPLATE) -> Wanted:
    """Return the stack of GitHub's roles as infra/ wants it for these parameters."""
    return Wanted(github_name(project), project, template, parameters, "connect")


def github_name(project: str) -> str:
    """Return the name of the stack of GitHub's roles."""
    return f"{project}-github"


def network_name(project: str) -> str:
    """Return the name of the stack of the VPC."""
    return f"{project}-network"


def templates(project: str, there: dict[str, Any] | None) -> dict[str, Path]:
    """Return the stacks that an account is to have, by its project's stack as it is: template by name."""
    if parameters(there).get("RegistryAccount"):
        return {project: PRODUCTION_TEMPLATE}
    network = {network_name(project): NETWORK_TEMPLATE} if parameters(there).get("Vpc") else {}
    return {project: TEMPLATE, **network, github_name(project): GITHUB_TEMPLATE}


def outputs(aws: Aws, project: str) -> Stack:
    """Return what the stack made; raise SettingsError E504 where there is no whole stack.

    A stack that says nothing of accounts, as those of earlier templates do, is both accounts' in one.
    """
    there = describe(aws, project) or {"StackStatus": "there is none"}
    made = told(there)
    if not all(made.get(key) for key in names.STACK_OUTPUTS):
        raise SettingsError(f"""E504 the stack '{project}' is not there yet
            CloudFormation in {aws.region}
            its state: {there["StackStatus"]}
            {FIRST}""")
    account = there["StackId"].split(":")[4]
    return Stack(
        *(made[key] for key in names.STACK_OUTPUTS),
        account=account,
        production=made.get("ProductionAccount") or account,
        registry=made.get("RegistryAccount") or account,
        vpc=_vpc_config(made),
    )


def told(described: dict[str, Any] | None) -> dict[str, str]:
    """Return the outputs of a stack."""
    return {item["OutputKey"]: item["OutputValue"] for item in (described or {}).get("Outputs", [])}


def _vpc_config(made: dict[str, str]) -> dict[str, list[str]] | None:
    subnets, group = (made.get(key, "") for key in names.NETWORK_OUTPUTS)
    return {"SecurityGroupIds": [group], "Subnets": subnets.split(",")} if group else None


def describe(aws: Aws, name: str) -> dict[str, Any] | None:
    """Return the stack as CloudFormation describes it, or None."""
    answer = found(aws.cloudformation.describe_stacks, StackName=name)
    return answer["Stacks"][0] if answer else None


def same(body: Any, template: Path) -> bool:
    """Say whether a stack's template is the file's; comments alone are no change to CloudFormation."""
    return _bare(body if isinstance(body, str) else json.dumps(body)) == _bare(template.read_text("utf-8"))


def _bare(body: str) -> list[str]:
    lines = (COMMENT.sub(lambda m: m["quoted"] or "", line).rstrip() for line in body.splitlines())
    return [line for line in lines if line]


def parameters(described: dict[str, Any] | None) -> dict[str, str]:
    """Return the parameters that a stack was given."""
    given = (described or {}).get("Parameters", [])
    return {item["ParameterKey"]: item.get("ParameterValue", "") for item in given}


def resources(aws: Aws, name: str, kind: str = "") -> dict[str, str]:
    """Return what a stack made: its id in AWS by its name in the template; `kind` is a type, or all."""
    told = found(aws.cloudformation.describe_stack_resources, StackName=name) or {"StackResources": []}
    made = [item for item in told["StackResources"] if item.get("PhysicalResourceId")]
    mine = [item for item in made if kind in ("", item.get("ResourceType"))]
    return {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in mine}


def keeping(wanted: Wanted, there: dict[str, Any] | None) -> Wanted:
    """Return the same, but what nobody names now stays as the stack was given it before."""
    body, named = wanted.template.read_text("utf-8"), {"Project", *wanted.parameters}
    known = [key for key in parameters(there) if re.search(rf"(?m)^  {key}:", body)]
    return replace(wanted, kept=tuple(key for key in known if key not in named))


def apply(
    aws: Aws, project: str, step: Step, template: Path = TEMPLATE, parameters: dict[str, str] | None = None
) -> None:
    """Bring the project's stack to what the template says; raise SettingsError E504 with what failed."""
    bring(aws, of_project(project, template, parameters), step)


def bring(aws: Aws, wanted: Wanted, step: Step) -> None:
    """Bring a stack to what is wanted; raise SettingsError E504 with what failed."""
    there = describe(aws, wanted.name)
    wanted = keeping(wanted, there)
    if there and there["StackStatus"] in EMPTY:
        delete(aws, wanted, step)
        there = None
    try:
        (aws.cloudformation.update_stack if there else aws.cloudformation.create_stack)(**wanted.request())
    except ClientError as error:
        if UNCHANGED not in str(error):
            raise
        step.note = f"{wanted.name} is as the template says"
    else:
        wait(aws, wanted, step)


def delete(aws: Aws, wanted: Wanted, step: Step) -> None:
    """Delete a stack and wait until it is gone; raise SettingsError E504 with what would not go."""
    aws.cloudformation.delete_stack(StackName=wanted.name)
    wait(aws, wanted, step)


def wait(aws: Aws, wanted: Wanted, step: Step) -> None:
    """Wait until CloudFormation is done; raise SettingsError E504 unless it went well."""
    started = time.monotonic()
    while True:
        there = describe(aws, wanted.name)
        state = there["StackStatus"] if there else "DELETE_COMPLETE"
        step.note = f"{wanted.name} {state}"
        if not state.endswith("_IN_PROGRESS"):
            break
        time.sleep(pause(time.monotonic() - started))
    if state not in (*GOOD, "DELETE_COMPLETE"):
        events = aws.cloudformation.describe_stack_events(StackName=wanted.name)["StackEvents"]
        resource, reason = first_failure(events)
        raise SettingsError(f"""E504 the stack '{wanted.name}' ended as {state}
            resource {resource}
            {reason}
            correct {wanted.template} or the account, then repeat: python -m pipelines {wanted.verb}""")


def first_failure(events: list[dict[str, Any]]) -> tuple[str, str]:
    """Return (resource, reason) of what failed first: later failures are cancellations; newest come first."""
    for event in reversed(events):
        if event["ResourceStatus"].endswith("_FAILED"):
            return event["LogicalResourceId"], event.get("ResourceStatusReason", "")
    return "unknown", "CloudFormation gave no reason"
