"""Wildcards and policy variables of policies: `*`, `?`, `${aws:PrincipalAccount}`, `${key, 'default'}`."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

Values = Mapping[str, "str | tuple[str, ...]"]  # a context: keys in lower case

TOKEN = re.compile(r"\$\{([^}]*)\}|\*+|\?")
DEFAULT = re.compile(r"\s*([^,]+?)\s*,\s*'(.*)'\s*")
LITERAL = ("*", "?", "$")  # ${*} is an asterisk
ARN_PARTS = 6


def like(pattern: str, text: str, context: Values | None = None, ignore_case: bool = False) -> bool:
    """Whether `text` fits a pattern; without a context a `${...}` is plain text."""
    filled = _filled(pattern, context)
    return filled is not None and _compiled(filled, ignore_case).fullmatch(text) is not None


def same(wanted: str, text: str, context: Values | None = None, ignore_case: bool = False) -> bool:
    """Whether `text` is what is wanted, its variables filled in; asterisks are plain text."""
    filled = _filled(wanted, context)
    if filled is None:
        return False
    plain = "".join(part for _, part in filled)
    return plain.lower() == text.lower() if ignore_case else plain == text


def like_arn(pattern: str, arn: str, context: Values | None = None) -> bool:
    """Whether an ARN fits a pattern, each of its six parts by itself."""
    wanted, given = pattern.split(":", ARN_PARTS - 1), arn.split(":", ARN_PARTS - 1)
    if "${" in pattern:  # a variable's name holds colons
        return like(pattern, arn, context)
    if len(wanted) != ARN_PARTS or len(given) != ARN_PARTS:
        return False
    return all(like(part, text) for part, text in zip(wanted, given, strict=True))


Filled = tuple[tuple[bool, str], ...]  # (literal?, text)


def _filled(pattern: str, context: Values | None) -> Filled | None:
    """Return the pattern in pieces, variables replaced by literals; None where one has no value."""
    pieces: list[tuple[bool, str]] = []
    end = 0
    for found in TOKEN.finditer(pattern):
        pieces.append((True, pattern[end : found.start()]))
        end = found.end()
        if found[1] is None:
            pieces.append((False, found[0][0]))
        elif context is None:
            pieces.append((True, found[0]))
        else:
            value = _value(found[1], context)
            if value is None:
                return None
            pieces.append((True, value))
    pieces.append((True, pattern[end:]))
    return tuple(piece for piece in pieces if piece[1])


def _value(variable: str, context: Values) -> str | None:
    if variable in LITERAL:
        return variable
    with_default = DEFAULT.fullmatch(variable)
    name, default = (with_default[1], with_default[2]) if with_default else (variable.strip(), None)
    value = context.get(name.lower())
    # A key of several values has none that a variable could stand for.
    return value if isinstance(value, str) else default


@functools.lru_cache(maxsize=4096)
def _compiled(filled: Filled, ignore_case: bool) -> re.Pattern[str]:
    wild = {"*": ".*", "?": "."}
    text = "".join(re.escape(part) if literal else wild[part] for literal, part in filled)
    return re.compile(text, re.DOTALL | (re.IGNORECASE if ignore_case else 0))
