"""The rows of a split as tensors.

In:   a channel's Parquet files, by way of features.py
Out:  Split: numbers, categories and target, cut into batches or shuffled
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Split:
    """The rows of one split; an input is None where the data has no such columns."""

    numbers: Tensor | None  # float32 (n, numbers)
    categories: Tensor | None  # int64 (n, categories)
    target: Tensor  # (n,): class numbers int64, or values float32

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray], target: np.ndarray) -> Split:
        """Return the arrays of encode_table and encode_label as tensors, without copying them."""
        numbers, categories = arrays.get("numbers"), arrays.get("categories")
        return cls(
            None if numbers is None else torch.from_numpy(numbers),
            None if categories is None else torch.from_numpy(categories),
            torch.from_numpy(target),
        )

    def batches(self, rows: int) -> Iterator[tuple[Tensor | None, Tensor | None, Tensor]]:
        """Yield the rows in order, in batches."""
        for start in range(0, len(self.target), rows):
            part = slice(start, start + rows)
            yield (
                None if self.numbers is None else self.numbers[part],
                None if self.categories is None else self.categories[part],
                self.target[part],
            )

    def shuffled(self, mask: float) -> Split:
        """Return the rows in random order with a share of the values hidden.

        Hiding teaches the network what to answer when a value is missing or unknown, even in columns where
        that never happens in training.
        """
        order = torch.randperm(len(self.target))
        numbers, categories = self.numbers, self.categories
        if numbers is not None:
            numbers = numbers[order]
            numbers = numbers.masked_fill(torch.rand(numbers.shape) < mask, math.nan)
        if categories is not None:
            categories = categories[order]
            categories = categories.masked_fill(torch.rand(categories.shape) < mask, 0)
        return Split(numbers, categories, self.target[order])

    def sha256(self) -> str:
        """Return the hash of all values, which tells one data set from another."""
        digest = hashlib.sha256()
        for tensor in (self.numbers, self.categories, self.target):
            if tensor is not None:
                digest.update(np.ascontiguousarray(tensor.numpy()).data)
        return digest.hexdigest()
