"""Train one model from two splits and leave it where SageMaker looks for it.

In:   BASE/input/config/hyperparameters.json, BASE/input/data/{train,validation}/*.parquet
Out:  BASE/model/{model.onnx,model.safetensors,model.json,tracking.json}, BASE/checkpoints/;
      or BASE/output/failure
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
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from data_checks.suite import COLUMNS
from inference.encode import Contract
from training.arrow import read_split
from training.checkpoint import Checkpoints
from training.errors import JobError, explain
from training.export import Drawing, to_onnx, write_model
from training.features import (
    bin_edges,
    encode_label,
    encode_table,
    feature_columns,
    learn_classes,
    learn_features,
)
from training.fit import Epoch, as_line, best_of, fit
from training.model import Shape, TabularNet
from training.settings import Hyperparameters
from training.splits import Split
from training.tasks import Answers
from training.tracking import Tracker

if TYPE_CHECKING:
    from data_checks.contract import Column

log = logging.getLogger("training")
REASON_LENGTH = 1024  # SageMaker cuts FailureReason there


def main() -> int:
    """Run the job in its base directory."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s", force=True)
    # A spot interruption or Ctrl-C ends the processes beside us, too.
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda number, _: sys.exit(128 + number))
    return run(Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")), COLUMNS)


def run(base: Path, columns: Sequence[Column]) -> int:
    """Train; on failure leave the reason in output/failure and return 1."""
    try:
        train(base, read_settings(base), columns)
    except Exception as error:  # the edge: whatever happened ends as a failure file
        reason = explain(error)
        with suppress(OSError):  # a full disk has no room for it either; the log has
            (base / "output").mkdir(parents=True, exist_ok=True)
            (base / "output" / "failure").write_text(reason[:REASON_LENGTH])
        log.error("training=failed reason: %s", reason)
        return 1
    return 0


def train(base: Path, settings: Hyperparameters, columns: Sequence[Column]) -> list[Epoch]:
    """Read, fit, export, write: the whole job on one screen."""
    started = time.monotonic()
    torch.set_num_threads(settings.threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    contract, train_rows, validation_rows = read_rows(base / "input" / "data", settings, columns)
    shape = network_shape(contract, train_rows, settings)
    mean, std = label_scale(train_rows, settings.task)
    drawing = Drawing(shape, settings.task, mean, std)
    tracker = start_tracker(settings)
    try:
        torch.manual_seed(settings.seed)
        model = Answers(TabularNet(shape), settings.task, mean, std)
        checkpoints = Checkpoints(
            base / "checkpoints", fingerprint(model, settings, train_rows, validation_rows)
        )
        history = fit(model, train_rows, validation_rows, settings, checkpoints, tracker.epoch)
        best = best_of(history, model)
        graph = to_onnx(model, validation_rows, drawing.take())
        write_model(base / "model", graph, model, contract, settings.network())
        tracker.finish(best)
        tracker.leave(base / "model")
    finally:
        drawing.close()
        tracker.close()
    log.info("epochs=%d best_%s", len(history), as_line(best))
    log.info("model=written seconds=%.1f", time.monotonic() - started)
    return history


def read_settings(base: Path) -> Hyperparameters:
    """Read the hyperparameters. Raises JobError when the file or one of them is wrong."""
    path = base / "input" / "config" / "hyperparameters.json"
    try:
        raw = json.loads(path.read_text())
    except (OSError, ValueError):
        raise JobError("input/config/hyperparameters.json is missing or is not JSON") from None
    if not isinstance(raw, dict):
        raise JobError("input/config/hyperparameters.json is not an object of names and values")
    return Hyperparameters.parse(raw)


def read_rows(
    data: Path, settings: Hyperparameters, columns: Sequence[Column]
) -> tuple[Contract, Split, Split]:
    """Read both channels; the contract is learned from the training rows alone."""
    seen = feature_columns(columns, without=settings.not_features)
    label = next(column for column in columns if column.name == settings.label)
    names = [column.name for column in (*seen, label)]
    tables = [read_split(data / channel, names) for channel in ("train", "validation")]
    contract = Contract(
        task=settings.task,
        label=label.name,
        classes=learn_classes(tables[0], label, settings.task),
        features=learn_features(tables[0], seen, settings.max_categories),
        release_id=settings.release_id,
        commit_sha=settings.commit_sha,
    )
    unknown: dict[str, int] = {}
    train_rows, validation_rows = (
        Split.of(encode_table(table, contract, unknown), encode_label(table, contract)) for table in tables
    )
    counts = "".join(f" unknown_{name}={count}" for name, count in unknown.items() if count)
    sizes = len(train_rows.target), len(validation_rows.target), len(seen)
    log.info("rows=%d validation_rows=%d features=%d%s", *sizes, counts)
    return contract, train_rows, validation_rows


def network_shape(contract: Contract, rows: Split, settings: Hyperparameters) -> Shape:
    """Return what the network must know about the data and the settings."""
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


def label_scale(rows: Split, task: str) -> tuple[float, float]:
    """Return mean and standard deviation of a regression's label; 0 and 1 for classes."""
    if task != "regression":
        return 0.0, 1.0
    return float(rows.target.mean()), float(rows.target.std(correction=0)) or 1.0


def fingerprint(model: Answers, settings: Hyperparameters, *splits: Split) -> str:
    """Return the hash that ties a checkpoint to this training: settings, data, network and library."""
    network = str([(name, tuple(tensor.shape)) for name, tensor in model.state_dict().items()])
    return settings.fingerprint(network, torch.__version__, *(split.sha256() for split in splits))


def start_tracker(settings: Hyperparameters) -> Tracker:
    """Start recording the run, if a tracking server is named."""
    tags = {"release_id": settings.release_id, "commit": settings.commit_sha}
    # The address stays out of the parameters: it may hold a password.
    return Tracker.start(settings.tracking_uri, settings.experiment, settings.named("tracking_uri"), tags)


if __name__ == "__main__":
    sys.exit(main())
