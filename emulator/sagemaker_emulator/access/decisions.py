"""The record of what was decided; the latest 100 000 decisions."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

from sagemaker_emulator import endings
from sagemaker_emulator.policies import Decision, Request

MOST = 100_000
_lock = threading.Lock()
_decisions: deque[dict[str, Any]] = deque(maxlen=MOST)


def record(request: Request, decision: Decision) -> None:
    """Note one decision."""
    noted = {
        "principal": request.principal,
        "role": request.role,
        "action": request.action,
        "resource": request.resource,
        "resource_account": request.owner,
        "kind": request.kind,
        "context": {key: list(v) if isinstance(v, tuple) else v for key, v in request.context.items()},
        "allowed": decision.allowed,
        "why": decision.why,
    }
    with _lock:
        _decisions.append(noted)


def listed() -> list[dict[str, Any]]:
    """Return every decision, oldest first."""
    with _lock:
        return list(_decisions)


@endings.at_shutdown
def clear() -> None:
    """Forget every decision."""
    with _lock:
        _decisions.clear()
