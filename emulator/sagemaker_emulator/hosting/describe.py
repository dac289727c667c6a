"""DescribeEndpoint: the endpoint as it is at this moment, while it changes too."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sagemaker_emulator import seams
from sagemaker_emulator.hosting.configs import EndpointConfig
from sagemaker_emulator.hosting.endpoint import Endpoint
from sagemaker_emulator.hosting.operations import get
from sagemaker_emulator.seams import Call


@seams.operation("DescribeEndpoint")
def describe_endpoint(call: Call) -> dict[str, Any]:
    """Describe an endpoint as it is now."""
    found = get(call, call.params["EndpointName"])
    answer: dict[str, Any] = {
        "EndpointName": found.endpoint_name,
        "EndpointArn": found.arn,
        "EndpointConfigName": found.config.endpoint_config_name,
        "EndpointStatus": found.status,
        "FailureReason": found.failure_reason and found.failure_reason[:1024],
        "CreationTime": found.creation_time,
        "LastModifiedTime": found.last_modified_time,
        "LastDeploymentConfig": found.last_deployment,
        "DataCaptureConfig": _capture(found.config),
    }
    pending = found.pending
    if found.fleet is not None:
        answer["ProductionVariants"] = [_variant(found, name) for name in found.fleet.variants]
    if pending is not None:
        answer["PendingDeploymentSummary"] = {
            "EndpointConfigName": pending.endpoint_config_name,
            "ProductionVariants": [_pending(found, each) for each in pending.variants],
            "StartTime": found.pending_since,
        }
    return {key: value for key, value in answer.items() if value is not None}


def _variant(found: Endpoint, name: str) -> dict[str, Any]:
    assert found.fleet is not None
    variant = found.fleet.variants[name]
    summary: dict[str, Any] = {
        "VariantName": name,
        "DeployedImages": [
            {
                "SpecifiedImage": variant.container.uri,
                "ResolvedImage": variant.container.resolved,
                "ResolutionTime": found.creation_time,
            }
        ],
        "CurrentWeight": variant.weight,
        "DesiredWeight": variant.weight,
        "CurrentInstanceCount": len(variant.instances),
        "DesiredInstanceCount": variant.count,
    }
    if "ServerlessConfig" in variant.config:
        summary["CurrentServerlessConfig"] = variant.config["ServerlessConfig"]
    if found.status == "Updating":
        summary["VariantStatus"] = [
            {"Status": "Updating", "StartTime": found.pending_since or datetime.now(UTC)}
        ]
    return summary


def _pending(found: Endpoint, config: dict[str, Any]) -> dict[str, Any]:
    summary = {
        "VariantName": config["VariantName"],
        "CurrentWeight": 0.0,
        "DesiredWeight": config.get("InitialVariantWeight", 1.0),
        "CurrentInstanceCount": 0,
        "DesiredInstanceCount": config.get("InitialInstanceCount", 1),
        "VariantStatus": [{"Status": found.phase, "StartTime": found.pending_since}],
    }
    if "InstanceType" in config:
        summary["InstanceType"] = config["InstanceType"]
    return summary


def _capture(config: EndpointConfig) -> dict[str, Any] | None:
    """Return the summary of data capture. Nothing is captured here yet, so the status says Stopped."""
    asked = config.request.get("DataCaptureConfig")
    if asked is None:
        return None
    return {
        "EnableCapture": asked.get("EnableCapture", False),
        "CaptureStatus": "Stopped",
        "CurrentSamplingPercentage": asked["InitialSamplingPercentage"],
        "DestinationS3Uri": asked["DestinationS3Uri"],
        "KmsKeyId": asked.get("KmsKeyId", ""),
    }
