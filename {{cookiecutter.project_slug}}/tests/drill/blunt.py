"""The drill's own proof: an alarm whose threshold nothing can reach. With it the drill must turn red."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from pipelines import alarms

UNREACHABLE = 1e12


@contextmanager
def alarm(kind: str) -> Iterator[None]:
    """Let one alarm of every rollout wait for what never comes, for the length of a block."""
    honest = alarms.requests

    def blunted(*words: Any, **more: Any) -> list[dict[str, Any]]:
        asked = honest(*words, **more)
        assert any(item["AlarmName"].endswith(f"-{kind}") for item in asked), f"no alarm is called -{kind}"
        return [
            item | {"Threshold": UNREACHABLE} if item["AlarmName"].endswith(f"-{kind}") else item for item in asked
        ]

    with mock.patch.object(alarms, "requests", blunted):
        yield
