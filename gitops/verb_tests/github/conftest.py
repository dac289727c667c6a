"""A GitHub for each test, with a repository of two releases: the first was proven, the second is at HEAD."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from doubles.github import GitHub
from doubles.repository import FILES, Checkout
from sagemaker_gitops.github import api
from sagemaker_gitops.github.outcome import Work


@dataclasses.dataclass
class World:
    """GitHub, a checkout of its repository, and the API as the pipelines use it."""

    github: GitHub
    checkout: Checkout
    repository: Any
    good: str
    bad: str

    def work(self, commit: str = "", id: int = 41, attempt: int = 1) -> Work:
        """Return a workflow run."""
        url = f"https://github.com/acme/demo/actions/runs/{id}"
        return Work(id, attempt, url, commit or self.bad)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with GitHub(tmp_path) as github:
        checkout = Checkout(tmp_path / "checkout", github.git_folder)
        good = checkout.merge("First", FILES)
        bad = checkout.merge("Bigger model (#2)", {"training/train.py": "bad", "training/new.py": "more"})
        repository = api.repository(github.environ())
        yield World(github, checkout, repository, good, bad)
