"""An emulator, a project in a git repository, and a GitHub that `gh` shows; a slug for each test."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from doubles.account import NUMBERS, REGION, REPOSITORY, SLUG, GitHub, Project
from tests.stories.world import World, copy_project, started


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Return an AWS in which nothing has been made."""
    with started(copy_project(tmp_path_factory.mktemp("account"))) as world:
        yield world


@pytest.fixture(scope="module")
def enforced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Return an AWS that enforces IAM, in which nothing has been made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAGEMAKER_EMULATOR_IAM", "enforce")
        with started(copy_project(tmp_path_factory.mktemp("enforced"))) as world:
            yield world


@pytest.fixture
def github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitHub:
    """Return a GitHub that `gh` on PATH shows."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "gh"
    script.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).parents[2] / "doubles/gh.py"}" "$@"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("GH_STATE", str(tmp_path / "github.json"))
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return GitHub(tmp_path / "github.json")


@pytest.fixture
def project(emulator: World, github: GitHub, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Return a project that is connected to nothing, in an account that holds nothing."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in emulator.environment.items():
        if name.startswith(("AWS_", "SAGEMAKER_")):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.chdir(emulator.root)
    if not (emulator.root / ".git").exists():
        subprocess.run(["git", "init", "-qb", "main"], check=True)
        subprocess.run(["git", "remote", "add", "origin", f"git@github.com:{REPOSITORY}.git"], check=True)
        _write_settings(emulator.root)
    made = Project(emulator.root, github, f"model-{next(NUMBERS)}")
    made.empty()
    return made


def _write_settings(root: Path) -> None:
    """Fill in what the template leaves open: this project lies in a copy that nobody has rendered."""
    file = root / "mlops.toml"
    answers = {
        "project_slug": SLUG,
        "project_name": "Income model",
        "description": "",
        "aws_region": REGION,
        "github_repository": "",
        "alarm_email": "",
        "approval": "gate",
    }
    text = file.read_text("utf-8")
    for name, value in answers.items():
        text = re.sub(rf"\{{\{{ \w+\.{name} \}}\}}", value, text)
    file.write_text(text, encoding="utf-8")
