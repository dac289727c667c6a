"""Metric math computed: a tree of expressions.py over lines of numbers. Pure.

The rules are those of "Using metric math" in CloudWatch's User Guide: what is missing counts as 0 between two
lines, a division by zero drops the point, IF drops points without a condition, FILL fills every period.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sagemaker_emulator.monitoring.expressions import (
    Array,
    Binary,
    Call,
    ExpressionError,
    Name,
    Node,
    Number,
    Text,
)
from sagemaker_emulator.monitoring.filling import repeated, straight
from sagemaker_emulator.monitoring.operators import ALL, EACH, OPERATORS
from sagemaker_emulator.monitoring.statistics import Grid


@dataclass(frozen=True)
class Line:
    """A time series: a number for each period that has one."""

    grid: Grid
    values: Mapping[int, float]
    id: str = ""


Value = float | Line | list[Line]


class Evaluator:
    """Computes expressions over the lines of one request. `ask` gives what an Id stands for."""

    def __init__(self, grid: Grid, metrics: Sequence[Line], ask: Callable[[str], Value]) -> None:
        self._grid, self._metrics, self._ask = grid, metrics, ask

    def value(self, node: Node) -> Value:
        """Return what a node stands for. Raises ExpressionError."""
        if isinstance(node, Number):
            return node.value
        if isinstance(node, Name):
            return self._ask(node.name)
        if isinstance(node, Array):
            return [line for item in node.items for line in _lines(self.value(item), "[...]")]
        if isinstance(node, Binary):
            return _combine(OPERATORS[node.operator], self.value(node.left), self.value(node.right))
        if isinstance(node, Call):
            return self._call(node.function, node.arguments)
        raise ExpressionError(f"a string ('{node.text}') is for METRICS only")

    def _call(self, name: str, arguments: Sequence[Node]) -> Value:
        if name == "METRICS":
            part = arguments[0].text if arguments and isinstance(arguments[0], Text) else ""
            return [line for line in self._metrics if part in line.id]
        if name == "FILL":
            return self._fill(arguments)
        given = [self.value(argument) for argument in arguments]
        if name == "IF":
            if len(given) not in (2, 3):
                raise ExpressionError("IF takes 2 or 3 arguments")
            return self._if(given[0], given[1], given[2] if len(given) == 3 else None)
        if len(given) != 1:
            raise ExpressionError(f"{name} takes 1 argument")
        return self._of_one(name, given[0])

    def _of_one(self, name: str, given: Value) -> Value:
        if name == "TIME_SERIES" and isinstance(given, float):
            return self._line(dict.fromkeys(range(self._grid.count), given))
        if name == "PERIOD" and isinstance(given, Line):
            return float(given.grid.period)
        if name in EACH and not isinstance(given, float):
            return _map(given, lambda line: self._line({k: EACH[name](v) for k, v in line.values.items()}))
        if name in ALL and isinstance(given, Line):
            return ALL[name](list(given.values.values())) if given.values else math.nan
        if name in ALL and isinstance(given, list):
            return self._across(name, given)
        raise ExpressionError(f"{name} does not take {_kind(given)}")

    def _across(self, name: str, lines: Sequence[Line]) -> Line:
        found: dict[int, float] = {}
        for index in sorted({index for line in lines for index in line.values}):
            there = [line.values[index] for line in lines if index in line.values]
            # "Missing values are treated as 0" is said of AVG; a sum is the same either way.
            found[index] = ALL[name](there + [0.0] * (len(lines) - len(there) if name == "AVG" else 0))
        return self._line(found)

    def _fill(self, arguments: Sequence[Node]) -> Value:
        if len(arguments) != 2:
            raise ExpressionError("FILL takes 2 arguments")
        how = arguments[1]
        if isinstance(how, Name) and how.name in ("REPEAT", "LINEAR"):
            fill = repeated if how.name == "REPEAT" else straight
            return _map(
                self.value(arguments[0]), lambda line: self._line(fill(line.values, self._grid.count))
            )
        filler = self.value(how)
        if isinstance(filler, list):
            raise ExpressionError("FILL cannot fill with an array")
        return _map(
            self.value(arguments[0]), lambda line: self._line({**self._spread(filler), **line.values})
        )

    def _if(self, condition: Value, true: Value, false: Value | None) -> Value:
        if isinstance(condition, list) or isinstance(true, list) or isinstance(false, list):
            raise ExpressionError("IF does not take an array")
        if isinstance(condition, float):
            chosen = true if condition else false
            return chosen if chosen is not None else self._line({})
        yes, no = self._spread(true), self._spread(false)
        found: dict[int, float] = {}
        for index, number in condition.values.items():
            if number:
                found[index] = yes.get(index, 0.0)
            elif index in no:
                found[index] = no[index]
        return self._line(found)

    def _spread(self, value: float | Line | None) -> Mapping[int, float]:
        if isinstance(value, float):
            return dict.fromkeys(range(self._grid.count), value)
        return value.values if value is not None else {}

    def _line(self, values: Mapping[int, float]) -> Line:
        return Line(self._grid, {index: v for index, v in values.items() if math.isfinite(v)})


def _combine(operator: Callable[[float, float], float], left: Value, right: Value) -> Value:
    if isinstance(left, list) and isinstance(right, list):
        if len(left) != len(right):
            raise ExpressionError("two arrays in one operation must be of one length")
        return [_pair(operator, a, b) for a, b in zip(left, right, strict=True)]
    if isinstance(left, list):
        return [_pair(operator, line, right) for line in left]
    if isinstance(right, list):
        return [_pair(operator, left, line) for line in right]
    if isinstance(left, float) and isinstance(right, float):
        return operator(left, right)
    return _pair(operator, left, right)


def _pair(operator: Callable[[float, float], float], left: Value, right: Value) -> Line:
    lines = [each for each in (left, right) if isinstance(each, Line)]
    indexes = sorted({index for line in lines for index in line.values})
    found = {index: operator(_at(left, index), _at(right, index)) for index in indexes}
    return Line(lines[0].grid, {index: value for index, value in found.items() if math.isfinite(value)})


def _at(value: Value, index: int) -> float:
    return value.values.get(index, 0.0) if isinstance(value, Line) else value  # type: ignore[return-value]


def _map(value: Value, change: Callable[[Line], Line]) -> Value:
    if isinstance(value, float):
        raise ExpressionError("expected a time series where a number stands")
    return change(value) if isinstance(value, Line) else [change(line) for line in value]


def _lines(value: Value, where: str) -> list[Line]:
    if isinstance(value, float):
        raise ExpressionError(f"{where} takes time series, not a number")
    return [value] if isinstance(value, Line) else value


def _kind(value: Value) -> str:
    return (
        "a number" if isinstance(value, float) else "a time series" if isinstance(value, Line) else "an array"
    )
