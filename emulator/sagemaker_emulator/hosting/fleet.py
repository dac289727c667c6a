"""The instances of one endpoint config: start them all, route requests among them, drain and end them."""

from __future__ import annotations

import os
import random
import shutil
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sagemaker_emulator.hosting.instance import Container, Instance, Where

# AWS waits 8 minutes for the first good ping unless the variant says otherwise. A process of this machine
# that has not answered for this long will not: a broken container should not cost 8 minutes.
HEALTH_VARIABLE = "SAGEMAKER_EMULATOR_HEALTH_SECONDS"
HEALTH_SECONDS = 60.0
DRAIN_SECONDS = 60.0  # an invocation may take so long


class FleetFailed(Exception):
    """Not every instance came up; the message is the endpoint's FailureReason."""


class NoInstance(Exception):
    """No instance of the variant is in service just now."""


class NoVariant(Exception):
    """The endpoint has no variant of that name."""


@dataclass
class Variant:
    """One production variant: what it runs, on how many instances, with which share of the traffic."""

    name: str
    config: dict[str, Any]  # as CreateEndpointConfig got it
    container: Container
    count: int
    weight: float
    instances: list[Instance] = field(default_factory=list)
    turn: int = 0


class Fleet:
    """All variants of one config, running. Thread-safe; `acquire` and `release` bracket each request."""

    def __init__(self, where: Where, config_name: str, folder: Path, variants: list[Variant]) -> None:
        self.config_name = config_name
        self._where = where
        self._folder = folder
        self._changed = threading.Condition()
        self._ended = False
        self.variants: Mapping[str, Variant] = {variant.name: variant for variant in variants}

    def start(self) -> None:
        """Bring every instance up. Raises FleetFailed when one does not; `end` is then still due."""
        for variant in self.variants.values():
            self._add(variant, variant.count)
        for variant in self.variants.values():
            self._await(variant)

    def resize(self, name: str, count: int) -> None:
        """Add instances and wait for them, or drain and end some. Raises FleetFailed."""
        variant = self.variants[name]
        surplus = variant.instances[count:]
        variant.count = count
        if surplus:
            with self._changed:
                variant.instances = variant.instances[:count]
            self._end(surplus)
        self._add(variant, count - len(variant.instances))
        self._await(variant)

    def acquire(self, target: str | None) -> tuple[Variant, Instance]:
        """Choose an instance by weight, then in turn. Raises NoVariant or NoInstance."""
        with self._changed:
            variant = self._choose(target)
            ready = [instance for instance in variant.instances if instance.ready]
            if not ready:
                raise NoInstance(variant.name)
            variant.turn += 1
            instance = ready[variant.turn % len(ready)]
            instance.in_flight += 1
            return variant, instance

    def release(self, instance: Instance) -> None:
        """Note that a request has been answered."""
        with self._changed:
            instance.in_flight -= 1
            self._changed.notify_all()

    def end(self, drain: bool = True) -> None:
        """Let requests finish, then end every instance and delete its files."""
        with self._changed:
            self._ended = True
            everything = [instance for variant in self.variants.values() for instance in variant.instances]
        self._end(everything, drain)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _choose(self, target: str | None) -> Variant:
        if target is not None:
            if target not in self.variants:
                raise NoVariant(target)
            return self.variants[target]
        variants = list(self.variants.values())
        weights = [variant.weight for variant in variants]
        if not any(weights):
            return variants[0]
        return random.choices(variants, weights)[0]  # noqa: S311 (traffic, no secret)

    def _add(self, variant: Variant, number: int) -> None:
        for _ in range(number):
            instance = Instance(variant.container, self._where, variant.name, self._folder, self._notify)
            with self._changed:
                if self._ended:  # the emulator stops: nothing starts any more
                    return
                variant.instances.append(instance)
                instance.start()

    def _await(self, variant: Variant) -> None:
        """Wait for each instance of a variant to answer pings. Raises FleetFailed."""
        deadline = time.monotonic() + _health_seconds(variant.config)
        with self._changed:
            self._changed.wait_for(
                lambda: all(i.ready or i.failure is not None for i in variant.instances),
                max(0.0, deadline - time.monotonic()),
            )
            bad = [instance for instance in variant.instances if not instance.ready]
        if bad:
            raise FleetFailed(
                bad[0].failure
                or f"The primary container for production variant {variant.name} did not pass the ping "
                "health check. Please check CloudWatch logs for this endpoint."
            )

    def _end(self, instances: list[Instance], drain: bool = True) -> None:
        if drain:
            with self._changed:
                self._changed.wait_for(lambda: not any(i.in_flight for i in instances), DRAIN_SECONDS)
        for instance in instances:
            instance.retire()
        for instance in instances:
            instance.join(DRAIN_SECONDS)

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()


def _health_seconds(config: Mapping[str, Any]) -> float:
    wanted = config.get("ContainerStartupHealthCheckTimeoutInSeconds", 480)
    return min(float(wanted), float(os.environ.get(HEALTH_VARIABLE, HEALTH_SECONDS)))
