"""Turn records into the two arrays that the model's graph reads: the one home of encoding.

In:   a Contract (model.json) and records: the rows of a request, or whole columns of a table
Out:  {"numbers": float32 (n, number features), "categories": int64 (n, category features)}

Numbers keep NaN for "missing"; the graph handles it. Category code 0 is "missing or unknown", 1.. is the
order of the vocabulary. Rows come from a client and are checked strictly; columns come from validated data
and are encoded leniently. Numpy only: this runs in the serving process as well as in training.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np

from inference.contract import FLOAT32_MAX, Contract, Feature

NO_NULL = "null is not allowed here"
NAME_LENGTH = 64  # characters of a client's own column name that an error repeats
WANTED = {"integer": "an integer", "number": "a number", "string": "a text", "boolean": "true or false"}


class EncodeError(ValueError):
    """The client sent what the contract does not allow; names row and column, never the value."""

    def __init__(self, code: str, message: str, row: int | None = None, column: str | None = None) -> None:
        where = [f"row {row}"] * (row is not None) + [f"column {column!r}"] * (column is not None)
        super().__init__(f"{', '.join(where)}: {message}" if where else message)
        self.code, self.message, self.row, self.column = code, str(self), row, column


@dataclass(frozen=True)
class Coded:
    """A category column as Arrow holds it: an index per row into a few distinct values; -1 is missing."""

    indices: np.ndarray
    values: Sequence[Any]


def encode_rows(contract: Contract, rows: Sequence[Any]) -> dict[str, np.ndarray]:
    """Encode the rows of a request, all dicts by name or all lists by position.

    Raises:
        EncodeError: a row or value breaks the contract; the first one found is named.
    """
    if not rows:
        raise EncodeError("empty", "expected at least one row")
    columns = dict(zip(contract.names, zip(*_positional(contract, rows), strict=True), strict=True))
    arrays = {}
    if contract.numbers:
        arrays["numbers"] = _numbers(contract, [columns[feature.name] for feature in contract.numbers])
    if contract.categories:
        codes = [_codes(feature, columns[feature.name]) for feature in contract.categories]
        arrays["categories"] = np.array(codes).T
    return arrays


def encode_columns(
    contract: Contract, columns: Mapping[str, np.ndarray | Coded], unknown: dict[str, int] | None = None
) -> dict[str, np.ndarray]:
    """Encode whole columns without a loop over rows; `unknown` is filled with counts of unknown categories.

    Numbers are arrays with NaN for missing. Null, out of range and unknown are let through, since the data
    was validated; unknown becomes code 0.

    Raises:
        EncodeError: a column is missing, or holds numbers for categories or the other way round.
    """
    for feature in contract.features:
        if feature.name not in columns:
            raise EncodeError("missing_column", "the column is missing", None, feature.name)
    arrays = {}
    if contract.numbers:
        arrays["numbers"] = np.column_stack(
            [_floats(feature, columns[feature.name]) for feature in contract.numbers]
        )
    if contract.categories:
        coded = [_column_codes(feature, columns[feature.name], unknown) for feature in contract.categories]
        arrays["categories"] = np.column_stack(coded)
    return arrays


def encode_matrix(contract: Contract, matrix: np.ndarray) -> dict[str, np.ndarray]:
    """Encode a matrix (rows, features) of a model whose features are all numbers; NaN is null.

    Raises:
        EncodeError: the model takes categories, or a row or value breaks the contract.
    """
    if contract.categories:
        raise EncodeError("wrong_type", "the model takes categories; send JSON or CSV")
    if matrix.ndim != 2 or matrix.dtype.kind not in "iuf":
        raise EncodeError("wrong_type", "expected a matrix of numbers")
    if matrix.shape[1] != len(contract.names):
        raise EncodeError("wrong_length", f"expected {len(contract.names)} values, got {matrix.shape[1]}", 0)
    if not len(matrix):
        raise EncodeError("empty", "expected at least one row")
    values = matrix.T.astype(np.float64)
    nulls = np.isnan(values)
    forbidden = np.argwhere(nulls & ~np.array([[feature.nullable] for feature in contract.numbers]))
    if len(forbidden):
        column, row = forbidden[0]
        raise EncodeError("null", NO_NULL, int(row), contract.numbers[column].name)
    return {"numbers": _within_limits(contract, values, nulls)}


def _positional(contract: Contract, rows: Sequence[Any]) -> Sequence[Any]:
    """Return the rows as sequences in the features' order; raise where a row has other columns."""
    kinds, width = set(map(type, rows)), len(contract.names)
    if kinds == {list}:
        if set(map(len, rows)) == {width}:
            return rows
        row = next(index for index, values in enumerate(rows) if len(values) != width)
        raise EncodeError("wrong_length", f"expected {width} values, got {len(rows[row])}", row)
    if kinds != {dict}:
        row = next((index for index, values in enumerate(rows) if type(values) not in (list, dict)), None)
        raise EncodeError("wrong_row", "expected all rows as lists, or all as objects", row)
    pick = itemgetter(*contract.names) if width > 1 else lambda values: (values[contract.names[0]],)
    try:
        if set(map(len, rows)) == {width}:
            return list(map(pick, rows))
    except KeyError:
        pass
    raise next(_misfits(contract, rows))


def _misfits(contract: Contract, rows: Sequence[dict[str, Any]]) -> Iterator[EncodeError]:
    """Yield an error for each row whose columns are not the contract's."""
    for index, row in enumerate(rows):
        for name in contract.names:
            if name not in row:
                yield EncodeError("missing_column", "the column is missing", index, name)
        if len(row) > len(contract.names):
            extra = next(name for name in row if name not in contract.names)
            yield EncodeError("extra_column", "the model takes no such column", index, extra[:NAME_LENGTH])


def _check_types(feature: Feature, values: Sequence[Any]) -> None:
    """Raise for the first value of a type that the feature does not take."""
    if feature.accepts.issuperset(map(type, values)):
        return
    row = next(index for index, value in enumerate(values) if type(value) not in feature.accepts)
    if values[row] is None:
        raise EncodeError("null", NO_NULL, row, feature.name)
    raise EncodeError("wrong_type", f"expected {WANTED[feature.type]}", row, feature.name)


def _numbers(contract: Contract, columns: list[Sequence[Any]]) -> np.ndarray:
    """Return the number columns as one checked float32 matrix."""
    for feature, column in zip(contract.numbers, columns, strict=True):
        _check_types(feature, column)  # first, since numpy reads text as numbers
    try:
        values = np.array(columns, dtype=np.float64)  # None becomes NaN
    except OverflowError:  # a whole number beyond every float
        values = np.array([[_as_float(value) for value in column] for column in columns])
    nulls: Any = False
    if np.isnan(values).any():
        nulls = np.array([[value is None for value in column] for column in columns])
    return _within_limits(contract, values, nulls)


def _as_float(value: Any) -> float:
    """Return a number as float, infinity where it is too large for one."""
    try:
        return float("nan") if value is None else float(value)
    except OverflowError:
        return float("inf")


def _within_limits(contract: Contract, values: np.ndarray, nulls: Any) -> np.ndarray:
    """Return values (features, rows) as float32 (rows, features); raise for the first one out of limits."""
    low, high, whole = contract.limits
    good = (values >= low) & (values <= high) & ((values == np.rint(values)) | ~whole) | nulls
    if not good.all():
        column, row = np.argwhere(~good)[0]
        raise _out_of_limits(contract.numbers[column], float(values[column, row]), int(row))
    return np.ascontiguousarray(values.T, dtype=np.float32)


def _out_of_limits(feature: Feature, value: float, row: int) -> EncodeError:
    """Return the error for a number that is not finite, not whole or out of range."""
    if not abs(value) <= FLOAT32_MAX:
        return EncodeError("not_finite", "expected a finite number", row, feature.name)
    if feature.type == "integer" and value != round(value):
        return EncodeError("wrong_type", "expected an integer", row, feature.name)
    low = "any" if feature.minimum is None else f"{feature.minimum:g}"
    high = "any" if feature.maximum is None else f"{feature.maximum:g}"
    return EncodeError("out_of_range", f"expected {low} to {high}", row, feature.name)


def _codes(feature: Feature, values: Sequence[Any]) -> np.ndarray:
    """Return a category column's codes; raise for the first value that the feature does not take."""
    if feature.type == "boolean":
        _check_types(feature, values)  # first, since a dict takes 1 for True
    try:
        return np.fromiter(map(feature.codes.get, values), np.int64, len(values))
    except TypeError:  # a None: no such code; or a value that cannot be looked up
        _check_types(feature, values)
    if not feature.open:
        row = next(index for index, value in enumerate(values) if value not in feature.codes)
        raise EncodeError("unknown_category", "the category is not in the vocabulary", row, feature.name)
    return np.array([feature.codes.get(value, 0) for value in values], dtype=np.int64)


def _floats(feature: Feature, column: np.ndarray | Coded) -> np.ndarray:
    """Return a number column as float32; raise where it does not hold numbers."""
    if isinstance(column, Coded) or column.dtype.kind not in "iuf":
        raise EncodeError("wrong_type", "expected a column of numbers", None, feature.name)
    return column.astype(np.float32)


def _column_codes(feature: Feature, column: np.ndarray | Coded, unknown: dict[str, int] | None) -> np.ndarray:
    """Return a category column's codes, counting what the vocabulary does not hold."""
    if not isinstance(column, Coded):
        raise EncodeError("wrong_type", "expected a column of categories", None, feature.name)
    codes = [feature.codes.get(value, -1) for value in column.values]
    found = np.array([*codes, 0], dtype=np.int64)[column.indices]  # index -1, missing, picks the 0
    if unknown is not None:
        unknown[feature.name] = unknown.get(feature.name, 0) + int((found < 0).sum())
    return np.maximum(found, 0)
