"""The emulator itself: where its state lies, its address, and as whom its own calls are made."""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moto.backends import get_backend

ACCOUNT = "123456789012"
# In the user agent of our own clients: what they ask is neither recorded nor hit by faults.
INTERNAL = f"emulator-internal/{secrets.token_hex(8)}"
VIA = "emulator-via/"
MOST_CLIENTS = 256
_where: dict[str, str] = {}
_client_lock = threading.Lock()
_thread = threading.local()


def home() -> Path:
    """Return the state folder of this emulator, made if need be."""
    folder = Path(os.environ.get("SAGEMAKER_EMULATOR_HOME", ".emulator")).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def set_url(url: str) -> None:
    """Remember where the server listens; called once by the server."""
    _where["url"] = url


def url() -> str:
    """Return the emulator's address, such as http://127.0.0.1:5566."""
    return _where["url"]


def backend(service: str, account: str, region: str) -> Any:
    """Return moto's own state of a service, for what is too frequent for the wire (log lines, metrics)."""
    return get_backend(service)[account][region]  # type: ignore[call-overload]


@dataclass(frozen=True)
class Identity:
    """The keys that our own calls are signed with, and the service on whose behalf they are made."""

    key: str
    secret: str = "test"  # noqa: S105 (what everybody knows)
    token: str | None = None
    via: str | None = None


def root(account: str) -> Identity:
    """Return the root user of an account."""
    return Identity("test" if account == ACCOUNT else account)


@contextlib.contextmanager
def acting(whom: Identity) -> Iterator[None]:
    """Make this thread's own calls, and the processes it starts, those of somebody."""
    before = identity()
    _thread.identity = whom
    try:
        yield
    finally:
        _thread.identity = before


def identity() -> Identity:
    """Return whom this thread acts as."""
    return getattr(_thread, "identity", None) or root(ACCOUNT)


def credentials() -> dict[str, str]:
    """Return the credentials of whom this thread acts as; jobs, containers and our own clients use them."""
    found = identity()
    token = {"AWS_SESSION_TOKEN": found.token} if found.token else {}
    return {"AWS_ACCESS_KEY_ID": found.key, "AWS_SECRET_ACCESS_KEY": found.secret, **token}


def client(service: str, region: str = "us-east-1") -> Any:
    """Return a client of the emulator itself (over its wire, so every rule applies); one per identity."""
    return _client(service, region, identity(), url())


@functools.lru_cache(maxsize=MOST_CLIENTS)
def _client(service: str, region: str, identity: Identity, address: str) -> Any:
    with _client_lock:  # making one is not thread-safe, using it is
        return _new_client(service, region, identity, address)


def _new_client(service: str, region: str, identity: Identity, address: str) -> Any:
    import boto3
    from botocore.config import Config

    # Path style: the host is an address, not a domain. No retries: an error here is ours to see at once.
    config = Config(
        retries={"total_max_attempts": 1},
        s3={"addressing_style": "path"},
        max_pool_connections=50,
        user_agent_extra=f"{INTERNAL} {VIA}{identity.via}" if identity.via else INTERNAL,
    )
    session = boto3.session.Session(identity.key, identity.secret, identity.token, region_name=region)
    return session.client(service, endpoint_url=address, config=config)


def via(user_agent: str) -> str | None:
    """Return the service on whose behalf one of our own calls is made; nobody else can say that."""
    if INTERNAL not in user_agent or VIA not in user_agent:
        return None
    return user_agent.partition(VIA)[2].split()[0]
