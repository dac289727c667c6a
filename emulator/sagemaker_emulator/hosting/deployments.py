"""What an update asks for besides a config: refused where nothing here would do it."""

from __future__ import annotations

import copy
from typing import Any

from sagemaker_emulator.hosting import names
from sagemaker_emulator.hosting.configs import EndpointConfig
from sagemaker_emulator.hosting.endpoint import Endpoint


def check(deployment: dict[str, Any] | None) -> None:
    """Refuse what a deployment asks for and nothing here would do."""
    if deployment is None:
        return
    if "RollingUpdatePolicy" in deployment:
        raise names.invalid("sagemaker-emulator does not offer RollingUpdatePolicy (see COVERAGE.md)")
    if deployment.get("AutoRollbackConfiguration", {}).get("Alarms"):
        raise names.invalid(
            "sagemaker-emulator does not watch the Alarms of AutoRollbackConfiguration (see COVERAGE.md)"
        )
    routing = deployment.get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
    if routing.get("Type", "ALL_AT_ONCE") != "ALL_AT_ONCE":
        raise names.invalid(
            f"sagemaker-emulator does not offer {routing['Type']} traffic shifting (see COVERAGE.md)"
        )


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
    """Return the new config with weights and counts of the running variants (RetainAllVariantProperties)."""
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
