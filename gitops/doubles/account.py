"""An account with a project in it, and a GitHub that `gh` shows."""

from __future__ import annotations

import io
import itertools
import json
from pathlib import Path
from typing import Any

import boto3
from rich.console import Console

from pipelines import settings
from sagemaker_gitops.account import connect as connecting
from sagemaker_gitops.run import Run
from sagemaker_gitops.story import Story

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


def connect(project: Project) -> str:
    """Connect without being asked; return what was printed."""
    connecting.connect(project.run(), yes=True)
    return project.text()
