"""Small data, settings and models that are right except for what a test names."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from data_checks.contract import Column
from training.checkpoint import Checkpoints
from training.fit import fit
from training.model import Shape, TabularNet
from training.settings import Hyperparameters
from training.splits import Split
from training.tasks import Answers

torch.set_num_threads(1)  # as a job does: the bytes of a model depend on it, and tests share two cores

COLUMNS = (
    Column("id", "integer"),
    Column("age", "integer", minimum=0, maximum=120),
    Column("gain", "number", nullable=True, minimum=0),
    Column("job", "string", nullable=True, values=("clerk", "cook", "smith")),
    Column("town", "string"),
    Column("member", "boolean"),
    Column("sex", "string", values=("f", "m")),
    Column("rich", "string", values=("no", "yes")),
)
FEATURES = ("age", "gain", "job", "town", "member")


def make_rows(rows: int = 300, seed: int = 0, **changes: Any) -> pa.Table:
    """Return rows of COLUMNS whose label follows from age, gain and job; a change replaces a column."""
    draw = np.random.default_rng(seed)
    age = draw.integers(18, 90, rows)
    gain = np.where(draw.random(rows) < 0.7, 0.0, draw.random(rows) * 1000).round(2)
    job = draw.choice(["clerk", "cook", "smith"], rows)
    score = (age - 50) / 15 + (gain > 300) * 2 + (job == "smith") * 2 - 1 + draw.normal(size=rows) * 0.5
    columns = {
        "id": np.arange(rows),
        "age": age,
        "gain": pa.array(gain, mask=draw.random(rows) < 0.1),
        "job": pa.array(job, mask=draw.random(rows) < 0.1),
        "town": draw.choice(["Bath", "Cork", "Derby"], rows),
        "member": draw.random(rows) < 0.5,
        "sex": draw.choice(["f", "m"], rows),
        "rich": np.where(score > 0, "yes", "no"),
    }
    return pa.table(columns | {name: pa.array(values) for name, values in changes.items()})


def make_settings(**changes: Any) -> Hyperparameters:
    """Return settings of a small, quick network."""
    small = {"task": "binary", "label": "rich", "key": "id", "slices_only": ("sex",)}
    quick = {"epochs": 3, "hidden": 8, "embedding": 2, "bins": 6, "batch_size": 64, "learning_rate": 0.01}
    return Hyperparameters(**(small | quick | changes))


def make_job(
    folder: Path,
    train: pa.Table | None = None,
    validation: pa.Table | None = None,
    hyperparameters: Mapping[str, Any] | None = None,
) -> Path:
    """Return the base directory of a training job, as SageMaker lays it out."""
    for channel, table in {"train": train, "validation": validation}.items():
        (folder / "input" / "data" / channel).mkdir(parents=True)
        rows = make_rows(seed=len(channel)) if table is None else table
        pq.write_table(rows, folder / "input" / "data" / channel / "part-0.parquet")
    settings = {"task": "binary", "label": "rich", "key": "id", "slices-only": "sex"}
    quick = {
        "epochs": "3",
        "learning-rate": "0.02",
        "hidden": "8",
        "embedding": "2",
        "bins": "6",
        "batch-size": "16",
    }
    config = folder / "input" / "config"
    config.mkdir()
    (config / "hyperparameters.json").write_text(json.dumps(settings | quick | dict(hyperparameters or {})))
    return folder


def make_split(
    rows: int = 200, task: str = "binary", numbers: int = 2, categories: int = 1, seed: int = 0
) -> Split:
    """Return random rows whose target follows from the first inputs."""
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(rows, numbers)).astype(np.float32)
    codes = draw.integers(0, 4, size=(rows, categories))
    score = values[:, :1].sum(1) + (codes[:, :1] == 2).sum(1)
    target = {
        "binary": (score > 0.3).astype(np.int64),
        "multiclass": np.digitize(score, [-0.3, 0.8]),
        "regression": (1000 + 50 * score).astype(np.float32),
    }[task]
    arrays = {"numbers": values} if numbers else {}
    return Split.of(arrays | ({"categories": codes} if categories else {}), target)


def make_shape(split: Split, **changes: Any) -> Shape:
    """Return the shape of a small network for these rows."""
    numbers = 0 if split.numbers is None else split.numbers.shape[1]
    categories = 0 if split.categories is None else split.categories.shape[1]
    edges = np.tile(np.linspace(-2, 2, 7, dtype=np.float32), (numbers, 1)).reshape(numbers, 7)
    shape = {
        "edges": edges,
        "medians": np.zeros(numbers, np.float32),
        "cardinalities": (4,) * categories,
        "outputs": 1,
        "hidden": 8,
        "embedding": 2,
        "dropout": 0.1,
    }
    return Shape(**(shape | changes))


def make_model(split: Split, task: str = "binary", seed: int = 0, **changes: Any) -> Answers:
    """Return an untrained model for these rows."""
    torch.manual_seed(seed)
    outputs = {"outputs": 3 if task == "multiclass" else 1}
    scale = (float(split.target.mean()), float(split.target.std())) if task == "regression" else (0.0, 1.0)
    return Answers(TabularNet(make_shape(split, **(outputs | changes))), task, *scale)


def fit_small(
    folder: Path,
    model: Answers,
    train: Split,
    validation: Split,
    reports: list[Any] | None = None,
    **changes: Any,
) -> Sequence[dict[str, float]]:
    """Train with a checkpoint folder of its own; return the epochs."""
    settings = make_settings(**changes)
    report = [].append if reports is None else reports.append
    return fit(model, train, validation, settings, Checkpoints(folder, "this training"), report)
