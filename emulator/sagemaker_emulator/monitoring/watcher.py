"""The thread that looks at all alarms; it lives while there are any."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from moto.cloudwatch.models import Alarm, CloudWatchBackend

from sagemaker_emulator import endings
from sagemaker_emulator.monitoring import definitions

log = logging.getLogger(__name__)

SHARE = 4  # looks for each beat of the quickest alarm
SHORTEST_SECONDS = 0.05
Refresh = Callable[[CloudWatchBackend, Alarm], None]

_lock = threading.Lock()
_backends: dict[int, CloudWatchBackend] = {}
_stop = threading.Event()
_thread: threading.Thread | None = None


def watch(backend: CloudWatchBackend, refresh: Refresh) -> None:
    """See to it that the alarms of a backend are looked at, those that come later too."""
    global _thread
    with _lock:
        _backends[id(backend)] = backend
        if _thread is None:
            _stop.clear()
            _thread = threading.Thread(target=_look, args=(refresh,), name="alarms", daemon=True)
            _thread.start()


def _look(refresh: Refresh) -> None:
    global _thread
    while True:
        with _lock:
            alarms = [
                (backend, alarm) for backend in _backends.values() for alarm in [*backend.alarms.values()]
            ]
            if not alarms:
                _thread = None
                return
        for backend, alarm in alarms:
            try:
                if backend.alarms.get(alarm.name) is alarm:
                    refresh(backend, alarm)
            except Exception:
                log.exception("event=alarm_not_evaluated alarm=%s", alarm.name)
        beat = min(definitions.beat(alarm) for _, alarm in alarms)
        if _stop.wait(max(beat / SHARE, SHORTEST_SECONDS)):
            return


@endings.at_shutdown
def stop() -> None:
    """Stop looking; the emulator ends."""
    global _thread
    _stop.set()
    with _lock:
        _thread = None
        _backends.clear()
