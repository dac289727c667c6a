"""Make the fleet of a config: images resolved at this moment, a folder of its own; nothing starts yet."""

from __future__ import annotations

from typing import Any

from sagemaker_emulator import itself
from sagemaker_emulator.hosting.configs import EndpointConfig
from sagemaker_emulator.hosting.fleet import Fleet, Variant
from sagemaker_emulator.hosting.instance import Container, Where
from sagemaker_emulator.hosting.shadow import ShadowedFleet
from sagemaker_emulator.images.store import Store


def fleet(where: Where, config: EndpointConfig, generation: int) -> Fleet:
    """Return a fleet that can be started; `generation` tells the fleets of an endpoint apart."""
    name = f"{where.account}-{where.region}-{where.endpoint}-{generation}"
    folder = itself.home() / "endpoints"
    variants = [_variant(config, each) for each in config.variants]
    if not config.shadows:
        made = Fleet(where, config.endpoint_config_name, folder / name, variants)
    else:
        shadows = [_variant(config, each) for each in config.shadows]
        shadow = Fleet(where, config.endpoint_config_name, folder / f"{name}-shadow", shadows)
        made = ShadowedFleet(where, config.endpoint_config_name, folder / name, variants, shadow=shadow)
    made.capture = config.request.get("DataCaptureConfig")
    return made


def _variant(config: EndpointConfig, asked: dict[str, Any]) -> Variant:
    definition = config.containers[asked["VariantName"]]
    image = Store(itself.home()).pushed(definition["Image"])
    count = max(1, asked.get("InitialInstanceCount", 1))
    weight = asked.get("InitialVariantWeight", 1.0)
    return Variant(
        asked["VariantName"], asked, Container(definition["Image"], image, definition), count, weight
    )
