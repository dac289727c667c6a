"""Our AdamW against PyTorch's: the same weights, bit for bit, without the compiler's import."""

from __future__ import annotations

import subprocess
import sys

import torch
from torch import nn

from training.optimizer import AdamW


def network() -> nn.Module:
    """Return a small network, the same every time; its second layer is not trained in every step."""
    torch.manual_seed(3)
    return nn.ModuleList([nn.Linear(5, 4), nn.Linear(4, 1)])


def walk(model: nn.Module, optimizer: AdamW | torch.optim.AdamW, first: int, last: int) -> None:
    """Take the steps `first` to `last` - 1, each on rows of its own."""
    for step in range(first, last):
        rows = torch.randn(16, 5, generator=torch.Generator().manual_seed(step))
        hidden = model[0](rows)
        loss = (model[1](hidden) if step % 3 else hidden).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def same(one: nn.Module, other: nn.Module) -> bool:
    """Say whether two networks have the same weights, bit for bit."""
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_weights_move_as_those_of_pytorch_do():
    """Also where a step leaves a layer without gradients."""
    ours, theirs = network(), network()
    walk(ours, AdamW(ours.parameters(), 0.01, 0.1), 0, 20)
    walk(theirs, torch.optim.AdamW(theirs.parameters(), lr=0.01, weight_decay=0.1, fused=True), 0, 20)
    assert same(ours, theirs)
    assert not same(ours, network())


def test_a_training_that_goes_on_from_its_state_ends_like_one_that_was_not_stopped():
    """The state is all that it carries from step to step."""
    whole, parts = network(), network()
    walk(whole, AdamW(whole.parameters(), 0.01, 0.1), 0, 20)
    before, after = AdamW(parts.parameters(), 0.01, 0.1), AdamW(parts.parameters(), 0.01, 0.1)
    walk(parts, before, 0, 11)
    after.load_state_dict(before.state_dict())
    walk(parts, after, 11, 20)
    assert same(whole, parts)


def test_the_training_does_not_import_the_compiler():
    """That import is the reason for an optimizer of our own."""
    code = (
        "import sys, torch; from training.optimizer import AdamW; p = torch.nn.Parameter(torch.ones(2));"
        "o = AdamW([p], 0.1, 0.0); p.sum().backward(); o.step(); sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
