"""The project's settings as the drill releases with them: production on two instances, or on one."""

from __future__ import annotations

import tomllib
from pathlib import Path

from rich.console import Console
from sagemaker_gitops.run import Run
from sagemaker_gitops.story import Story

from pipelines import settings as facts
from pipelines.settings import Settings

INSTANCES = {"safe": 2, "small": 1}
SETTINGS = Path("mlops.toml")


def settings(preset: str) -> Settings:
    """Return the project's settings with production's rollout as one preset has it."""
    tables = tomllib.loads(SETTINGS.read_text("utf-8"))
    production = tables["environments"]["production"]
    production["instance_count"] = INSTANCES[preset]
    # As short as may be.
    waits = {"bake_minutes": 3, "final_bake_minutes": 3} if preset == "safe" else {"final_bake_minutes": 5}
    production["rollout"] = {"preset": preset, **waits}
    return facts.build(tables)


def quiet(chosen: Settings) -> Run:
    """Return a run whose story nobody sees."""
    return Run(chosen, Story(Console(quiet=True)))
