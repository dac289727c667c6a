"""Who sent a request: the access key it is signed with, its session token, its signature. Raises Refused."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, quote

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from sagemaker_emulator import itself
from sagemaker_emulator.access import directory
from sagemaker_emulator.access.directory import ANYBODY, Caller, Keys

ROOT = re.compile(r"\d{12}")
SIGNATURE = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,]+)/(?P<date>\d{8})/(?P<region>[^/,]+)/(?P<service>[^/,]+)"
    r"/aws4_request,\s*SignedHeaders=(?P<headers>[^,\s]+),\s*Signature=(?P<signature>[0-9a-f]+)"
)


class Refused(Exception):
    """The credentials are no good; the message is the kind of refusal."""


@dataclass(frozen=True)
class Signed:
    """The signature of a request, read."""

    key: str
    region: str
    service: str
    token: str | None
    headers: tuple[str, ...] = ()
    signature: str = ""  # empty: in the query string, and not checked


def signed(environ: dict[str, Any]) -> Signed | None:
    """Return what a request is signed with, None where it is not."""
    found = SIGNATURE.search(environ.get("HTTP_AUTHORIZATION", ""))
    if found is not None:
        return Signed(
            found["key"],
            found["region"],
            found["service"],
            environ.get("HTTP_X_AMZ_SECURITY_TOKEN"),
            tuple(found["headers"].split(";")),
            found["signature"],
        )
    query = parse_qs(environ.get("QUERY_STRING", ""))
    if "X-Amz-Credential" not in query:
        return None
    key, _, region, service, _ = query["X-Amz-Credential"][0].split("/")
    return Signed(key, region, service, query.get("X-Amz-Security-Token", [None])[0])


def account_of(key: str) -> str | None:
    """Return the account whose root user a key stands for."""
    if key == "test":
        return itself.ACCOUNT
    return key if ROOT.fullmatch(key) else None


def of_key(key: str) -> Caller:
    """Return whose access key it is. Raises Refused."""
    account = account_of(key)
    if account is not None:
        return directory.root(account)
    known = directory.session_of(key) or directory.user_of(key)
    if known is None:
        raise Refused("unknown key")
    return known[0]


def caller(environ: dict[str, Any], body: bytes | None) -> Caller:
    """Return who sent the request; `body` is None where it is not read. Raises Refused."""
    found = signed(environ)
    if found is None:
        return ANYBODY
    account = account_of(found.key)
    if account is not None:
        return directory.root(account)
    known = directory.session_of(found.key) or directory.user_of(found.key)
    if known is None:
        raise Refused("unknown key")
    who, keys = known
    if (keys.token or None) != (found.token or None):
        raise Refused("unknown key")
    if keys.expires is not None and keys.expires <= datetime.now(UTC):
        raise Refused("expired")
    if found.signature and not _fits(found, keys, environ, body):
        raise Refused("signature")
    return who


def _fits(found: Signed, keys: Keys, environ: dict[str, Any], body: bytes | None) -> bool:
    """Whether the signature is that of the key's owner (Signature Version 4, computed by botocore)."""
    headers = {name: _header(environ, name) for name in found.headers}
    hashed = headers.get("x-amz-content-sha256") or hashlib.sha256(body or b"").hexdigest()
    request = AWSRequest(environ["REQUEST_METHOD"], _url(environ), headers, b"")
    request.headers["X-Amz-Content-SHA256"] = hashed
    request.context["timestamp"] = _header(environ, "x-amz-date")
    kind = _S3 if found.service == "s3" else _Plain
    auth = kind(Credentials(found.key, keys.secret, keys.token), found.service, found.region)
    auth.names = found.headers
    text = auth.string_to_sign(request, auth.canonical_request(request))
    return hmac.compare_digest(auth.signature(text, request), found.signature)


class _Named:
    """Takes the headers that the client named as signed, not those that botocore would sign."""

    names: tuple[str, ...] = ()

    def headers_to_sign(self, request: AWSRequest) -> Any:
        wanted = AWSRequest().headers
        for name in self.names:
            wanted[name] = request.headers[name]
        return wanted


class _Plain(_Named, SigV4Auth):
    """Every service but S3."""


class _S3(_Named, S3SigV4Auth):
    """S3, whose paths are signed as they are."""


def _header(environ: dict[str, Any], name: str) -> str:
    key = name.upper().replace("-", "_")
    return environ.get(key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}", "")


def _url(environ: dict[str, Any]) -> str:
    raw = environ.get("RAW_URI") or quote(environ["PATH_INFO"])
    path = raw.split("?", 1)[0]
    query = environ.get("QUERY_STRING", "")
    return f"http://{environ.get('HTTP_HOST', '')}{path}" + (f"?{query}" if query else "")
