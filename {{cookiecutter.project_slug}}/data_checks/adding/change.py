"""What new rows change: rows, schema, and how each column is spread, so far and in the new rows.

Shares, counts, means and PSI; never a value, and of a category not even its name.
"""

# ruff: noqa: S608  (SQL is put together here; names and texts go through files.name and files.text)

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from data_checks import drift, files
from data_checks.contract import Column
from data_checks.files import VIEW, name
from data_checks.reference import Histogram

BEFORE = "before"  # the view of the rows so far, beside VIEW, which is the new ones
TENTHS = [tenth / 10 for tenth in range(1, 10)]
WORDS = 1000  # of a text, the most frequent ones; all others are one bin


@dataclass(frozen=True)
class Pair:
    """One figure, so far and in the new rows."""

    before: float
    new: float


@dataclass(frozen=True)
class Distribution:
    """How one column is spread; a number has a mean, anything else categories."""

    name: str
    type: str
    missing: Pair  # shares of the rows
    psi: float
    chance: float  # how large a PSI may be with nothing moved
    mean: Pair | None = None
    categories: int | None = None  # so far
    new_categories: int | None = None
    new_share: float | None = None  # of the new rows, which hold one of those
    top: Pair | None = None  # share of the most frequent category so far


def spreads(
    before: Mapping[str, Path], new: Mapping[str, Path], columns: Sequence[Column], scratch: Path, memory: str
) -> list[Distribution]:
    """Return how each column is spread before and in the new files."""
    with (
        files.open_view(before, columns, scratch, memory) as old,
        files.open_view(new, columns, scratch, memory) as data,
    ):
        files.add_view(data, BEFORE, before, columns)
        bins = dict(shapes(old, columns))
        counted = dict(drift.count(old, columns, bins)), dict(drift.count(data, columns, bins))
        means = averages(old, columns), averages(data, columns)
        return [
            spread(data, column, bins[column.name], [c[column.name] for c in counted], means)
            for column in columns
        ]


def shapes(data: duckdb.DuckDBPyConnection, columns: Sequence[Column]) -> Iterator[tuple[str, Histogram]]:
    """Yield the bins of each column: tenths of the rows of a number, the most frequent words of another."""
    numbers = [column for column in columns if column.type in drift.NUMBERS]
    tenths = ", ".join(f"approx_quantile(CAST({name(c.name)} AS DOUBLE), {TENTHS})" for c in numbers)
    found = data.execute(f"SELECT {tenths} FROM {VIEW}").fetchall()[0] if numbers else ()
    for column, edges in zip(numbers, found, strict=True):
        yield column.name, Histogram(1, 0.0, (), edges=tuple(sorted(set(edges or ()))))
    for column in columns:
        if column.type not in drift.NUMBERS:
            words = data.execute(
                f"SELECT CAST({name(column.name)} AS VARCHAR) AS word FROM {VIEW} WHERE word IS NOT NULL "
                f"GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT {WORDS}"
            ).fetchall()
            yield column.name, Histogram(1, 0.0, (), words=tuple(row[0] for row in words))


def averages(data: duckdb.DuckDBPyConnection, columns: Sequence[Column]) -> dict[str, float | None]:
    """Return the mean of each number."""
    numbers = [column.name for column in columns if column.type in drift.NUMBERS]
    if not numbers:
        return {}
    each = ", ".join(f"avg({name(column)})" for column in numbers)
    return dict(zip(numbers, data.execute(f"SELECT {each} FROM {VIEW}").fetchall()[0], strict=True))


def spread(
    data: duckdb.DuckDBPyConnection,
    column: Column,
    bins: Histogram,
    counted: Sequence[Sequence[int]],
    means: Sequence[Mapping[str, float | None]],
) -> Distribution:
    """Return one column's figures, from its rows in each bin and its means: so far and in the new rows."""
    before, new = counted
    rows, added = max(1, sum(before)), max(1, sum(new))
    *held, missing = before
    shares = tuple(count / rows for count in held) if bins.edges or bins.words else ()
    then = Histogram(rows, missing / rows, shares, edges=bins.edges, words=bins.words)
    whole = Distribution(
        column.name,
        column.type,
        missing=Pair(missing / rows, new[-1] / added),
        psi=drift.psi(then, new),
        chance=drift.chance(then, new),
    )
    if column.type in drift.NUMBERS:
        was, now = (each[column.name] for each in means)
        return replace(whole, mean=None if was is None or now is None else Pair(was, now))
    categories, unseen, holding = unknown(data, column.name)
    return replace(
        whole,
        categories=categories,
        new_categories=unseen,
        new_share=holding / added,
        top=Pair(before[0] / rows, new[0] / added) if bins.words else None,
    )


def unknown(data: duckdb.DuckDBPyConnection, column: str) -> tuple[int, int, int]:
    """Return how many categories there were, how many new ones there are, and in how many new rows."""
    c = name(column)
    known = f"(SELECT DISTINCT {c} FROM {BEFORE} WHERE {c} IS NOT NULL)"
    (were,) = data.execute(f"SELECT count(*) FROM {known}").fetchall()[0]
    fresh = f"SELECT {c} FROM {VIEW} ANTI JOIN {known} USING ({c}) WHERE {c} IS NOT NULL"
    return (were, *data.execute(f"SELECT count(DISTINCT {c}), count(*) FROM ({fresh})").fetchall()[0])


def repeated(
    before: Mapping[str, Path],
    new: Mapping[str, Path],
    columns: Sequence[Column],
    key: str,
    scratch: Path,
    memory: str,
) -> tuple[int, list[Any]]:
    """Return how many new rows have a key that is there already, and the first three of those keys."""
    own = [column for column in columns if column.name == key]
    with files.open_view(new, own, scratch, memory) as data:
        files.add_view(data, BEFORE, before, own)
        rows = f"FROM {VIEW} SEMI JOIN {BEFORE} USING ({name(key)})"
        (count,) = data.execute(f"SELECT count(*) {rows}").fetchall()[0]
        keys = data.execute(f"SELECT {name(key)} {rows} ORDER BY 1 LIMIT 3").fetchall() if count else []
    return count, [row[0] for row in keys]


def schema(locked: Sequence[Mapping[str, str]], after: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Return in what the schema that would be locked differs from the one that is."""
    old, new = ({item["name"]: item["type"] for item in side} for side in (locked, after))
    retyped = [{"name": c, "before": old[c], "after": new[c]} for c in new if c in old and old[c] != new[c]]
    return {
        "columns": len(new),
        "added": [column for column in new if column not in old],
        "removed": [column for column in old if column not in new],
        "retyped": retyped,
    }
