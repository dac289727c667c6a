"""Model packages: register, describe, approve, annotate, list, delete."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

from sagemaker_emulator import seams, tags
from sagemaker_emulator.listing import page
from sagemaker_emulator.registry import cards
from sagemaker_emulator.registry.state import State

MOST_PROPERTIES = 50  # CustomerMetadataMap's maximum, also after an update has merged
NOT_KEPT = ("ClientToken", "Tags", "ModelPackageName", "ModelPackageGroupName")
REPLACED = (
    "ModelApprovalStatus",
    "ApprovalDescription",
    "InferenceSpecification",
    "SourceUri",
    "ModelLifeCycle",
)
SUMMARY = (
    "ModelPackageName",
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageDescription",
    "CreationTime",
    "ModelPackageStatus",
    "ModelApprovalStatus",
    "ModelLifeCycle",
)


@seams.operation("CreateModelPackage")
def create_model_package(call: seams.Call) -> dict[str, Any]:
    """Register a package; the same ClientToken gives the same package. Raises AwsError."""
    token = call.params.get("ClientToken")
    card = cards.kept({}, call.params.get("ModelCard", {}))
    with State.of(call) as state:
        if token and token in state.tokens:
            return {"ModelPackageArn": state.tokens[token]}
        record = _named(call, state)
        arn = record["ModelPackageArn"]
        now = datetime.now(UTC)
        statuses = [{"Name": arn.rsplit("/", 1)[-1], "Status": "Completed"}]
        record |= {key: value for key, value in copy.deepcopy(call.params).items() if key not in NOT_KEPT}
        record |= {
            "CreationTime": now,
            "CreatedBy": {},
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": statuses, "ImageScanStatuses": []},
        }
        if card:
            record["ModelCard"] = {"ModelCardStatus": "Draft"} | card
        state.packages[arn] = record
        tags.keep(arn, call.params.get("Tags"))
        if token:
            state.tokens[token] = arn
    return {"ModelPackageArn": arn}


@seams.operation("DescribeModelPackage")
def describe_model_package(call: seams.Call) -> dict[str, Any]:
    """Return one package."""
    with State.of(call) as state:
        return copy.deepcopy(state.package(call, call.params["ModelPackageName"]))


@seams.operation("BatchDescribeModelPackage")
def batch_describe_model_package(call: seams.Call) -> dict[str, Any]:
    """Return several packages, and an error for each that is not there."""
    found: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    with State.of(call) as state:
        for arn in call.params["ModelPackageArnList"]:
            try:
                found[arn] = copy.deepcopy(state.package(call, arn))
            except seams.AwsError as error:
                errors[arn] = {"ErrorCode": error.code, "ErrorResponse": error.message}
    return {"ModelPackageSummaries": found, "BatchDescribeModelPackageErrorMap": errors}


@seams.operation("UpdateModelPackage")
def update_model_package(call: seams.Call) -> dict[str, Any]:
    """Change what the request names and nothing else: approval, description, metadata. Raises AwsError."""
    params = copy.deepcopy(call.params)
    with State.of(call) as state:
        record = state.package(call, params["ModelPackageArn"])
        metadata = {
            **record.get("CustomerMetadataProperties", {}),
            **params.get("CustomerMetadataProperties", {}),
        }
        for key in params.get("CustomerMetadataPropertiesToRemove", []):
            metadata.pop(key, None)
        if len(metadata) > MOST_PROPERTIES:
            limit = f"at most {MOST_PROPERTIES} entries, would have {len(metadata)}"
            raise seams.AwsError("ValidationException", f"CustomerMetadataProperties must have {limit}")
        if "ModelCard" in params:
            record["ModelCard"] = cards.kept(record.get("ModelCard", {}), params["ModelCard"])
        record.update({key: params[key] for key in REPLACED if key in params})
        if metadata:
            record["CustomerMetadataProperties"] = metadata
        else:
            record.pop("CustomerMetadataProperties", None)
        added = params.get("AdditionalInferenceSpecificationsToAdd")
        if added:
            record.setdefault("AdditionalInferenceSpecifications", []).extend(added)
        record.update(LastModifiedTime=datetime.now(UTC), LastModifiedBy={})
        return {"ModelPackageArn": record["ModelPackageArn"]}


@seams.operation("ListModelPackages")
def list_model_packages(call: seams.Call) -> dict[str, Any]:
    """List packages of a group (by name or ARN), or those without versions; newest first."""
    params = call.params
    group = params.get("ModelPackageGroupName", "").rsplit("/", 1)[-1]
    kind = "Versioned" if group else params.get("ModelPackageType", "Unversioned")
    approval = params.get("ModelApprovalStatus")
    with State.of(call) as state:
        records = [copy.deepcopy(record) for record in state.packages.values()]
    records = [r for r in records if kind == "Both" or ("ModelPackageVersion" in r) == (kind == "Versioned")]
    records = [r for r in records if not group or r.get("ModelPackageGroupName") == group]
    records = [r for r in records if not approval or r.get("ModelApprovalStatus") == approval]
    summaries = [{key: record[key] for key in SUMMARY if key in record} for record in records]
    # Versions made within one clock tick still have an order.
    summaries.sort(
        key=lambda item: item.get("ModelPackageVersion", 0), reverse=params.get("SortOrder") != "Ascending"
    )
    return page(
        summaries, params, "ModelPackageSummaryList", name="ModelPackageArn", status="ModelPackageStatus"
    )


@seams.operation("DeleteModelPackage")
def delete_model_package(call: seams.Call) -> None:
    """Delete one package; its version number is not given again."""
    with State.of(call) as state:
        record = state.package(call, call.params["ModelPackageName"])
        del state.packages[record["ModelPackageArn"]]
        tags.drop(record["ModelPackageArn"])


def _named(call: seams.Call, state: State) -> dict[str, Any]:
    """Return the new record's name, version, ARN and default approval. Raises AwsError."""
    name, group_name = call.params.get("ModelPackageName"), call.params.get("ModelPackageGroupName")
    if bool(name) == bool(group_name):
        text = "Provide either ModelPackageName or ModelPackageGroupName, not both and not neither."
        raise seams.AwsError("ValidationException", text)
    if name:
        arn = call.arn(f"model-package/{name.lower()}")
        if arn in state.packages:
            raise seams.AwsError("ValidationException", f"ModelPackage already exists: {arn}")
        return {"ModelPackageName": name, "ModelPackageArn": arn}
    group = state.group(call)
    group.last_version += 1
    group_name = group.record["ModelPackageGroupName"]
    return {
        "ModelPackageGroupName": group_name,
        "ModelPackageVersion": group.last_version,
        "ModelPackageArn": call.arn(f"model-package/{group_name.lower()}/{group.last_version}"),
        "ModelApprovalStatus": "PendingManualApproval",
    }
