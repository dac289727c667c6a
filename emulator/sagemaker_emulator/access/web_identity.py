"""AssumeRoleWithWebIdentity: is the token good, and does the role trust what it says? Raises AwsError."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from sagemaker_emulator.access import authorize, decisions, directory, issuer, tokens
from sagemaker_emulator.access.authorize import Moment
from sagemaker_emulator.access.directory import ANYBODY
from sagemaker_emulator.policies import Request, evaluate
from sagemaker_emulator.seams import AwsError

ACTION = "sts:AssumeRoleWithWebIdentity"
LEEWAY_SECONDS = 300  # clocks differ; AWS allows five minutes


@dataclass(frozen=True)
class Shown:
    """A token that was verified: what it claims, and the provider that stands for it."""

    claims: dict[str, Any]
    provider: str  # ARN
    url: str  # without https://, as condition keys have it


def checked(token: str, account: str) -> Shown:
    """Return a token's claims once signature, issuer, audience and time are right. Raises AwsError."""
    try:
        head, claims = tokens.read(token)
    except tokens.NotAToken:
        raise _invalid(
            "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
        ) from None
    url = str(claims.get("iss", ""))
    provider = directory.provider(account, url) if url else None
    if provider is None:
        raise _invalid(f"No OpenIDConnect provider found in your account for {url}")
    key = issuer.public_key(str(head.get("kid"))) if url.rstrip("/") == issuer.ISSUER else None
    if key is None:
        raise _invalid(
            "Couldn't retrieve verification key from your identity provider, please reference "
            "AssumeRoleWithWebIdentity documentation for requirements"
        )
    if not tokens.verified(token, key):
        raise _invalid("Token signature invalid")
    _check_time(claims)
    if claims.get("aud") not in provider.client_id_list:
        raise _invalid("Incorrect token audience")
    return Shown(claims, provider.arn, provider.url.rstrip("/"))


def trusted(shown: Shown, role_arn: str, session_name: str, moment: Moment) -> None:
    """Return when the role's trust policy allows the token's bearer in. Raises AwsError."""
    role = directory.role(role_arn)
    context = authorize.circumstances(ANYBODY, moment)
    context |= {f"{shown.url}:{name}": _text(value) for name, value in shown.claims.items()}
    context |= {"aws:FederatedProvider": shown.provider, "sts:RoleSessionName": session_name}
    request = Request(
        ACTION,
        role_arn,
        shown.provider,
        context=context,
        kind="Federated",
        resource_account=_account(role_arn),
    )
    trust = role.assume_role_policy_document if role is not None else None
    decision = evaluate(request, [], trust, resource_decides=True)
    decisions.record(request, decision)
    if not decision.allowed:
        raise AwsError("AccessDenied", f"Not authorized to perform {ACTION}")


def _check_time(claims: dict[str, Any]) -> None:
    now = time.time()
    expires = claims.get("exp")
    if not isinstance(expires, int | float):
        raise _invalid("Missing a required claim: exp")
    if now > expires + LEEWAY_SECONDS:
        raise AwsError(
            "ExpiredTokenException",
            f"Token expired: current date/time {int(now)} must be before the expiration date/time "
            f"{int(expires)}",
        )
    begins = max(float(claims.get("nbf", 0)), float(claims.get("iat", 0)))
    if now < begins - LEEWAY_SECONDS:
        raise _invalid(
            f"Token not yet valid: current date/time {int(now)} must be after the not-before date/time "
            f"{int(begins)}"
        )


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidIdentityToken", message)


def _text(value: Any) -> Any:
    return value if isinstance(value, list | bool) else str(value)


def _account(arn: str) -> str:
    parts = arn.split(":")
    return parts[4] if len(parts) > 4 else ""
