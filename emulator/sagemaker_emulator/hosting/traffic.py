"""Which fleet answers a request: the new one with the probability of its share of the capacity in service."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Sequence

from sagemaker_emulator.hosting.fleet import Fleet, NoInstance, NoVariant, Variant
from sagemaker_emulator.hosting.instance import Instance

LOOKS = 3  # capacity moves from one fleet to another while we look: what seems empty may just have moved


def acquire(fleets: Sequence[Fleet], target: str | None) -> tuple[Fleet, Variant, Instance]:
    """Choose variant, fleet and instance. Raises NoVariant, NoInstance.

    The variant goes by weight, the fleet by the variant's capacity in service, the instance in turn.
    """
    if len(fleets) == 1:
        return fleets[0], *fleets[0].acquire(target)
    name = target if target is not None else _variant(fleets)
    holding = [fleet for fleet in fleets if name in fleet.variants]
    if not holding:
        raise NoVariant(name)
    for _ in range(LOOKS):
        capacity = [len(fleet.variants[name].ready) for fleet in holding]
        if any(capacity):
            chosen = random.choices(holding, capacity)[0]  # noqa: S311 (traffic, no secret)
            with contextlib.suppress(NoInstance):  # it was taken out in this very moment
                return chosen, *chosen.acquire(name)
    most = max(holding, key=lambda fleet: fleet.variants[name].in_service)
    raise NoInstance(name, most.config_name)


def share(fleet: Fleet, fleets: Sequence[Fleet], name: str) -> float:
    """Return which part of a variant's capacity in service is this fleet's, 0 to 1."""
    counts = [each.variants[name].in_service for each in fleets if name in each.variants]
    return fleet.variants[name].in_service / sum(counts) if any(counts) else 0.0


def _variant(fleets: Sequence[Fleet]) -> str:
    """Choose a variant by the weights of the fleets that serve it, each by its share."""
    weights: dict[str, float] = {}
    for fleet in fleets:
        for name, variant in fleet.variants.items():
            weights[name] = weights.get(name, 0.0) + variant.weight * share(fleet, fleets, name)
    if not any(weights.values()):
        return next(iter(weights))
    return random.choices(list(weights), list(weights.values()))[0]  # noqa: S311 (traffic, no secret)
