"""One request to one instance: what its container answers, or what stands for the answer that never came."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass

from sagemaker_emulator.hosting.instance import Instance

TIMEOUT_SECONDS = 60.0  # AWS: containers must answer within 60 seconds
TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container primary. Review the latency "
    "metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
)
CUT_OFF = "The container closed the connection without an answer."


@dataclass(frozen=True)
class Answer:
    """What came back from a container, after how long; status 0 when nothing did in time."""

    status: int
    headers: Mapping[str, str] | http.client.HTTPMessage
    body: bytes
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Return whether the container said that it succeeded."""
        return 200 <= self.status < 300


def ask(instance: Instance, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send one request to a container; the failures of a connection become an answer of their own."""
    began = time.perf_counter()
    status, answered, said = _ask(instance, body, headers)
    return Answer(status, answered, said, time.perf_counter() - began)


def _ask(
    instance: Instance, body: bytes, headers: Mapping[str, str]
) -> tuple[int, Mapping[str, str] | http.client.HTTPMessage, bytes]:
    connection = instance.connect(TIMEOUT_SECONDS)
    reused = connection.sock is not None
    try:
        connection.request("POST", "/invocations", body=body, headers=headers)
        response = connection.getresponse()
        said = response.read()
    except TimeoutError:
        connection.close()
        return 0, {}, TIMED_OUT.encode()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        if reused and isinstance(
            error, (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError)
        ):
            return _ask(instance, body, headers)  # it was closed while idle: the container saw no request
        return 500, {}, CUT_OFF.encode()
    if response.will_close:
        connection.close()
    else:
        instance.keep(connection)
    return response.status, response.headers, said
