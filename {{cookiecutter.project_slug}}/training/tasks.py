"""What differs between binary, multiclass and regression, in one table. Add a task by adding a row.

Each row: the loss on scores, how scores become answers, and the metric that early stopping watches. The metrics by which
a release is judged stand in metrics.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from training import resampled


@dataclass(frozen=True)
class Task:
    """How to train and read one kind of model."""

    loss: Callable[[Tensor, Tensor], Tensor]  # scores (n, outputs) and target (n,) to one number
    answers: Callable[[Tensor], Tensor]  # scores (n, outputs) to what the endpoint answers
    metric: str  # watched on the validation split
    measure: Callable[[np.ndarray, np.ndarray], float]  # truth and answers to the metric
    higher_is_better: bool
    has_classes: bool  # the label is one of a few classes, not a number


def _once(metric: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]) -> Callable[..., float]:
    """Return a metric for many resamples as a metric of all rows, each of weight 1."""
    return lambda truth, answers: float(metric(truth, answers, np.ones((1, len(truth))))[0])


TASKS = {
    "binary": Task(
        loss=lambda scores, target: functional.binary_cross_entropy_with_logits(
            scores.squeeze(1), target.float()
        ),
        answers=lambda scores: torch.sigmoid(scores.squeeze(1)),
        metric="auc",
        measure=_once(resampled.aucs),
        higher_is_better=True,
        has_classes=True,
    ),
    "multiclass": Task(
        loss=functional.cross_entropy,
        answers=lambda scores: torch.softmax(scores, dim=1),
        metric="accuracy",
        measure=lambda truth, answers: float(resampled.row_correct(truth, answers).mean()),
        higher_is_better=True,
        has_classes=True,
    ),
    "regression": Task(
        loss=lambda scores, target: functional.mse_loss(scores.squeeze(1), target),
        answers=lambda scores: scores.squeeze(1),
        metric="rmse",
        measure=_once(resampled.rmses),
        higher_is_better=False,
        has_classes=False,
    ),
}


class Answers(nn.Module):
    """The network with the task's last step: what is exported, and what the endpoint answers."""

    def __init__(self, network: nn.Module, task: str, mean: float = 0.0, std: float = 1.0) -> None:
        """Wrap a network; a regression learns the label standardised, so mean and std bring its unit back."""
        super().__init__()
        self.network = network
        self.task = task
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32))

    def forward(self, numbers: Tensor | None = None, categories: Tensor | None = None) -> Tensor:
        """Return probabilities (n,) or (n, classes), or values (n,) in the label's unit."""
        task = TASKS[self.task]
        answers = task.answers(self.network(numbers, categories))
        return answers if task.has_classes else answers * self.std + self.mean

    def loss(self, numbers: Tensor | None, categories: Tensor | None, target: Tensor) -> Tensor:
        """Return the loss of a batch; the target is a class number or a value in the label's unit."""
        task = TASKS[self.task]
        wanted = target if task.has_classes else (target - self.mean) / self.std
        return task.loss(self.network(numbers, categories), wanted)
