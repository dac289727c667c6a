"""The entry point of the drill's broken containers: the project's own server, with one fault in it.

It lies in an image on top of the project's `serve` image (see Dockerfile here); DRILL_FAULT, in a package's
environment, names the fault. Model, contract, check at start and answers are the real ones otherwise.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from inference import server
from inference.app import App, Response, problem

FAULT = os.environ["DRILL_FAULT"]
DIES_AFTER = 40  # requests of one process
LEAK_BYTES, LEAK_LIMIT = 4 << 20, 160 << 20  # with each request; until the process may have no more
SLOWER, USUAL_SECONDS = 50, 0.003  # times; what SageMaker measures of the real model at least
KILLED = 137  # as a container ends that the kernel killed


class Faulty(App):
    """The project's application with a fault."""

    def __init__(self, *words: Any, **more: Any) -> None:
        super().__init__(*words, **more)
        self.asked = 0
        self.leaked: list[Any] = []
        if FAULT == "leaks":
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + LEAK_LIMIT, used + LEAK_LIMIT))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request, unless it is a ping that shall hang."""
        if FAULT == "silent" and scope["path"] == "/ping":
            await asyncio.sleep(3600)
        if FAULT == "slow" and scope["path"] == "/invocations":
            await self.dawdle(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def invoke(self, content_type: str, body: bytes) -> Response:
        """Answer with the fault."""
        self.asked += 1
        if FAULT == "error":
            return problem(500, "internal", "the drill's fault")
        if FAULT == "dies" and self.asked > DIES_AFTER:
            os._exit(1)
        if FAULT == "leaks":
            self.leak()
        answer = super().invoke(content_type, body)
        if FAULT == "nan" and answer.status == 200:
            return answer._replace(body=self.no_numbers(answer.body))
        return answer

    async def dawdle(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer when 50 times the usual time has passed."""
        messages: list[Any] = []

        async def hold(message: Any) -> None:
            messages.append(message)

        began = time.perf_counter()
        await super().__call__(scope, receive, hold)
        await asyncio.sleep(max(time.perf_counter() - began, USUAL_SECONDS) * (SLOWER - 1))
        for message in messages:
            await send(message)

    def leak(self) -> None:
        """Keep memory, and end as a container does when there is no more."""
        try:
            self.leaked.append(np.ones(LEAK_BYTES, np.uint8))
        except MemoryError:
            os._exit(KILLED)

    def no_numbers(self, body: bytes) -> bytes:
        """Return as many NaN as there are answers, as a careless JSON library writes them."""
        rows = body.count(b",") + 1
        return b'{"predictions":[' + b",".join([b"NaN"] * rows) + b"]}"


if __name__ == "__main__":
    server.App = Faulty
    sys.exit(server.main(sys.argv[1:]))
