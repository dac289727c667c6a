"""Conditions of a Condition step. Pure: a list of them is true when each is (AND)."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sagemaker_emulator.executor.errors import ResolutionError
from sagemaker_emulator.executor.values import Context, resolve

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}
# The members that each type must have; the definition's check reads this table too.
MEMBERS: dict[str, frozenset[str]] = {
    "Equals": frozenset({"LeftValue", "RightValue"}),
    **{name: frozenset({"LeftValue", "RightValue"}) for name in _ORDER},
    "In": frozenset({"QueryValue", "Values"}),
    "Not": frozenset({"Condition"}),
    "Or": frozenset({"Conditions"}),
}


def evaluate(conditions: Sequence[Mapping[str, Any]], context: Context) -> bool:
    """Return whether every condition holds. Raises ResolutionError for values that cannot be compared."""
    return all(_holds(condition, context) for condition in conditions)


def _holds(condition: Mapping[str, Any], context: Context) -> bool:
    kind = condition["Type"]
    if kind == "Not":
        return not _holds(condition["Condition"], context)
    if kind == "Or":
        return any(_holds(each, context) for each in condition["Conditions"])
    if kind == "In":
        query = resolve(condition["QueryValue"], context)
        return any(_equal(query, resolve(value, context)) for value in condition["Values"])
    left, right = resolve(condition["LeftValue"], context), resolve(condition["RightValue"], context)
    return _equal(left, right) if kind == "Equals" else _ordered(kind, left, right)


def _equal(left: Any, right: Any) -> bool:
    """Equal in kind and value: true is not 1 and "1" is not 1, while 1 is 1.0."""
    return _kind(left) == _kind(right) and left == right


def _ordered(kind: str, left: Any, right: Any) -> bool:
    kinds = {_kind(left), _kind(right)}
    if kinds not in ({"number"}, {"string"}):
        raise ResolutionError(f"{kind} cannot compare {_kind(left)} with {_kind(right)}")
    return _ORDER[kind](left, right)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return {str: "string", type(None): "null", list: "list", dict: "object"}.get(type(value), "value")
