"""The training loop: shuffled batches, early stopping on the validation split, a checkpoint after each epoch.

In:   a network with the task's answers, arrays of both splits
Out:  the same network with the weights of its best epoch, and the metrics of each epoch

The same settings, data and number of threads give the same weights, bit for bit, also after a resume: each epoch draws its
random numbers from its own seed, so nothing random has to be carried from one epoch to the next.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

import torch
from torch import Tensor

from training.checkpoint import Checkpoints
from training.errors import FitError
from training.settings import Hyperparameters
from training.splits import Split
from training.tasks import TASKS, Answers

log = logging.getLogger(__name__)
ANSWER_ROWS = 16_384  # rows answered at once: bounds the memory of a pass over a large split
Epoch = dict[str, float]


def fit(
    model: Answers,
    train: Split,
    validation: Split,
    settings: Hyperparameters,
    checkpoints: Checkpoints,
    report: Callable[[Epoch], None],
) -> list[Epoch]:
    """Train until the watched metric has not improved for `patience` epochs; load the best weights; return each epoch.

    Raises:
        FitError: the loss or the metric is not a finite number.
    """
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    history, best = _resume(model, optimizer, checkpoints, report)
    task = TASKS[settings.task]
    for epoch in range(len(history) + 1, settings.epochs + 1):
        if len(history) - _best_epoch(history, settings.task) >= settings.patience:
            break
        torch.manual_seed(settings.seed * 1_000_003 + epoch)
        train_loss = _train_epoch(model, optimizer, train.shuffled(settings.mask), settings)
        validation_loss, metric = evaluate(model, validation)
        record = {
            "epoch": epoch,
            "train_loss": train_loss,
            "validation_loss": validation_loss,
            f"validation_{task.metric}": metric,
        }
        _check_finite(record, settings)
        history.append(record)
        if _best_epoch(history, settings.task) == epoch:
            best = _copy(model)
        checkpoints.save(
            epoch,
            {
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "best": best,
                "history": history,
            },
        )
        log.info(
            "epoch=%d %s",
            epoch,
            " ".join(f"{name}={value:.5f}" for name, value in record.items() if name != "epoch"),
        )
        report(record)
    model.load_state_dict(best)
    model.eval()
    return history


def best_epoch(history: list[Epoch], task: str) -> Epoch:
    """Return the record of the epoch whose weights were kept."""
    return history[_best_epoch(history, task) - 1]


def evaluate(model: Answers, split: Split) -> tuple[float, float]:
    """Return loss and watched metric of a split."""
    model.eval()
    total, answers = 0.0, []
    with torch.inference_mode():
        for numbers, categories, target in split.batches(ANSWER_ROWS):
            total += float(model.loss(numbers, categories, target)) * len(target)
            answers.append(model(numbers, categories))
    metric = TASKS[model.task].measure(split.target.numpy(), torch.cat(answers).numpy())
    return total / len(split.target), metric


def _train_epoch(
    model: Answers, optimizer: torch.optim.Optimizer, rows: Split, settings: Hyperparameters
) -> float:
    """Go once over the rows; return their mean loss."""
    model.train()
    total = torch.zeros(())  # added up as a tensor: reading each batch's loss would cost more than adding it
    for numbers, categories, target in rows.batches(settings.batch_size):
        loss = model.loss(numbers, categories, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.detach() * len(target)
    return float(total) / len(rows.target)


def _resume(
    model: Answers,
    optimizer: torch.optim.Optimizer,
    checkpoints: Checkpoints,
    report: Callable[[Epoch], None],
) -> tuple[list[Epoch], dict[str, Tensor]]:
    """Load the newest checkpoint of this training, if there is one; return the epochs so far and the best weights."""
    state = checkpoints.load()
    if state is None:
        return [], _copy(model)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    log.info("resumed_after_epoch=%d", len(state["history"]))
    for record in state["history"]:
        report(record)
    return state["history"], state["best"]


def _best_epoch(history: list[Epoch], task: str) -> int:
    """Return the number of the first epoch with the best metric; 0 before the first."""
    name, sign = f"validation_{TASKS[task].metric}", 1 if TASKS[task].higher_is_better else -1
    return max(range(len(history)), key=lambda index: sign * history[index][name]) + 1 if history else 0


def _check_finite(record: Epoch, settings: Hyperparameters) -> None:
    """Raise FitError for the first figure of an epoch that is not a finite number."""
    for name, value in record.items():
        if not math.isfinite(value):
            advice = f"lower learning-rate (now {settings.learning_rate:g}) or look at the inputs' ranges in the suite"
            raise FitError(f"epoch {record['epoch']:.0f}: {name} is not a finite number\n  {advice}")


def _copy(model: Answers) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}
