"""Train, validation and test by a hash of the row key: a row stays where it is when data is added."""

# ruff: noqa: S608  (SQL is put together here; names and texts go through files.name and files.text)

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from data_checks import files
from data_checks.contract import Column, Expectation, Outcome
from data_checks.files import CANONICAL, VIEW, name, text

NAMES = ("train", "validation", "test")
FILE = "part-0.parquet"
EMPTY = "EMPTY"  # SageMaker uploads folders, and an empty one is none
SMALLEST_SHARE = 0.001


class SharesError(ValueError):
    """The shares of the splits are not three that make 1."""


@dataclass(frozen=True)
class Splitter:
    """Where a row goes: by the first 8 hex digits of md5(salt + key), drawn evenly from 00000000..ffffffff.

    Any language can repeat it: hashlib.md5(b"42").hexdigest()[:8] < "b3333333" is in train at 0.7.
    """

    key: str
    shares: tuple[float, float, float]  # of train, validation, test; they make 1
    salt: str = ""

    @classmethod
    def parse(cls, key: str, words: str, salt: str = "") -> Splitter:
        """Read `0.7,0.15,0.15`.

        Raises:
            SharesError: not three shares of 0.001 or more that make 1.
        """
        try:
            train, validation, test = (float(word) for word in words.split(","))
        except ValueError:
            train = validation = test = 0.0
        if not (min(train, validation, test) >= SMALLEST_SHARE and abs(train + validation + test - 1) < 1e-9):
            raise SharesError(
                f"splits is {words!r}; expected three shares that make 1, such as 0.7,0.15,0.15"
            )
        return cls(key, (train, validation, test), salt)

    def condition(self, split: str) -> str:
        """Return the SQL that is true for the rows of one split, and for no row of another."""
        drawn = f"substr(md5({text(self.salt)} || CAST({name(self.key)} AS VARCHAR)), 1, 8)"
        first, second = (f"{round(bound * 16**8):08x}" for bound in (self.shares[0], sum(self.shares[:2])))
        return {
            "train": f"{drawn} < '{first}'",
            "validation": f"{drawn} >= '{first}' AND {drawn} < '{second}'",
            "test": f"{drawn} >= '{second}'",
        }[split]


def write(
    connection: duckdb.DuckDBPyConnection, folder: Path, splitter: Splitter, columns: Sequence[Column]
) -> dict[str, int]:
    """Write one Parquet file a split, rows in the order of the data, and return their row counts."""
    long = files.long_rows(connection, VIEW, columns)
    for split in NAMES:
        (folder / split).mkdir(parents=True, exist_ok=True)
        query = f"SELECT * FROM {VIEW} WHERE {splitter.condition(split)}"
        files.copy(connection, query, folder / split / FILE, long)
    return {split: ask(connection, f"SELECT count(*) FROM {table(folder, split)}") for split in NAMES}


def clear(folder: Path) -> None:
    """Leave an EMPTY marker in each split instead of rows."""
    for split in NAMES:
        (folder / split).mkdir(parents=True, exist_ok=True)
        (folder / split / FILE).unlink(missing_ok=True)
        (folder / split / EMPTY).touch()


def judge(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    rules: Sequence[Expectation],
    key: str,
    columns: Sequence[str],
) -> Iterator[Outcome]:
    """Yield how the rules about splits went: none empty, in none one class alone, no row in two."""
    for rule in rules:
        if rule.rule == "no_row_in_two_splits":
            held_out = sum(
                ask(connection, f"SELECT count(*) FROM {table(folder, split)}") for split in NAMES[1:]
            )
            count, keys = leaks(connection, folder, key, columns)
            yield Outcome(rule, count <= rule.settings["maximum_share"] * held_out, count, tuple(keys))
        else:
            counted = f"count(DISTINCT {name(rule.column)})" if rule.column else "count(*)"
            fewest = min(ask(connection, f"SELECT {counted} FROM {table(folder, split)}") for split in NAMES)
            yield Outcome(rule, fewest >= rule.settings["min_value"])


def leaks(
    connection: duckdb.DuckDBPyConnection, folder: Path, key: str, columns: Sequence[str]
) -> tuple[int, list[Any]]:
    """Count held-out rows that another split holds as well, and return the first three of their keys.

    Rows are the same when all columns but the key agree.
    """
    content = ", ".join(name(column) for column in columns if column != key)
    rows = " UNION ALL ".join(
        f"SELECT {n} AS split, {name(key)} AS key, hash({content}) AS content FROM {table(folder, split)}"
        for n, split in enumerate(NAMES)
    )
    shared = "SELECT content FROM placed GROUP BY content HAVING min(split) <> max(split)"
    query = f"WITH placed AS ({rows}) SELECT key FROM placed WHERE split > 0 AND content IN ({shared})"
    count = ask(connection, f"SELECT count(*) FROM ({query})")
    keys = connection.execute(f"{query} ORDER BY key LIMIT 3").fetchall() if count else []
    return count, [row[0] for row in keys]


def positives(connection: duckdb.DuckDBPyConnection, folder: Path, label: Column) -> dict[str, int]:
    """Count the rows of the positive class, which is the last one, in each split."""
    column = name(label.name)
    last = f"(SELECT max({column}) FROM {VIEW})"
    if label.values:  # as the column's own type: the class "1" of numbers is 1.0
        last = f"CAST({text(label.values[-1])} AS {CANONICAL[label.type]})"
    return {
        split: ask(connection, f"SELECT count(*) FROM {table(folder, split)} WHERE {column} = {last}")
        for split in NAMES
    }


def table(folder: Path, split: str) -> str:
    """Return a split as SQL reads it."""
    return f"read_parquet({files.place(folder / split / FILE)}, hive_partitioning = false)"


def ask(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    """Return the one number that a query answers with."""
    return connection.execute(query).fetchall()[0][0]
