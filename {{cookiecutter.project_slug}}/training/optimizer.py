"""AdamW by PyTorch's own function: the class torch.optim.AdamW imports the compiler, which takes seconds.

In:   parameters whose gradients a backward pass has set
Out:  the same parameters, moved; bit for bit as torch.optim.AdamW(fused=True) moves them (a test compares)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim.adamw import adamw

BETAS, EPSILON = (0.9, 0.999), 1e-8  # PyTorch's defaults


class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter, arXiv:1711.05101)."""

    def __init__(self, parameters: Iterable[Tensor], lr: float, weight_decay: float) -> None:
        self._parameters = [each for each in parameters if each.requires_grad]
        self._lr, self._weight_decay = lr, weight_decay
        self._means = [torch.zeros_like(each) for each in self._parameters]
        self._squares = [torch.zeros_like(each) for each in self._parameters]
        self._steps = [torch.zeros(()) for _ in self._parameters]

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for each in self._parameters:
            each.grad = None

    def step(self) -> None:
        """Move every parameter that has a gradient."""
        state = zip(self._parameters, self._means, self._squares, self._steps, strict=True)
        moving = [(each, each.grad, *rest) for each, *rest in state if each.grad is not None]
        parameters, gradients, means, squares, steps = (list(column) for column in zip(*moving, strict=True))
        with torch.no_grad():
            adamw(
                parameters, gradients, means, squares, [], steps,
                fused=True, amsgrad=False, maximize=False, beta1=BETAS[0], beta2=BETAS[1],
                lr=self._lr, weight_decay=self._weight_decay, eps=EPSILON,
            )  # fmt: skip

    def state_dict(self) -> dict[str, list[Tensor]]:
        """Return what a checkpoint keeps."""
        return {"means": self._means, "squares": self._squares, "steps": self._steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken; it must be of the same parameters."""
        self._means, self._squares, self._steps = state["means"], state["squares"], state["steps"]
