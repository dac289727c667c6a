"""The project's settings as the drill releases with them: production on two instances, or on one."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import botocore.session
from rich.console import Console

from pipelines import settings as facts
from pipelines.aws import Aws
from pipelines.run import Run
from pipelines.settings import Settings
from pipelines.story import Story

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


def deploying(chosen: Settings) -> Run:
    """Return the same as whoever deploys: the AWS profile that DRILL_PROFILE names, else whoever drills."""
    run = quiet(chosen)
    if profile := os.environ.get("DRILL_PROFILE"):
        keys = botocore.session.Session(profile=profile).get_credentials()
        aws = Aws(chosen.project.region, keys)
        run.connection = aws, aws.account()
    return run
