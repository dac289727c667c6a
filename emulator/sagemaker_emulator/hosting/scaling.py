"""Variants that Application Auto Scaling scales: what an update may not take from them, what a deletion ends.

https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-update.html
"""

from __future__ import annotations

import sys
from typing import Any

from sagemaker_emulator import itself
from sagemaker_emulator.hosting import names
from sagemaker_emulator.hosting.configs import EndpointConfig
from sagemaker_emulator.hosting.endpoint import Endpoint

DIMENSION = "sagemaker:variant:DesiredInstanceCount"


def check(found: Endpoint, new: EndpointConfig) -> None:
    """Raise AwsError where an update would drop a scaled variant or change its instance type."""
    after = {each["VariantName"]: each for each in new.variants}
    for each in found.config.variants:
        name = each["VariantName"]
        if _resource(found, name) not in _targets(found):
            continue
        if name not in after or after[name].get("InstanceType") != each.get("InstanceType"):
            raise names.invalid(
                f"The variant {name} of endpoint {found.endpoint_name} is a target of Application Auto "
                "Scaling: deregister it before an update removes it or changes its instance type."
            )


def forget(found: Endpoint) -> None:
    """Deregister the variants of an endpoint that is deleted, as Application Auto Scaling does."""
    for each in found.config.variants:
        _targets(found).pop(_resource(found, each["VariantName"]), None)


def _targets(found: Endpoint) -> dict[str, Any]:
    if "moto.applicationautoscaling.models" not in sys.modules:
        return {}  # nobody has registered anything, and importing it takes a while
    backend = itself.backend("applicationautoscaling", found.account, found.region)
    return backend.targets.get(DIMENSION, {})


def _resource(found: Endpoint, variant: str) -> str:
    return f"endpoint/{found.endpoint_name}/variant/{variant}"
