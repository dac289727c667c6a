"""One whole training, made once for all tests that only look at what it left."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.training.makers import COLUMNS, make_job
from training.train import run


@dataclass(frozen=True)
class Trained:
    """A job's base directory after it has run, and what it logged."""

    base: Path
    lines: tuple[str, ...]

    @property
    def model(self) -> Path:
        """Return the folder of the model's three files."""
        return self.base / "model"


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Return a job that was trained on the makers' rows; tests must not change it."""
    base = make_job(
        tmp_path_factory.mktemp("job"), hyperparameters={"release-id": "r" * 64, "commit-sha": "c1"}
    )
    handler, log = _Lines(), logging.getLogger("training")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        assert run(base, COLUMNS) == 0
    finally:
        log.removeHandler(handler)
        log.setLevel(logging.NOTSET)
    return Trained(base, tuple(handler.lines))
