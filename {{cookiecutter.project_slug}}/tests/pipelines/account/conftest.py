"""An emulator, a project in a git repository, and a GitHub that `gh` shows; a slug for each test."""

from __future__ import annotations

import io
import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from rich.console import Console

from pipelines import settings
from pipelines.run import Run
from pipelines.story import Story
from tests.stories.world import World, copy_project, started

ACCOUNT, NUMBERS = "123456789012", itertools.count(1)  # each test has a project of its own
SLUG, REGION, REPOSITORY = "income-model", "eu-west-1", "acme/income-model"
GITHUB: dict[str, Any] = {
    "calls": [],
    "refuse": {},  # what GitHub says to a call that holds these words
    "login": {"login": "ada", "id": 7},
    "repository": {
        "full_name": REPOSITORY,
        "id": 345,
        "owner": {"id": 12, "login": "acme", "type": "Organization"},
        "private": False,
        "default_branch": "main",
    },
    "variables": {},
    "environments": {},
    "paths": {
        "/actions/oidc/customization/sub": {"use_default": True, "use_immutable_subject": True},
        "/actions/permissions/workflow": {"can_approve_pull_request_reviews": True},
    },
}


class GitHub:
    """What GitHub has, as the tests look at it and change it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.change(**json.loads(json.dumps(GITHUB)))

    def change(self, **parts: Any) -> None:
        """Replace parts of the state."""
        there = json.loads(self.file.read_text("utf-8")) if self.file.exists() else {}
        self.file.write_text(json.dumps(there | parts), encoding="utf-8")

    def __getattr__(self, part: str) -> Any:
        return json.loads(self.file.read_text("utf-8"))[part]

    def writes(self) -> list[str]:
        """Return the calls that changed something."""
        return [" ".join(call) for call in self.calls if call[0] == "variable" or "-X" in call]


class Project:
    """A run of verbs in a project of its own, and what it printed."""

    def __init__(self, root: Path, github: GitHub, slug: str) -> None:
        self.root, self.github, self.slug, self.printed = root, github, slug, io.StringIO()
        self.aws = {name: boto3.client(name) for name in ("cloudformation", "iam", "s3", "sagemaker", "ecr")}

    def run(self, **changes: Any) -> Run:
        """Return what a verb works with; `changes` to mlops.toml by table."""
        tables = settings.load(self.root / "mlops.toml").model_dump(by_alias=True)
        tables["project"] |= {"repository": ""}  # a project of the template's users may name one
        for table, keys in {"project": {}, **changes}.items():
            tables[table] |= keys | ({"slug": self.slug} if table == "project" else {})
        self.printed.truncate(0)
        self.printed.seek(0)
        return Run(settings.build(tables), Story(Console(file=self.printed, width=400, soft_wrap=True)))

    def both(self) -> dict[str, str]:
        """Return the stacks of a project that is connected."""
        return dict.fromkeys([self.slug, f"{self.slug}-github"], "CREATE_COMPLETE")

    def empty(self) -> None:
        """Take away what another test has left; names that are kept are another slug's."""
        for name in reversed(self.stacks()):
            self.aws["cloudformation"].delete_stack(StackName=name)
        for item in self.aws["iam"].list_open_id_connect_providers()["OpenIDConnectProviderList"]:
            self.aws["iam"].delete_open_id_connect_provider(OpenIDConnectProviderArn=item["Arn"])

    def text(self) -> str:
        """Return what the last verb printed."""
        return self.printed.getvalue()

    def stacks(self) -> dict[str, str]:
        """Return the stacks that are there, with their state."""
        listed = self.aws["cloudformation"].describe_stacks()["Stacks"]
        return {item["StackName"]: item["StackStatus"] for item in listed}


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
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).parent / "fake_gh.py"}" "$@"\n')
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
