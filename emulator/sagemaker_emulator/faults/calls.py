"""The record of every call that arrived on the wire, in the order of arrival; the latest 100 000 of them."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sagemaker_emulator import endings

MOST = 100_000


@dataclass
class Recorded:
    """One call. The status is None while it runs, and for good when no answer was given."""

    service: str
    operation: str
    at: datetime
    status: int | None = None
    fault: str | None = None


_lock = threading.Lock()
_calls: deque[Recorded] = deque(maxlen=MOST)


def begin(service: str, operation: str) -> Recorded:
    """Note that a call has arrived."""
    call = Recorded(service, operation, datetime.now(UTC))
    with _lock:
        _calls.append(call)
    return call


def listed() -> list[dict[str, Any]]:
    """Return every call, oldest first."""
    with _lock:
        kept = list(_calls)
    return [
        {
            "service": call.service,
            "operation": call.operation,
            "status": call.status,
            "at": call.at.isoformat(timespec="milliseconds"),
            **({"fault": call.fault} if call.fault else {}),
        }
        for call in kept
    ]


@endings.at_shutdown
def clear() -> None:
    """Forget every call."""
    with _lock:
        _calls.clear()
