"""A client that asks production all the time, and holds every answer to the release that gave it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

STAMP = re.compile(r"release=([0-9a-f]{64});package=\d+")
PAUSE = 0.2  # seconds
ROW = 1.0


class Client:
    """Asks until the block ends. It never tries twice: one answer that does not come is one failure."""

    def __init__(self, runtime: Any, endpoint: str) -> None:
        self.runtime, self.endpoint = runtime, endpoint
        self.sent, self.trouble = 0, []

    def ask(self) -> str:
        """Return the release that answered; raise AssertionError where the answer is not its own."""
        told = self.runtime.invoke_endpoint(
            EndpointName=self.endpoint,
            ContentType="application/json",
            Body=json.dumps({"instances": [[ROW]]}).encode(),
        )
        stamp = STAMP.fullmatch(told["CustomAttributes"])
        assert stamp, told["CustomAttributes"]
        wanted = ROW + int(stamp[1][:6], 16) / 1000
        got = json.loads(told["Body"].read())["predictions"]
        assert got == [wanted], "an answer is wrong"
        return stamp[1]

    @contextmanager
    def asking(self, never: bool = False) -> Iterator[None]:
        """Ask in a thread while the block runs, or not at all; count anew."""
        self.sent, self.trouble = 0, []
        if never:
            yield
            return
        stop = threading.Event()
        thread = threading.Thread(target=self._run, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _run(self, stop: threading.Event) -> None:
        while not stop.wait(PAUSE):
            self.sent += 1
            try:
                self.ask()
            except Exception as error:
                self.trouble.append(f"{type(error).__name__}: {error}")
