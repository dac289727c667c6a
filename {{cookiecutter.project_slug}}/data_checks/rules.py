"""From the suite to the full list of rules, and from a broken rule to a sentence."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from data_checks.contract import Column, Expectation, Outcome, Reason
from data_checks.files import CANONICAL

TASKS = ("binary", "multiclass", "regression")
LONGEST_NAME = 100  # characters of a name or a key in a message
OF_SPLITS = ("no_row_in_two_splits",)
OF_FEATURES = ("no_target_leakage", "no_drift")
NOT_OF_THE_TABLE = (*OF_SPLITS, *OF_FEATURES)
LARGEST = 3.4028234663852886e38  # a float32's: beyond it a number is infinite to the network and the server


class SuiteError(Exception):
    """The suite or the job's arguments contradict each other; the message says which and how."""


def check_suite(columns: Sequence[Column], key: str, label: str, slices: Sequence[str], task: str) -> None:
    """Hold the job's arguments against the suite.

    Raises:
        SuiteError: an unknown task or type, a column named twice, or a key, label or slice that is no column.
    """
    if task not in TASKS:
        raise SuiteError(f"task is {task!r}; expected one of {', '.join(TASKS)}")
    known = {column.name: column for column in columns}
    if len({column.name.lower() for column in columns}) != len(columns):
        raise SuiteError("suite.py names a column twice (upper and lower case are the same)")
    for column in columns:
        if column.type not in CANONICAL:
            kinds = ", ".join(CANONICAL)
            raise SuiteError(f"suite.py: {column.name} is a {column.type!r}; expected one of {kinds}")
    for role, name in [("key", key), ("label", label), *(("slice", name) for name in slices)]:
        if name not in known:
            raise SuiteError(f"the {role} {name!r} is not among COLUMNS in data_checks/suite.py")
    if key == label:
        raise SuiteError(f"{key!r} cannot be key and label at once")
    if task == "regression" and known[label].type not in ("integer", "number"):
        raise SuiteError(f"task is regression, but the label {label!r} is a {known[label].type}")


def expand(
    columns: Sequence[Column], expectations: Sequence[Expectation], key: str, label: str, task: str
) -> list[Expectation]:
    """Return every rule about the table: what columns imply, what the label needs, what the suite adds."""
    needed = (key, label)
    rules = [
        rule
        for column in columns
        for rule in of_column(column, column.name in needed, unique=column.name == key)
    ]
    rules += of_label(next(column for column in columns if column.name == label), task)
    skipped = (*NOT_OF_THE_TABLE, "label_balance") if task == "regression" else NOT_OF_THE_TABLE
    return rules + [rule for rule in expectations if rule.rule not in skipped]


def of_column(column: Column, needed: bool = False, unique: bool = False) -> Iterator[Expectation]:
    """Yield the rules that one column's declaration stands for; a needed one holds no null in any case."""
    if needed or not column.nullable:
        yield Expectation("expect_column_values_to_not_be_null", column.name)
    low, high = column.minimum, column.maximum
    if column.type == "number":  # DuckDB puts NaN above all numbers, so finite limits catch it too
        low = -LARGEST if low is None else low
        high = LARGEST if high is None else high
    if low is not None or high is not None:
        limits = {"min_value": low, "max_value": high}
        yield Expectation(
            "expect_column_values_to_be_between", column.name, limits, title=limits_in_words(column)
        )
    if column.values is not None:
        yield Expectation(
            "expect_column_values_to_be_in_set", column.name, {"value_set": column.typed_values()}
        )
    if unique:
        yield Expectation("expect_column_values_to_be_unique", column.name)


def limits_in_words(column: Column) -> str:
    """Return the limits of a column as a reader wants them: `finite, at least 0 dollars`."""
    ends = [("at least", column.minimum), ("at most", column.maximum)]
    limits = " and ".join(f"{word} {end:,.12g}" for word, end in ends if end is not None)
    finite = "finite (in 32 bits)" if column.type == "number" else ""
    return ", ".join(part for part in (finite, f"{limits} {column.unit}".strip() if limits else "") if part)


def of_label(label: Column, task: str) -> Iterator[Expectation]:
    """Yield what a label needs to be learnt and measured: two classes, and all that are named."""
    if task == "regression":
        return
    classes = {"min_value": 2, "max_value": 2 if task == "binary" else None}
    rule = "expect_column_unique_value_count_to_be_between"
    yield Expectation(
        rule, label.name, classes, title="the number of classes that the task needs", own_code="E209"
    )
    if label.values is not None:
        named = {"value_set": label.typed_values()}
        yield Expectation("expect_column_distinct_values_to_contain_set", label.name, named, own_code="E209")


def of_splits(expectations: Sequence[Expectation], label: str, task: str) -> Iterator[Expectation]:
    """Yield what the splits must be so that a model can be trained and measured on them."""
    yield Expectation("every_split_has_rows", None, {"min_value": 1})
    if task != "regression":
        yield Expectation("every_split_has_two_classes", label, {"min_value": 2})
    yield from (rule for rule in expectations if rule.rule in OF_SPLITS)


def of_features(expectations: Sequence[Expectation], features: Sequence[str]) -> Iterator[Expectation]:
    """Yield the rules about what the model may see: one for each column that is not allowed to break it.

    Raises:
        SuiteError: a column is allowed that is none of the features (a typo would allow nothing).
    """
    for rule in expectations:
        if rule.rule in OF_FEATURES:
            allowed = rule.settings["allowed"]
            if foreign := sorted(set(allowed) - set(features)):
                raise SuiteError(f"suite.py: {rule.rule} allows {', '.join(foreign)}, which is no feature")
            settings = {"maximum": rule.settings["maximum"]}
            yield from (replace(rule, column=c, settings=settings) for c in features if c not in allowed)


def reason(outcome: Outcome) -> Reason:
    """Return why a broken rule refuses the data, in one sentence without any value of the data."""
    rule, count = outcome.rule, outcome.count
    rows = f"{count} row" if count == 1 else f"{count} rows"
    column = f"column {rule.column}" if rule.column else "the table"
    limits, number = rule.title or "within its limits", rule.title or "as many values as it should"
    sentences = {
        "expect_column_values_to_not_be_null": f"{column} has no value in {rows}",
        "expect_column_values_to_be_between": f"{column} is not {limits} in {rows}",
        "expect_column_values_to_be_in_set": f"{column} is outside its set in {rows}",
        "expect_column_values_to_be_unique": f"{column} is not unique: {rows} share a value with another",
        "expect_column_mean_to_be_between": f"the mean of {column} is not within its limits",
        "expect_column_quantile_values_to_be_between": f"a quantile of {column} is not within its limits",
        "expect_column_unique_value_count_to_be_between": f"{column} has not {number}",
        "expect_column_distinct_values_to_contain_set": f"{column} lacks a class that the suite names",
        "expect_table_row_count_to_be_between": "the number of rows is not within its limits",
        "unexpected_rows_expectation": f"{rows} break a rule across columns: {rule.title}",
        "label_balance": "the rarest class of the label has too small a share of the rows",
        "every_split_has_rows": "a split would be empty: there are too few rows",
        "every_split_has_two_classes": f"a split would hold fewer than two classes of {column}",
        "no_row_in_two_splits": f"{rows} of the held-out splits stand in another split as well",
        "no_target_leakage": f"{column} alone tells {limit(outcome, '.1%')} of the label is allowed",
        "no_drift": f"{column} moved since the champion was trained: PSI {limit(outcome, '.2f')} is allowed",
    }
    other = f"{column} breaks {rule.rule}" + (f" in {rows}" if count else "")
    sentence = sentences.get(rule.rule, other)
    keys = tuple(harmless(key) for key in outcome.row_keys)
    return Reason(rule.code, rule.column, rule.rule, count, keys, f"{sentence[0].upper()}{sentence[1:]}.")


def limit(outcome: Outcome, form: str) -> str:
    """Return what was measured and the bound in words: `99.9%; at most 95.0%`."""
    return f"{outcome.measured or 0.0:{form}}; at most {outcome.rule.settings.get('maximum', 0.0):{form}}"


def harmless(value: Any) -> Any:
    """Return a name or a key of the data as a terminal and a page can bear it: printable, and no book."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no such number
    if not isinstance(value, str):
        return value
    shown = "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in value
    )
    return shown if len(shown) <= LONGEST_NAME else shown[:LONGEST_NAME] + "…"
