"""FILL's REPEAT and LINEAR: what stands in the periods between points. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Mapping


def repeated(values: Mapping[int, float], count: int) -> dict[int, float]:
    """Return the values, each standing until the next; nothing stands before the first."""
    found: dict[int, float] = {}
    for index in range(count):
        if index in values or index - 1 in found:
            found[index] = values[index] if index in values else found[index - 1]
    return found


def straight(values: Mapping[int, float], count: int) -> dict[int, float]:
    """Return the values with a straight line between each two; nothing stands before or after them."""
    found, known = dict(values), sorted(values)
    for before, after in itertools.pairwise(known):
        for index in range(before + 1, after):
            share = (index - before) / (after - before)
            found[index] = values[before] + (values[after] - values[before]) * share
    return {index: value for index, value in found.items() if index < count}
