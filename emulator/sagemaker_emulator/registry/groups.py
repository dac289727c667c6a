"""Model package groups."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sagemaker_emulator import seams, tags
from sagemaker_emulator.listing import page
from sagemaker_emulator.registry.state import Group, State


@seams.operation("CreateModelPackageGroup")
def create_model_package_group(call: seams.Call) -> dict[str, Any]:
    """Make a group. Raises AwsError when the name is taken."""
    name = call.params["ModelPackageGroupName"]
    arn = call.arn(f"model-package-group/{name}")
    record = {
        "ModelPackageGroupName": name,
        "ModelPackageGroupArn": arn,
        "ModelPackageGroupDescription": call.params.get("ModelPackageGroupDescription"),
        "CreationTime": datetime.now(UTC),
        "CreatedBy": {},
        "ModelPackageGroupStatus": "Completed",
    }
    with State.of(call) as state:
        if name in state.groups:
            raise seams.AwsError("ValidationException", f"Model Package Group already exists: {arn}")
        state.groups[name] = Group(record)
        tags.keep(arn, call.params.get("Tags"))
    return {"ModelPackageGroupArn": arn}


@seams.operation("DescribeModelPackageGroup")
def describe_model_package_group(call: seams.Call) -> dict[str, Any]:
    """Return one group."""
    with State.of(call) as state:
        return dict(state.group(call).record)


@seams.operation("ListModelPackageGroups")
def list_model_package_groups(call: seams.Call) -> dict[str, Any]:
    """List groups."""
    with State.of(call) as state:
        records = [dict(group.record) for group in state.groups.values()]
    keys = ("ModelPackageGroupSummaryList", "ModelPackageGroupName", "ModelPackageGroupStatus")
    return page(records, call.params, keys[0], name=keys[1], status=keys[2])


@seams.operation("DeleteModelPackageGroup")
def delete_model_package_group(call: seams.Call) -> None:
    """Delete an empty group. Raises AwsError when versions are left in it."""
    with State.of(call) as state:
        group = state.group(call)
        name, arn = group.record["ModelPackageGroupName"], group.record["ModelPackageGroupArn"]
        if any(record.get("ModelPackageGroupName") == name for record in state.packages.values()):
            raise seams.AwsError(
                "ConflictException", f"Model Package Group {arn} still contains Model Packages"
            )
        del state.groups[name]
        tags.drop(arn)


@seams.operation("PutModelPackageGroupPolicy")
def put_model_package_group_policy(call: seams.Call) -> dict[str, Any]:
    """Keep a resource policy; it is evaluated where IAM is enforced."""
    with State.of(call) as state:
        group = state.group(call)
        group.policy = call.params["ResourcePolicy"]
        return {"ModelPackageGroupArn": group.record["ModelPackageGroupArn"]}


@seams.operation("GetModelPackageGroupPolicy")
def get_model_package_group_policy(call: seams.Call) -> dict[str, Any]:
    """Return the resource policy. Raises AwsError when there is none."""
    with State.of(call) as state:
        group = state.group(call)
        if group.policy is None:
            arn = group.record["ModelPackageGroupArn"]
            raise seams.AwsError("ValidationException", f"Cannot find resource policy for: {arn}")
        return {"ResourcePolicy": group.policy}


@seams.operation("DeleteModelPackageGroupPolicy")
def delete_model_package_group_policy(call: seams.Call) -> None:
    """Forget the resource policy."""
    with State.of(call) as state:
        state.group(call).policy = None
