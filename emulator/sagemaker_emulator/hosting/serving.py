"""Every fleet of one endpoint: those that take requests, those that come up, and the end of the others."""

from __future__ import annotations

from sagemaker_emulator.hosting import provision, traffic
from sagemaker_emulator.hosting.configs import EndpointConfig
from sagemaker_emulator.hosting.fleet import Fleet, NoInstance, Variant
from sagemaker_emulator.hosting.instance import Instance, Where


class Serving:
    """`fleets` take requests: one at rest, two during an update or after a rollback that failed."""

    def __init__(self, where: Where) -> None:
        self.fleets: tuple[Fleet, ...] = ()
        self._where = where
        self._made: list[Fleet] = []  # every one that may have processes
        self._generation = 0  # so that each fleet has a folder of its own

    def acquire(self, target: str | None) -> tuple[Fleet, Variant, Instance]:
        """Choose an instance for one request. Raises NoVariant, NoInstance."""
        while True:
            fleets = self.fleets
            try:
                return traffic.acquire(fleets, target)
            except NoInstance:
                if fleets is self.fleets:  # else they were replaced in this very moment
                    raise

    def make(self, config: EndpointConfig) -> Fleet:
        """Return a new fleet of a config; it neither runs nor serves yet."""
        self._generation += 1
        fleet = provision.fleet(self._where, config, self._generation)
        self._made.append(fleet)
        return fleet

    def keep(self, *fleets: Fleet, drain: bool = True) -> None:
        """Serve from these fleets and no others, which end."""
        for fleet in [each for each in self._made if each not in fleets]:
            fleet.end(drain)
            self._made.remove(fleet)
        self.fleets = fleets

    def keep_what_serves(self) -> None:
        """Leave what takes requests as it is, and end the rest."""
        serving = [fleet for fleet in self.fleets if any(fleet.in_service.values())]
        for fleet in serving:
            fleet.scale(fleet.in_service)
        self.keep(*serving)

    def shutdown(self) -> None:
        """End everything at once: the emulator ends."""
        for fleet in list(self._made):
            fleet.end(drain=False)
