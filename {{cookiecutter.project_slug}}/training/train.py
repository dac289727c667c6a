"""Train one model from two splits and leave it where SageMaker looks for it.

In:   BASE/input/config/hyperparameters.json, BASE/input/data/{train,validation}/*.parquet
Out:  BASE/model/{model.onnx,model.safetensors,model.json}, BASE/checkpoints/; BASE/output/failure when it fails
Run:  SAGEMAKER_BASE_DIR=/tmp/job python -m training.train

BASE is SAGEMAKER_BASE_DIR, or /opt/ml in the container. Progress is one event a line, key=value.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from data_checks.suite import COLUMNS
from inference.encode import Contract
from training.checkpoint import Checkpoints
from training.errors import JobError, explain
from training.export import GraphDrawing, to_onnx, write_model
from training.features import (
    bin_edges,
    encode_label,
    encode_table,
    feature_columns,
    learn_classes,
    learn_features,
    read_split,
)
from training.fit import Epoch, best_epoch, fit
from training.model import Shape, TabularNet
from training.settings import Hyperparameters
from training.splits import Split
from training.tasks import Answers
from training.tracking import Tracker

if TYPE_CHECKING:
    from data_checks.contract import Column

log = logging.getLogger("training")


def main() -> int:
    """Run the job in its base directory; on failure leave the reason in output/failure."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s", force=True)
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(143)
    )  # a spot interruption: end the processes beside us, too
    base = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
    try:
        train(base, read_settings(base), COLUMNS)
    except Exception as error:  # the edge: everything ends as a failure file
        reason = explain(error)
        (base / "output").mkdir(parents=True, exist_ok=True)
        (base / "output" / "failure").write_text(reason + "\n")
        log.error("training failed: %s", reason)
        return 1
    return 0


def train(base: Path, settings: Hyperparameters, columns: Sequence[Column]) -> list[Epoch]:
    """Read, fit, export, write: the whole job on one screen."""
    started = time.monotonic()
    torch.set_num_threads(settings.threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    contract, train_rows, validation_rows = read_rows(base / "input" / "data", settings, columns)
    shape = network_shape(contract, train_rows, settings)
    drawing = GraphDrawing(shape, settings.task)
    tags = {"release_id": settings.release_id, "commit": settings.commit_sha}
    tracker = Tracker.start(settings.tracking_uri, settings.experiment, settings.as_params(), tags)
    try:
        model = new_model(shape, train_rows, settings)
        checkpoints = Checkpoints(
            base / "checkpoints", settings.fingerprint(train_rows.sha256(), validation_rows.sha256())
        )
        history = fit(model, train_rows, validation_rows, settings, checkpoints, tracker.epoch)
        graph = to_onnx(model, validation_rows, drawing.take())
        write_model(base / "model", graph, model, contract, settings.network())
        best = best_epoch(history, settings.task)
        tracker.finish(best)
    finally:
        drawing.close()
        tracker.close()
    figures = " ".join(f"{name}={value:.5f}" for name, value in best.items() if name != "epoch")
    log.info("best_epoch=%d epochs=%d %s", best["epoch"], len(history), figures)
    log.info("model=%s seconds=%.1f", base / "model", time.monotonic() - started)
    return history


def read_rows(
    data: Path, settings: Hyperparameters, columns: Sequence[Column]
) -> tuple[Contract, Split, Split]:
    """Read both channels; the contract is learned from the training rows alone."""
    seen = feature_columns(
        columns, without=(settings.label, *filter(None, (settings.key, *settings.slices_only)))
    )
    label = next(column for column in columns if column.name == settings.label)
    names = [column.name for column in (*seen, label)]
    train_table, validation_table = (read_split(data / name, names) for name in ("train", "validation"))
    contract = Contract(
        task=settings.task,
        label=label.name,
        classes=learn_classes(train_table, label, settings.task),
        features=learn_features(train_table, seen, settings.max_categories),
        release_id=settings.release_id,
        commit_sha=settings.commit_sha,
    )
    unknown: dict[str, int] = {}
    rows = [
        Split.of(encode_table(table, contract, unknown), encode_label(table, contract))
        for table in (train_table, validation_table)
    ]
    log.info("rows=%d validation_rows=%d features=%d", len(rows[0].target), len(rows[1].target), len(seen))
    if any(unknown.values()):
        counts = " ".join(f"{name}={count}" for name, count in unknown.items() if count)
        log.info("unknown_categories %s", counts)
    return contract, rows[0], rows[1]


def network_shape(contract: Contract, rows: Split, settings: Hyperparameters) -> Shape:
    """Return what the network must know about the data."""
    numbers = np.zeros((0, 0)) if rows.numbers is None else rows.numbers.numpy()
    edges, medians = bin_edges(numbers, settings.bins)
    return Shape(
        edges=edges,
        medians=medians,
        cardinalities=tuple(len(feature.vocabulary) + 1 for feature in contract.categories),
        outputs=len(contract.classes) if settings.task == "multiclass" else 1,
        hidden=settings.hidden,
        embedding=settings.embedding,
        dropout=settings.dropout,
    )


def new_model(shape: Shape, rows: Split, settings: Hyperparameters) -> Answers:
    """Return the untrained network with the task's answers on top."""
    torch.manual_seed(settings.seed)
    network = TabularNet(shape)
    if settings.task != "regression":
        return Answers(network, settings.task)
    spread = float(rows.target.std(correction=0))
    return Answers(network, settings.task, float(rows.target.mean()), spread or 1.0)


def read_settings(base: Path) -> Hyperparameters:
    """Read the hyperparameters. Raises SettingsError when the file or one of them is wrong."""
    path = base / "input" / "config" / "hyperparameters.json"
    try:
        raw = json.loads(path.read_text())
    except (OSError, ValueError):
        raise JobError("input/config/hyperparameters.json is missing or no JSON") from None
    if not isinstance(raw, dict):
        raise JobError("input/config/hyperparameters.json is no object of names and values")
    return Hyperparameters.parse(raw)


if __name__ == "__main__":
    sys.exit(main())
