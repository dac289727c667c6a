"""What the endpoint says of itself while a release goes out, and which alarm rang, as AWS tells it."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, replace
from typing import Any

import boto3
from botocore.exceptions import ClientError

LOOK_SECONDS = 0.2
TRAFFIC = ("ActivatingTraffic", "Baking")


@dataclass(frozen=True)
class Look:
    """The endpoint at one moment; only moments at which something had changed are kept."""

    at: float
    status: str
    config: str
    pending: str = ""
    phase: str = ""  # of the pending fleet: AWS's VariantStatus
    reason: str = ""
    ringing: tuple[str, ...] = ()  # alarms of the new config that were in ALARM


def aws_seconds(real: float) -> float:
    """Return how many seconds of AWS's waiting so many seconds here stand for."""
    return real * 60 / float(os.environ.get("SAGEMAKER_EMULATOR_MINUTE", "1"))


class Watch:
    """Looks at an endpoint all the time, in a thread."""

    def __init__(self, region: str, endpoint: str) -> None:
        self.client: Any = boto3.client("sagemaker", region)
        self.cloudwatch: Any = boto3.client("cloudwatch", region)
        self.endpoint = endpoint
        self.looks: list[Look] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def now(self) -> Look | None:
        """Look once; None where there is no endpoint."""
        try:
            told = self.client.describe_endpoint(EndpointName=self.endpoint)
        except ClientError:
            return None
        pending = told.get("PendingDeploymentSummary", {})
        phases = [
            status["Status"]
            for each in pending.get("ProductionVariants", [])
            for status in each["VariantStatus"]
        ]
        return Look(
            time.monotonic(),
            told["EndpointStatus"],
            told["EndpointConfigName"],
            pending.get("EndpointConfigName", ""),
            next(iter(phases), ""),
            told.get("FailureReason", ""),
        )

    def _work(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            look, last = self.now(), self.looks[-1] if self.looks else None
            if look is None or (last and facts(last) == facts(look)):
                continue
            rolling = look.status == "RollingBack" or (last and last.pending and look.config != last.pending)
            if rolling and last and last.pending and not last.ringing:
                look = replace(look, ringing=self._ringing(last.pending))
            self.looks.append(look)

    def _ringing(self, config: str) -> tuple[str, ...]:
        found = self.cloudwatch.describe_alarms(AlarmNamePrefix=config, StateValue="ALARM")
        alarms = [*found.get("MetricAlarms", []), *found.get("CompositeAlarms", [])]
        return tuple(sorted(item["AlarmName"].removeprefix(f"{config}-") for item in alarms))


def facts(look: Look) -> tuple[str, str, str, str]:
    """Return what tells one moment from another."""
    return look.status, look.config, look.pending, look.phase


@dataclass(frozen=True)
class Rollout:
    """What the looks of one rollout add up to."""

    began: float | None = None  # when the endpoint was first seen updating
    traffic: float | None = None  # when the new fleet was first seen with traffic
    turned: float | None = None  # when it was first seen going back
    promoted: bool = False  # it was InService on the new config
    ringing: tuple[str, ...] = ()
    reason: str = ""
    config: str = ""  # the new one

    @property
    def detected(self) -> float | None:
        """AWS seconds from the first traffic to the turn; None where it had none, or did not turn."""
        return aws_seconds(self.turned - self.traffic) if self.traffic and self.turned else None

    @property
    def starting(self) -> float | None:
        """Real seconds from the update to the turn, where the new fleet never had traffic."""
        return self.turned - self.began if self.began and self.turned and not self.traffic else None


def rollout(looks: list[Look], start: float, end: float) -> Rollout:
    """Read the first update that began in a time."""
    mine = [look for look in looks if start <= look.at <= end]
    first = next((look for look in mine if look.pending), None)
    if first is None:
        return Rollout()
    new, old = first.pending, first.config
    later = [look for look in mine if look.at >= first.at]
    back = [
        look for look in later if look.status == "RollingBack" or (not look.pending and look.config == old)
    ]
    promoted = any(look.status == "InService" and look.config == new and not look.pending for look in later)
    turned = back[0] if back and not promoted else None
    ringing = next((look.ringing for look in later if look.ringing), ())
    traffic = next((look.at for look in later if look.phase in TRAFFIC), None)
    reason = next((look.reason for look in later if look.reason), "")
    return Rollout(first.at, traffic, turned.at if turned else None, promoted, ringing, reason, new)
