"""The ASGI application behind the server: routes, limits and error bodies, without a framework.

What the client got wrong is a 4xx whose body names code, row and column and never repeats a value. A model
that answers NaN or infinity is a 500: a null would look like an answer, and the alarm on 5xx stay silent.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import orjson

from inference.encode import EncodeError
from inference.payload import UnsupportedMediaType
from inference.predictor import Predictor

MAX_BODY_BYTES = 25 * 1024 * 1024  # SageMaker's own limit for a real-time request
LARGE_BODY_BYTES = 512 * 1024  # above it a body is parsed in a thread, so that /ping need not wait behind it
LARGE_AT_ONCE = 2  # large bodies being parsed at a time; the others wait as bytes
LARGE_IN_MEMORY = 8  # large bodies being read or waiting; the others wait unread, in the socket
READ_SECONDS = 30  # within which a body must have arrived, once it is being read
METHODS = {"/ping": "GET", "/invocations": "POST"}

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
log = logging.getLogger("inference")


class Response(NamedTuple):
    """What is sent back."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    error: str = ""  # key=value, for the log


class App:
    """Answers for one proven model. `package` is the version in the registry that it was deployed from."""

    def __init__(self, predictor: Predictor, package: str = "0") -> None:
        self.predictor = predictor
        self.identity = f"release={predictor.contract.release_id} package={package}"
        attributes = f"release={predictor.contract.release_id};package={package}"
        self.headers = [
            (b"content-type", b"application/json"),
            (b"x-amzn-sagemaker-custom-attributes", attributes.encode("latin-1", "replace")),
        ]
        self.threads = ThreadPoolExecutor(LARGE_AT_ONCE, thread_name_prefix="large-body")
        self.large = asyncio.Semaphore(LARGE_IN_MEMORY)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        response = await self._route(scope, receive)
        if response is None:  # the client went away
            return
        if response.status >= 400:
            log.warning("event=error status=%d %s %s", response.status, response.error, self.identity)
        length = (b"content-length", str(len(response.body)).encode())
        headers = [*self.headers, length, *response.headers]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    async def _route(self, scope: dict[str, Any], receive: Receive) -> Response | None:
        method = METHODS.get(scope["path"])
        if method is None:
            return problem(404, "not_found", "there are GET /ping and POST /invocations")
        if scope["method"] != method:
            return problem(
                405, "method_not_allowed", f"expected {method}", headers=((b"allow", method.encode()),)
            )
        if method == "GET":
            return Response(200)
        headers = dict(scope["headers"])
        announced = headers.get(b"content-length", b"")
        if announced.isdigit() and int(announced) <= LARGE_BODY_BYTES:
            return await self._read_and_invoke(headers, receive)
        async with self.large:
            return await self._read_and_invoke(headers, receive)

    async def _read_and_invoke(self, headers: dict[bytes, bytes], receive: Receive) -> Response | None:
        try:
            async with asyncio.timeout(READ_SECONDS):
                body = await read_body(receive, headers)
        except TimeoutError:
            message = f"the body did not arrive within {READ_SECONDS} seconds"
            return problem(408, "too_slow", message, headers=((b"connection", b"close"),))
        if body is None or isinstance(body, Response):
            return body
        content_type = headers.get(b"content-type", b"").decode("latin-1")
        if len(body) <= LARGE_BODY_BYTES:
            return self.invoke(content_type, body)
        return await asyncio.get_running_loop().run_in_executor(self.threads, self.invoke, content_type, body)

    def invoke(self, content_type: str, body: bytes) -> Response:
        """Answer the body of a POST /invocations; every outcome is a Response."""
        try:
            predictions = self.predictor.answer(content_type, body)
        except UnsupportedMediaType as error:
            return problem(415, "unsupported_media_type", str(error))
        except EncodeError as error:
            answer = problem(400, error.code, error.message, error.row, error.column)
            # A name that is not the contract's is the client's text: no log repeats it.
            column = error.column if error.column in self.predictor.contract.names else None
            return answer._replace(error=f"{answer.error} column={column!r}")
        except Exception as error:  # its text could hold a value of the request: only its type is told
            frame = traceback.extract_tb(error.__traceback__)[-1]
            log.error("event=failed error=%s at=%s:%s", type(error).__name__, frame.filename, frame.lineno)
            return problem(500, "internal", f"the model could not answer ({type(error).__name__})")
        finite = np.isfinite(predictions)
        if not finite.all():
            row = int(np.argwhere(~finite)[0][0])
            return problem(500, "not_finite", "the model's answer is not a finite number", row)
        return Response(200, orjson.dumps({"predictions": predictions}, option=orjson.OPT_SERIALIZE_NUMPY))


async def read_body(receive: Receive, headers: dict[bytes, bytes]) -> bytes | Response | None:
    """Return the body, a 413 when it is too large, or None when the client went away.

    A body that is too large is read to its end, or to twice the limit, and thrown away: a client that is
    still sending would otherwise see a broken connection instead of the answer.
    """
    announced = headers.get(b"content-length", b"0")
    too_large = announced.isdigit() and int(announced) > MAX_BODY_BYTES
    chunks: list[bytes] = []
    size, more = 0, True
    while more and size <= 2 * MAX_BODY_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunk, more = message.get("body", b""), message.get("more_body", False)
        size += len(chunk)
        too_large = too_large or size > MAX_BODY_BYTES
        chunks = [] if too_large else chunks
        chunks.append(chunk)
    if too_large:
        message = f"the body is larger than {MAX_BODY_BYTES // 1024**2} MiB"
        return problem(413, "too_large", message, headers=((b"connection", b"close"),))
    return b"".join(chunks)


def problem(
    status: int,
    code: str,
    message: str,
    row: int | None = None,
    column: str | None = None,
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> Response:
    """Return an error body in the one form that all errors have."""
    error = {"code": code, "message": message, "row": row, "column": column}
    return Response(status, orjson.dumps({"error": error}), headers, f"code={code} row={row}")
