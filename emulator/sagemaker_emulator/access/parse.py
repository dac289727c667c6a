"""A request's parameters as boto3 would name them, read by moto's own parsers; the body is put back."""

from __future__ import annotations

import io
from typing import Any

from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.utils import get_service_model
from moto.moto_server.werkzeug_app import BackendRequest

from sagemaker_emulator.faults.identify import Asked

FAR_TOO_LARGE = 64 * 1024 * 1024
NOT_READ = "s3"  # its objects may be of any size; what their permissions need is in path and headers
READ_ALL_THE_SAME = ("DeleteObjects",)


class Unreadable(Exception):
    """The request is not one of the service's."""


def body(environ: dict[str, Any], asked: Asked) -> bytes | None:
    """Return the body and put it back; None where it is left alone."""
    if asked.service == NOT_READ and asked.operation not in READ_ALL_THE_SAME:
        return None
    try:
        length = int(environ.get("CONTENT_LENGTH") or 0)
    except ValueError:
        length = 0
    source = environ["wsgi.input"]
    if environ.get("wsgi.input_terminated") and not length:
        read = source.read(FAR_TOO_LARGE)
        environ["CONTENT_LENGTH"] = str(len(read))
    else:
        read = source.read(min(length, FAR_TOO_LARGE)) if length else b""
    environ["wsgi.input"] = io.BytesIO(read)
    return read


def parameters(environ: dict[str, Any], asked: Asked, content: bytes | None) -> dict[str, Any]:
    """Return the parameters. Raises Unreadable."""
    content = content or b""
    copy = {**environ, "wsgi.input": io.BytesIO(content), "CONTENT_LENGTH": str(len(content))}
    copy.pop("werkzeug.request", None)
    request = BackendRequest(copy)
    try:
        model = get_service_model(asked.service)
        operation = model.operation_model(asked.operation)
        found: dict[str, Any] = {}
        if asked.protocol.startswith("rest-"):
            _, found = get_service_router(asked.service).match(request)
        parser = PROTOCOL_PARSERS[determine_request_protocol(model, request.content_type)](operation)
        parsed = parser.parse(
            {
                "method": request.method,
                "values": request.values,
                "headers": request.headers,
                "body": content,
                "url_path": request.path,
                "url_params": found,
            }
        )
    except Exception as error:
        raise Unreadable(f"{asked.service}:{asked.operation}: {error}") from error
    return dict(parsed)
