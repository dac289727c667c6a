"""An endpoint as SageMaker describes it: looked at, waited for, taken away. Every wait has an end.

Each odd state has its action: moving ones are waited for; Failed can only be deleted and made again;
UpdateRollbackFailed is a mixed fleet that a new update heals; anything that moves for too long is red.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from sagemaker_gitops import errors
from sagemaker_gitops.aws import Aws, found
from sagemaker_gitops.errors import DeployFailed
from sagemaker_gitops.story import Step, pause

MOVING = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
UPDATE_MINUTES = 60  # an endpoint may stay Creating for an hour over a missing image
SETTLE_SECONDS = 30  # until what was made is seen by all of SageMaker: it promises no moment
UNSEEN = re.compile(r"could not find (endpoint configuration|model)\b(?! (data|package))", re.IGNORECASE)
# Of a model or an endpoint config: what makes it this one.
OWN = (
    "ModelName", "ExecutionRoleArn", "ModelPackageName", "Image", "ModelDataUrl", "VariantName",
    "InstanceType", "InitialInstanceCount",
)  # fmt: skip
LOGS = "/aws/sagemaker/Endpoints"
LAST_LINES = 20  # of a container that did not come up: the end of a traceback


def describe(aws: Aws, endpoint: str) -> dict[str, Any] | None:
    """Return the endpoint as SageMaker describes it, or None."""
    return found(aws.sagemaker.describe_endpoint, EndpointName=endpoint)


def pending(endpoint: dict[str, Any] | None) -> str:
    """Return the config that an update is on its way to, or an empty string."""
    return (endpoint or {}).get("PendingDeploymentSummary", {}).get("EndpointConfigName", "")


def moving(endpoint: dict[str, Any] | None) -> bool:
    """Say whether something is still going on."""
    return bool(endpoint) and (endpoint["EndpointStatus"] in MOVING or bool(pending(endpoint)))


def share(endpoint: dict[str, Any]) -> float:
    """Return the share of the traffic that the pending fleet takes, from both fleets' weights."""
    new, old = (
        sum(variant.get("CurrentWeight", 0) for variant in variants)
        for variants in (
            endpoint.get("PendingDeploymentSummary", {}).get("ProductionVariants", []),
            endpoint.get("ProductionVariants", []),
        )
    )
    return new / (new + old) if new else 0.0


def phase(endpoint: dict[str, Any]) -> str:
    """Return what the pending fleet is doing, in SageMaker's word."""
    summary = endpoint.get("PendingDeploymentSummary", {})
    words = [
        status["Status"]
        for variant in summary.get("ProductionVariants", [])
        for status in variant.get("VariantStatus", [])
    ]
    return words[0] if words else ""


def looks(aws: Aws, endpoint: str, minutes: float = UPDATE_MINUTES) -> Iterator[dict[str, Any] | None]:
    """Yield how the endpoint is now, again and again; raise DeployFailed E402 where that takes too long."""
    started = time.monotonic()
    while True:
        yield (now := describe(aws, endpoint))
        waited = time.monotonic() - started
        if waited > minutes * 60:
            raise DeployFailed(f"""E402 {endpoint} is still {now["EndpointStatus"] if now else "nothing"}
                {endpoint}
                waited {minutes:g} minutes
                look at the endpoint's log (/aws/sagemaker/Endpoints), then release again""")
        time.sleep(pause(waited))


def wait(aws: Aws, endpoint: str, step: Step, minutes: float = UPDATE_MINUTES) -> dict[str, Any]:
    """Wait until the endpoint moves no more; raise DeployFailed E402 where that takes too long."""
    for now in looks(aws, endpoint, minutes):
        if now is None:
            raise gone(endpoint)
        if not moving(now):
            return now
        step.note = f"{endpoint} {now['EndpointStatus']}"
    raise AssertionError  # looks never ends by itself


def gone(endpoint: str) -> DeployFailed:
    """Return the error for an endpoint that was there."""
    return DeployFailed(f"""E402 the endpoint {endpoint} has disappeared
        {endpoint}
        somebody deleted it
        find out who, then release again""")


def settled(act: Any, **request: Any) -> Any:
    """Return AWS's answer; what was made a moment ago may not be seen yet, then it is asked for again."""
    started = time.monotonic()
    while True:
        try:
            return act(**request)
        except ClientError as error:
            waited = time.monotonic() - started
            if not UNSEEN.search(str(error)) or waited > SETTLE_SECONDS:
                raise
        time.sleep(pause(waited))


def once(create: Any, describe: Any, key: str, **request: Any) -> None:
    """Create something whose name says what it is: where it exists already it must be the same.

    Raises:
        DeployFailed: E402, something else has this name.
    """
    try:
        settled(create, **request)
    except ClientError as error:
        if errors.code(error) != "ResourceInUse" and "already exist" not in str(error).lower():
            raise
        asked, there = facts(request), facts(settled(describe, **{key: request[key]}))
        if other := [name for name, value in asked.items() if there.get(name) != value]:
            raise DeployFailed(f"""E402 {request[key]} exists, and is not what this release needs
                {request[key]}
                other than asked for: {", ".join(other)}
                find out who made it and delete it; then release again""") from error


def facts(told: Any) -> dict[str, Any]:
    """Return what a model or an endpoint config is, of a request or a description: AWS adds more to these."""
    if isinstance(told, list):
        return {name: value for item in told for name, value in facts(item).items()}
    if not isinstance(told, dict):
        return {}
    inner = {name: value for item in told.values() for name, value in facts(item).items()}
    return inner | {name: told[name] for name in OWN if name in told}


def ask(aws: Aws, endpoint: str, act: Any, **request: Any) -> None:
    """Create or update an endpoint; a refusal of what is under way already is a lost answer to the same."""
    try:
        settled(act, EndpointName=endpoint, **request)
    except ClientError:
        now, wanted = describe(aws, endpoint), request["EndpointConfigName"]
        if now is None or wanted not in (pending(now), now["EndpointConfigName"]):
            raise
        if now["EndpointStatus"] == "UpdateRollbackFailed":  # two fleets, and one of them had it all along
            raise


def deletion(region: str, endpoint: str) -> str:
    """Return AWS's command that deletes an endpoint which no verb of ours deletes."""
    return f"aws sagemaker delete-endpoint --region {region} --endpoint-name {endpoint}"


def last_lines(aws: Aws, endpoint: str, since: float) -> list[str]:
    """Return what the newest container that began since then (epoch) wrote last; none where it is denied.

    Only of a fleet that no request has reached: what others wrote can quote their data.
    """
    group = f"{LOGS}/{endpoint}"
    try:
        listed = aws.logs.describe_log_streams(logGroupName=group, orderBy="LastEventTime", descending=True)
        begun = [item for item in listed.get("logStreams", []) if item["creationTime"] >= since * 1000]
        if not begun:
            return []
        stream = max(begun, key=lambda item: item["creationTime"])["logStreamName"]
        asked = {"logGroupName": group, "logStreamName": stream, "limit": LAST_LINES, "startFromHead": False}
        return [event["message"].rstrip() for event in aws.logs.get_log_events(**asked)["events"]]
    except errors.TROUBLE:  # the reason stands in the error already; no log must hide it
        return []


def delete(aws: Aws, endpoint: str) -> None:
    """Delete an endpoint and wait until it is gone; its configs and models stay, they cost nothing."""
    asked = False
    for now in looks(aws, endpoint):
        if now is None:
            return
        if not asked and now["EndpointStatus"] != "Deleting":
            asked = _delete(aws, endpoint)


def _delete(aws: Aws, endpoint: str) -> bool:
    """Ask for it; return False where SageMaker wants to finish something first."""
    try:
        aws.sagemaker.delete_endpoint(EndpointName=endpoint)
    except ClientError as error:
        if errors.missing(error):
            return True
        if "in-progress" not in str(error):
            raise
        return False
    return True
