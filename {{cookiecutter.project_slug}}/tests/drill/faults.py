"""The emulator's own faults, over HTTP: what AWS and the network do to a release."""

from __future__ import annotations

import json
import os
import urllib.request
from typing import Any


def inject(kind: str, **told: Any) -> str:
    """Ask for one fault; return its id."""
    return _call("POST", "", {"kind": kind, **told})["id"]


def hits(fault: str) -> int:
    """Return how often a fault has struck."""
    return sum(item.get("hits", 0) for item in _call("GET", "")["faults"] if item["id"] == fault)


def clear() -> None:
    """Take all faults back."""
    _call("DELETE", "")


def _call(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    url = f"{os.environ['AWS_ENDPOINT_URL']}/_emulator/faults{path}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read() or b"null")
