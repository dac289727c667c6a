"""The Parquet files behind the checks: what each one holds, whether they agree, and one view over all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import duckdb

from data_checks.contract import Column, Reason, code_of

VIEW = "data"
# One type each: files may hold small integers or dictionaries, the splits and the checks see these.
CANONICAL: Mapping[str, str] = {"integer": "BIGINT", "number": "DOUBLE", "string": "VARCHAR", "boolean": "BOOLEAN"}
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")


@dataclass(frozen=True)
class Found:
    """What one Parquet file says of itself."""

    rows: int
    types: Mapping[str, str]  # column -> logical type, in the order of the file


def logical(type_name: str) -> str:
    """Return the contract's word for a DuckDB type; a type without one comes back in lower case."""
    if type_name in _INTEGERS:
        return "integer"
    if type_name in ("DOUBLE", "FLOAT") or type_name.startswith("DECIMAL"):
        return "number"
    if type_name == "VARCHAR" or type_name.startswith("ENUM"):
        return "string"
    return type_name.lower().partition("(")[0]


def inspect(path: Path) -> Found | str:
    """Read a file's footer; return what is wrong with the file, in words, when that cannot be done."""
    try:
        with duckdb.connect() as connection:
            rows = connection.execute("SELECT num_rows FROM parquet_file_metadata(?)", [literal_path(path)]).fetchall()
            types = connection.execute(
                "DESCRIBE SELECT * FROM read_parquet(?, hive_partitioning = false)", [literal_path(path)]
            ).fetchall()
    except duckdb.Error:  # its text may quote the file's content
        return "is not a whole Parquet file"
    return Found(rows[0][0], {row[0]: logical(row[1]) for row in types})


def literal_path(path: Path) -> str:
    """Return a path in which DuckDB sees no pattern."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in str(path))


def layout_columns(key: str) -> tuple[str, ...]:
    """Return the columns that a file's folders name (`batch=3/part-0.parquet` -> batch)."""
    return tuple(part.partition("=")[0] for part in PurePosixPath(key).parts[:-1] if "=" in part)


def schema_reasons(found: Mapping[str, Found], columns: Sequence[Column]) -> Iterator[Reason]:
    """Yield a reason for each column that is missing, undeclared or of another type in some file."""
    missing: Counter[str] = Counter()
    extra: Counter[str] = Counter()
    wrong: dict[str, Counter[str]] = {}
    declared = {column.name: column.type for column in columns}
    for key, file in found.items():
        layout = set(layout_columns(key))
        missing.update(name for name in declared if name not in file.types and name not in layout)
        extra.update(name for name in file.types if name not in declared)
        for name, kind in file.types.items():
            if declared.get(name, kind) != kind:
                wrong.setdefault(name, Counter())[kind] += 1
    every = len(found)
    for name, count in missing.items():
        yield _schema("expect_table_columns_to_match_set", name, f"is missing in {count} of {every} files")
    for name, count in extra.items():
        yield _schema("expect_table_columns_to_match_set", name, f"is not in the suite but in {count} of {every} files")
    for name, kinds in wrong.items():
        held = " and ".join(f"{kind} in {count} of {every} files" for kind, count in kinds.items())
        yield _schema("expect_column_values_to_be_of_type", name, f"is {held}; the suite says {declared[name]}")


def _schema(rule: str, column: str, complaint: str) -> Reason:
    """Return a reason about a column as a whole."""
    return Reason(code_of(rule), column, rule, 0, (), f"Column {column} {complaint}.")


def open_view(paths: Mapping[str, Path], columns: Sequence[Column]) -> duckdb.DuckDBPyConnection:
    """Return a DuckDB connection with the view `data`: the declared columns of all files, in order.

    Nothing is loaded: each query reads the files, and what does not fit into memory goes to disk.
    A folder such as `batch=3` is a column only where the suite declares one of that name.
    """
    connection = duckdb.connect()
    layout = {name for key in paths for name in layout_columns(key)} & {column.name for column in columns}
    selected = ", ".join(f"CAST({quote(column.name)} AS {CANONICAL[column.type]}) AS {quote(column.name)}" for column in columns)
    listed = ", ".join(text(literal_path(path)) for path in paths.values())
    connection.execute(
        f"CREATE VIEW {VIEW} AS SELECT {selected} FROM read_parquet([{listed}], union_by_name = true, "
        f"hive_partitioning = {str(bool(layout)).lower()}, hive_types_autocast = false)"
    )
    return connection


def unreadable(paths: Mapping[str, Path]) -> Iterator[str]:
    """Yield the keys of files whose pages cannot be read although their footers can."""
    for key, path in paths.items():
        try:
            with duckdb.connect() as connection:
                relation = connection.from_parquet(literal_path(path))
                counts = ", ".join(f"max(hash({quote(name)}))" for name in relation.columns)
                relation.aggregate(counts).fetchall()
        except duckdb.Error:
            yield key


def quote(name: str) -> str:
    """Return a column's name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Return a string as SQL."""
    return "'" + value.replace("'", "''") + "'"
