"""Train, validation and test by a hash of the row key: a row stays where it is when data is added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from data_checks.files import VIEW, literal_path, quote, text

NAMES = ("train", "validation", "test")
FILE = "part-0.parquet"
EMPTY = "EMPTY"  # SageMaker uploads folders: a refused one still needs a file
_HASHES = 16**8


class ShareError(ValueError):
    """The shares of the splits are not three positive numbers that make 1."""


@dataclass(frozen=True)
class Shares:
    """How much of the rows each split gets."""

    train: float
    validation: float
    test: float

    @classmethod
    def parse(cls, words: str) -> Shares:
        """Read `0.7,0.15,0.15`.

        Raises:
            ShareError: not three positive numbers that make 1.
        """
        try:
            shares = [float(word) for word in words.split(",")]
        except ValueError:
            shares = []
        if len(shares) != len(NAMES) or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-9:
            raise ShareError(f"splits is {words!r}; expected three positive shares that make 1, such as 0.7,0.15,0.15")
        return cls(*shares)

    def condition(self, split: str, key: str, salt: str) -> str:
        """Return the SQL that is true for the rows of one split.

        The first 8 hex digits of md5(salt + key), a string, are held against bounds of the same form, so any
        language can tell where a row belongs: hashlib.md5(b"42").hexdigest()[:8] < "b3333333" is train.
        """
        drawn = f"substr(md5({text(salt)} || CAST({quote(key)} AS VARCHAR)), 1, 8)"
        first, second = (f"'{round(share * _HASHES):08x}'" for share in (self.train, self.train + self.validation))
        return {
            "train": f"{drawn} < {first}",
            "validation": f"{drawn} >= {first} AND {drawn} < {second}",
            "test": f"{drawn} >= {second}",
        }[split]


def write(connection: duckdb.DuckDBPyConnection, folder: Path, shares: Shares, key: str, salt: str = "") -> dict[str, int]:
    """Write one Parquet file a split, rows in the order of the data, and return their row counts."""
    counts = {}
    for split in NAMES:
        path = folder / split / FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        connection.execute(
            f"COPY (SELECT * FROM {VIEW} WHERE {shares.condition(split, key, salt)}) "
            f"TO {text(str(path))} (FORMAT parquet, COMPRESSION zstd)"
        )
        counts[split] = connection.execute("SELECT num_rows FROM parquet_file_metadata(?)", [literal_path(path)]).fetchall()[0][0]
    return counts


def clear(folder: Path) -> None:
    """Leave an EMPTY marker in each split instead of rows."""
    for split in NAMES:
        path = folder / split / FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        (path.parent / EMPTY).touch()


def leaks(connection: duckdb.DuckDBPyConnection, folder: Path, key: str, columns: Sequence[str]) -> tuple[int, list[Any]]:
    """Count held-out rows that another split holds as well, and return the first of their keys.

    Rows are the same when all columns but the key agree, or when the key alone does.
    """
    content = ", ".join(quote(name) for name in columns if name != key)
    rows = " UNION ALL ".join(
        f"SELECT {n} AS split, {quote(key)} AS key, hash({content}) AS content "
        f"FROM read_parquet({text(literal_path(folder / split / FILE))})"
        for n, split in enumerate(NAMES)
    )
    shared = "SELECT {0} FROM placed GROUP BY {0} HAVING min(split) <> max(split)"
    query = (
        f"WITH placed AS ({rows}) SELECT key FROM placed WHERE split > 0 "
        f"AND (content IN ({shared.format('content')}) OR key IN ({shared.format('key')}))"
    )
    count = connection.execute(f"SELECT count(*) FROM ({query})").fetchall()[0][0]
    keys = connection.execute(f"{query} ORDER BY key LIMIT 3").fetchall() if count else []
    return count, [row[0] for row in keys]


def positives(connection: duckdb.DuckDBPyConnection, folder: Path, label: str, positive: str) -> dict[str, int]:
    """Count the rows of the positive class in each split."""
    return {
        split: connection.execute(
            f"SELECT count(*) FROM read_parquet(?) WHERE {quote(label)} = ?",
            [literal_path(folder / split / FILE), positive],
        ).fetchall()[0][0]
        for split in NAMES
    }
