"""Has a feature moved since the champion was trained (E212)? PSI of each, from one scan of the data.

The champion's own bins are counted again, by DuckDB, in as much memory as there are bins.
"""

# ruff: noqa: S608  (SQL is put together here; names and texts go through files.name and files.text)

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import duckdb

from data_checks.contract import Column, Expectation, Outcome
from data_checks.files import VIEW, name
from data_checks.reference import Histogram, Reference

NUMBERS = ("integer", "number")
SURE = 3.0  # standard deviations: what chance alone does in one of a thousand columns is no drift


def judge(
    data: duckdb.DuckDBPyConnection,
    rules: Sequence[Expectation],
    columns: Sequence[Column],
    reference: Reference | None,
) -> Iterator[Outcome]:
    """Yield how the rules about drift went; what has nothing to be compared with passes, unmeasured."""
    known = reference.features if reference else {}
    seen = [c for c in columns if c.name in known and same_kind(c, known[c.name])]
    counted = {} if not seen else dict(count(data, seen, known))
    for rule in rules:
        found = counted.get(rule.column or "")
        if found is None:
            yield Outcome(rule, True)
        else:
            then = known[rule.column or ""]
            moved = psi(then, found)
            yield Outcome(rule, moved <= rule.settings["maximum"] + chance(then, found), measured=moved)


def same_kind(column: Column, then: Histogram) -> bool:
    """Return whether a column is still what the champion knew under its name: a number, or not."""
    return not then.shares or bool(then.edges) == (column.type in NUMBERS)


def count(
    data: duckdb.DuckDBPyConnection, columns: Sequence[Column], known: Mapping[str, Histogram]
) -> Iterator[tuple[str, list[int]]]:
    """Yield each column and its rows: in each of the champion's bins, beyond them, and missing."""
    told = ", ".join(f"count({part(c)}), {bins(c, known[c.name])}" for c in columns)
    given = [keys(known[c.name]) for c in columns]
    (found,) = data.execute(f"SELECT count(*), {told} FROM {VIEW}", [g for g in given if g]).fetchall()
    rows, *figures = found
    for column, own, present, counts in zip(columns, given, figures[::2], figures[1::2], strict=True):
        inside = [(counts or {}).get(value, 0) for value in own]
        yield column.name, [*inside, present - sum(inside), rows - present]


def part(column: Column) -> str:
    """Return a column as SQL in the champion's terms: a number, or a word behind a mark.

    The mark, because DuckDB counts all other words under the empty one, which may be a word of the data.
    """
    if column.type in NUMBERS:
        return f"CAST({name(column.name)} AS DOUBLE)"
    return f"'=' || CAST({name(column.name)} AS VARCHAR)"


def keys(then: Histogram) -> list[float] | list[str]:
    """Return the champion's bins as `part` writes them."""
    return list(then.edges) or [f"={word}" for word in then.words]


def bins(column: Column, then: Histogram) -> str:
    """Return SQL that counts a column's rows in the champion's bins; the bins are a parameter."""
    if then.edges:
        return f"histogram({part(column)}, CAST(? AS DOUBLE[]))"
    return f"histogram_exact({part(column)}, CAST(? AS VARCHAR[]))" if then.words else "NULL"


def psi(then: Histogram, counts: Sequence[int]) -> float:
    """Return the population stability index: the sum of (now - then) ln(now / then) over the bins.

    A bin that is empty on one side counts as half a row there: the logarithm needs something.
    """
    rows, total = max(1, sum(counts)), 0.0
    for was, number in zip(then.all_shares, counts, strict=True):
        if was > 0 or number:
            before, now = max(was, 0.5 / then.rows), max(number, 0.5) / rows
            total += (now - before) * math.log(now / before)
    return total


def chance(then: Histogram, counts: Sequence[int]) -> float:
    """Return how large a PSI may be with nothing moved: it follows a chi square over the rows of both."""
    used = sum(was > 0 or number > 0 for was, number in zip(then.all_shares, counts, strict=True))
    free = max(1, used - 1)
    return (free + SURE * math.sqrt(2 * free)) * (1 / then.rows + 1 / max(1, sum(counts)))
