"""Hyperparameters: SageMaker's strings, parsed into one frozen value and refused early.

In:   BASE/input/config/hyperparameters.json, every value a string
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
    "learning_rate": (1e-7, 1.0),
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
ABOUT_THE_RUN = ("tracking_uri", "experiment", "commit_sha")  # these do not change the model's weights


@dataclass(frozen=True)
class Hyperparameters:
    """All settings of one training. On the wire the names have dashes: `batch-size`."""

    task: str
    label: str
    key: str = ""
    slices_only: tuple[str, ...] = ()
    epochs: int = 12
    patience: int = 3  # epochs without a better validation metric before stopping
    batch_size: int = 512
    learning_rate: float = 0.003
    weight_decay: float = 0.01
    hidden: int = 128  # width of the network's hidden layers
    embedding: int = 8  # numbers per category
    bins: int = 48  # pieces of each number's piecewise-linear encoding
    dropout: float = 0.1
    mask: float = 0.02  # share of values hidden in training, so that "missing" and "unknown" are learned
    max_categories: int = 1000  # per column without a fixed set of values; rarer ones are "unknown"
    seed: int = 7
    threads: int = 1  # fixed: the bytes of a trained model depend on it
    tracking_uri: str = ""  # MLflow server, SQLite file or SageMaker ARN; empty: none
    experiment: str = "training"
    release_id: str = ""
    commit_sha: str = ""

    @classmethod
    def parse(cls, raw: Mapping[str, str]) -> Hyperparameters:
        """Parse SageMaker's strings. Raises SettingsError for an unknown, missing or wrong one."""
        known = {field.name.replace("_", "-"): field for field in fields(cls)}
        for name in raw:
            if name not in known:
                raise SettingsError(name, raw[name], f"no such name; known are {', '.join(known)}")
        for name in ("task", "label"):
            if not raw.get(name):
                raise SettingsError(name, raw.get(name, ""), "a name")
        return cls(**{known[name].name: _parsed(name, str(raw[name]), known[name].type) for name in raw})

    def __post_init__(self) -> None:
        """Check ranges here, so that every later line may trust them."""
        if self.task not in TASKS:
            raise SettingsError("task", self.task, "one of " + ", ".join(TASKS))
        for name, (low, high) in RANGES.items():
            if not low <= getattr(self, name) <= high:
                raise SettingsError(name.replace("_", "-"), str(getattr(self, name)), f"{low:g} to {high:g}")

    def as_params(self) -> dict[str, Any]:
        """Return the settings as they are named on the wire, without the tracking server's address."""
        names = [field.name for field in fields(self) if field.name != "tracking_uri"]
        return {name.replace("_", "-"): getattr(self, name) for name in names}

    def network(self) -> dict[str, Any]:
        """Return what someone needs to build the same network around the saved weights."""
        return {name: getattr(self, name) for name in ("task", "hidden", "embedding", "bins", "dropout")}

    def fingerprint(self, *data: str) -> str:
        """Return the hash of everything that decides the weights: settings and hashes of the data."""
        mattering = {
            name: value
            for name, value in self.as_params().items()
            if name.replace("-", "_") not in ABOUT_THE_RUN
        }
        return hashlib.sha256(json.dumps([mattering, *data], sort_keys=True).encode()).hexdigest()


def _parsed(name: str, text: str, kind: Any) -> Any:
    """Return one string as the field's type; annotations are strings here."""
    if kind.startswith("tuple"):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    try:
        return {"int": int, "float": float, "str": str}[kind](text)
    except ValueError:
        wanted = {"int": "a whole number", "float": "a number"}[kind]
        raise SettingsError(name, text, wanted) from None
