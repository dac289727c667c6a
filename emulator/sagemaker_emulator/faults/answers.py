"""The errors of throttling, of a refusal and of a broken service, as each of AWS's protocols words them."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from xml.sax.saxutils import escape

from sagemaker_emulator.faults.identify import Asked

INTERNAL = "The request processing has failed because of an unknown error, exception or failure."


@dataclass(frozen=True)
class Answer:
    """A whole answer: status line, headers, body."""

    status: int
    phrase: str
    headers: dict[str, str]
    body: bytes


def throttled(asked: Asked) -> Answer:
    """Return what a caller hears that called too often."""
    if asked.service == "s3":
        return worded(asked, 503, "Service Unavailable", "SlowDown", "Please reduce your request rate.")
    if asked.protocol == "ec2":
        return worded(asked, 503, "Service Unavailable", "RequestLimitExceeded", "Request limit exceeded.")
    code = "Throttling" if asked.protocol == "query" else "ThrottlingException"
    return worded(asked, 400, "Bad Request", code, "Rate exceeded")


def broken(asked: Asked) -> Answer:
    """Return what a caller hears of a failure inside the service."""
    if asked.service == "s3":
        text = "We encountered an internal error. Please try again."
        return worded(asked, 500, "Internal Server Error", "InternalError", text)
    code = "InternalError" if asked.protocol == "ec2" else "InternalFailure"
    return worded(asked, 500, "Internal Server Error", code, INTERNAL)


def refused(asked: Asked, code: str, message: str) -> Answer:
    """Return what a caller hears whose request is not taken, and would not be the next time."""
    return worded(asked, 400, "Bad Request", code, message)


def unsigned() -> Answer:
    """Return what a REST API answers to a request without a signature."""
    asked = Asked("sagemaker-runtime", "InvokeEndpoint", "rest-json")
    text = "Missing Authentication Token"
    return worded(asked, 403, "Forbidden", "MissingAuthenticationTokenException", text)


def worded(asked: Asked, status: int, phrase: str, code: str, message: str) -> Answer:
    """Return an error in the form of the protocol."""
    request_id = str(uuid.uuid4())
    headers = {"x-amzn-RequestId": request_id}
    if asked.protocol == "smithy-rpc-v2-cbor":
        body = b"\xa2" + b"".join(_cbor(text) for text in ("__type", code, "message", message))
        headers |= {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
    elif asked.protocol == "json":
        body = json.dumps({"__type": code, "message": message}).encode()
        headers |= {"Content-Type": "application/x-amz-json-1.1"}
    elif asked.protocol == "rest-json":
        body = json.dumps({"message": message}).encode()
        headers |= {"Content-Type": "application/json", "x-amzn-ErrorType": code}
    else:
        body = _xml(asked, status, code, message, request_id).encode()
        headers |= {"Content-Type": "application/xml" if asked.service == "s3" else "text/xml"}
    return Answer(status, phrase, headers | {"Content-Length": str(len(body))}, body)


def _xml(asked: Asked, status: int, code: str, message: str, request_id: str) -> str:
    start = '<?xml version="1.0" encoding="UTF-8"?>\n'
    error = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
    if asked.service == "s3":
        return f"{start}<Error>{error}<RequestId>{request_id}</RequestId><HostId>emulator</HostId></Error>"
    if asked.protocol == "ec2":
        inner = f"<Errors><Error>{error}</Error></Errors><RequestID>{request_id}</RequestID>"
        return f"{start}<Response>{inner}</Response>"
    side = "Sender" if status < 500 else "Receiver"
    return (
        f"{start}<ErrorResponse><Error><Type>{side}</Type>{error}</Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )


def _cbor(text: str) -> bytes:
    """Return a text string in CBOR (RFC 8949, major type 3); ours are shorter than 256 bytes."""
    raw = text.encode()
    head = bytes([0x60 + len(raw)]) if len(raw) < 24 else bytes([0x78, len(raw)])
    return head + raw
