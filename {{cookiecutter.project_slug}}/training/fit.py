"""The training loop: shuffled batches, early stopping on the validation split, a checkpoint after each epoch.

In:   an untrained model, both splits, settings
Out:  the model with the weights of its best epoch; the figures of each epoch, also as lines of the log

The same settings, data and number of threads give the same weights, bit for bit, also after a resume: each
epoch draws its random numbers from a seed of its own, so nothing random is carried from one epoch to the
next.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

import torch
from torch import Tensor

from training.checkpoint import Checkpoints
from training.errors import FitError
from training.optimizer import AdamW
from training.settings import Hyperparameters
from training.splits import Split
from training.tasks import Answers

log = logging.getLogger(__name__)
ANSWER_ROWS = 16_384  # rows answered at once: bounds the memory of a pass over a large split
Epoch = dict[str, float]  # "epoch", "train_loss", "validation_loss" and "validation_<metric>"
Weights = dict[str, Tensor]


def fit(
    model: Answers,
    train: Split,
    validation: Split,
    settings: Hyperparameters,
    checkpoints: Checkpoints,
    report: Callable[[Epoch], None],
) -> list[Epoch]:
    """Train until the watched metric has not improved for `patience` epochs; return the figures of each.

    Raises:
        FitError: a loss or the metric is not a finite number.
    """
    optimizer = AdamW(model.parameters(), settings.learning_rate, settings.weight_decay)
    history, best = _resume(model, optimizer, checkpoints)
    for record in history:
        report(record)
    while len(history) < settings.epochs and not _exhausted(history, model, settings.patience):
        epoch = len(history) + 1
        torch.manual_seed(settings.seed * 1_000_003 + epoch)
        record = {"epoch": epoch, "train_loss": _train_epoch(model, optimizer, train, settings)}
        record |= _validate(model, validation)
        _check_finite(record, settings)
        history.append(record)
        if best_of(history, model) is record:
            best = _copy(model)
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
        checkpoints.save(state | {"best": best, "history": history})
        log.info("%s", as_line(record))
        report(record)
    model.load_state_dict(best)
    model.eval()
    return history


def best_of(history: list[Epoch], model: Answers) -> Epoch:
    """Return the first epoch with the best metric, whose weights are kept."""
    name, sign = f"validation_{model.task.metric}", 1 if model.task.higher_is_better else -1
    return max(history, key=lambda record: sign * record[name])


def as_line(record: Epoch) -> str:
    """Return an epoch as key=value pairs; SageMaker's metric definitions read them."""
    return " ".join(
        f"{name}={value:.5f}" if name != "epoch" else f"epoch={value}" for name, value in record.items()
    )


def _train_epoch(model: Answers, optimizer: AdamW, rows: Split, settings: Hyperparameters) -> float:
    """Go once over the rows, shuffled; return their mean loss."""
    model.train()
    total = torch.zeros(())  # added up as a tensor: reading each batch's loss would cost more than adding it
    for numbers, categories, target in rows.shuffled(settings.mask).batches(settings.batch_size):
        loss = model.loss(model.network(numbers, categories), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.detach() * len(target)
    return float(total) / len(rows.target)


def _validate(model: Answers, rows: Split) -> Epoch:
    """Return loss and watched metric of the validation split."""
    model.eval()
    total, answers = 0.0, []
    with torch.inference_mode():
        for numbers, categories, target in rows.batches(ANSWER_ROWS):
            scores = model.network(numbers, categories)
            total += float(model.loss(scores, target)) * len(target)
            answers.append(model.read(scores))
    metric = model.task.measure(rows.target.numpy(), torch.cat(answers).numpy())
    return {"validation_loss": total / len(rows.target), f"validation_{model.task.metric}": metric}


def _resume(model: Answers, optimizer: AdamW, checkpoints: Checkpoints) -> tuple[list[Epoch], Weights]:
    """Load the last checkpoint of this training, if there is one; return its epochs and best weights."""
    state = checkpoints.load()
    if state is None:
        return [], _copy(model)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    log.info("resumed_after_epoch=%d", len(state["history"]))
    return state["history"], state["best"]


def _exhausted(history: list[Epoch], model: Answers, patience: int) -> bool:
    """Return whether the best epoch lies too far back to go on."""
    return bool(history) and len(history) - best_of(history, model)["epoch"] >= patience


def _check_finite(record: Epoch, settings: Hyperparameters) -> None:
    """Raise FitError for the first figure of an epoch that is not a finite number."""
    for name, value in record.items():
        if not math.isfinite(value):
            raise FitError(
                f"epoch {record['epoch']}: {name} is not a finite number\n"
                f"  lower learning-rate (now {settings.learning_rate:g}), and look at the suite's ranges"
            )


def _copy(model: Answers) -> Weights:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}
