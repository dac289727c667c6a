"""How long an update has taken, in AWS's seconds: waiting is scaled, work takes as long as it takes."""

from __future__ import annotations

import threading
import time

from sagemaker_emulator import clock

TICK_SECONDS = 0.1  # real ones: how often alarms and faults are looked at during a wait


class Stopped(Exception):
    """The emulator stops: whatever is waited for will not come."""


class Stopwatch:
    """Waits in AWS's seconds and counts them; real seconds that pass in between count as they are."""

    def __init__(self, stop: threading.Event | None = None) -> None:
        self._stop = stop or threading.Event()
        self._began = time.monotonic()
        self._slept = self._waited = 0.0

    @property
    def spent(self) -> float:
        """Return AWS's seconds since the start."""
        return self._waited + (time.monotonic() - self._began - self._slept)

    @property
    def tick(self) -> float:
        """Return how many of AWS's seconds lie between two looks."""
        return TICK_SECONDS / clock.scaled(1)

    def wait(self, seconds: float) -> None:
        """Wait so many of AWS's seconds. Raises Stopped."""
        before = time.monotonic()
        stopped = self._stop.wait(clock.scaled(seconds))
        self._slept += time.monotonic() - before
        self._waited += seconds
        if stopped:
            raise Stopped
