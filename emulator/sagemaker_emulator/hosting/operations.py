"""Operations on endpoints: create, update, describe, list, delete."""

from __future__ import annotations

import copy
import threading
from datetime import UTC, datetime
from typing import Any

from sagemaker_emulator import seams, tags
from sagemaker_emulator.listing import page
from sagemaker_emulator.hosting import configs, names
from sagemaker_emulator.hosting.configs import EndpointConfig
from sagemaker_emulator.hosting.endpoint import Endpoint
from sagemaker_emulator.seams import Call


# Two requests at once must not both find an endpoint free to change.
_changes = threading.Lock()
_living: set[Endpoint] = set()


@seams.operation("CreateEndpoint")
def create_endpoint(call: Call) -> dict[str, Any]:
    """Start an endpoint; it is Creating until every instance answers pings."""
    with _changes:
        return _create(call)


def _create(call: Call) -> dict[str, Any]:
    name = call.params["EndpointName"]
    if name in call.backend.endpoints:
        raise names.taken(call, "endpoint", name)
    config = configs.get(call, call.params["EndpointConfigName"])
    deployment = call.params.get("DeploymentConfig")
    _check_deployment(deployment)
    made = Endpoint(name, call.arn(f"endpoint/{name}"), call.account, call.region, config)
    made.last_deployment = copy.deepcopy(deployment)
    call.backend.endpoints[name] = made
    tags.keep(made.arn, call.params.get("Tags"))
    _keep(made)
    made.create()
    return {"EndpointArn": made.arn}


@seams.operation("UpdateEndpoint")
def update_endpoint(call: Call) -> dict[str, Any]:
    """Replace the endpoint's fleet by one of another config; the old one serves until the new one can."""
    with _changes:
        return _update(call)


def _update(call: Call) -> dict[str, Any]:
    found = get(call, call.params["EndpointName"])
    config = configs.get(call, call.params["EndpointConfigName"])
    _refuse_unless_in_service(found)
    deployment = call.params.get("DeploymentConfig")
    if deployment is None and call.params.get("RetainDeploymentConfig"):
        deployment = found.last_deployment
    _check_deployment(deployment)
    if deployment is not None:
        _refuse_renamed_variants(found.config, config)
    if call.params.get("RetainAllVariantProperties"):
        config = _retained(found, config, call.params.get("ExcludeRetainedVariantProperties", []))
    found.update(config, copy.deepcopy(deployment))
    return {"EndpointArn": found.arn}


@seams.operation("UpdateEndpointWeightsAndCapacities")
def update_weights_and_capacities(call: Call) -> dict[str, Any]:
    """Change weights and instance counts of an endpoint that is in service."""
    found = get(call, call.params["EndpointName"])
    wanted = {each["VariantName"]: each for each in call.params["DesiredWeightsAndCapacities"]}
    with _changes:
        _refuse_unless_in_service(found)
        if unknown := sorted(wanted.keys() - found.fleet.variants.keys() if found.fleet else wanted):
            raise names.invalid(f"The variant name(s) {unknown} do not exist in endpoint {found.arn}.")
        found.reshape(wanted)
    return {"EndpointArn": found.arn}


@seams.operation("DeleteEndpoint")
def delete_endpoint(call: Call) -> None:
    """Delete an endpoint; refused while it is being created or updated."""
    found = get(call, call.params["EndpointName"])
    endpoints = call.backend.endpoints

    def gone() -> None:
        endpoints.pop(found.endpoint_name, None)
        tags.drop(found.arn)
        _living.discard(found)

    with _changes:
        if found.status in ("Creating", "Updating", "RollingBack", "SystemUpdating"):
            raise names.busy(found.arn)
        if found.status != "Deleting":
            found.delete(gone)


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


@seams.operation("ListEndpoints")
def list_endpoints(call: Call) -> dict[str, Any]:
    """List endpoints, newest first unless told otherwise."""
    rows = [
        {
            "EndpointName": each.endpoint_name,
            "EndpointArn": each.arn,
            "EndpointStatus": each.status,
            "CreationTime": each.creation_time,
            "LastModifiedTime": each.last_modified_time,
        }
        for each in call.backend.endpoints.values()
    ]
    return page(rows, call.params, "Endpoints", name="EndpointName", status="EndpointStatus")


def get(call: Call, name: str) -> Endpoint:
    """Return an endpoint. Raises AwsError where there is none."""
    found = call.backend.endpoints.get(name)
    if found is None:
        raise names.missing(call, "endpoint", name)
    return found


def _keep(endpoint: Endpoint) -> None:
    if not _living:
        seams.at_shutdown(_end_all)
    _living.add(endpoint)


def _end_all() -> None:
    """Stop serving, all endpoints at once: the emulator ends."""
    ending = [threading.Thread(target=endpoint.shutdown) for endpoint in _living]
    _living.clear()
    for thread in ending:
        thread.start()
    for thread in ending:
        thread.join()


def _refuse_unless_in_service(found: Endpoint) -> None:
    if found.status == "Failed":
        # AWS: "DeleteEndpoint is the only operation that can be performed on a failed endpoint."
        raise names.invalid(f'Cannot update endpoint "{found.arn}" in status Failed; it can only be deleted.')
    if found.status != "InService":
        raise names.busy(found.arn)


def _check_deployment(deployment: dict[str, Any] | None) -> None:
    """Refuse what a deployment asks for and nothing here would do."""
    if deployment is None:
        return
    if "RollingUpdatePolicy" in deployment:
        raise names.invalid("sagemaker-emulator does not offer RollingUpdatePolicy (see COVERAGE.md)")
    if deployment.get("AutoRollbackConfiguration", {}).get("Alarms"):
        raise names.invalid("sagemaker-emulator does not watch the Alarms of AutoRollbackConfiguration (see COVERAGE.md)")
    routing = deployment.get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
    if routing.get("Type", "ALL_AT_ONCE") != "ALL_AT_ONCE":
        raise names.invalid(f"sagemaker-emulator does not offer {routing['Type']} traffic shifting (see COVERAGE.md)")


def _refuse_renamed_variants(old: EndpointConfig, new: EndpointConfig) -> None:
    before, after = ({each["VariantName"] for each in config.variants} for config in (old, new))
    if before != after:
        raise names.invalid(
            "Deployment guardrails need the same production variants in the old and the new endpoint configuration: "
            f"{sorted(before)} and {sorted(after)}."
        )


def _retained(found: Endpoint, config: EndpointConfig, excluded: list[dict[str, str]]) -> EndpointConfig:
    """Return the new config with weights and counts of the running variants, as RetainAllVariantProperties says."""
    left_out = {each["VariantPropertyType"] for each in excluded}
    kept = copy.deepcopy(config)
    for each in kept.variants:
        running = found.fleet.variants.get(each["VariantName"]) if found.fleet else None
        if running is None:
            continue
        if "DesiredInstanceCount" not in left_out:
            each["InitialInstanceCount"] = running.count
        if "DesiredWeight" not in left_out:
            each["InitialVariantWeight"] = running.weight
    return kept


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
        summary["VariantStatus"] = [{"Status": "Updating", "StartTime": found.pending_since or datetime.now(UTC)}]
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
