"""The network: edit this file to try another one.

In:   numbers float32 (n, numbers), NaN where missing; categories int64 (n, categories), code 0 where
      missing or unknown; an input is None where the data has no such columns
Out:  scores float32 (n, outputs): logits for binary and multiclass, the standardised label for regression

Preprocessing is part of the network, so that training, evaluation and the endpoint cannot differ in it.
Whatever replaces `TabularNet` keeps the argument of `__init__` and the two of `forward`, and uses
operations that ONNX knows; the export compares the answers of both and refuses the model if they differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Shape:
    """What the network must know about the data and the settings."""

    edges: (
        np.ndarray
    )  # float32 (numbers, bins + 1): rising edges of each number's bins, the last one repeated
    medians: np.ndarray  # float32 (numbers,): stands in for a missing number
    cardinalities: tuple[int, ...]  # codes of each category, code 0 included
    outputs: int
    hidden: int  # width of the perceptron's layers
    embedding: int  # numbers per category
    dropout: float


class PiecewiseLinear(nn.Module):
    """Spread each number over its bins: 1 in bins below it, 0 in bins above it, the fraction in its own.

    A linear layer on top is a piecewise-linear function of the number (Gorishniy et al., arXiv:2203.05556).
    """

    def __init__(self, edges: np.ndarray, medians: np.ndarray) -> None:
        super().__init__()
        lower, widths = torch.from_numpy(edges[:, :-1].copy()), torch.from_numpy(np.diff(edges, axis=1))
        self.register_buffer("lower", lower)
        # A padded bin has no width: scale 0 keeps it at 0 for every value.
        self.register_buffer("scale", torch.where(widths > 0, 1 / widths, torch.zeros_like(widths)))
        self.register_buffer("medians", torch.from_numpy(medians.copy()))
        self.width = widths.numel() + len(medians)

    def forward(self, numbers: Tensor) -> Tensor:
        """Return (n, width): the bins of each number, and one indicator for "missing"."""
        missing = torch.isnan(numbers)
        known = torch.where(missing, self.medians, numbers)
        bins = ((known.unsqueeze(2) - self.lower) * self.scale).clamp(0, 1)
        return torch.cat([bins.flatten(1), missing.to(bins.dtype)], dim=1)


class Categories(nn.Module):
    """A linear effect and a vector for each category code; all columns share one table of each."""

    def __init__(self, cardinalities: tuple[int, ...], outputs: int, size: int) -> None:
        super().__init__()
        self.register_buffer("starts", torch.tensor([0, *cardinalities[:-1]]).cumsum(0))
        self.effects = nn.Embedding(sum(cardinalities), outputs)
        self.vectors = nn.Embedding(sum(cardinalities), size)
        self.width = len(cardinalities) * size
        nn.init.zeros_(self.effects.weight)
        nn.init.normal_(self.vectors.weight, std=0.1)

    def forward(self, categories: Tensor) -> tuple[Tensor, Tensor]:
        """Return the linear effect (n, outputs) and the vectors (n, width)."""
        rows = categories + self.starts
        return self.effects(rows).sum(1), self.vectors(rows).flatten(1)


class TabularNet(nn.Module):
    """A linear model and a multi-layer perceptron on the same features, added up.

    The linear part alone is a good baseline; the perceptron has to learn only what that one misses.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = 0
        if len(shape.medians):
            self.spread = PiecewiseLinear(shape.edges, shape.medians)
            self.linear = nn.Linear(self.spread.width, shape.outputs)
            width += self.spread.width
        if shape.cardinalities:
            self.categories = Categories(shape.cardinalities, shape.outputs, shape.embedding)
            width += self.categories.width
        self.perceptron = nn.Sequential(
            nn.Linear(width, shape.hidden),
            nn.ReLU(),
            nn.Dropout(shape.dropout),
            nn.Linear(shape.hidden, shape.hidden),
            nn.ReLU(),
            nn.Dropout(shape.dropout),
            nn.Linear(shape.hidden, shape.outputs),
        )

    def forward(self, numbers: Tensor | None = None, categories: Tensor | None = None) -> Tensor:
        """Return the scores (n, outputs)."""
        linear, features = [], []
        if numbers is not None:
            bins = self.spread(numbers)
            linear.append(self.linear(bins))
            features.append(bins)
        if categories is not None:
            effects, vectors = self.categories(categories)
            linear.append(effects)
            features.append(vectors)
        return sum(linear) + self.perceptron(torch.cat(features, dim=1))
