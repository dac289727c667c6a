"""From the suite to the full list of rules: what each column implies, and what the label must be for its task."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from data_checks.contract import Column, Expectation, Reason, code_of
from data_checks.files import quote

TASKS = ("binary", "multiclass", "regression")
LARGEST = sys.float_info.max


class SuiteError(Exception):
    """The suite or the job's arguments contradict each other; the message says which and how."""


def check_suite(columns: Sequence[Column], key: str, label: str, slices: Sequence[str], task: str) -> None:
    """Hold the job's arguments against the suite.

    Raises:
        SuiteError: an unknown task, a column named twice, or a key, label or slice that the suite lacks.
    """
    if task not in TASKS:
        raise SuiteError(f"task is {task!r}; expected one of {', '.join(TASKS)}")
    known = {column.name: column for column in columns}
    if len({column.name.lower() for column in columns}) != len(columns):
        raise SuiteError("suite.py names a column twice (case does not count)")
    for role, name in [("key", key), ("label", label), *(("slice", name) for name in slices)]:
        if name not in known:
            raise SuiteError(f"the {role} {name!r} is not among COLUMNS in suite.py")
    if key == label:
        raise SuiteError(f"{key!r} cannot be key and label at once")
    if task == "regression" and known[label].type not in ("integer", "number"):
        raise SuiteError(f"task is regression, but the label {label!r} is a {known[label].type}")


def expand(columns: Sequence[Column], expectations: Sequence[Expectation], key: str, label: str, task: str) -> list[Expectation]:
    """Return every rule to check: what the columns imply, what the label needs, what the suite adds."""
    rules = [rule for column in columns for rule in of_column(column, unique=column.name == key)]
    rules += of_label(next(column for column in columns if column.name == label), task)
    rules += [rule for rule in expectations if rule.rule != "label_balance" or task != "regression"]
    return rules


def of_column(column: Column, unique: bool) -> Iterator[Expectation]:
    """Yield the rules that one column's declaration stands for."""
    if not column.nullable:
        yield Expectation("expect_column_values_to_not_be_null", column.name)
    if column.type == "number" or column.minimum is not None or column.maximum is not None:
        limits = {"min_value": column.minimum, "max_value": column.maximum}
        if column.type == "number":  # DuckDB puts NaN above all numbers, so finite limits catch it too
            limits = {
                "min_value": -LARGEST if column.minimum is None else column.minimum,
                "max_value": LARGEST if column.maximum is None else column.maximum,
            }
        yield Expectation("expect_column_values_to_be_between", column.name, limits, title=range_in_words(column))
    if column.values is not None:
        yield Expectation("expect_column_values_to_be_in_set", column.name, {"value_set": list(column.values)})
    if unique:
        yield Expectation("expect_column_values_to_be_unique", column.name)


def range_in_words(column: Column) -> str:
    """Return the limits of a column as a reader wants them."""
    ends = [("at least", column.minimum), ("at most", column.maximum)]
    words = " and ".join(f"{word} {end:,.12g}" for word, end in ends if end is not None)
    finite = "finite" if column.type == "number" else ""
    return ", ".join(part for part in (finite, f"{words} {column.unit}".strip() if words else "") if part)


def of_label(label: Column, task: str) -> list[Expectation]:
    """Return what a label needs so that a model can be trained and measured: every class, and more than one."""
    if task == "regression":
        return []
    most = 2 if task == "binary" else None
    classes = {"min_value": 2, "max_value": most}
    rules = [Expectation("expect_column_unique_value_count_to_be_between", label.name, classes, code="E209")]
    if label.values is not None:
        named = {"value_set": list(label.values)}
        rules.append(Expectation("expect_column_distinct_values_to_contain_set", label.name, named, code="E209"))
    return rules


def reason(rule: Expectation, count: int, row_keys: tuple[object, ...]) -> Reason:
    """Return why a broken rule refuses the data, in one sentence without any value of the data."""
    subject = f"Column {rule.column}" if rule.column else "The table"
    rows = f"{count} row{'s' if count != 1 else ''}"
    sentences = {
        "expect_column_values_to_not_be_null": f"{subject} has no value in {rows}.",
        "expect_column_values_to_be_between": f"{subject} is not {rule.title or 'within its range'} in {rows}.",
        "expect_column_values_to_be_in_set": f"{subject} is not in its set in {rows}.",
        "expect_column_values_to_be_unique": f"{subject} is not unique: {rows} share a value with another.",
        "expect_column_mean_to_be_between": f"The mean of column {rule.column} is not within its limits.",
        "expect_column_quantile_values_to_be_between": f"A quantile of column {rule.column} is not within its limits.",
        "expect_table_row_count_to_be_between": "The number of rows is not within its limits.",
        "unexpected_rows_expectation": f"{rows} break a rule across columns: {rule.title}.",
        "label_balance": "The rarest class of the label has too small a share of the rows.",
        "expect_column_unique_value_count_to_be_between": f"{subject} has too few or too many distinct values.",
        "expect_column_distinct_values_to_contain_set": f"{subject} lacks a class that the suite names.",
        "no_row_in_two_splits": f"{rows} of the held-out splits stand in another split as well.",
    }
    other = f"{subject} breaks {rule.rule}" + (f" in {rows}." if count else ".")
    message = sentences.get(rule.rule, other)
    return Reason(rule.code or code_of(rule.rule), rule.column, rule.rule, count, row_keys, message)
