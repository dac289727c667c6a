"""Paths of references and JsonGet: `Outputs['train'].S3Output.S3Uri`, `metrics.auc[0].value`.

`parse` turns text into keys and indexes, `walk` follows them. Both are pure.
"""

from __future__ import annotations

import re
from typing import Any

from sagemaker_emulator.executor.errors import ResolutionError

Key = str | int

_TOKEN = re.compile(
    r"""\.?(?P<name>[^.\[\]'"]+)|\[(?P<index>\d+)\]|\[(?P<quote>['"])(?P<key>.*?)(?P=quote)\]"""
)


def parse(text: str) -> tuple[Key, ...]:
    """Return the keys and indexes of a path. Raises ValueError where it is not one."""
    rest = text.removeprefix("$.").removeprefix("$")
    keys: list[Key] = []
    at = 0
    while at < len(rest):
        match = _TOKEN.match(rest, at)
        if match is None or not _joined_right(match, first=at == 0):
            raise ValueError(f"{text!r} is not a path")
        keys.append(_key(match))
        at = match.end()
    if not keys:
        raise ValueError(f"{text!r} is not a path")
    return tuple(keys)


def walk(value: Any, keys: tuple[Key, ...], what: str) -> Any:
    """Follow `keys` from `value`. Raises ResolutionError naming `what` where a key leads nowhere."""
    for key in keys:
        try:
            value = _step(value, key)
        except (KeyError, IndexError, TypeError):
            raise ResolutionError(f"{what} has no value: {key!r} was not found") from None
    return value


def _joined_right(match: re.Match[str], first: bool) -> bool:
    """A name needs a dot before it, except the first one, which must not have it."""
    return match["name"] is None or match[0].startswith(".") != first


def _key(match: re.Match[str]) -> Key:
    if match["index"] is not None:
        return int(match["index"])
    return match["name"] if match["name"] is not None else match["key"]


def _step(value: Any, key: Key) -> Any:
    if isinstance(value, list) and isinstance(key, str):
        return _named(value, key)
    if isinstance(value, str):
        raise TypeError
    return value[key]


def _named(items: list[Any], name: str) -> Any:
    """Find the element that carries `name` in its *Name member, as Outputs['train'] means."""
    for item in items:
        if isinstance(item, dict) and name in [v for k, v in item.items() if k.endswith("Name")]:
            return item
    raise KeyError(name)
