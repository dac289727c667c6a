"""Shadow variants: a fleet beside the one that serves, which gets copies of requests and answers nobody.

AWS allows one shadow variant beside one production variant. Its share of the requests is its weight relative
to the production variant's: with equal weights it sees every request. Copies are made when the caller's
answer is there; what the shadow cannot keep up with is dropped, so it costs the caller nothing.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sagemaker_emulator.hosting.ask import Answer, ask
from sagemaker_emulator.hosting.fleet import Fleet, NoInstance, Variant

log = logging.getLogger(__name__)

WORKERS = 8
MOST_WAITING = 200

Heard = Callable[[Variant, Answer], None]  # told of each answer of the shadow, or of its absence


@dataclass(frozen=True)
class Copy:
    """One request, once more."""

    body: bytes
    headers: Mapping[str, str]
    heard: Heard


class ShadowedFleet(Fleet):
    """A fleet that serves, and beside it a fleet that only gets copies; both start and end together."""

    def __init__(self, *args: Any, shadow: Fleet, **named: Any) -> None:
        super().__init__(*args, **named)
        self.shadow = shadow
        self._up = False
        self._copies: queue.Queue[Copy | None] = queue.Queue(MOST_WAITING)
        self._workers: list[threading.Thread] = []

    def scale(self, counts: Mapping[str, int], within: float | None = None) -> None:
        """Have so many instances; the shadow's come up with the first. Raises FleetFailed."""
        began = time.monotonic()
        super().scale(counts, within)
        if self._up or not any(counts.values()):
            return
        self._up = True
        left = None if within is None else max(0.0, within - (time.monotonic() - began))
        self.shadow.scale(self.shadow.wanted, left)
        self.shadow.put_in_service(self.shadow.wanted)

    def holding(self, name: str) -> Fleet | None:
        """Return the one of the two fleets that a variant belongs to."""
        return super().holding(name) or self.shadow.holding(name)

    def copy(self, body: bytes, headers: Mapping[str, str], heard: Heard) -> None:
        """Hand a request to the shadow as well, by chance and by weight; never waits and never raises."""
        if random.random() >= self._share():  # noqa: S311 (a sample, no secret)
            return
        self._start_workers()
        try:
            self._copies.put_nowait(Copy(body, headers, heard))
        except queue.Full:
            log.warning("event=copy_dropped config=%s", self.config_name)

    def end(self, drain: bool = True) -> None:
        """End both fleets; nobody waits for what the shadow is doing."""
        super().end(drain)
        with contextlib.suppress(queue.Empty):
            while True:
                self._copies.get_nowait()
        for _ in self._workers:
            with contextlib.suppress(queue.Full):
                self._copies.put_nowait(None)
        self.shadow.end(drain=False)

    def _share(self) -> float:
        """Return which part of the requests the shadow gets."""
        production = sum(variant.weight for variant in self.variants.values())
        shadow = sum(variant.weight for variant in self.shadow.variants.values())
        return min(1.0, shadow / production) if production else 0.0

    def _start_workers(self) -> None:
        with self._changed:
            if self._workers or self._ended:
                return
            self._workers = [
                threading.Thread(target=self._work, name=f"shadow-{self.config_name}", daemon=True)
                for _ in range(WORKERS)
            ]
            for worker in self._workers:
                worker.start()

    def _work(self) -> None:
        while (copy := self._copies.get()) is not None and not self._ended:
            try:
                self._ask(copy)
            except Exception:
                log.exception("event=copy_lost config=%s", self.config_name)

    def _ask(self, copy: Copy) -> None:
        try:
            variant, instance = self.shadow.acquire(None)
        except NoInstance as error:
            copy.heard(self.shadow.variants[str(error)], Answer(503, {}, b""))
            return
        try:
            answer = ask(instance, copy.body, copy.headers)
        finally:
            self.shadow.release(instance)
        copy.heard(variant, answer)
