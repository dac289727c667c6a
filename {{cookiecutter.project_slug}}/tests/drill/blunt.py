"""The drill's own proof: an alarm whose threshold nothing can reach. What it alone finds gets through.

The alarm passes the lint of `pipelines.alarms.dead`: with E411 nothing would go out at all. A lint cannot
know how many requests come, so it lets a sum wait for any number.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from sagemaker_gitops import alarms

NEVER: dict[str, dict[str, Any]] = {
    "errors": {"Statistic": "Sum", "Threshold": 1e12},  # the lint knows that no average of 1 and 0 is above 1
    "latency": {"Threshold": 1e12},
    "wrong": {"Threshold": 1e12},
}


@contextmanager
def alarm(kind: str | None) -> Iterator[None]:
    """Let one alarm of every rollout wait for what never comes, for the length of a block; None for none."""
    if kind is None:
        yield
        return
    honest = alarms.requests

    def blunted(*words: Any, **more: Any) -> list[dict[str, Any]]:
        asked = honest(*words, **more)
        assert any(item["AlarmName"].endswith(f"-{kind}") for item in asked), f"no alarm is called -{kind}"
        for request in asked:
            if request["AlarmName"].endswith(f"-{kind}"):
                request.update(NEVER[kind])
        return asked

    with mock.patch.object(alarms, "requests", blunted):
        yield
