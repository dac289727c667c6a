"""DescribeEndpoint: the endpoint as it is at this moment, while it changes too."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sagemaker_emulator import seams
from sagemaker_emulator.hosting import capture, traffic
from sagemaker_emulator.hosting.endpoint import Endpoint, Pending
from sagemaker_emulator.hosting.fleet import Variant
from sagemaker_emulator.hosting.operations import get
from sagemaker_emulator.hosting.shadow import ShadowedFleet
from sagemaker_emulator.seams import Call

# What the phases of a deployment are to the fleet that serves so far; AWS has five words for a variant.
OLD_SIDE = {"Deleting": "Deleting"}
NEW_SIDE = {"RollingBack": "Deleting", "Deleting": "Updating"}


@seams.operation("DescribeEndpoint")
def describe_endpoint(call: Call) -> dict[str, Any]:
    """Describe an endpoint as it is now."""
    return described(get(call, call.params["EndpointName"]))


def described(found: Endpoint) -> dict[str, Any]:
    """Return what DescribeEndpoint says of an endpoint now; its events on EventBridge say the same."""
    fleet, pending = found.fleet, found.pending
    answer: dict[str, Any] = {
        "EndpointName": found.endpoint_name,
        "EndpointArn": found.arn,
        "EndpointConfigName": found.config.endpoint_config_name,
        "EndpointStatus": found.status,
        "FailureReason": found.failure_reason and found.failure_reason[:1024],
        "CreationTime": found.creation_time,
        "LastModifiedTime": found.last_modified_time,
        "LastDeploymentConfig": found.last_deployment,
        "DataCaptureConfig": capture.summary(found.config.request.get("DataCaptureConfig")),
    }
    if fleet is not None:
        answer["ProductionVariants"] = [_variant(found, pending, each) for each in fleet.variants.values()]
    if isinstance(fleet, ShadowedFleet):
        shadows = fleet.shadow.variants.values()
        answer["ShadowProductionVariants"] = [_shadow(found, pending, each) for each in shadows]
    if pending is not None:
        answer["PendingDeploymentSummary"] = {
            "EndpointConfigName": pending.config.endpoint_config_name,
            "ProductionVariants": [_pending(found, pending, each) for each in pending.config.variants],
            "StartTime": pending.since,
        }
        if isinstance(pending.fleet, ShadowedFleet):
            shadows = pending.fleet.shadow.variants.values()
            rows = [
                _shadow(found, pending, each, NEW_SIDE.get(pending.phase, pending.phase)) for each in shadows
            ]
            answer["PendingDeploymentSummary"]["ShadowProductionVariants"] = rows
    return {key: value for key, value in answer.items() if value is not None}


def _variant(found: Endpoint, pending: Pending | None, variant: Variant) -> dict[str, Any]:
    """Return the summary of a variant of the fleet that serves; what is pending has one of its own."""
    others = tuple(fleet for fleet in found.fleets if pending is None or fleet is not pending.fleet)
    part = traffic.share(others[0], found.fleets, variant.name) if others else 1.0
    summary: dict[str, Any] = {
        "VariantName": variant.name,
        "DeployedImages": _images(found, variant),
        "CurrentWeight": variant.weight * part if pending is not None else variant.weight,
        "DesiredWeight": variant.weight,
        "CurrentInstanceCount": sum(
            len(fleet.variants[variant.name].instances) for fleet in others if variant.name in fleet.variants
        ),
        "DesiredInstanceCount": variant.count,
    }
    if "ServerlessConfig" in variant.config:
        summary["CurrentServerlessConfig"] = variant.config["ServerlessConfig"]
    if pending is not None:
        status = OLD_SIDE.get(pending.phase, "Updating")
        summary["VariantStatus"] = [{"Status": status, "StartTime": pending.phase_since}]
    elif found.status == "Updating":
        summary["VariantStatus"] = [{"Status": "Updating", "StartTime": datetime.now(UTC)}]
    return summary


def _pending(found: Endpoint, pending: Pending, config: dict[str, Any]) -> dict[str, Any]:
    weight, name = config.get("InitialVariantWeight", 1.0), config["VariantName"]
    status = NEW_SIDE.get(pending.phase, pending.phase)
    summary: dict[str, Any] = {
        "VariantName": name,
        "CurrentWeight": 0.0,
        "DesiredWeight": weight,
        "CurrentInstanceCount": 0,
        "DesiredInstanceCount": config.get("InitialInstanceCount", 1),
        "VariantStatus": [{"Status": status, "StartTime": pending.phase_since}],
    }
    if pending.fleet is not None:
        variant = pending.fleet.variants[name]
        summary["CurrentWeight"] = weight * traffic.share(pending.fleet, found.fleets, name)
        summary["CurrentInstanceCount"] = sum(1 for each in variant.instances if each.ready)
        summary["DeployedImages"] = _images(found, variant)
    if "InstanceType" in config:
        summary["InstanceType"] = config["InstanceType"]
    return summary


def _shadow(
    found: Endpoint, pending: Pending | None, variant: Variant, status: str = "Updating"
) -> dict[str, Any]:
    """Return the summary of a shadow variant; its weight is relative to the production variant's."""
    summary = {
        "VariantName": variant.name,
        "DeployedImages": _images(found, variant),
        "CurrentWeight": variant.weight,
        "DesiredWeight": variant.weight,
        "CurrentInstanceCount": sum(1 for each in variant.instances if each.ready),
        "DesiredInstanceCount": variant.count,
    }
    if pending is not None:
        summary["VariantStatus"] = [{"Status": status, "StartTime": pending.phase_since}]
    return summary


def _images(found: Endpoint, variant: Variant) -> list[dict[str, Any]]:
    return [
        {
            "SpecifiedImage": variant.container.uri,
            "ResolvedImage": variant.container.resolved,
            "ResolutionTime": found.creation_time,
        }
    ]
