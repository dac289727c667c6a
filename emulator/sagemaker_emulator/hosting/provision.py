"""Make the fleet of a config: images resolved at this moment, a folder of its own; nothing starts yet."""

from __future__ import annotations

from sagemaker_emulator import seams
from sagemaker_emulator.hosting.configs import EndpointConfig
from sagemaker_emulator.hosting.fleet import Fleet, Variant
from sagemaker_emulator.hosting.instance import Container, Where
from sagemaker_emulator.images.store import Store


def fleet(where: Where, config: EndpointConfig, generation: int) -> Fleet:
    """Return a fleet that can be started; `generation` tells the fleets of an endpoint apart."""
    folder = seams.home() / "endpoints" / f"{where.account}-{where.region}-{where.endpoint}-{generation}"
    store = Store(seams.home())
    variants = []
    for each in config.variants:
        definition = config.containers[each["VariantName"]]
        container = Container(definition["Image"], store.pushed(definition["Image"]), definition)
        count = max(1, each.get("InitialInstanceCount", 1))
        variants.append(
            Variant(each["VariantName"], each, container, count, each.get("InitialVariantWeight", 1.0))
        )
    made = Fleet(where, config.endpoint_config_name, folder, variants)
    made.capture = config.request.get("DataCaptureConfig")
    return made
