"""A whole evaluation job on tiny models: makers for tests of evaluation, golden requests and the report."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.tiny_models import CLASSES, add_hashes, make_model
from training import evaluate
from training.archive import pack

GOOD = (0.08, 0.2, 0.5, 0.6)  # the weights that the labels were drawn with: no model can rank better
WORSE = (0.0, 0.2, 0.5, -0.6)
POLICY: dict[str, Any] = {
    "metric": "auc",
    "minimum": 0.6,
    "max_regression": 0.01,
    "slice_max_regression": 0.05,
    "slice_min_rows": 200,
    "slice_min_positives": 40,
}
ROWS = 1500
SERVING = "5e41" * 16  # the champion's release


def make_table(rows: int = ROWS, task: str = "binary", seed: int = 4) -> pa.Table:
    """Return test rows whose labels follow GOOD."""
    random = np.random.default_rng(seed)
    columns: dict[str, Any] = {
        "row_id": np.arange(rows)[::-1],
        "age": random.integers(18, 80, rows),
        "gain": [
            None if absent else value
            for absent, value in zip(random.random(rows) < 0.1, random.normal(size=rows), strict=True)
        ],
        "job": random.choice(np.array(["clerk", "cook", "smith", None], dtype=object), rows),
        "member": random.random(rows) < 0.5,
        "sex": random.choice(["f", "m"], rows),
    }
    codes = {None: 0, "clerk": 1, "cook": 2, "smith": 3}
    score = GOOD[0] * columns["age"] + GOOD[2] * np.array([codes[job] for job in columns["job"]]) - 5.0
    score = (
        score
        + GOOD[1] * np.array([gain or 0.0 for gain in columns["gain"]])
        + GOOD[3] * (columns["member"] + 1)
    )
    if task == "regression":
        columns["label"] = score + random.normal(size=rows)
    else:
        names = np.array(CLASSES[task])
        columns["label"] = names[
            np.digitize(score + random.logistic(size=rows), [0.0, 2.0][: len(names) - 1])
        ]
    return pa.table(columns)


def write_archive(model: Path, archive: Path) -> Path:
    """Pack what lies in a folder."""
    pack({path.name: path.read_bytes() for path in model.iterdir()}, archive)
    return archive


def run_job(
    base: Path,
    candidate: dict[str, Any] | None = None,
    champion: dict[str, Any] | None = None,
    table: pa.Table | None = None,
    task: str = "binary",
    before: Callable[[Path], object] = lambda inputs: None,
    waiver: dict[str, str] | None = None,
    **policy: Any,
) -> int:
    """Lay out the job's input, right except for what you name, run it, and return its exit code."""
    inputs = base / "processing" / "input"
    shutil.rmtree(inputs, ignore_errors=True)
    right = {"task": task, "weights": GOOD, "bias": -6.0}
    write_archive(
        make_model(base / "candidate", **(right | (candidate or {}))), inputs / "model/model.tar.gz"
    )
    (inputs / "test").mkdir()
    pq.write_table(make_table(task=task) if table is None else table, inputs / "test/part-0.parquet")
    (inputs / "champion").mkdir()
    about: dict[str, Any] = {"package": None}
    if champion is not None:
        served = add_hashes(make_model(base / "served", release=SERVING, **(right | champion)))
        write_archive(served, inputs / "champion/model.tar.gz")
        about = {"package": "arn:package/3", "release_id": SERVING}
    (inputs / "champion/champion.json").write_text(json.dumps(about))
    before(inputs)
    words = {key: value for key, value in (POLICY | policy).items() if value is not ...}
    arguments = ["--task", task, "--label", "label", "--key", "row_id", "--slices-only", "sex"]
    with patch.dict(os.environ, {"SAGEMAKER_BASE_DIR": str(base)}):
        waived = ["--waiver", json.dumps(waiver)] if waiver else []
        return evaluate.main([*arguments, "--policy", json.dumps(words), *waived])


def read(base: Path) -> dict[str, Any]:
    """Return evaluation.json, which must be JSON without NaN."""
    text = (base / "processing/output/evaluation/evaluation.json").read_text()
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
