"""What moto knows of identities: sessions, users, roles, their policies, OIDC providers. Read only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from moto.iam.models import IAMBackend, iam_backends
from moto.sts.models import AssumedRole, sts_backends

PARTITIONS = ("aws", "aws-cn", "aws-us-gov")


@dataclass(frozen=True)
class Policies:
    """All that limits an identity, as documents."""

    identity: tuple[str, ...] = ()
    boundary: str | None = None
    session: tuple[str, ...] = ()


@dataclass(frozen=True)
class Keys:
    """A key pair that somebody holds, and until when."""

    secret: str | None  # None: any will do
    token: str | None = None
    expires: datetime | None = None


@dataclass(frozen=True)
class Caller:
    """Who asks: the root user of an account, a user, a role's session, or nobody in particular."""

    arn: str
    account: str
    type: str  # aws:PrincipalType
    user_id: str = ""
    role: str | None = None
    name: str | None = None  # of a user
    tags: dict[str, str] = field(default_factory=dict)
    session: AssumedRole | None = None


ANYBODY = Caller("*", "", "Anonymous")


def root(account: str, partition: str = "aws") -> Caller:
    """Return the root user of an account."""
    return Caller(f"arn:{partition}:iam::{account}:root", account, "Account", account)


def session_of(key: str) -> tuple[Caller, Keys] | None:
    """Return the role's session that STS gave a key for."""
    for found in _sessions():
        if found.access_key_id == key:
            expires = found.expiration.replace(tzinfo=UTC)
            return _of_session(found), Keys(found.secret_access_key, found.session_token, expires)
    return None


def user_of(key: str) -> tuple[Caller, Keys] | None:
    """Return the IAM user that owns an access key."""
    for account, backend in _accounts():
        found = backend.access_keys.get(key)
        if found is not None and found.user_name:
            user = backend.get_user(found.user_name)
            caller = Caller(user.arn, account, "User", user.id, None, user.name, _tags(backend, user.arn))
            return caller, Keys(found.secret_access_key)
    return None


def role(arn: str) -> Any | None:
    """Return moto's role of an ARN, None where there is none."""
    parts = arn.split(":")
    if len(parts) < 6 or parts[1] not in PARTITIONS:
        return None
    backend = iam_backends[parts[4]][parts[1]]
    return next((each for each in list(backend.roles.values()) if each.arn == arn), None)


def role_named(account: str, name: str) -> Any | None:
    """Return moto's role of a name."""
    backend = iam_backends[account]["aws"]
    return next((each for each in list(backend.roles.values()) if each.name == name), None)


def policies(caller: Caller) -> Policies:
    """Return every policy that an identity has; the root user's allows everything."""
    if caller.type == "Account":
        return Policies((EVERYTHING,))
    if caller.session is not None:
        found = role(caller.role or "")
        given = (caller.session.policy,) if caller.session.policy else ()
        return Policies(*_of(found, caller), given) if found is not None else Policies()
    if caller.name is not None:
        backend = iam_backends[caller.account][caller.arn.split(":")[1]]
        user = backend.get_user(caller.name)
        own, boundary = _of(user, caller)
        groups = [group for group in backend.groups.values() if user in group.users]
        shared = [text for group in groups for text in _of(group, caller)[0]]
        return Policies((*own, *shared), boundary)
    return Policies()


EVERYTHING = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'


def role_policies(arn: str) -> tuple[str, ...]:
    """Return the policies of a role that somebody might act as."""
    found = role(arn)
    return _documents(found) if found is not None else ()


def provider(account: str, url: str, partition: str = "aws") -> Any | None:
    """Return the account's OIDC provider for an issuer."""
    wanted = url.removeprefix("https://").rstrip("/")
    providers = iam_backends[account][partition].open_id_providers.values()
    return next((each for each in list(providers) if each.url.rstrip("/") == wanted), None)


def _of(holder: Any, caller: Caller) -> tuple[tuple[str, ...], str | None]:
    boundary = getattr(holder, "permissions_boundary_arn", None)
    backend = iam_backends[caller.account][caller.arn.split(":")[1]]
    limits = _default(backend.get_policy(boundary)) if boundary else None
    return _documents(holder), limits


def _documents(holder: Any) -> tuple[str, ...]:
    inline = holder.policies.values()
    attached = (_default(policy) for policy in holder.managed_policies.values())
    return (*map(_text, inline), *attached)


def _default(policy: Any) -> str:
    current = next(v for v in policy.versions if v.version_id == policy.default_version_id)
    return _text(current.document)


def _text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document, default=str)


def _of_session(found: AssumedRole) -> Caller:
    known = role(found.role_arn)
    tags = {tag["Key"]: tag["Value"] for tag in _listed(known.tags)} if known is not None else {}
    return Caller(
        found.arn, found.account_id, "AssumedRole", found.user_id, found.role_arn, None, tags, found
    )


def _listed(tags: Any) -> list[dict[str, str]]:
    return list(tags.values()) if isinstance(tags, dict) else list(tags or [])


def _tags(backend: IAMBackend, arn: str) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in backend.tagger.list_tags_for_resource(arn)["Tags"]}


def _sessions() -> Iterator[AssumedRole]:
    for account in list(sts_backends.values()):
        for backend in list(account.values()):
            yield from list(backend.assumed_roles)


def _accounts() -> Iterator[tuple[str, IAMBackend]]:
    for account, partitions in list(iam_backends.items()):
        for backend in list(partitions.values()):
            yield account, backend
