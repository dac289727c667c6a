"""The instances of one endpoint config: bring them up, choose among them, drain and end them."""

from __future__ import annotations

import os
import random
import shutil
import threading
import time
from collections.abc import Callable, Mapping
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
    """No instance of the variant is in service just now; `config_name` is the config that should serve."""

    def __init__(self, variant: str, config_name: str) -> None:
        super().__init__(variant)
        self.config_name = config_name


class NoVariant(Exception):
    """The endpoint has no variant of that name."""


@dataclass
class Variant:
    """One production variant: what it runs, on how many instances, with which share of the traffic."""

    name: str
    config: dict[str, Any]  # as CreateEndpointConfig got it
    container: Container
    count: int  # instances wanted
    weight: float
    instances: list[Instance] = field(default_factory=list)
    in_service: int = 0  # the first so many instances take traffic
    turn: int = 0

    @property
    def ready(self) -> list[Instance]:
        """Return the instances that take traffic and pass their health check."""
        return [instance for instance in self.instances[: self.in_service] if instance.ready]


class Fleet:
    """All variants of one config, running. Thread-safe; `acquire` and `release` bracket each request."""

    def __init__(
        self,
        where: Where,
        config_name: str,
        folder: Path,
        variants: list[Variant],
        make: Callable[..., Instance] = Instance,
    ) -> None:
        self.config_name = config_name
        self.capture: Mapping[str, Any] | None = None  # DataCaptureConfig of the config
        self._where = where
        self._folder = folder
        self._make = make
        self._changed = threading.Condition()
        self._ended = False
        self.variants: Mapping[str, Variant] = {variant.name: variant for variant in variants}

    @property
    def wanted(self) -> dict[str, int]:
        """Return how many instances each variant asks for."""
        return {variant.name: variant.count for variant in self.variants.values()}

    @property
    def in_service(self) -> dict[str, int]:
        """Return how many instances of each variant take traffic."""
        return {variant.name: variant.in_service for variant in self.variants.values()}

    @property
    def running(self) -> dict[str, int]:
        """Return how many instances of each variant there are."""
        return {variant.name: len(variant.instances) for variant in self.variants.values()}

    def start(self) -> None:
        """Bring every instance up and let it take traffic. Raises FleetFailed; `end` is then still due."""
        self.scale(self.wanted)
        self.put_in_service(self.wanted)

    def scale(self, counts: Mapping[str, int], within: float | None = None) -> None:
        """Have so many instances: start what is missing and wait for it, drain and end what is too many.

        What starts takes no traffic yet. Raises FleetFailed when an instance does not come up in time.
        """
        for name, count in counts.items():
            variant = self.variants[name]
            with self._changed:
                surplus = variant.instances[count:]
                variant.instances = variant.instances[:count]
                variant.in_service = min(variant.in_service, count)
            self._end(surplus)
        added = {name: self._add(self.variants[name], count) for name, count in counts.items()}
        for name, instances in added.items():
            self._await(self.variants[name], instances, within)

    def put_in_service(self, counts: Mapping[str, int]) -> None:
        """Let the first so many instances of each variant take traffic, and no others."""
        with self._changed:
            for name, count in counts.items():
                self.variants[name].in_service = min(count, len(self.variants[name].instances))

    def resize(self, name: str, count: int) -> None:
        """Change how many instances a variant has, all of them in service. Raises FleetFailed."""
        self.variants[name].count = count
        self.scale({name: count})
        self.put_in_service({name: count})

    def holding(self, name: str) -> Fleet | None:
        """Return the fleet that a variant belongs to, None where there is no such variant."""
        return self if name in self.variants else None

    def acquire(self, target: str | None) -> tuple[Variant, Instance]:
        """Choose an instance by weight, then in turn. Raises NoVariant or NoInstance."""
        with self._changed:
            variant = self._choose(target)
            ready = variant.ready
            if not ready:
                raise NoInstance(variant.name, self.config_name)
            variant.turn += 1
            instance = ready[variant.turn % len(ready)]
            instance.in_flight += 1
            return variant, instance

    def release(self, instance: Instance) -> None:
        """Note that a request has been answered."""
        with self._changed:
            instance.in_flight -= 1
            self._changed.notify_all()

    def kill_one(self) -> None:
        """Kill a container that serves, as a crash would."""
        for variant in self.variants.values():
            for instance in variant.ready[:1]:
                instance.kill()
                return

    def end(self, drain: bool = True) -> None:
        """Take no more requests, let those under way finish, end every instance and delete its files."""
        with self._changed:
            self._ended = True
            everything = [instance for variant in self.variants.values() for instance in variant.instances]
            for variant in self.variants.values():
                variant.in_service = 0
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

    def _add(self, variant: Variant, count: int) -> list[Instance]:
        """Start instances until there are `count`; return those that were started."""
        added: list[Instance] = []
        for _ in range(count - len(variant.instances)):
            instance = self._make(variant.container, self._where, variant.name, self._folder, self._notify)
            with self._changed:
                if self._ended:  # the emulator stops: nothing starts any more
                    break
                variant.instances.append(instance)
                added.append(instance)
                instance.start()
        return added

    def _await(self, variant: Variant, instances: list[Instance], within: float | None) -> None:
        """Wait for each of these instances to answer pings. Raises FleetFailed."""
        seconds = min(_health_seconds(variant.config), within if within is not None else float("inf"))
        deadline = time.monotonic() + seconds
        with self._changed:
            self._changed.wait_for(
                lambda: all(i.ready or i.failure is not None for i in instances),
                max(0.0, deadline - time.monotonic()),
            )
            bad = [instance for instance in instances if not instance.ready]
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
