"""The words a suite is written in: columns, expectations, and the reasons for which data is refused.

Nothing here imports Great Expectations, so training and inference read a suite at no cost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

LogicalType = Literal["integer", "number", "string", "boolean"]
Severity = Literal["critical", "warning", "info"]
Value = str | int | bool

# What a refusal is called in messages and reports, by the name of the rule that is broken.
CODES: Mapping[str, str] = {
    "data_lock": "E201",
    "expect_table_columns_to_match_set": "E202",
    "expect_column_values_to_be_of_type": "E202",
    "expect_column_values_to_not_be_null": "E203",
    "expect_column_values_to_be_between": "E204",
    "expect_column_min_to_be_between": "E204",
    "expect_column_max_to_be_between": "E204",
    "expect_column_values_to_be_in_set": "E205",
    "expect_column_distinct_values_to_be_in_set": "E205",
    "expect_column_unique_value_count_to_be_between": "E205",
    "expect_column_values_to_match_regex": "E205",
    "expect_column_values_to_be_unique": "E206",
    "expect_compound_columns_to_be_unique": "E206",
    "expect_column_mean_to_be_between": "E207",
    "expect_column_median_to_be_between": "E207",
    "expect_column_stdev_to_be_between": "E207",
    "expect_column_quantile_values_to_be_between": "E207",
    "expect_column_kl_divergence_to_be_less_than": "E207",
    "expect_table_row_count_to_be_between": "E207",
    "every_split_has_rows": "E207",
    "unexpected_rows_expectation": "E208",
    "expect_column_pair_values_to_be_equal": "E208",
    "expect_column_pair_values_to_be_in_set": "E208",
    "expect_column_pair_values_a_to_be_greater_than_b": "E208",
    "expect_multicolumn_sum_to_equal": "E208",
    "label_balance": "E209",
    "every_split_has_two_classes": "E209",
    "no_row_in_two_splits": "E210",
    "no_target_leakage": "E211",
    "no_drift": "E212",
}
OTHER_CODE = "E299"


@dataclass(frozen=True)
class Column:
    """One column of the data: its logical type and what each of its values may be.

    A number without limits must still be finite: NaN and the infinities are always refused.
    """

    name: str
    type: LogicalType
    nullable: bool = False
    minimum: float | None = None  # inclusive
    maximum: float | None = None  # inclusive
    values: tuple[str, ...] | None = None  # the closed set, in the order of its codes; None: any value
    unit: str = ""  # for readers and messages

    def typed_values(self) -> list[Value]:
        """Return `values` as the data holds them: an integer label is written ("0", "1") in the suite."""
        if self.type == "integer":
            return [int(value) for value in self.values or ()]
        if self.type == "boolean":
            return [value == "true" for value in self.values or ()]
        return list(self.values or ())


@dataclass(frozen=True)
class Expectation:
    """One rule about columns or the table, under the name that Great Expectations gives it."""

    rule: str
    column: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    severity: Severity = "critical"  # only critical ones refuse the data
    title: str = ""  # what it means, for messages; must hold no data value
    own_code: str = ""  # E2xx, where the rule's usual code says too little

    @property
    def code(self) -> str:
        """Return the code (E2xx) under which this rule is reported when it is broken."""
        return self.own_code or CODES.get(self.rule, OTHER_CODE)


@dataclass(frozen=True)
class Outcome:
    """One rule and how it went."""

    rule: Expectation
    success: bool
    count: int = 0  # rows concerned; 0 where the rule is about a column or the table as a whole
    row_keys: tuple[Any, ...] = ()  # the first of them
    measured: float | None = None  # what a rule about a feature found; told also where it passed


@dataclass(frozen=True)
class Reason:
    """Why data is refused: a code, a subject, a count and the first row keys. Never a value."""

    code: str
    column: str | None
    rule: str
    count: int
    row_keys: tuple[Any, ...]
    message: str


def expect(
    rule: str, column: str | None = None, *, severity: Severity = "critical", **settings: Any
) -> Expectation:
    """Return any expectation of Great Expectations by its own name, with its own settings."""
    return Expectation(rule, column, settings, severity)


def no_rows_where(title: str, condition: str, *, severity: Severity = "critical") -> Expectation:
    """Refuse rows for which a SQL condition over several columns holds; `title` says it in words."""
    return Expectation("unexpected_rows_expectation", None, {"condition": condition}, severity, title)


def label_balance(minimum_share: float, *, severity: Severity = "critical") -> Expectation:
    """Refuse a label whose rarest class has less than this share (0..1) of the rows; not for regression."""
    return Expectation("label_balance", None, {"minimum_share": minimum_share}, severity)


def no_row_in_two_splits(maximum_share: float = 0.0, *, severity: Severity = "critical") -> Expectation:
    """Refuse splits when more than this share (0..1) of held-out rows stands in another split as well.

    Rows are the same when they agree in everything but the key.
    """
    return Expectation("no_row_in_two_splits", None, {"maximum_share": maximum_share}, severity)


def no_target_leakage(
    maximum: float = 0.95, *, allowed: Sequence[str] = (), severity: Severity = "critical"
) -> Expectation:
    """Refuse a feature that alone tells more than this share (0..1) of the label: a copy of it, most likely.

    The share is of what is not told by the most frequent class (of the variance, for a regression): 0 is no
    better than knowing nothing, 1 knows every label. A column that honestly knows so much is `allowed`.
    """
    return Expectation("no_target_leakage", None, {"maximum": maximum, "allowed": allowed}, severity)


def no_drift(
    maximum_psi: float = 0.25, *, allowed: Sequence[str] = (), severity: Severity = "critical"
) -> Expectation:
    """Refuse a feature whose distribution moved since the champion was trained, by more than chance explains.

    Measured as PSI, the population stability index: below 0.1 is little, from 0.25 on is much, above 1 is
    another column in all but name. A first release has nothing to be compared with. What moved on purpose
    is `allowed` for the one release that learns it.
    """
    return Expectation("no_drift", None, {"maximum": maximum_psi, "allowed": allowed}, severity)
