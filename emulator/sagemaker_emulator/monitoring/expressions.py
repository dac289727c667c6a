"""Metric math as it is written: from `IF(m1 > 3 * FILL(m2, 50), 1, 0)` to a tree. Pure.

What the language has and we do not is refused here, by its name: an empty answer would look like good news.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

FUNCTIONS = frozenset(
    {"ABS", "AVG", "CEIL", "FILL", "FLOOR", "IF", "MAX", "METRICS", "MIN", "PERIOD", "SUM", "TIME_SERIES"}
)
LEVELS = (("OR", "||"), ("AND", "&&"), ("==", "!=", "<=", ">=", "<", ">"), ("+", "-"), ("*", "/"))
WORDS = {"||": "OR", "&&": "AND"}
TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<text>\"[^\"]*\"|'[^']*')|(?P<sign>\|\||&&|==|!=|<=|>=|[-+*/^<>()\[\],]))"
)


class ExpressionError(ValueError):
    """An expression that cannot be computed; the message says which part of it."""


@dataclass(frozen=True)
class Number:
    """A number as it stands."""

    value: float


@dataclass(frozen=True)
class Name:
    """The Id of another query, or REPEAT or LINEAR in FILL."""

    name: str


@dataclass(frozen=True)
class Text:
    """A string in quotes, as METRICS takes."""

    text: str


@dataclass(frozen=True)
class Array:
    """[m1, m2]."""

    items: tuple[Node, ...]


@dataclass(frozen=True)
class Call:
    """A function and its arguments."""

    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Binary:
    """Two operands and what stands between them; a minus in front is 0 - x."""

    operator: str
    left: Node
    right: Node


Node = Number | Name | Text | Array | Call | Binary


@functools.lru_cache(maxsize=1024)
def parse(expression: str) -> Node:
    """Return the tree of an expression. Raises ExpressionError."""
    if re.match(r"\s*SELECT\b", expression):
        raise ExpressionError("Metrics Insights queries (SELECT) are not supported by sagemaker-emulator")
    reader = _Reader(expression)
    tree = reader.level(0)
    if reader.ahead is not None:
        raise ExpressionError(f"unexpected '{reader.ahead}' in '{expression}'")
    return tree


def names(tree: Node) -> set[str]:
    """Return the Ids that an expression mentions."""
    if isinstance(tree, Name):
        return set() if tree.name in ("REPEAT", "LINEAR") else {tree.name}
    parts: tuple[Node, ...] = ()
    if isinstance(tree, Binary):
        parts = (tree.left, tree.right)
    elif isinstance(tree, Call):
        parts = tree.arguments
    elif isinstance(tree, Array):
        parts = tree.items
    return {name for part in parts for name in names(part)}


class _Reader:
    """Reads tokens from left to right; one method for each shape of the language."""

    def __init__(self, expression: str) -> None:
        self._text, self._at = expression, 0
        self._kind = ""
        self.ahead: str | None = None
        self._next()

    def level(self, number: int) -> Node:
        """Read operands joined by the operators of one level of precedence, and of all that bind tighter."""
        if number == len(LEVELS):
            return self._signed()
        left = self.level(number + 1)
        while self._kind != "text" and self.ahead in LEVELS[number]:
            sign = self._next()
            left = Binary(WORDS.get(sign, sign), left, self.level(number + 1))
        return left

    def _signed(self) -> Node:
        if self.ahead == "-":
            self._next()
            return Binary("-", Number(0.0), self._signed())
        base = self._atom()
        if self.ahead == "^":
            self._next()
            return Binary("^", base, self._signed())
        return base

    def _atom(self) -> Node:
        kind, word = self._kind, self._next()
        if kind == "number":
            return Number(float(word))
        if kind == "text":
            return Text(word[1:-1])
        if kind == "name":
            return self._call(word) if self.ahead == "(" else Name(word)
        if word == "(":
            inner = self.level(0)
            self._expect(")")
            return inner
        if word == "[":
            return Array(self._list("]"))
        raise ExpressionError(
            f"unexpected '{word}' in '{self._text}'" if word else f"'{self._text}' ends too early"
        )

    def _call(self, name: str) -> Node:
        if name not in FUNCTIONS:
            raise ExpressionError(f"function {name} is not supported by sagemaker-emulator (see COVERAGE.md)")
        self._next()
        return Call(name, self._list(")"))

    def _list(self, end: str) -> tuple[Node, ...]:
        items: list[Node] = []
        while self.ahead != end:
            if items:
                self._expect(",")
            items.append(self.level(0))
        self._next()
        return tuple(items)

    def _expect(self, sign: str) -> None:
        if self.ahead != sign:
            raise ExpressionError(
                f"expected '{sign}' instead of '{self.ahead or 'the end'}' in '{self._text}'"
            )
        self._next()

    def _next(self) -> str:
        """Return the token ahead and look at the one after it."""
        word = self.ahead or ""
        rest = self._text[self._at :]
        found = TOKEN.match(rest)
        if found is None and rest.strip():
            raise ExpressionError(f"cannot read '{rest.strip()}' in '{self._text}'")
        self._kind = (found.lastgroup or "") if found else ""
        self.ahead = found[self._kind] if found else None
        self._at += found.end() if found else len(rest)
        return word
