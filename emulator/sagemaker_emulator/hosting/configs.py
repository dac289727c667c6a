"""Endpoint configs: kept whole, never changed."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sagemaker_emulator import seams, tags
from sagemaker_emulator.hosting import models, names
from sagemaker_emulator.listing import page
from sagemaker_emulator.seams import Call

# Members that would change what an endpoint does, and that nothing here acts on yet: refused, not ignored.
NOT_OFFERED = (
    "AsyncInferenceConfig",
    "ExplainerConfig",
    "CrossRegionTrafficConfig",
)


@dataclass
class EndpointConfig:
    """One endpoint config; lies in moto's `backend.endpoint_configs`."""

    endpoint_config_name: str
    arn: str
    request: dict[str, Any]
    containers: dict[str, dict[str, Any]]  # variant: what it runs, whatever becomes of the model
    creation_time: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def variants(self) -> list[dict[str, Any]]:
        """Return the production variants as they were asked for."""
        return self.request["ProductionVariants"]

    @property
    def shadows(self) -> list[dict[str, Any]]:
        """Return the shadow variants as they were asked for."""
        return self.request.get("ShadowProductionVariants", [])


@seams.operation("CreateEndpointConfig")
def create_endpoint_config(call: Call) -> dict[str, Any]:
    """Keep a config whose models exist."""
    name = call.params["EndpointConfigName"]
    if name in call.backend.endpoint_configs:
        raise names.taken(call, "endpoint-config", name)
    for member in NOT_OFFERED:
        if call.params.get(member):
            raise names.invalid(f"sagemaker-emulator does not offer {member} (see COVERAGE.md)")
    production, shadows = call.params["ProductionVariants"], call.params.get("ShadowProductionVariants", [])
    _check_variants([*production, *shadows])
    _check_shadows(production, shadows)
    containers = {
        each["VariantName"]: models.get(call, each["ModelName"]).container for each in (*production, *shadows)
    }
    request = {key: copy.deepcopy(value) for key, value in call.params.items() if key not in ("Tags",)}
    arn = call.arn(f"endpoint-config/{name}")
    made = EndpointConfig(name, arn, request, containers)
    call.backend.endpoint_configs[name] = made
    tags.keep(made.arn, call.params.get("Tags"))
    return {"EndpointConfigArn": made.arn}


@seams.operation("DescribeEndpointConfig")
def describe_endpoint_config(call: Call) -> dict[str, Any]:
    """Describe a config: everything it was created with."""
    found = get(call, call.params["EndpointConfigName"])
    return {"EndpointConfigArn": found.arn, "CreationTime": found.creation_time, **found.request}


@seams.operation("DeleteEndpointConfig")
def delete_endpoint_config(call: Call) -> None:
    """Delete a config; endpoints that use it go on (AWS warns against it and allows it)."""
    tags.drop(get(call, call.params["EndpointConfigName"]).arn)
    del call.backend.endpoint_configs[call.params["EndpointConfigName"]]


@seams.operation("ListEndpointConfigs")
def list_endpoint_configs(call: Call) -> dict[str, Any]:
    """List configs, newest first unless told otherwise."""
    rows = [
        {
            "EndpointConfigName": each.endpoint_config_name,
            "EndpointConfigArn": each.arn,
            "CreationTime": each.creation_time,
        }
        for each in call.backend.endpoint_configs.values()
    ]
    return page(rows, call.params, "EndpointConfigs", name="EndpointConfigName", status="")


def get(call: Call, name: str) -> EndpointConfig:
    """Return a config. Raises AwsError where there is none."""
    found = call.backend.endpoint_configs.get(name)
    if found is None:
        raise names.missing(call, "endpoint-config", name)
    return found


def _check_variants(variants: list[dict[str, Any]]) -> None:
    seen = [each["VariantName"] for each in variants]
    if len(set(seen)) < len(seen):
        raise names.invalid("Production variant names must be unique within an endpoint configuration.")
    for each in variants:
        if "ModelName" not in each:
            raise names.invalid(
                f"Production variant {each['VariantName']} names no model; "
                "sagemaker-emulator offers no inference components (see COVERAGE.md)"
            )
        if "ServerlessConfig" not in each and not {"InstanceType", "InitialInstanceCount"} <= each.keys():
            raise names.invalid(
                f"Production variant {each['VariantName']} needs InstanceType and InitialInstanceCount, "
                "or a ServerlessConfig."
            )


def _check_shadows(production: list[dict[str, Any]], shadows: list[dict[str, Any]]) -> None:
    """Refuse what AWS's reference and guide rule out beside a shadow variant. Raises AwsError."""
    if not shadows:
        return
    if len(production) != 1 or len(shadows) != 1:
        raise names.invalid(
            "With ShadowProductionVariants, there must be exactly one variant in ProductionVariants and one "
            "in ShadowProductionVariants."
        )
    if any("ServerlessConfig" in each for each in (*production, *shadows)):
        raise names.invalid("Shadow variants are not supported for serverless endpoints.")
