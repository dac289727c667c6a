"""How much of the label each feature tells alone (E211): a copy of the label, under whatever name, tells all.

Measured on groups of rows: by a number's place among its own quantiles, else by the value. The groups are
few, so memory is bounded whatever the column holds; a group of one row tells nothing, or keys would.
"""

# ruff: noqa: S608  (SQL is put together here; names and texts go through files.name and files.text)

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import duckdb

from data_checks.contract import Column, Expectation, Outcome
from data_checks.files import VIEW, name

BINS = 64  # of a number's values
GROUPS = 1024  # of any other column's values, by their hash
NUMBERS = ("integer", "number")


def judge(
    data: duckdb.DuckDBPyConnection,
    rules: Sequence[Expectation],
    columns: Sequence[Column],
    label: str,
    task: str,
) -> Iterator[Outcome]:
    """Yield how the rules went that hold features against the label."""
    wanted = {rule.column for rule in rules}
    seen = [column for column in columns if column.name in wanted]
    share = of_values if task == "regression" else of_classes
    told = dict(share(data, seen, label)) if seen else {}
    for rule in rules:
        found = told[rule.column or ""]
        yield Outcome(rule, found <= rule.settings["maximum"], measured=found)


def of_classes(
    data: duckdb.DuckDBPyConnection, columns: Sequence[Column], label: str
) -> Iterator[tuple[str, float]]:
    """Yield for each column by how much fewer labels it guesses wrongly than the most frequent class does."""
    groups = dict(by_place(data, [column for column in columns if column.type in NUMBERS], label))
    groups |= {c.name: by_value(data, c.name, label) for c in columns if c.type not in NUMBERS}
    for column in columns:
        yield column.name, told(groups[column.name])


def told(counts: Iterable[tuple[object, object, int]]) -> float:
    """Return the share (0..1) of wrong guesses that groups spare, from (group, class, rows)."""
    groups: dict[object, list[int]] = {}
    classes: dict[object, int] = {}
    for group, word, rows in counts:
        groups.setdefault(group, []).append(rows)
        classes[word] = classes.get(word, 0) + rows
    base, rows = max(classes.values(), default=0), sum(classes.values())
    right = sum(max(group) for group in groups.values() if sum(group) > 1)
    return max(0.0, (right - base) / (rows - base)) if rows > base else 0.0


def by_value(data: duckdb.DuckDBPyConnection, column: str, label: str) -> list[tuple[object, object, int]]:
    """Return (group, class, rows) of a column that is no number; null is a group, too."""
    return data.execute(
        f"SELECT hash({name(column)}) % {GROUPS}, {name(label)}, count(*) FROM {VIEW} GROUP BY ALL"
    ).fetchall()


def by_place(
    data: duckdb.DuckDBPyConnection, columns: Sequence[Column], label: str
) -> Iterator[tuple[str, list[tuple[object, object, int]]]]:
    """Yield each number's column and its (group, class, rows), from two scans for all of them together."""
    if not columns:
        return
    places = [place / BINS for place in range(1, BINS)]
    ends = ", ".join(f"min({value(c.name)}), approx_quantile({value(c.name)}, {places})" for c in columns)
    (found,) = data.execute(f"SELECT {ends} FROM {VIEW}").fetchall()
    edges = [
        sorted({low, *(inner or ())} - {None}) for low, inner in zip(found[::2], found[1::2], strict=True)
    ]
    counted = ", ".join(
        f"histogram({value(c.name)}, {own or [0.0]}::DOUBLE[]), count(*) - count({name(c.name)})"
        for c, own in zip(columns, edges, strict=True)
    )
    rows = data.execute(f"SELECT {name(label)}, {counted} FROM {VIEW} GROUP BY ALL").fetchall()
    for at, column in enumerate(columns):
        parts = ((row[0], {**(row[1 + 2 * at] or {}), None: row[2 + 2 * at]}) for row in rows)
        yield column.name, [(group, word, n) for word, part in parts for group, n in part.items() if n]


def of_values(
    data: duckdb.DuckDBPyConnection, columns: Sequence[Column], label: str
) -> Iterator[tuple[str, float]]:
    """Yield for each column the share of the label's variance that it tells: r squared, or eta squared."""
    numbers = [column.name for column in columns if column.type in NUMBERS]
    if numbers:
        each = ", ".join(f"corr({value(column)}, {value(label)})" for column in numbers)
        (found,) = data.execute(f"SELECT {each} FROM {VIEW}").fetchall()
        yield from ((column, squared(r)) for column, r in zip(numbers, found, strict=True))
    for column in columns:
        if column.type not in NUMBERS:
            grouped = (
                f"SELECT count(*) AS n, avg({value(label)}) AS a FROM {VIEW} "
                f"GROUP BY hash({name(column.name)}) % {GROUPS} HAVING count(*) > 1"
            )
            query = (
                f"SELECT sum(n * (a - m) ** 2) / any_value(s) FROM ({grouped}), (SELECT avg({value(label)}) "
                f"AS m, var_pop({value(label)}) * count(*) AS s FROM {VIEW})"
            )
            (found,) = data.execute(query).fetchall()
            yield column.name, squared(math.sqrt(max(found[0] or 0.0, 0.0)))


def squared(r: float | None) -> float:
    """Return r squared, 0 where it is not defined: one of the two never changes."""
    return 0.0 if r is None or not math.isfinite(r) else min(1.0, r * r)


def value(column: str) -> str:
    """Return a column as a number in SQL."""
    return f"CAST({name(column)} AS DOUBLE)"
