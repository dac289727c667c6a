"""Who may be which role: bearers of web identities, and services that act as the roles they were given."""

from __future__ import annotations

import re
import threading
from typing import Any

from moto.sts.models import sts_backends
from moto.utilities.utils import get_partition

from sagemaker_emulator import access, itself, seams
from sagemaker_emulator.access import decisions, directory, tokens, web_identity
from sagemaker_emulator.access.authorize import Moment
from sagemaker_emulator.policies import Request, evaluate

ROLE = re.compile(r"arn:[^:]+:iam::(\d{12}):role/.+")
SERVICE_SESSION_SECONDS = 12 * 3600  # AWS renews a container's credentials; here they last


SESSION_NAMES = {"sagemaker.amazonaws.com": "SageMaker", "cloudformation.amazonaws.com": "AWSCloudFormation"}


_lock = threading.Lock()
_sessions: dict[tuple[str, str, str, str], itself.Identity] = {}


class NotTrusted(Exception):
    """The role is not there, or does not let the service act as it."""


@seams.operation("AssumeRoleWithWebIdentity", service="sts")
def assume_role_with_web_identity(call: seams.Call) -> Any:
    """Let the bearer of a token be a role. Raises AwsError.

    Without --iam only where the role's account has the provider that the token names.
    """
    arn, token = call.params["RoleArn"], call.params["WebIdentityToken"]
    found = ROLE.fullmatch(arn)
    if found is None:
        raise seams.AwsError("ValidationError", f"Request ARN is invalid: {arn}")
    if access.enforced() or _has_provider(found[1], token):
        shown = web_identity.checked(token, found[1])
        moment = Moment(call.region, call.headers.get("User-Agent", ""))
        web_identity.trusted(shown, arn, call.params["RoleSessionName"], moment)
        _check_duration(arn, call.params.get("DurationSeconds"))
    return seams.original(call)


@seams.operation("AssumeRole", service="sts")
def assume_role(call: seams.Call) -> Any:
    """Give a session of a role, not a longer one than it allows. Who may is decided on the wire."""
    if access.enforced():
        _check_duration(call.params["RoleArn"], call.params.get("DurationSeconds"))
    return seams.original(call)


def service_session(role_arn: str, service: str, account: str, source: str, region: str) -> itself.Identity:
    """Return the keys of a service that acts as a role, for `source` (an ARN). Raises NotTrusted.

    While a session lasts it serves the same source again.
    """
    asked = (role_arn, service, account, source)
    with _lock:
        kept = _sessions.get(asked)
    if kept is not None and directory.session_of(kept.key) is not None:
        return kept
    made = _service_session(*asked, region)
    with _lock:
        _sessions[asked] = made
    return made


def _service_session(role_arn: str, service: str, account: str, source: str, region: str) -> itself.Identity:
    context = {"aws:SourceAccount": account, "aws:SourceArn": source, "aws:PrincipalIsAWSService": True}
    request = Request("sts:AssumeRole", role_arn, service, context=context, kind="Service")
    role = directory.role(role_arn)
    trust = role.assume_role_policy_document if role is not None else None
    decision = evaluate(request, [], trust, resource_decides=True)
    decisions.record(request, decision)
    if not decision.allowed:
        raise NotTrusted(role_arn)
    backend = sts_backends[role_arn.split(":")[4]][get_partition(region)]
    name = SESSION_NAMES.get(service, "service")
    made = backend.assume_role(region, name, role_arn, "", SERVICE_SESSION_SECONDS, "")
    return itself.Identity(made.access_key_id, made.secret_access_key, made.session_token)


@seams.wrap("moto.sts.models", "STSBackend.get_caller_identity")
def get_caller_identity(original: Any, backend: Any, key: str, region: str) -> tuple[str, str, str]:
    """Say who asks; with --iam that is never moto's make-believe user but the account's root user."""
    user_id, arn, account = original(backend, key, region)
    if access.enforced() and arn.endswith(":user/moto"):
        return account, directory.root(account, get_partition(region)).arn, account
    return user_id, arn, account


def _has_provider(account: str, token: str) -> bool:
    try:
        url = str(tokens.read(token)[1].get("iss", ""))
    except tokens.NotAToken:
        return False
    return bool(url) and directory.provider(account, url) is not None


def _check_duration(arn: str, seconds: int | None) -> None:
    role = directory.role(arn)
    most = int(getattr(role, "max_session_duration", None) or 3600)
    if seconds is not None and seconds > most:
        text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        raise seams.AwsError("ValidationError", text)
