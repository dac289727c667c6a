"""What happens to a request on its way in and out: it is recorded, and meets the fault that waits for it."""

from __future__ import annotations

import contextlib
import logging
import re
import socket
from collections.abc import Callable, Iterable
from typing import Any

from sagemaker_emulator import access, itself
from sagemaker_emulator.faults import answers, calls, registry
from sagemaker_emulator.faults.calls import Recorded
from sagemaker_emulator.faults.identify import Asked, identify
from sagemaker_emulator.faults.registry import Fault

log = logging.getLogger(__name__)

StartResponse = Callable[..., Any]
App = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]
RUNTIME = "sagemaker-runtime"
ACCOUNT_KEY = re.compile(r"Credential=(\d{12})/")
# What moto serves besides AWS.
NOT_CALLS = ("/moto-api", "/latest/meta-data/", "/latest/api/", "/favicon.ico")


class ConnectionDropped(ConnectionError):
    """The connection was closed on purpose; the server's handler takes it for a client that hung up."""


def guarded(app: App, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """Answer one request by `app`, unless a fault was asked for. Raises ConnectionDropped."""
    if environ["PATH_INFO"].startswith(NOT_CALLS):
        return app(environ, start_response)
    app = _authorized(app) if access.enforced() else _of_account(app)
    if itself.INTERNAL in environ.get("HTTP_USER_AGENT", ""):
        return app(environ, start_response)
    asked = identify(environ)
    call = calls.begin(asked.service, asked.operation)
    start = _noting(call, start_response)
    fault = registry.take(asked.service, asked.operation)
    if fault is not None:
        call.fault = fault.kind
        return _faulty(fault, asked, app, environ, start, call)
    if asked.service == RUNTIME and asked.operation and not _signed(environ):
        return _send(answers.unsigned(), environ, start)
    return app(environ, start)


def _authorized(app: App) -> App:
    """Return `app` behind IAM: what the caller may not do is answered before it."""

    def decide(environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        from sagemaker_emulator.access import gate  # with what it needs of moto, only where it is wanted

        asked = identify(environ)
        try:
            refusal = gate.stopped(environ, asked)
        except Exception:  # what cannot be decided is not allowed
            log.exception("event=authorization_broke service=%s action=%s", asked.service, asked.operation)
            refusal = answers.broken(asked)
        if refusal is not None:
            return _send(refusal, environ, start)
        with itself.acting(gate.on_behalf(environ)):
            return app(environ, start)

    return decide


def _of_account(app: App) -> App:
    """Return `app`, told of the account where the access key is an account's number."""

    def tell(environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        found = ACCOUNT_KEY.search(environ.get("HTTP_AUTHORIZATION", ""))
        if found is None:
            return app(environ, start)
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = found[1]
        with itself.acting(itself.root(found[1])):
            return app(environ, start)

    return tell


def _faulty(
    fault: Fault, asked: Asked, app: App, environ: dict[str, Any], start: StartResponse, call: Recorded
) -> Iterable[bytes]:
    if fault.kind == "throttle":
        return _send(answers.throttled(asked), environ, start)
    if fault.kind == "error":
        return _send(answers.broken(asked), environ, start)
    if fault.kind == "refuse":
        return _send(answers.refused(asked, fault.code, fault.message), environ, start)
    if fault.kind == "drop-after":
        _run_unheard(app, environ)
    else:
        _drain(environ)
    if fault.kind == "hang":
        fault.cleared.wait(fault.seconds)
    call.status = None
    _hang_up(environ)
    raise ConnectionDropped(fault.id)


def _noting(call: Recorded, start_response: StartResponse) -> StartResponse:
    def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
        call.status = int(status.split(" ", 1)[0])
        return start_response(status, headers, *rest)

    return start


def _send(answer: answers.Answer, environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
    _drain(environ)  # a client that is still sending would not read the answer
    start(f"{answer.status} {answer.phrase}", list(answer.headers.items()))
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]


def _run_unheard(app: App, environ: dict[str, Any]) -> None:
    """Run the operation to its end and throw its answer away."""
    answer = app(environ, lambda *_: None)
    try:
        for _ in answer:
            pass
    finally:
        if hasattr(answer, "close"):
            answer.close()


def _drain(environ: dict[str, Any]) -> None:
    source = environ["wsgi.input"]
    with contextlib.suppress(OSError, ValueError):
        if environ.get("wsgi.input_terminated"):
            while source.read(1 << 20):
                pass
            return
        left = int(environ.get("CONTENT_LENGTH") or 0)
        while left > 0 and (piece := source.read(min(left, 1 << 20))):
            left -= len(piece)


def _hang_up(environ: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)


def _signed(environ: dict[str, Any]) -> bool:
    return "HTTP_AUTHORIZATION" in environ or "X-Amz-Credential" in environ.get("QUERY_STRING", "")
