"""One endpoint: its states, the fleets that serve, and what changes them.

Creating -> InService | Failed          InService -> Updating -> InService on the new config
                                        Updating -> RollingBack -> InService on the OLD config
                                        RollingBack -> UpdateRollbackFailed: both configs serve
InService -> SystemUpdating -> InService (a fault that a test asks for)         any of these -> Deleting
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sagemaker_emulator import access, acting
from sagemaker_emulator.hosting import rollout, watch
from sagemaker_emulator.hosting.configs import EndpointConfig
from sagemaker_emulator.hosting.fleet import Fleet, FleetFailed, Variant
from sagemaker_emulator.hosting.instance import Instance, Where
from sagemaker_emulator.hosting.runner import SERVICE_FAILED, GoBack, Phase, Runner, Surroundings
from sagemaker_emulator.hosting.serving import Serving
from sagemaker_emulator.hosting.side import OldSide
from sagemaker_emulator.hosting.stopwatch import Stopped, Stopwatch

log = logging.getLogger(__name__)

MAINTENANCE_SECONDS = 300  # of AWS's: how long SystemUpdating lasts when a test asks for it
AT_REST = ("InService", "UpdateRollbackFailed")


@dataclass
class Pending:
    """The deployment under way: what PendingDeploymentSummary shows."""

    config: EndpointConfig
    fleet: Fleet | None = None
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    phase: Phase = "Creating"
    phase_since: datetime = field(default_factory=lambda: datetime.now(UTC))


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
    pending: Pending | None = None
    creation_time: datetime = field(default_factory=lambda: datetime.now(UTC))
    last_modified_time: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        """Make what is not shown."""
        self._serving = Serving(Where(self.account, self.region, self.endpoint_name))
        self._stop = threading.Event()

    @property
    def fleets(self) -> tuple[Fleet, ...]:
        """Return the fleets that take requests: that of `config` first, that of an update last."""
        return self._serving.fleets

    @property
    def fleet(self) -> Fleet | None:
        """Return the fleet of `config`, None before there is one."""
        return self.fleets[0] if self.fleets else None

    def acquire(self, target: str | None) -> tuple[Fleet, Variant, Instance]:
        """Choose an instance for one request; `release` it on its fleet. Raises NoVariant, NoInstance."""
        self._meet_crash()
        return self._serving.acquire(target)

    def create(self) -> None:
        """Bring the first fleet up."""
        self._begin(self._create)

    def update(self, config: EndpointConfig, deployment: dict[str, Any] | None) -> None:
        """Replace what serves by a fleet of `config`; the old one serves until the new one does."""
        pending = Pending(config)
        self.pending, self.last_deployment = pending, deployment
        self._set("Updating")
        self._begin(lambda: self._update(pending))

    def reshape(self, wanted: dict[str, dict[str, Any]]) -> None:
        """Change weights and instance counts of running variants."""
        self._set("Updating")
        self._begin(lambda: self._reshape(wanted))

    def delete(self, gone: Callable[[], None]) -> None:
        """End everything, then call `gone`."""
        self._set("Deleting")
        self._begin(lambda: self._delete(gone))

    def meet_faults(self) -> None:
        """Let happen what a test has asked for and what may happen at any moment."""
        if self.status in AT_REST and watch.fault(self.endpoint_name, "system-updating"):
            before = self.status
            self._set("SystemUpdating")
            self._begin(lambda: self._maintain(before))
        self._meet_crash()

    def _meet_crash(self) -> None:
        if self.fleet is not None and watch.fault(self.endpoint_name, "kill-instance"):
            self.fleet.kill_one()

    def shutdown(self) -> None:
        """Stop serving at once, also what is still coming up: the emulator ends."""
        self._stop.set()
        self._serving.shutdown()

    def _begin(self, work: Callable[[], None]) -> None:
        """Do `work` in a thread of its own."""
        threading.Thread(
            target=self._guarded, args=(work,), name=f"endpoint-{self.endpoint_name}", daemon=True
        ).start()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Stopped:
            return
        except Exception:
            log.exception("event=endpoint_broke endpoint=%s", self.endpoint_name)
            self.failure_reason, self.pending = SERVICE_FAILED, None
            self._set("InService" if self.fleets else "Failed")

    def _create(self) -> None:
        fleet = self._serving.make(self.config)
        try:
            fleet.start()
        except FleetFailed as error:
            self._serving.keep(drain=False)
            self._rest("Failed", str(error))
            return
        self._serving.keep(fleet)
        self._rest("InService", None)

    def _update(self, pending: Pending) -> None:
        new, old = self._serving.make(pending.config), OldSide(self.fleets)
        plan = rollout.plan(self.last_deployment, new.wanted, old.full)
        pending.fleet = new
        self._serving.fleets = (*old.fleets, new)
        around = Surroundings(Stopwatch(self._stop), self._in_alarm, self._fault, self._enter)
        outcome = Runner(plan, old, new, around).run()
        if outcome.kind == "promoted":
            self._serving.keep(new)
            self.config = pending.config
            self._rest("InService", None)
        elif outcome.kind == "rolled back":
            self._serving.keep(*old.fleets)
            # What was mixed before is mixed again, for the same reason unless there is a better one.
            mixed = len(old.fleets) > 1
            reason = outcome.reason or (self.failure_reason if mixed else None)
            self._rest("UpdateRollbackFailed" if mixed else "InService", reason)
        else:
            self._serving.keep_what_serves()
            self._rest("UpdateRollbackFailed", outcome.reason)

    def _rest(self, status: str, reason: str | None) -> None:
        self.failure_reason, self.pending = reason, None
        self._set(status)

    def _reshape(self, wanted: dict[str, dict[str, Any]]) -> None:
        assert self.fleet is not None
        try:
            for name, change in wanted.items():
                fleet = self.fleet.holding(name)
                assert fleet is not None
                if "DesiredWeight" in change:
                    fleet.variants[name].weight = change["DesiredWeight"]
                if "DesiredInstanceCount" in change:
                    fleet.resize(name, change["DesiredInstanceCount"])
        except FleetFailed as error:
            self.failure_reason = str(error)
        self._set("InService")

    def _maintain(self, before: str) -> None:
        Stopwatch(self._stop).wait(MAINTENANCE_SECONDS)
        self._set(before)

    def _delete(self, gone: Callable[[], None]) -> None:
        self._serving.keep()
        gone()

    def _in_alarm(self, names: tuple[str, ...]) -> list[str]:
        if names and access.enforced():
            self._look_as_role(names)
        return watch.in_alarm(self.account, self.region, names)

    def _look_as_role(self, names: tuple[str, ...]) -> None:
        """See whether the role may look at the alarms: an update that nobody can watch goes back."""
        config = self.pending.config if self.pending is not None else self.config
        roles = {each.get("ExecutionRoleArn") for each in config.containers.values()}
        try:
            for role in roles:
                with acting.as_role(role, self.account, self.region, self.arn):
                    for name in names:
                        arn = f"arn:aws:cloudwatch:{self.region}:{self.account}:alarm:{name}"
                        acting.require(self.region, "cloudwatch:DescribeAlarms", arn)
        except (acting.Refused, acting.NotTrusted) as refused:
            raise GoBack(str(refused)) from None

    def _fault(self, kind: str) -> bool:
        return watch.fault(self.endpoint_name, kind)

    def _enter(self, phase: Phase) -> None:
        if phase == "RollingBack":
            self._set("RollingBack")
        if self.pending is not None:
            self.pending.phase, self.pending.phase_since = phase, datetime.now(UTC)
            watch.tell(self, self.status)

    def _set(self, status: str) -> None:
        self.status, self.last_modified_time = status, datetime.now(UTC)
        log.info("event=endpoint_status endpoint=%s status=%s", self.endpoint_name, status)
        watch.tell(self, status)
