"""Operations on endpoints: create, update, describe, list, delete."""

from __future__ import annotations

import copy
import threading
from typing import Any

from sagemaker_emulator import endings, seams, tags
from sagemaker_emulator.hosting import configs, deployments, names, scaling
from sagemaker_emulator.hosting.endpoint import AT_REST, Endpoint
from sagemaker_emulator.listing import page
from sagemaker_emulator.seams import Call

# Two requests at once must not both find an endpoint free to change.
_changes = threading.RLock()
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
    deployments.check(call, deployment, config)
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
    _refuse_unless_at_rest(found)
    deployment = call.params.get("DeploymentConfig")
    if deployment is None and call.params.get("RetainDeploymentConfig"):
        deployment = found.last_deployment
    scaling.check(found, config)
    if deployment is not None:
        deployments.refuse_renamed(found.config, config)
    if call.params.get("RetainAllVariantProperties"):
        config = deployments.with_running_properties(
            found, config, call.params.get("ExcludeRetainedVariantProperties", [])
        )
    deployments.check(call, deployment, config)
    found.update(config, copy.deepcopy(deployment))
    return {"EndpointArn": found.arn}


@seams.operation("UpdateEndpointWeightsAndCapacities")
def update_weights_and_capacities(call: Call) -> dict[str, Any]:
    """Change weights and instance counts of an endpoint that is in service."""
    found = get(call, call.params["EndpointName"])
    wanted = {each["VariantName"]: each for each in call.params["DesiredWeightsAndCapacities"]}
    with _changes:
        _refuse_unless_in_service(found)
        fleet = found.fleet
        if unknown := sorted(name for name in wanted if fleet is None or fleet.holding(name) is None):
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
        scaling.forget(found)
        tags.drop(found.arn)
        _living.discard(found)

    with _changes:
        if found.status in ("Creating", "Updating", "RollingBack", "SystemUpdating"):
            raise names.busy(found.arn)
        if found.status != "Deleting":
            found.delete(gone)


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
    with _changes:
        found.meet_faults()
    return found


def _keep(endpoint: Endpoint) -> None:
    if not _living:
        endings.at_shutdown(_end_all)
    _living.add(endpoint)


def _end_all() -> None:
    """Stop serving, all endpoints at once: the emulator ends."""
    ending = [threading.Thread(target=endpoint.shutdown) for endpoint in _living]
    _living.clear()
    for thread in ending:
        thread.start()
    for thread in ending:
        thread.join()


def _refuse_unless_at_rest(found: Endpoint) -> None:
    """Raise AwsError unless an update may begin: a mixed fleet may be updated too, a failed endpoint not."""
    if found.status == "Failed":
        # So says the reference of DescribeEndpoint about the status Failed.
        raise names.invalid(f'Cannot update endpoint "{found.arn}" in status Failed; it can only be deleted.')
    if found.status not in AT_REST:
        raise names.busy(found.arn)


def _refuse_unless_in_service(found: Endpoint) -> None:
    _refuse_unless_at_rest(found)
    if found.status != "InService":
        raise names.invalid(f'Cannot scale endpoint "{found.arn}" in status {found.status}; update it first.')
