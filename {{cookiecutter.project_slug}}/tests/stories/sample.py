"""Facts and data of the stories' own, whatever mlops.toml, suite.py and data/ have become.

In:   the root of a copy of this project
Out:  the same with other rows, their lock and suite, a whole mlops.toml, and the definition compiled from it
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from data_checks import lock
from tests.conftest import TABLES
from tests.training.makers import COLUMNS, make_rows

FOLDER, KEY, LABEL, SLICE = "data/sample", "id", "rich", "sex"
ROWS = 3000
PROJECT = Path(__file__).parents[2]
BUILD = """
import json, sys
from pipelines import __main__ as verbs, settings
from sagemaker_gitops import definition
sys.stdout.write(definition.build(settings.build(json.load(sys.stdin)), verbs.compiled))
"""
FACTS: dict[str, Any] = TABLES | {
    "project": TABLES["project"] | {"slug": "stories", "name": "Stories"},
    "data": {"key": KEY, "label": LABEL, "slices_only": [SLICE]},
    "training": TABLES["training"] | {"batch_size": 128, "hidden": 32},
    "gate": TABLES["gate"] | {"minimum": 0.6},  # a worse model shall lose to the champion
}
SUITE = f"""
from data_checks.contract import Column

COLUMNS = {COLUMNS!r}
EXPECTATIONS = ()
"""


def put(root: Path) -> None:
    """Give a copy of the project facts and data that stories know."""
    shutil.rmtree(root / "data", ignore_errors=True)
    (root / "mlops.toml").write_text("\n".join(as_toml(FACTS)) + "\n", "utf-8")
    (root / "data_checks/suite.py").write_text(SUITE, "utf-8")
    write(root, make_rows(ROWS))
    shutil.copyfile(root / "data.lock", root / "sample.lock")
    (root / "pipelines/definition.json").write_text(definition(), "utf-8")


def write(root: Path, rows: pa.Table) -> None:
    """Write rows as the data of a copy, in two files, and lock them."""
    folder = root / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    half = rows.num_rows // 2
    for number, part in enumerate((rows.slice(0, half), rows.slice(half)), start=1):
        path = folder / f"batch={number}" / "part-0.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(part, path)
    lock.write(lock.make(folder, KEY, FOLDER), root / "data.lock")


@cache
def definition() -> str:
    """Return the pipeline's definition for these facts, compiled once: that takes seconds."""
    build = [sys.executable, "-c", BUILD]
    done = subprocess.run(
        build, input=json.dumps(FACTS), cwd=PROJECT, check=True, text=True, capture_output=True
    )
    return done.stdout


def as_toml(tables: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Yield the lines of nested tables; JSON writes their texts, numbers and lists as TOML does."""
    for name, value in tables.items():
        if isinstance(value, Mapping):
            yield f"\n[{above}{name}]"
            yield from as_toml(value, f"{above}{name}.")
        else:
            yield f"{name} = {json.dumps(value)}"
