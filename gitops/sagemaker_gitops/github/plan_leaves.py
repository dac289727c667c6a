"""Documents taken apart: every argument under its path, and what differs between two of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

Document = Mapping[str, Any]
Leaves = dict[str, "str | tuple[str, ...]"]
NAMES = ("Name", "InputName", "OutputName", "ChannelName", "PropertyFileName", "Id")  # of members of a list


@dataclass(frozen=True)
class Change:
    """One thing that is new, gone or different."""

    subject: str  # a step, a rule, a table, a role's statement
    what: str  # its argument; empty: the subject itself
    before: str | None  # None: it is new
    after: str | None  # None: it is gone
    wider: bool = False  # somebody may do more than before


def leaves(value: Any, path: str = "") -> Leaves:
    """Return every argument of a document under its path, lists of plain values as one."""
    if isinstance(value, str) and value[:1] in ("{", "[") and (inner := _json(value)) is not None:
        value = inner  # a policy in an argument
    if (said := expression(value)) is not None:
        return {path: said}
    if isinstance(value, Mapping):
        members = [(f"{path}.{key}" if path else str(key), item) for key, item in value.items()]
    elif value and isinstance(value, list | tuple) and _flags(value):
        members = [(f"{path} {flag}", given) for flag, given in _flags(value).items()]
    elif isinstance(value, list | tuple):
        if not any(isinstance(item, Mapping | list | tuple) for item in value):
            return {path: tuple(map(text, value))}
        members = [(f"{path}[{_named(item, place)}]", item) for place, item in enumerate(value)]
    else:
        return {path: text(value)}
    found: Leaves = {} if members or not path else {path: "{}"}
    for name, item in members:
        found |= leaves(item, name)
    return found


def within(document: Any, *path: str) -> Mapping[str, Any]:
    """Return a table inside a document; {} where there is none, or something else."""
    for key in path:
        document = document.get(key) if isinstance(document, Mapping) else None
    return document if isinstance(document, Mapping) else {}


def expression(value: Any) -> str | None:
    """Return what a pipeline fills in when it runs, as a reader would write it; None for other things."""
    if not isinstance(value, Mapping) or len(value) != 1:
        return None
    (kind, given), *_ = value.items()
    if kind == "Get":
        return f"{{{given}}}"
    if kind == "Std:Join" and isinstance(given, Mapping):
        return str(given.get("On")).join(expression(part) or text(part) for part in given.get("Values", []))
    return f"{kind} {json.dumps(given, sort_keys=True)}" if kind.startswith("Std:") else None


def text(value: Any) -> str:
    """Return a plain value so that 12 and "12" can be told apart."""
    if isinstance(value, str) and _json(value) is None and value != "null":
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def compared(subject: str, before: Leaves, after: Leaves) -> Iterator[Change]:
    """Yield what differs between two documents; of lists the members that came and went."""
    for path in dict.fromkeys([*before, *after]):
        one, other = before.get(path), after.get(path)
        if one == other:
            continue
        if isinstance(one, tuple) and isinstance(other, tuple) and sorted(one) != sorted(other):
            yield from (Change(subject, path, item, None) for item in one if item not in other)
            yield from (Change(subject, path, None, item) for item in other if item not in one)
            if {*one} != {*other}:
                continue
        yield Change(subject, path, _joined(one), _joined(other))


def paired(before: Iterable[tuple[str, Any]], after: Iterable[tuple[str, Any]]) -> list[tuple[str, Any, Any]]:
    """Return (name, before, after) of what differs; of several with one name the equal ones go first."""
    old, new = list(before), list(after)
    for item in [item for item in old if item in new]:
        if item in old and item in new:
            old.remove(item)
            new.remove(item)
    found = []
    for name in dict.fromkeys(name for name, _ in [*old, *new]):
        ones, others = ([value for key, value in side if key == name] for side in (old, new))
        found += [(name, one, other) for one, other in zip_longest(ones, others)]
    return found


def _named(item: Any, place: int) -> str:
    return next((str(item[key]) for key in NAMES if isinstance(item, Mapping) and key in item), str(place))


def _flags(value: Sequence[Any]) -> dict[str, Any]:
    """Return {flag: value} of a command's arguments; empty where they are none, or one comes twice."""
    flags = value[::2]
    if len(value) % 2 or not all(isinstance(flag, str) and flag.startswith("--") for flag in flags):
        return {}
    return dict(zip(flags, value[1::2], strict=True)) if len({*flags}) == len(flags) else {}


def _joined(value: str | tuple[str, ...] | None) -> str | None:
    return f"[{', '.join(value)}]" if isinstance(value, tuple) else value


def _json(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return None
