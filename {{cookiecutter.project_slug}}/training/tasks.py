"""What differs between binary, multiclass and regression, in one table. Add a task by adding a row.

Each row: the loss on scores, how scores become answers, and the metric that early stopping watches. The
metrics by which a release is judged stand in metrics.py.
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


def binary_loss(scores: Tensor, target: Tensor) -> Tensor:
    """Return the mean cross entropy of one logit per row."""
    return functional.binary_cross_entropy_with_logits(scores.squeeze(1), target.float())


def auc(truth: np.ndarray, answers: np.ndarray) -> float:
    """Return the area under the ROC curve; NaN where one class is missing."""
    both = 0 < truth.sum() < len(truth)
    return float(resampled.aucs(truth, answers, np.ones((1, len(truth))))[0]) if both else float("nan")


def rmse(truth: np.ndarray, answers: np.ndarray) -> float:
    """Return the root of the mean squared error, in the label's unit."""
    return float(np.sqrt(resampled.row_squared(truth, answers).mean()))


TASKS = {
    "binary": Task(
        loss=binary_loss,
        answers=lambda scores: torch.sigmoid(scores.squeeze(1)),
        metric="auc",
        measure=auc,
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
        measure=rmse,
        higher_is_better=False,
        has_classes=False,
    ),
}


class Answers(nn.Module):
    """The network with the task's last step: what is exported, and what the endpoint answers."""

    def __init__(self, network: nn.Module, task: str, mean: float = 0.0, std: float = 1.0) -> None:
        """Wrap a network; a regression learns the label standardised, mean and std bring its unit back."""
        super().__init__()
        self.network = network
        self.task = TASKS[task]
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32))

    def forward(self, numbers: Tensor | None = None, categories: Tensor | None = None) -> Tensor:
        """Return probabilities (n,) or (n, classes), or values (n,) in the label's unit."""
        return self.read(self.network(numbers, categories))

    def read(self, scores: Tensor) -> Tensor:
        """Return the answers that scores stand for."""
        answers = self.task.answers(scores)
        return answers if self.task.has_classes else answers * self.std + self.mean

    def loss(self, scores: Tensor, target: Tensor) -> Tensor:
        """Return the loss of scores; the target is a class number or a value in the label's unit."""
        wanted = target if self.task.has_classes else (target - self.mean) / self.std
        return self.task.loss(scores, wanted)
