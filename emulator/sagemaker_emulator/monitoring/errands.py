"""One thread that tells others what happened, in order: no change of state waits for a subscriber."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

from sagemaker_emulator import endings

log = logging.getLogger(__name__)

Errand = Callable[[], None]
_lock = threading.Lock()
_waiting: queue.SimpleQueue[Errand | None] = queue.SimpleQueue()
_thread: threading.Thread | None = None


def send(errand: Errand) -> None:
    """Have something done soon, after what was sent before."""
    global _thread
    _waiting.put(errand)
    with _lock:
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_work, name="errands", daemon=True)
            _thread.start()


def _work() -> None:
    while (errand := _waiting.get()) is not None:
        try:
            errand()
        except Exception:
            log.exception("event=errand_failed")


@endings.at_shutdown
def stop() -> None:
    """Do what is waiting, then end the thread."""
    if _thread is not None and _thread.is_alive():
        _waiting.put(None)
        _thread.join(timeout=1.0)
