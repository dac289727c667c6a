"""The Condition element: which operators there are, and what an absent key means to each."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sagemaker_emulator.policies.patterns import Values, like, like_arn, same

SETS = ("ForAllValues:", "ForAnyValue:")
IF_EXISTS = "IfExists"
Test = Callable[[str, str, "Values | None"], bool]  # (value in the policy, value of the request, context)


class UnsupportedPolicy(ValueError):
    """A policy uses what is not evaluated here; the message names it."""


def holds(condition: dict[str, Any], context: Values, variables: bool = True) -> bool:
    """Whether every operator of a Condition holds for every key. Raises UnsupportedPolicy."""
    return all(
        _holds(operator, key.lower(), _texts(wanted), context, variables)
        for operator, keys in condition.items()
        for key, wanted in keys.items()
    )


def _holds(operator: str, key: str, wanted: list[str], context: Values, variables: bool) -> bool:
    which = next((prefix for prefix in SETS if operator.startswith(prefix)), "")
    name = operator.removeprefix(which)
    if name == "Null":
        return (key not in context) == (wanted[0].lower() == "true")
    lenient = name.endswith(IF_EXISTS)
    name = name.removesuffix(IF_EXISTS)
    if name not in OPERATORS:
        raise UnsupportedPolicy(f"condition operator {operator}")
    test, negated = OPERATORS[name]
    given = _texts(context[key]) if key in context else []
    if not given:
        return lenient or which == "ForAllValues:" or (negated and not which)
    filling = context if variables else None
    fits = [any(_passes(test, value, text, filling) for value in wanted) != negated for text in given]
    if which == "ForAnyValue:" or not (which or negated):
        return any(fits)
    return all(fits)


def _passes(test: Test, wanted: str, given: str, context: Values | None) -> bool:
    """A value that is not of the operator's type passes no test."""
    try:
        return test(wanted, given, context)
    except ValueError:
        return False


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list | tuple) else [value]
    return [str(each).lower() if isinstance(each, bool) else str(each) for each in values]


def _moment(text: str) -> datetime:
    if text.replace(".", "", 1).isdigit():
        return datetime.fromtimestamp(float(text), UTC)
    read = datetime.fromisoformat(text)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _compared(read: Callable[[str], Any], compare: Callable[[Any, Any], bool]) -> Test:
    return lambda wanted, given, _: compare(read(given), read(wanted))


def _within(wanted: str, given: str, _: Values | None) -> bool:
    return ipaddress.ip_address(given) in ipaddress.ip_network(wanted, strict=False)


def _ignoring_case(wanted: str, given: str, context: Values | None) -> bool:
    return same(wanted, given, context, ignore_case=True)


def _arn(wanted: str, given: str, context: Values | None) -> bool:
    return wanted == "*" or like_arn(wanted, given, context)


ORDER: dict[str, tuple[Callable[[Any, Any], bool], bool]] = {
    "Equals": (lambda given, wanted: given == wanted, False),
    "NotEquals": (lambda given, wanted: given == wanted, True),
    "LessThan": (lambda given, wanted: given < wanted, False),
    "LessThanEquals": (lambda given, wanted: given <= wanted, False),
    "GreaterThan": (lambda given, wanted: given > wanted, False),
    "GreaterThanEquals": (lambda given, wanted: given >= wanted, False),
}
# Each operator's test, and whether it holds where the test fails (StringNotEquals tests equality).
OPERATORS: dict[str, tuple[Test, bool]] = {
    "StringEquals": (same, False),
    "StringNotEquals": (same, True),
    "StringEqualsIgnoreCase": (_ignoring_case, False),
    "StringNotEqualsIgnoreCase": (_ignoring_case, True),
    "StringLike": (like, False),
    "StringNotLike": (like, True),
    "ArnEquals": (_arn, False),
    "ArnLike": (_arn, False),
    "ArnNotEquals": (_arn, True),
    "ArnNotLike": (_arn, True),
    "Bool": (_ignoring_case, False),
    "BinaryEquals": (same, False),
    "IpAddress": (_within, False),
    "NotIpAddress": (_within, True),
    **{f"Numeric{name}": (_compared(float, compare), negated) for name, (compare, negated) in ORDER.items()},
    **{f"Date{name}": (_compared(_moment, compare), negated) for name, (compare, negated) in ORDER.items()},
}
