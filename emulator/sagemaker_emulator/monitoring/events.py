"""Events that services send to EventBridge by themselves: SageMaker of endpoints, CloudWatch of alarms."""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sagemaker_emulator import installing, itself
from sagemaker_emulator.monitoring import errands

if TYPE_CHECKING:
    from sagemaker_emulator.hosting.endpoint import Endpoint

STATE = "SageMaker Endpoint State Change"
DEPLOYMENT = "SageMaker Endpoint Deployment State Change"
IN_DEPLOYMENT = ("UPDATING", "ROLLING_BACK", "UPDATE_ROLLBACK_FAILED")
_lock = threading.Lock()
_last: dict[str, str] = {}


@dataclass(frozen=True)
class Event:
    """What a service says; EventBridge adds account, region, time and an id."""

    source: str
    detail_type: str
    resources: tuple[str, ...]
    detail: Mapping[str, Any]


def emit(account: str, region: str, event: Event) -> None:
    """Send an event to the default bus, to the targets of the rules that match."""
    if "moto.events.models" not in sys.modules:
        return  # nobody has made a rule; moto's EventBridge takes a while to load
    installing.prepare("events")
    backend = itself.backend("events", account, region)
    if not any(bus.rules for bus in backend.event_buses.values()):
        return
    entry = {
        "Source": event.source,
        "DetailType": event.detail_type,
        "Resources": list(event.resources),
        "Detail": json.dumps(event.detail),
    }
    backend.put_events([entry])


def endpoint_state_change(endpoint: Endpoint, status: str) -> None:
    """Tell EventBridge that an endpoint has this status, or that something moves in its deployment.

    A new status is a "SageMaker Endpoint State Change"; whatever moves while a deployment runs, and its end,
    is a "SageMaker Endpoint Deployment State Change". AWS may send an event several times; here each comes
    once.
    """
    from sagemaker_emulator.hosting.describe import described  # which imports what calls this

    detail = endpoint_detail({**described(endpoint), "EndpointStatus": status})
    arn, status = detail["EndpointArn"], detail["EndpointStatus"]
    with _lock:
        before = _last.get(arn)
        _last[arn] = status
    if status != before:
        _send(endpoint, Event("aws.sagemaker", STATE, (arn,), detail))
    if "PendingDeploymentSummary" in detail or status in IN_DEPLOYMENT or before in IN_DEPLOYMENT:
        _send(endpoint, Event("aws.sagemaker", DEPLOYMENT, (arn,), detail))


def _send(endpoint: Endpoint, event: Event) -> None:
    errands.send(lambda: emit(endpoint.account, endpoint.region, event))


def endpoint_detail(described: Mapping[str, Any]) -> dict[str, Any]:
    """Return the detail of both events, with the fields and the spelling of AWS's examples.

    https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html
    """
    shown = (
        "EndpointName",
        "EndpointArn",
        "EndpointConfigName",
        "ProductionVariants",
        "PendingDeploymentSummary",
    )
    detail = {name: _plain(described[name]) for name in shown if name in described}
    return {
        **detail,
        "EndpointStatus": re.sub(r"(?<=[a-z])(?=[A-Z])", "_", described["EndpointStatus"]).upper(),
        "CreationTime": _plain(described["CreationTime"]),
        "LastModifiedTime": _plain(described["LastModifiedTime"]),
        "Tags": {},
    }


def _plain(value: Any) -> Any:
    """Return a value with its times in milliseconds since the epoch, as the events have them."""
    if isinstance(value, datetime):
        return int(value.timestamp() * 1000)
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items() if each is not None}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
