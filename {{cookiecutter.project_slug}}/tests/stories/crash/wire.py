"""Faults on the way to AWS: asked for over the emulator's HTTP, at the moment when a certain call is made.

The verbs run in this process, so botocore tells us of each call before it leaves. Calls of child processes
(docker push) are only seen by the emulator: there a fault waits from the start.
"""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import botocore.endpoint
import botocore.session
from botocore.loaders import Loader
from sagemaker_gitops import aws
from sagemaker_gitops.aws import Aws

from tests.stories.crash.calls import Place, Places

READ_SECONDS = 3.0  # instead of 70: how long a verb waits for an answer that does not come
HANG_SECONDS = 3.5
FASTER = 20  # the pauses between two attempts are divided by it


def ask(url: str, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Talk to the emulator about itself."""
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}/_emulator/{path}", data=content, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        text = answer.read()
    return json.loads(text) if text else None


@dataclass
class Wire:
    """The calls of the verb that runs, and the fault that waits for one of them."""

    url: str
    made: list[Place] = field(default_factory=list)  # those of this process
    places: Places = field(default_factory=lambda: Places(""))
    wanted: Place | None = None
    fault: dict[str, Any] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, verb: str) -> None:
        """Say which verb the next calls are of."""
        self.places, self.made = Places(verb), []
        ask(self.url, "DELETE", "calls")

    def before_call(self, model: Any, **_: Any) -> None:
        """Note a call before it leaves; ask for the fault where this is its place."""
        with self.lock:
            place = self.places.next(model.service_model.service_name, model.name)
            self.made.append(place)
            if place == self.wanted:
                self.wanted = None
                ask(self.url, "POST", "faults", self.fault)

    def wait_for(self, place: Place, kind: str, times: int, here: bool) -> None:
        """Let `kind` happen to the call at a place; `here`: this process makes it."""
        self.fault = {"kind": kind, "service": place.service, "operation": place.operation, "times": times}
        if kind == "hang":
            self.fault["seconds"] = HANG_SECONDS
        if here:
            self.wanted = place
        else:
            ask(self.url, "POST", "faults", {**self.fault, "after": place.number - 1})

    def clear(self) -> int:
        """Take the fault away and return how often it has acted."""
        self.wanted = None
        hits = sum(fault["hits"] for fault in ask(self.url, "GET", "faults")["faults"])
        ask(self.url, "DELETE", "faults")
        return hits

    def recorded(self) -> list[tuple[str, str]]:
        """Return the calls that arrived since the verb began."""
        return [(call["service"], call["operation"]) for call in ask(self.url, "GET", "calls")["calls"]]


@contextmanager
def tapped(url: str) -> Iterator[Wire]:
    """Tell a wire of every call of the verbs; shorten what they wait for, and nothing else of theirs."""
    wire, make, loader, time = Wire(url), Aws._client, Loader(), botocore.endpoint.time

    def client(self: Aws, service: str, attempts: int = aws.RETRIES, seconds: float = READ_SECONDS) -> Any:
        made = make(self, service, attempts, min(seconds, READ_SECONDS))
        made.meta.events.register_first("before-call", wire.before_call)
        return made

    session_of = botocore.session.create_loader
    Aws._client = client  # type: ignore[method-assign]
    botocore.session.create_loader = lambda *_: loader  # reading the models of AWS takes longer than a call
    botocore.endpoint.time = SimpleNamespace(time=time.time, sleep=lambda pause: time.sleep(pause / FASTER))
    try:
        yield wire
    finally:
        Aws._client, botocore.endpoint.time, botocore.session.create_loader = make, time, session_of  # type: ignore[method-assign]
