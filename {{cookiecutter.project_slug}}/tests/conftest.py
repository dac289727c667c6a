"""Makers that every room may use: things that are right except for what a test names."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from typing import Any

import pytest

from pipelines import settings
from pipelines.settings import Settings

# A test behaves in a job of GitHub Actions as on a laptop, and writes into none of that job's files.
for name in [name for name in os.environ if name.startswith(("GITHUB_", "ACTIONS_"))]:
    del os.environ[name]

TABLES: dict[str, Any] = {
    "project": {"slug": "income-model", "name": "Income model", "region": "eu-west-1"},
    "data": {"key": "row_id", "label": "income", "slices_only": ["sex", "race"]},
    "training": {
        "task": "binary",
        "epochs": 12,
        "batch_size": 512,
        "learning_rate": 0.003,
        "hidden": 128,
        "seed": 7,
        "threads": 1,
    },
    "gate": {"metric": "auc", "minimum": 0.88, "max_regression": 0.002, "slice_max_regression": 0.02},
    "jobs": {name: {"instance_type": "ml.m5.xlarge"} for name in ("validate", "train", "evaluate")},
    "environments": {name: {"instance_type": "ml.m5.large"} for name in ("staging", "production")},
}


def make_settings(**changes: Any) -> Settings:
    """Return right settings but for `changes`, such as {"gate.minimum": 0.9}; None takes a key out."""
    tables = copy.deepcopy(TABLES)
    for dotted, value in changes.items():
        *path, last = dotted.split(".")
        table = tables
        for part in path:
            table = table.setdefault(part, {})
        if value is None:
            table.pop(last, None)
        else:
            table[last] = value
    return settings.build(tables)


@pytest.fixture(name="make_settings")
def _make_settings() -> Callable[..., Settings]:
    """Return the maker of settings."""
    return make_settings
