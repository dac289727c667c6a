"""The HTTP under /_emulator, as a test in any language would use it."""

from __future__ import annotations

import http.client
import json
import os
from urllib.parse import urlsplit


def ask(method, path, body=None):
    """Send one request to the emulator; return status and JSON."""
    connection = http.client.HTTPConnection(urlsplit(os.environ["AWS_ENDPOINT_URL"]).netloc, timeout=10)
    try:
        connection.request(method, path, body=body)
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None
    finally:
        connection.close()


def fault(**members):
    """Ask for a fault; return its id."""
    status, answer = ask("POST", "/_emulator/faults", json.dumps(members))
    assert status == 201, answer
    return answer["id"]


def faults():
    """Return the faults that were asked for."""
    return ask("GET", "/_emulator/faults")[1]["faults"]


def calls():
    """Return the calls that were recorded."""
    return ask("GET", "/_emulator/calls")[1]["calls"]


def clear():
    """Forget faults and calls."""
    assert ask("DELETE", "/_emulator/faults") == (204, None)
    assert ask("DELETE", "/_emulator/calls") == (204, None)
