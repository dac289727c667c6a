"""What AWS's documentation says an update may not ask for, refused before anything starts."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from sagemaker_emulator.hosting import names, watch
from sagemaker_emulator.hosting.configs import EndpointConfig
from sagemaker_emulator.hosting.endpoint import Endpoint
from sagemaker_emulator.hosting.rollout import instances
from sagemaker_emulator.seams import Call

# Which part of a variant's instances a size may be, in percent (TrafficRoutingConfig, RollingUpdatePolicy).
LIMITS = {"CanarySize": (0, 50), "LinearStepSize": (10, 50), "MaximumBatchSize": (5, 50)}
LIMITS_IN_WORDS = {
    "CanarySize": "less than or equal to 50%",
    "LinearStepSize": "between 10% and 50%",
    "MaximumBatchSize": "between 5% and 50%",
}
SIZE_OF = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}


def check(call: Call, deployment: dict[str, Any] | None, config: EndpointConfig) -> None:
    """Raise AwsError for a deployment that this config cannot have."""
    if deployment is None:
        return
    if "BlueGreenUpdatePolicy" in deployment and "RollingUpdatePolicy" in deployment:
        raise names.invalid(
            "Only one update policy should be used in the deployment configuration: "
            "BlueGreenUpdatePolicy or RollingUpdatePolicy."
        )
    for each in deployment.get("AutoRollbackConfiguration", {}).get("Alarms", []):
        name = each.get("AlarmName", "")
        if watch.alarm_state(call.account, call.region, name) is None:
            raise names.invalid(f"CloudWatch alarm {name} of AutoRollbackConfiguration does not exist.")
    if "RollingUpdatePolicy" in deployment:
        _check_rolling(deployment["RollingUpdatePolicy"], config)
        return
    routing = deployment.get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
    member = SIZE_OF.get(routing.get("Type", ""))
    if member is not None:
        if member not in routing:
            raise names.invalid(f"{member} is required for traffic routing of type {routing['Type']}.")
        _check_size(member, routing[member], config)


def refuse_renamed(old: EndpointConfig, new: EndpointConfig) -> None:
    """Raise AwsError where the configs do not have the same variants."""
    before, after = ({each["VariantName"] for each in config.variants} for config in (old, new))
    if before != after:
        raise names.invalid(
            "Deployment guardrails need the same production variants in the old and the new endpoint "
            f"configuration: {sorted(before)} and {sorted(after)}."
        )


def with_running_properties(
    found: Endpoint, config: EndpointConfig, excluded: list[dict[str, str]]
) -> EndpointConfig:
    """Return the new config with today's weights, counts and capture (RetainAllVariantProperties)."""
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
    if "DataCaptureConfig" not in left_out and "DataCaptureConfig" in found.config.request:
        kept.request["DataCaptureConfig"] = copy.deepcopy(found.config.request["DataCaptureConfig"])
    return kept


def _check_rolling(policy: Mapping[str, Any], config: EndpointConfig) -> None:
    if len(config.variants) > 1:
        raise names.invalid(
            "RollingUpdatePolicy is not supported for endpoints with several production variants."
        )
    if any("ServerlessConfig" in each for each in config.variants):
        raise names.invalid("RollingUpdatePolicy is not supported for serverless endpoints.")
    _check_size("MaximumBatchSize", policy["MaximumBatchSize"], config)
    back = policy.get("RollbackMaximumBatchSize")
    if back and back["Type"] == "CAPACITY_PERCENT" and back["Value"] > 100:
        raise names.invalid("RollbackMaximumBatchSize must be less than or equal to 100%.")


def _check_size(member: str, size: Mapping[str, Any], config: EndpointConfig) -> None:
    """Hold a size against each variant's count: one instance has no half that could go first."""
    low, high = LIMITS[member]
    for variant in config.variants:
        total = variant.get("InitialInstanceCount", 1)
        percent = size["Value"] if size["Type"] == "CAPACITY_PERCENT" else 100 * size["Value"] / total
        if not low <= percent <= high or 2 * instances(size, total) > total:
            raise names.invalid(
                f"{member} must be {LIMITS_IN_WORDS[member]} of the variant's total instance count: "
                f"{size['Type']} {size['Value']} for {variant['VariantName']} with {total} instance(s)."
            )
