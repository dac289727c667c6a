"""Hyperparameters: SageMaker's strings, parsed into one frozen value and refused early.

In:   the object in BASE/input/config/hyperparameters.json, every value a string, names with dashes
Out:  Hyperparameters, or SettingsError with name, value and what was wanted
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from training.errors import SettingsError
from training.tasks import TASKS

# name: (lowest, highest); both allowed
RANGES = {
    "epochs": (1, 10_000),
    "patience": (1, 10_000),
    "batch_size": (1, 1_000_000),
    "learning_rate": (1e-7, 10.0),
    "weight_decay": (0.0, 1.0),
    "hidden": (1, 4096),
    "embedding": (1, 512),
    "bins": (2, 512),
    "dropout": (0.0, 0.9),
    "mask": (0.0, 0.5),
    "max_categories": (1, 1_000_000),
    "seed": (0, 2**31 - 1),
    "threads": (1, 256),
}
WANTED = {"int": "a whole number", "float": "a number"}
NETWORK = ("task", "hidden", "embedding", "bins", "dropout")  # what builds the network again
NO_MATTER = ("tracking_uri", "experiment", "commit_sha")  # these do not change the weights


@dataclass(frozen=True)
class Hyperparameters:
    """All settings of one training."""

    task: str
    label: str
    key: str = ""
    slices_only: tuple[str, ...] = ()  # protected columns: reported, never learned from
    epochs: int = 12
    patience: int = 4  # epochs without a better validation metric before stopping
    batch_size: int = 512
    learning_rate: float = 0.003
    weight_decay: float = 0.01
    hidden: int = 128  # width of the network's hidden layers
    embedding: int = 8  # numbers per category
    bins: int = 48  # pieces of each number's piecewise-linear encoding
    dropout: float = 0.1
    mask: float = 0.02  # share of values hidden in training: teaches what "missing" and "unknown" mean
    max_categories: int = 1000  # per column without a set in the suite; rarer ones are "unknown"
    seed: int = 7
    threads: int = 1  # fixed: the bytes of a trained model depend on it
    tracking_uri: str = ""  # MLflow server, SQLite file or SageMaker ARN; empty: none
    experiment: str = "training"
    release_id: str = ""
    commit_sha: str = ""

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Hyperparameters:
        """Parse SageMaker's strings. Raises SettingsError for an unknown, missing or wrong one."""
        known = {field.name.replace("_", "-"): field for field in fields(cls)}
        for name, value in raw.items():
            if name not in known:
                raise SettingsError(name, value, f"no such name; there are {', '.join(known)}")
        for name in ("task", "label"):
            if not raw.get(name):
                raise SettingsError(name, raw.get(name, ""), "a name")
        return cls(
            **{known[name].name: _parsed(name, str(text), known[name].type) for name, text in raw.items()}
        )

    def __post_init__(self) -> None:
        """Check ranges here, so that every later line may trust them."""
        if self.task not in TASKS:
            raise SettingsError("task", self.task, "one of " + ", ".join(TASKS))
        for name, (low, high) in RANGES.items():
            if not low <= getattr(self, name) <= high:
                raise SettingsError(name.replace("_", "-"), getattr(self, name), f"{low:g} to {high:g}")

    @property
    def not_features(self) -> tuple[str, ...]:
        """Return the columns that the model must not see."""
        return tuple(name for name in (self.label, self.key, *self.slices_only) if name)

    def named(self, *without: str) -> dict[str, Any]:
        """Return the settings by their names on the wire."""
        names = [field.name for field in fields(self) if field.name not in without]
        return {name.replace("_", "-"): getattr(self, name) for name in names}

    def network(self) -> dict[str, Any]:
        """Return what someone needs to build the same network around the saved weights."""
        return {name: getattr(self, name) for name in NETWORK}

    def fingerprint(self, *data: str) -> str:
        """Return the hash of all that decides the weights: settings, and hashes of the data."""
        content = json.dumps([self.named(*NO_MATTER), *data], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()


def _parsed(name: str, text: str, kind: Any) -> Any:
    """Return one string as the type that the field's annotation names."""
    if kind.startswith("tuple"):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    try:
        return int(text) if kind == "int" else float(text) if kind == "float" else text
    except ValueError:
        raise SettingsError(name, text, WANTED[kind]) from None
