"""What is to be done when the emulator stops; a module of its own, for whoever must not import moto first."""

from __future__ import annotations

import logging
from collections.abc import Callable

log = logging.getLogger(__name__)
_steps: list[Callable[[], None]] = []


def at_shutdown(function: Callable[[], None]) -> Callable[[], None]:
    """Run `function` when the emulator stops, newest first."""
    _steps.append(function)
    return function


def shutdown() -> None:
    """Run what `at_shutdown` collected; one that fails does not keep the others from running."""
    for step in reversed(_steps):
        try:
            step()
        except Exception:
            log.exception("event=shutdown_step_failed")
