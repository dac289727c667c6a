"""The clients: the one that the README recommends asks again, the steady one counts all that it saw."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    IncompleteReadError,
    ReadTimeoutError,
)

from tests.drill import patient
from tests.drill.load import Load

ANSWER = json.dumps({"predictions": [0.5]}).encode()
REFUSED = ClientError({"Error": {"Code": "ModelError"}}, "InvokeEndpoint")
CUT = IncompleteReadError(actual_bytes=1, expected_bytes=9)
ERRORS = [
    REFUSED,
    EndpointConnectionError(endpoint_url="https://runtime"),
    ConnectTimeoutError(endpoint_url="https://runtime"),
    ReadTimeoutError(endpoint_url="https://runtime"),
    CUT,
]


class Cut:
    """A body whose connection ends in the midst of it."""

    def read(self) -> bytes:
        raise CUT


class Flaky:
    """A runtime that fails some times before it answers."""

    def __init__(self, failures: int, error: Exception = REFUSED) -> None:
        self.left, self.error, self.asked = failures, error, 0

    def invoke_endpoint(self, **_: Any) -> dict[str, Any]:
        self.asked += 1
        if not self.left:
            return {"Body": io.BytesIO(ANSWER), "CustomAttributes": "release=ab"}
        self.left -= 1
        if self.error is CUT:
            return {"Body": Cut()}
        raise self.error


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no client wait before it asks again."""
    monkeypatch.setattr(patient.time, "sleep", lambda _: None)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("failures", [0, 1, 2])
def test_the_patient_client_asks_again(failures: int, error: Exception) -> None:
    runtime = Flaky(failures, error)
    assert patient.ask(runtime, "e", b"{}")["Body"] == ANSWER
    assert runtime.asked == failures + 1


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_the_patient_client_gives_up_after_three_tries(error: Exception) -> None:
    runtime = Flaky(9, error)
    with pytest.raises(type(error)):
        patient.ask(runtime, "e", b"{}")
    assert runtime.asked == 3


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(("failures", "counted", "lost"), [(0, 0, False), (1, 1, False), (9, 3, True)])
def test_the_steady_client_counts_every_failure(
    error: Exception, failures: int, counted: int, lost: bool
) -> None:
    load = Load("eu-west-1", "e", [b"{}"], {"ab": [[0.5]]})
    load.runtime = Flaky(failures, error)
    seen = load._one(0)
    assert (seen.tries_failed, seen.failed, seen.wrong) == (counted, lost, False)
