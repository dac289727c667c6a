"""Run the Python blocks of docs/ on a project's own files: in its folder, with the root as argument."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch
from training.metrics import Array, Metric

DOCS = Path(sys.argv[1]) / "docs"
MODEL = Path("training/model.py").read_text("utf-8")
SIZES = {"outputs": 1, "hidden": 8, "embedding": 2, "dropout": 0.1}


def main() -> None:
    """Put each block where its page says, and have it answer."""
    block, perceptron, metric, feature = blocks("change-the-model.md")
    deeper = put(MODEL, r"(?=class TabularNet)", block + "\n\n")
    deeper = put(deeper, r" {8}self\.perceptron = nn\.Sequential\(.*?\n {8}\)\n", perceptron)
    assert weights(deeper) != weights(MODEL)
    wider = put(MODEL, r"width \+= self\.spread\.width\n", "width += self.spread.width + 1\n")
    assert weights(put(wider, r"features\.append\(bins\)\n", "features.append(bins)\n" + feature)) > weights(
        MODEL
    )
    _, _, suite, network = blocks("from-a-notebook.md")
    assert weights(put(MODEL, r"class TabularNet.*", network)) != weights(MODEL)
    own = run(metric, {"np": np, "Array": Array})["recall_at_tenth"]
    # Of the two highest rows one is a positive, of ten.
    assert Metric("recall_at_tenth", own).measure(np.arange(20) % 2, np.linspace(0, 1, 20)) == 0.1
    assert run(suite, {"__name__": "suite"})["COLUMNS"]
    print("all ran")


def blocks(name: str) -> list[str]:
    """Return the Python blocks of a page."""
    return re.findall(r"(?ms)^```python\n(.*?)^```", (DOCS / name).read_text("utf-8"))


def put(text: str, pattern: str, by: str) -> str:
    """Return text with the one match of a pattern replaced."""
    after, times = re.subn(pattern, lambda _: by, text, count=1, flags=re.DOTALL)
    assert times == 1, pattern
    return after


def run(text: str, space: dict[str, Any]) -> dict[str, Any]:
    """Return what a block defines."""
    exec(compile(text, "example", "exec"), space)
    return space


def weights(text: str) -> int:
    """Return how many weights a model.py's network has, once it has answered rows with a NaN."""
    sys.modules["example"] = types.ModuleType("example")  # where dataclasses looks for its annotations
    space = run(text, {"__name__": "example"})
    edges = np.sort(np.random.default_rng(7).random((6, 5), dtype=np.float32), axis=1)
    network = space["TabularNet"](space["Shape"](edges, np.zeros(6, np.float32), (4, 3), **SIZES)).eval()
    numbers = torch.rand(5, 6)
    numbers[0, 0] = float("nan")
    scores = network(numbers, torch.zeros(5, 2, dtype=torch.int64))
    assert scores.shape == (5, 1)
    assert torch.isfinite(scores).all()
    return sum(each.numel() for each in network.parameters())


if __name__ == "__main__":
    main()
