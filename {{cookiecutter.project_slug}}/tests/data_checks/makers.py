"""A small table that its suite accepts but for what a test changes, and the job run on it."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from data_checks import files, lock, validate
from data_checks.contract import (
    Column,
    Expectation,
    expect,
    label_balance,
    no_row_in_two_splits,
    no_rows_where,
)

ROOT = Path(validate.__file__).parents[1]
FACTS = tomllib.loads((ROOT / "mlops.toml").read_text("utf-8"))
OWN = {  # the arguments with which the pipeline of this very project runs the job
    "key": FACTS["data"]["key"],
    "label": FACTS["data"]["label"],
    "task": FACTS["training"]["task"],
    "slices-only": ",".join(FACTS["data"].get("slices_only", [])),
    "splits": ",".join(map(str, FACTS["data"].get("splits", [0.7, 0.15, 0.15]))),
}
ROWS = 300
COLUMNS = (
    Column("id", "integer"),
    Column("age", "integer", minimum=0, maximum=120, unit="years"),
    Column("pay", "number", nullable=True),
    Column("city", "string", values=("bern", "oslo", "rome")),
    Column("member", "boolean"),
    Column("bought", "string", values=("no", "yes")),
)
EXPECTATIONS = (
    expect("expect_table_row_count_to_be_between", min_value=100, max_value=1_000),
    expect("expect_column_mean_to_be_between", "age", min_value=30, max_value=60),
    expect(
        "expect_column_quantile_values_to_be_between",
        "age",
        quantile_ranges={"quantiles": [0.5], "value_ranges": [[40, 50]]},
    ),
    no_rows_where("pay of a child", "age < 18 AND pay > 0"),
    label_balance(minimum_share=0.2),
    no_row_in_two_splits(),
)
ARGUMENTS = {"key": "id", "label": "bought", "task": "binary"}
TABLE = f"""
    SELECT i AS id, 20 + i % 50 AS age, (1000.5 + i)::DOUBLE AS pay,
           ['bern', 'oslo', 'rome'][1 + i % 3] AS city, i % 2 = 0 AS member,
           if(i % 3 = 0, 'yes', 'no') AS bought
    FROM range({ROWS}) AS rows(i)
"""


@dataclass
class World:
    """One job folder: change the table, write it, run the job, read what it left."""

    base: Path
    columns: tuple[Column, ...] = COLUMNS
    expectations: tuple[Expectation, ...] = EXPECTATIONS
    arguments: dict[str, str] = field(default_factory=ARGUMENTS.copy)
    table: str = TABLE

    def __post_init__(self) -> None:
        self.data = self.base / "processing" / "input" / "data"
        self.lock = self.base / "processing" / "input" / "lock" / "data.lock"
        self.output = self.base / "processing" / "output"
        self.message = self.base / "output" / "message"

    def write(self, *changes: str, name: str = "batch=1/part-0.parquet") -> Path:
        """Write the table as a Parquet file, after the SQL of these changes to the table `t`."""
        path = self.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with duckdb.connect() as connection:
            connection.execute(f"CREATE TABLE t AS {self.table}")
            for change in changes:
                connection.execute(change)
            connection.execute(f"COPY t TO {files.text(str(path))} (FORMAT parquet)")
        return path

    def write_lock(self) -> None:
        """Lock what lies in the folder, whatever it is."""
        entries = []
        for path in sorted(self.data.rglob("*.parquet")):
            try:
                rows = files.inspect(path).rows
            except files.UnreadableError:
                rows = 0
            key = path.relative_to(self.data).as_posix()
            entries.append(lock.LockFile(key, path.stat().st_size, rows, lock.sha256(path)))
        self.lock.parent.mkdir(parents=True, exist_ok=True)
        lock.write(
            lock.Lock(
                "data/small", self.arguments["key"], sum(file.rows for file in entries), (), tuple(entries)
            ),
            self.lock,
        )

    def run(self, monkeypatch: Any, **arguments: str) -> int:
        """Run the job and return its exit code."""
        monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(self.base))
        monkeypatch.setattr("data_checks.suite.COLUMNS", self.columns)
        monkeypatch.setattr("data_checks.suite.EXPECTATIONS", self.expectations)
        return validate.main(as_words(self.arguments | arguments))

    def report(self) -> dict[str, Any]:
        """Return validation.json."""
        return json.loads((self.output / "report" / "validation.json").read_text())

    def reasons(self) -> list[tuple[str, str | None]]:
        """Return code and column of each reason."""
        return [(reason["code"], reason["column"]) for reason in self.report()["verdict"]["reasons"]]

    def split(self, name: str) -> list[tuple[Any, ...]]:
        """Return the rows of one split."""
        with duckdb.connect() as connection:
            return connection.read_parquet(str(self.output / name / "part-0.parquet")).fetchall()


def as_words(arguments: dict[str, str]) -> list[str]:
    """Return arguments as a command line has them."""
    return [word for name, value in arguments.items() for word in (f"--{name}", value)]
