"""The Parquet files behind the checks: what each one says of itself, and one view over all of them."""

# ruff: noqa: S608  (SQL is put together here; names and texts go through files.name and files.text)

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import duckdb

from data_checks.contract import Column

VIEW = "data"
# One type each: files may hold small integers or dictionaries, the checks and the splits see these.
CANONICAL: Mapping[str, str] = {
    "integer": "BIGINT",
    "number": "DOUBLE",
    "string": "VARCHAR",
    "boolean": "BOOLEAN",
}
# Bytes, unpacked, that have to be in memory at once: a file of kilobytes can hold a value of gigabytes.
LARGEST_CHUNK = 512 << 20
MEMORY = "512MB"  # of DuckDB; what needs more goes to disk. Python and its libraries come on top
SAMPLE = 1_000_000  # rows: what is a share or a distribution is as sure in them as in all
GROUP_ROWS = 122_880  # of a row group as DuckDB writes it: each is whole in memory first, one a thread
GROUP_BYTES = 32 << 20  # the most of one; where so many rows are more, groups are smaller
THREADS = 4  # that write
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")


@dataclass(frozen=True)
class Found:
    """What one Parquet file says of itself."""

    rows: int
    types: Mapping[str, str]  # column -> logical type, in the order of the file


class UnreadableError(Exception):
    """A file is not whole, not Parquet at all, or of a form that no machine should be asked to open."""


def inspect(path: Path) -> Found:
    """Read a file's footer.

    Raises:
        UnreadableError: there is none to read.
    """
    try:
        with duckdb.connect() as connection:
            where = place(path)
            rows = connection.execute(f"SELECT num_rows FROM parquet_file_metadata({where})").fetchall()
            largest = connection.execute(
                f"SELECT max(total_uncompressed_size) FROM parquet_metadata({where})"
            ).fetchall()[0][0]
            types = connection.execute(
                f"DESCRIBE SELECT * FROM read_parquet({where}, hive_partitioning = false)"
            ).fetchall()
    except duckdb.Error:  # its text may quote the file's content
        raise UnreadableError("is not a whole Parquet file") from None
    if (largest or 0) > LARGEST_CHUNK:
        megabytes = f"{largest >> 20:,} MiB of one column in one row group, {LARGEST_CHUNK >> 20} at most"
        raise UnreadableError(
            f"holds {megabytes}: write smaller row groups, or find the value that is so long"
        )
    return Found(rows[0][0], {row[0]: logical(row[1]) for row in types})


def logical(type_name: str) -> str:
    """Return the contract's word for a DuckDB type; a type that has none comes back in lower case."""
    if type_name in _INTEGERS:
        return "integer"
    if type_name in ("DOUBLE", "FLOAT") or type_name.startswith("DECIMAL"):
        return "number"
    if type_name == "VARCHAR" or type_name.startswith("ENUM"):
        return "string"
    return type_name.lower().partition("(")[0]


def layout(key: str) -> dict[str, str]:
    """Return the columns that a file's folders name and their values (`batch=3/part-0.parquet`)."""
    pairs = (part.partition("=") for part in PurePosixPath(key).parts[:-1] if "=" in part)
    return {name: value for name, _, value in pairs}


def open_view(
    paths: Mapping[str, Path], columns: Sequence[Column], scratch: Path, memory: str = MEMORY
) -> duckdb.DuckDBPyConnection:
    """Return a DuckDB connection with the view `data`: the declared columns of all files, in order.

    Nothing is loaded: each query reads the files, and what does not fit into memory goes to `scratch`.
    `memory` is what DuckDB may hold of them at once.
    """
    connection = connect(scratch, memory)
    add_view(connection, VIEW, paths, columns)
    return connection


def connect(scratch: Path, memory: str = MEMORY) -> duckdb.DuckDBPyConnection:
    """Return a DuckDB connection that writes to `scratch` what `memory` cannot hold."""
    return duckdb.connect(config={"temp_directory": str(scratch), "memory_limit": memory})


def add_view(
    connection: duckdb.DuckDBPyConnection, view: str, paths: Mapping[str, Path], columns: Sequence[Column]
) -> None:
    """Make a view of the declared columns of all files.

    A folder such as `batch=3` is a column only where the suite declares one of that name.
    """
    declared = {column.name for column in columns}
    partitioned = any(declared & set(layout(key)) for key in paths)
    selected = ", ".join(f"{canonical(c)} AS {name(c.name)}" for c in columns)
    listed = ", ".join(map(place, paths.values()))
    connection.execute(
        f"CREATE VIEW {view} AS SELECT {selected} FROM read_parquet([{listed}], union_by_name = true, "
        f"hive_partitioning = {partitioned}, hive_types_autocast = false)"
    )


def sampled(data: duckdb.DuckDBPyConnection, key: str, rows: int) -> duckdb.DuckDBPyConnection:
    """Return a connection whose view `data` holds about SAMPLE of so many rows, the same ones each time."""
    connection = data.cursor()
    if rows > SAMPLE:
        connection.execute(f"CREATE TEMP VIEW {VIEW} AS {some(key, rows, SAMPLE)}")
    return connection


def some(key: str, rows: int, wanted: int) -> str:
    """Return SQL for about `wanted` of so many rows of the view `data`, the same ones each time."""
    return f"SELECT * FROM memory.main.{VIEW} WHERE hash({name(key)}) % {rows} < {wanted}"


def copy(connection: duckdb.DuckDBPyConnection, query: str, path: Path, long: bool) -> None:
    """Write what a query answers as Parquet, in its order.

    Long rows go into small row groups, by one thread: where more of them close those, bytes differ each time.
    """
    size = f", ROW_GROUP_SIZE_BYTES {GROUP_BYTES}" if long else ""
    threads = 1 if long else min(THREADS, os.cpu_count() or 1)
    connection.execute(f"SET threads = {threads}")
    connection.execute(f"COPY ({query}) TO {text(str(path))} (FORMAT parquet, COMPRESSION zstd{size})")
    connection.execute("RESET threads")


def long_rows(connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[Column]) -> bool:
    """Say whether some rows that would be a row group are more bytes than one should be.

    Counted in the rows themselves: a file's footer has a text once that stands in every row.
    """
    texts = [f"coalesce(strlen(CAST({name(c.name)} AS VARCHAR)), 0)" for c in columns if c.type == "string"]
    row = " + ".join([str(8 * len(columns)), *texts])
    rows = f"SELECT {row} AS bytes, (row_number() OVER () - 1) // {GROUP_ROWS} AS part FROM {table}"
    groups = f"SELECT sum(bytes) AS bytes FROM ({rows}) GROUP BY part"
    (most,) = connection.execute(f"SELECT max(bytes) FROM ({groups})").fetchall()[0]
    return (most or 0) > GROUP_BYTES


def canonical(column: Column) -> str:
    """Return a column in the one type that the checks and the splits see.

    NaN is named: pandas and Arrow leave it out of a file's minimum and maximum, and from those DuckDB would
    conclude of a plain column that no row is above a limit.
    """
    value = f"CAST({name(column.name)} AS {CANONICAL[column.type]})"
    return (
        f"CASE WHEN isnan({value}) THEN 'nan'::DOUBLE ELSE {value} END" if column.type == "number" else value
    )


def torn(paths: Mapping[str, Path]) -> Iterator[str]:
    """Yield the keys of files whose pages cannot be read although their footers can.

    Raises:
        duckdb.OutOfMemoryException: reading needs more memory than there is, which says nothing of the file.
    """
    for key, path in paths.items():
        try:
            with duckdb.connect() as connection:
                rows = f"read_parquet({place(path)}, hive_partitioning = false)"
                connection.execute(f"SELECT max(hash(COLUMNS(*))) FROM {rows}").fetchall()
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error:
            yield key


def name(column: str) -> str:
    """Return a column's name as SQL."""
    return '"' + column.replace('"', '""') + '"'


def text(value: str) -> str:
    """Return a string as SQL."""
    return "'" + value.replace("'", "''") + "'"


def place(path: Path) -> str:
    """Return a file to read as SQL: this one, where DuckDB would look for all whose names match a pattern."""
    return text(re.sub(r"[*?[]", r"[\g<0>]", str(path)))
