"""The HTTP under /_emulator: faults and calls, in JSON, for tests in any language."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from sagemaker_emulator.access import decisions
from sagemaker_emulator.faults import calls, registry

PREFIX = "/_emulator/"
MOST_BYTES = 1 << 20
PHRASES = {
    200: "OK",
    201: "Created",
    204: "No Content",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
}
Answer = tuple[int, dict[str, Any] | None]


def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer one request under /_emulator/."""
    status, content = _decided(environ)
    body = b"" if content is None else json.dumps(content).encode() + b"\n"
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response(f"{status} {PHRASES[status]}", headers)
    return [body]


def _decided(environ: dict[str, Any]) -> Answer:
    method = environ["REQUEST_METHOD"]
    name, _, rest = environ["PATH_INFO"].removeprefix(PREFIX).rstrip("/").partition("/")
    body = _body(environ)
    if name == "faults" and rest:
        return _one_fault(method, rest)
    if name == "faults":
        return _faults(method, body)
    if name == "calls" and not rest:
        return _calls(method)
    if (name, rest) == ("iam", "decisions"):
        return _decisions(method)
    if name == "oidc":
        from sagemaker_emulator.access import issuer  # makes keys: only where it is wanted

        return issuer.answer(method, rest, environ, body)
    listed = ", ".join(f"{PREFIX}{each}" for each in ("faults", "calls", "iam/decisions", "oidc/jobs"))
    return 404, {"message": f"no {environ['PATH_INFO']}; there are {listed}"}


def _faults(method: str, body: bytes) -> Answer:
    if method == "GET":
        return 200, {"faults": registry.listed()}
    if method == "DELETE":
        registry.clear()
        return 204, None
    if method != "POST":
        return _no(method, "GET, POST, DELETE")
    try:
        return 201, {"id": registry.add(json.loads(body)).id}
    except registry.BadFault as error:
        return 400, {"message": str(error), "member": error.member}
    except ValueError:
        return 400, {"message": "the body is not JSON; expected an object with kind", "member": "the body"}


def _one_fault(method: str, name: str) -> Answer:
    if method not in ("GET", "DELETE"):
        return _no(method, "GET, DELETE")
    found = [fault for fault in registry.listed() if fault["id"] == name]
    if not found or (method == "DELETE" and not registry.remove(name)):
        return 404, {"message": f"no fault {name}"}
    return (200, found[0]) if method == "GET" else (204, None)


def _calls(method: str) -> Answer:
    if method == "GET":
        return 200, {"calls": calls.listed()}
    if method == "DELETE":
        calls.clear()
        return 204, None
    return _no(method, "GET, DELETE")


def _decisions(method: str) -> Answer:
    if method == "GET":
        return 200, {"decisions": decisions.listed()}
    if method == "DELETE":
        decisions.clear()
        return 204, None
    return _no(method, "GET, DELETE")


def _no(method: str, offered: str) -> Answer:
    return 405, {"message": f"{method} is not offered here; expected one of {offered}"}


def _body(environ: dict[str, Any]) -> bytes:
    try:
        length = int(environ.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return b""
    return environ["wsgi.input"].read(min(length, MOST_BYTES)) if length > 0 else b""
