"""Sorted pages as AWS answers them: MaxResults, NextToken, SortOrder. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from sagemaker_emulator.seams import AwsError


def page(items: Sequence[Any], params: Mapping[str, Any], member: str, default: int = 100) -> dict[str, Any]:
    """Return one page of `items` under `member`, with a NextToken where more follow. Raises AwsError."""
    start = _offset(params.get("NextToken"))
    end = start + params.get("MaxResults", default)
    answer: dict[str, Any] = {member: list(items[start:end])}
    if end < len(items):
        answer["NextToken"] = base64.urlsafe_b64encode(f"offset={end}".encode()).decode()
    return answer


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    try:
        name, _, value = base64.urlsafe_b64decode(token).decode().partition("=")
        if name != "offset":
            raise ValueError(token)
        return int(value)
    except ValueError:
        raise AwsError("ValidationException", "Invalid pagination token.") from None
