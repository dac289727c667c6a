"""The drill's own proof: an alarm whose threshold nothing can reach. With it the drill must turn red."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from pipelines import alarms

UNREACHABLE = 1e12


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
                request["Threshold"] = UNREACHABLE
        return asked

    with mock.patch.object(alarms, "requests", blunted):
        yield
