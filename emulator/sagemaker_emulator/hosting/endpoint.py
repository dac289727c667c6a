"""One endpoint: its states, its fleet, and the update that replaces one fleet by another.

Creating -> InService | Failed          Updating -> InService on the new config
InService -> Updating | Deleting        Updating -> RollingBack -> InService on the OLD config, still serving
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sagemaker_emulator import clock, seams
from sagemaker_emulator.hosting.configs import EndpointConfig
from sagemaker_emulator.hosting.fleet import Fleet, FleetFailed, Variant
from sagemaker_emulator.hosting.instance import Container, Where
from sagemaker_emulator.images.store import Store

log = logging.getLogger(__name__)

SERVICE_FAILED = "Request to service failed. If failure persists after retry, contact customer support."


@dataclass(eq=False)
class Endpoint:
    """The record and the life of one endpoint; lies in moto's `backend.endpoints`."""

    endpoint_name: str
    arn: str
    account: str
    region: str
    config: EndpointConfig
    status: str = "Creating"
    failure_reason: str | None = None
    last_deployment: dict[str, Any] | None = None
    pending: EndpointConfig | None = None
    pending_since: datetime | None = None
    phase: str = "Creating"  # of the variants of the pending fleet: AWS's VariantStatus
    creation_time: datetime = field(default_factory=lambda: datetime.now(UTC))
    last_modified_time: datetime = field(default_factory=lambda: datetime.now(UTC))
    fleet: Fleet | None = None

    def __post_init__(self) -> None:
        """Count fleets, so that each has a folder of its own."""
        self._generation = 0
        self._fleets: list[Fleet] = []  # every one that may have processes
        self._thread: threading.Thread | None = None

    def create(self) -> None:
        """Bring the first fleet up, in a thread."""
        self._begin(self._create)

    def update(self, config: EndpointConfig, deployment: dict[str, Any] | None) -> None:
        """Replace the fleet by one of `config`, in a thread; the old one serves until the new one does."""
        self.pending, self.pending_since, self.phase = config, datetime.now(UTC), "Creating"
        self.failure_reason, self.last_deployment = None, deployment
        self._set("Updating")
        self._begin(lambda: self._update(config, deployment))

    def reshape(self, wanted: dict[str, dict[str, Any]]) -> None:
        """Change weights and instance counts of running variants, in a thread."""
        self._set("Updating")
        self._begin(lambda: self._reshape(wanted))

    def delete(self, gone: Any) -> None:
        """End everything, in a thread, then call `gone`."""
        self._set("Deleting")
        self._begin(lambda: self._delete(gone))

    def shutdown(self) -> None:
        """Stop serving at once, also what is still coming up: the emulator ends."""
        for fleet in list(self._fleets):
            fleet.end(drain=False)

    def _begin(self, work: Any) -> None:
        self._thread = threading.Thread(
            target=self._guarded, args=(work,), name=f"endpoint-{self.endpoint_name}", daemon=True
        )
        self._thread.start()

    def _guarded(self, work: Any) -> None:
        try:
            work()
        except Exception:
            log.exception("event=endpoint_broke endpoint=%s", self.endpoint_name)
            self.failure_reason = SERVICE_FAILED
            self.pending = None
            self._set("InService" if self.fleet is not None else "Failed")

    def _create(self) -> None:
        fleet = self._new_fleet(self.config)
        try:
            fleet.start()
        except FleetFailed as error:
            self._end_fleet(fleet, drain=False)
            self.failure_reason = str(error)
            self._set("Failed")
            return
        self.fleet = fleet
        self._set("InService")

    def _update(self, config: EndpointConfig, deployment: dict[str, Any] | None) -> None:
        new, old = self._new_fleet(config), self.fleet
        try:
            new.start()
        except FleetFailed as error:
            self.failure_reason = str(error)
            self._set("RollingBack")
            self._end_fleet(new, drain=False)
            self.pending = None
            self._set("InService")
            return
        self.phase = "ActivatingTraffic"
        self.fleet = new  # one assignment: a request goes to the one or to the other
        policy = (deployment or {}).get("BlueGreenUpdatePolicy", {})
        self._bake(policy)
        if old is not None:
            self._end_fleet(old, drain=True)
        self.config, self.pending = config, None
        self._set("InService")

    def _bake(self, policy: dict[str, Any]) -> None:
        """Keep the old fleet as long as the policy says; no alarm is watched yet: nothing rolls back here."""
        wait = policy.get("TrafficRoutingConfiguration", {}).get("WaitIntervalInSeconds", 0)
        seconds = wait + policy.get("TerminationWaitInSeconds", 0)
        if seconds:
            self.phase = "Baking"
            threading.Event().wait(clock.scaled(seconds))

    def _reshape(self, wanted: dict[str, dict[str, Any]]) -> None:
        assert self.fleet is not None
        try:
            for name, change in wanted.items():
                if "DesiredWeight" in change:
                    self.fleet.variants[name].weight = change["DesiredWeight"]
                if "DesiredInstanceCount" in change:
                    self.fleet.resize(name, change["DesiredInstanceCount"])
        except FleetFailed as error:
            self.failure_reason = str(error)
        self._set("InService")

    def _delete(self, gone: Any) -> None:
        if self.fleet is not None:
            self._end_fleet(self.fleet, drain=True)
        gone()

    def _new_fleet(self, config: EndpointConfig) -> Fleet:
        self._generation += 1
        name = f"{self.account}-{self.region}-{self.endpoint_name}-{self._generation}"
        folder: Path = seams.home() / "endpoints" / name
        store = Store(seams.home())
        variants = []
        for each in config.variants:
            definition = config.containers[each["VariantName"]]
            container = Container(definition["Image"], store.pushed(definition["Image"]), definition)
            count = max(1, each.get("InitialInstanceCount", 1))
            variants.append(
                Variant(each["VariantName"], each, container, count, each.get("InitialVariantWeight", 1.0))
            )
        where = Where(self.account, self.region, self.endpoint_name)
        fleet = Fleet(where, config.endpoint_config_name, folder, variants)
        self._fleets.append(fleet)
        return fleet

    def _end_fleet(self, fleet: Fleet, drain: bool) -> None:
        fleet.end(drain)
        self._fleets.remove(fleet)

    def _set(self, status: str) -> None:
        self.status, self.last_modified_time = status, datetime.now(UTC)
        log.info("event=endpoint_status endpoint=%s status=%s", self.endpoint_name, status)
