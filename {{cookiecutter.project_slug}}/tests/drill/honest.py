"""The honest model that every kind is a broken copy of: the real training and evaluation, on a small sample.

Two of them, so that a new release and the one before it never give the same answers: the second is the first
with its answers recalibrated. Kept in build/drill/, by the code and data that made it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sagemaker_gitops.tree import Tree

from tests.drill import surgery
from training.archive import unpack

ROWS = 6000  # of the sample: training takes seconds, not minutes
POLICY = {
    "max_regression": 1.0,
    "slice_max_regression": 1.0,
    "slice_min_rows": 200,
    "slice_min_positives": 40,
}
QUICK = {"epochs": "3", "hidden": "32", "threads": "1"}


@dataclass(frozen=True)
class Model:
    """A served archive before it is packed: its files, and what evaluation recorded of the honest one."""

    graph: bytes
    contract: dict[str, Any]
    golden: dict[str, Any]  # of the honest model: what the registry's anchors lead to
    evaluation: dict[str, Any]
    rare: tuple[str, str, int] | None = None  # column, category, rows: the rarest one in the golden requests
    own_golden: dict[str, Any] | None = None  # what stands in the archive, where it is not the same
    rows: tuple[dict[str, Any], ...] = field(default=(), repr=False)  # rows that no training has seen

    def but(self, **changes: Any) -> Model:
        """Return the same model but for `changes`."""
        return replace(self, **changes)


def make(work: Tree, folder: Path) -> Model:
    """Return the honest model; train it unless that was done for this code and data."""
    kept = folder / f"model-{work.ids.release_id[:12]}"
    if not (kept / "done").is_file():
        shutil.rmtree(kept, ignore_errors=True)
        _train(work, kept)
        (kept / "done").touch()
    evaluation = json.loads((kept / "processing/output/evaluation/evaluation.json").read_bytes())
    files = kept / "served"
    golden = json.loads((files / "golden.json").read_bytes())
    contract = json.loads((files / "model.json").read_bytes())
    table = pq.read_table(kept / "processing/input/test/part-0.parquet")
    rows = table.select([feature["name"] for feature in contract["features"]]).to_pylist()
    model = Model((files / "model.onnx").read_bytes(), contract, golden, evaluation, rows=tuple(rows))
    return model.but(rare=_rare(contract, golden, sample(work)))


def recalibrated(model: Model) -> Model:
    """Return another good model: the same with answers a tenth nearer to the middle."""
    return surgery.with_golden(model.but(graph=surgery.scaled(model.graph, 0.9, 0.02)), honest=True)


def sample(work: Tree) -> pa.Table:
    """Return rows of the locked data, spread evenly."""
    folder = work.root / work.lock.prefix
    table = pa.concat_tables(pq.ParquetFile(folder / file.key).read() for file in work.lock.files)
    step = max(1, table.num_rows // ROWS)
    return table.take(list(range(0, table.num_rows, step)))


def _train(work: Tree, base: Path) -> None:
    """Lay out a job as SageMaker does and run the project's own two programs in it."""
    table, data = sample(work), work.settings.data
    parts = {"train": slice(0, None, 2), "validation": slice(1, None, 4), "test": slice(3, None, 4)}
    for name, part in parts.items():
        rows = table.take(list(range(table.num_rows))[part])
        for place in (f"input/data/{name}", f"processing/input/{name}"):
            (base / place).mkdir(parents=True, exist_ok=True)
            pq.write_table(rows, base / place / "part-0.parquet")
    told = work.settings.training.model_dump(mode="json", exclude_none=True, exclude={"tracking_uri"})
    given = {key.replace("_", "-"): str(value) for key, value in told.items()} | QUICK
    columns = {"label": data.label, "key": data.key, "slices-only": ",".join(data.slices_only)}
    _write(base / "input/config/hyperparameters.json", {**given, **columns, "release-id": "drill"})
    _write(base / "processing/input/champion/champion.json", {"package": None})
    _job(work.root, base, "training.train")
    archive = base / "processing/input/model/model.tar.gz"
    archive.parent.mkdir(parents=True)
    shutil.make_archive(str(archive).removesuffix(".tar.gz"), "gztar", base / "model")
    gate = work.settings.gate  # few rows make no good model: any bar would do, and there is no champion
    bar = {"minimum": -1e9} if gate.minimum is not None else {"maximum": 1e9}
    policy = POLICY | bar | {"metric": gate.metric}
    words = [f"--{name}={value}" for name, value in {**columns, "task": given["task"]}.items()]
    _job(work.root, base, "training.evaluate", *words, f"--policy={json.dumps(policy)}")
    unpack(base / "processing/output/artifact/model.tar.gz", base / "served")


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def _job(root: Path, base: Path, module: str, *words: str) -> None:
    environment = os.environ | {"SAGEMAKER_BASE_DIR": str(base.absolute())}
    command = [sys.executable, "-m", module, *words]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the drill's own model could not be made: {module}\n{done.stdout}{done.stderr}")


def _rare(contract: dict[str, Any], golden: dict[str, Any], table: pa.Table) -> tuple[str, str, int] | None:
    """Return the rarest category that a golden request holds; None for data without categories."""
    instances = [row for case in golden["cases"] for row in case["body"]["instances"]]
    found = []
    for feature in contract["features"]:
        if feature["kind"] != "category" or feature["type"] != "string":
            continue
        counts = {
            item["values"]: item["counts"] for item in pc.value_counts(table[feature["name"]]).to_pylist()
        }
        asked = {row[feature["name"]] for row in instances} & set(feature["vocabulary"])
        found += [(counts.get(value, 0), feature["name"], value) for value in asked]
    count, column, value = min(found, default=(0, "", ""))
    return (column, value, count) if column else None
