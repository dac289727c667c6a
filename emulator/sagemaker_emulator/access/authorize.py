"""May this caller do that? The one place where policies are collected, evaluated and the answer recorded."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sagemaker_emulator.access import decisions, directory, resources
from sagemaker_emulator.access.directory import Caller
from sagemaker_emulator.access.needs import Need
from sagemaker_emulator.policies import Decision, Request, evaluate

VIA = "{}.{}.amazonaws.com"


class Denied(Exception):
    """The caller may not; the message is AWS's."""

    def __init__(self, caller: Caller, need: Need, decision: Decision) -> None:
        super().__init__(
            f"User: {caller.arn} is not authorized to perform: {need.action} on resource: {need.resource} "
            f"{decision.why}"
        )
        self.caller, self.need, self.decision = caller, need, decision


@dataclass(frozen=True)
class Moment:
    """What is known of a request besides its parameters."""

    region: str
    user_agent: str = ""
    called_via: str | None = None  # the service that asks on the caller's behalf


def require(caller: Caller, needs: list[Need], moment: Moment) -> None:
    """Return when every need is allowed. Raises Denied for the first that is not."""
    for need in needs:
        decision = _decided(caller, need, moment)
        if not decision.allowed and need.or_role and _role_may(need, moment):
            continue
        if not decision.allowed:
            raise Denied(caller, need, decision)


def allowed(caller: Caller, need: Need, moment: Moment) -> bool:
    """Whether one need is allowed."""
    return _decided(caller, need, moment).allowed


def _decided(caller: Caller, need: Need, moment: Moment) -> Decision:
    request = Request(
        action=need.action,
        resource=need.resource,
        principal=caller.arn,
        role=caller.role,
        context={**circumstances(caller, moment, need), **need.context},
        resource_account=need.owner,
        kind="AWS" if caller.account else "",
    )
    has = directory.policies(caller)
    policy, alone = resources.policy(need.action, need.resource)
    decision = evaluate(
        request,
        has.identity,
        policy,
        boundary=has.boundary,
        session_policies=has.session,
        resource_decides=alone,
    )
    decisions.record(request, decision)
    return decision


def _role_may(need: Need, moment: Moment) -> bool:
    """Whether the role that a request passes has the permission, which AWS accepts for grants."""
    role = directory.role(need.or_role or "")
    if role is None:
        return False
    request = Request(need.action, need.resource, role.arn, role.arn, {**need.context, **_when()})
    policy, alone = resources.policy(need.action, need.resource)
    decision = evaluate(request, directory.role_policies(role.arn), policy, resource_decides=alone)
    decisions.record(request, decision)
    return decision.allowed


def circumstances(caller: Caller, moment: Moment, need: Need | None = None) -> dict[str, Any]:
    """Return the condition keys that every request has."""
    known: dict[str, Any] = {
        "aws:PrincipalType": caller.type,
        "aws:SecureTransport": True,  # see bucket_policy.py: the wire counts as TLS
        "s3:TlsVersion": "1.3",
        "aws:RequestedRegion": moment.region,
        **_when(),
    }
    if caller.account:
        known |= {
            "aws:PrincipalArn": caller.role or caller.arn,
            "aws:PrincipalAccount": caller.account,
            "aws:userid": caller.user_id,
            "aws:PrincipalIsAWSService": False,
        }
        known |= {f"aws:PrincipalTag/{key}": value for key, value in caller.tags.items()}
    if caller.name:
        known["aws:username"] = caller.name
    if moment.user_agent:
        known["aws:UserAgent"] = moment.user_agent
    via = moment.called_via
    if via is None:
        known["aws:SourceIp"] = "127.0.0.1"
    known["aws:ViaAWSService"] = bool(via or (need is not None and need.via))
    if via:
        known["aws:CalledVia"] = [via]
    if need is not None:
        known |= _of_resource(need, moment)
    return known


def _of_resource(need: Need, moment: Moment) -> dict[str, Any]:
    parts = need.resource.split(":", 5)
    owner = need.owner or (parts[4] if len(parts) == 6 else "")
    known: dict[str, Any] = {"aws:ResourceAccount": owner} if owner else {}
    if need.via:
        known["kms:ViaService"] = VIA.format(need.via, moment.region)
    known |= {f"aws:ResourceTag/{key}": v for key, v in resources.resource_tags(need.resource).items()}
    return known


def _when() -> dict[str, Any]:
    now = datetime.now(UTC)
    return {"aws:CurrentTime": now.strftime("%Y-%m-%dT%H:%M:%SZ"), "aws:EpochTime": str(int(time.time()))}
