"""What this project adds to mlops.toml's tables: its tasks with their metrics, and its hyperparameters.

All other tables, and how each value is checked, are the library's: sagemaker_gitops.settings.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field
from sagemaker_gitops import reading
from sagemaker_gitops import settings as facts
from sagemaker_gitops.tables import Share

# What each task can be gated on, and whether more is better; the names of training/metrics.py (a test holds
# them equal). To gate on a metric of your own, compute it there and add it here.
TASKS: dict[str, dict[str, bool]] = {
    "binary": {"auc": True, "average_precision": True, "log_loss": False, "brier": False, "accuracy": True},
    "multiclass": {"accuracy": True, "macro_f1": True, "log_loss": False, "macro_auc": True},
    "regression": {"rmse": False, "mae": False, "r2": True},
}


class Training(facts.Training):
    """What the training job is told; every key becomes a hyperparameter."""

    task: Literal["binary", "multiclass", "regression"]
    epochs: Annotated[int, Field(ge=1, le=10_000)]
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)]
    learning_rate: Annotated[float, Field(ge=1e-7, le=1)]
    hidden: Annotated[int, Field(ge=1, le=4096)]
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)]
    threads: Annotated[int, Field(ge=1, le=256)]
    # Left out, these keep the defaults of training/settings.py.
    patience: Annotated[int, Field(ge=1, le=10_000)] | None = None
    weight_decay: Share | None = None
    embedding: Annotated[int, Field(ge=1, le=512)] | None = None
    bins: Annotated[int, Field(ge=2, le=512)] | None = None
    dropout: Annotated[float, Field(ge=0, le=0.9)] | None = None
    mask: Annotated[float, Field(ge=0, le=0.5)] | None = None
    max_categories: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class Settings(facts.Settings):
    """All of mlops.toml."""

    TASKS: ClassVar = TASKS

    training: Training


def load(path: Path) -> Settings:
    """Read mlops.toml, or raise SettingsError E501 with the key, the value and what is wanted."""
    return reading.load(path, Settings)


def build(tables: dict[str, Any]) -> Settings:
    """Check tables as those of mlops.toml, or raise SettingsError E501."""
    return reading.build(tables, kind=Settings)
