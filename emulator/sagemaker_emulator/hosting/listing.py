"""What the List operations of models, configs and endpoints have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sagemaker_emulator.executor.operations import between
from sagemaker_emulator.seams import Call


def choose(call: Call, items: list[Any], name: Callable[[Any], str]) -> list[Any]:
    """Return the items that the call's filters leave, sorted: by creation, newest first, unless it says otherwise."""
    params = call.params
    wanted = params.get("NameContains", "").lower()
    after, before = params.get("CreationTimeAfter"), params.get("CreationTimeBefore")
    kept = [
        each for each in items if wanted in name(each).lower() and between(each.creation_time, after, before)
    ]
    if params.get("SortBy") == "Name":
        kept.sort(key=name)
    else:
        kept.sort(key=lambda each: each.creation_time)
    if params.get("SortOrder", "Descending") == "Descending":
        kept.reverse()
    return kept
