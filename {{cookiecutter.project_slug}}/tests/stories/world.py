"""A copy of this project beside an AWS of its own: what a story changes, the next story does not see.

The AWS is an emulator on a free port, started and stopped by its command line. The project's verbs run as
processes, as a user runs them; boto3 looks at what they left behind.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
from sagemaker_gitops.rehearsal import sampled

from pipelines import settings
from tests.stories import sample
from tests.stories.sample import PROJECT

LEFT_OUT = (".git", ".venv", "build", ".emulator", "__pycache__", ".*_cache", ".hypothesis")
OWN_AWS = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "PYTHONDONTWRITEBYTECODE")
LOCAL = {"MLFLOW_DISABLE_TELEMETRY": "true", "GX_ANALYTICS_ENABLED": "false", "COLUMNS": "300"}


@dataclass(frozen=True)
class Live:
    """What stands in AWS that a refused release must leave as it was."""

    packages: tuple[tuple[str, str], ...]  # (ARN, approval)
    endpoints: tuple[tuple[str, str, str, str], ...]  # (name, status, endpoint config, last modified)
    busy: tuple[str, ...]  # jobs and executions that still run


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    output: str  # stdout and stderr, in the order they came

    def message(self) -> list[str]:
        """Return the four lines that a verb ends with: what, where, why, what to do."""
        lines = self.output.rstrip().splitlines()
        starts = [number for number, line in enumerate(lines) if line.startswith("✗ E")]
        assert starts, f"no message:\n{self.output}"
        return lines[starts[-1] :]


class World:
    """The copy, its environment, and what can be done to it."""

    def __init__(self, root: Path, environment: Mapping[str, str]) -> None:
        self.root, self.environment = root, dict(environment)
        facts = tomllib.loads((root / "mlops.toml").read_text("utf-8"))["project"]
        self.slug, self.region = facts["slug"], facts["region"]

    def run(self, *command: str, environment: Mapping[str, str | None] | None = None) -> Ended:
        """Run `python -m COMMAND` in the copy; None takes a variable out of the environment."""
        merged = {**self.environment, **(environment or {})}
        env = {name: value for name, value in merged.items() if value is not None}
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=self.root, env=env, text=True, timeout=300,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        return Ended(done.returncode, done.stdout)

    def release(self) -> Ended:
        """Build what the working tree lacks of images, then release it: the two verbs of every merge."""
        image = self.run("pipelines", "image")
        return image if image.code else self.run("pipelines", "release")

    def aws(self, service: str) -> Any:
        """Return a client of this world's AWS."""
        return boto3.client(
            service,
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            region_name=self.region,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def live(self) -> Live:
        """Return what is registered, what is served and what runs."""
        client = self.aws("sagemaker")
        packages = [
            item
            for group in client.list_model_package_groups()["ModelPackageGroupSummaryList"]
            for item in client.list_model_packages(ModelPackageGroupName=group["ModelPackageGroupName"])[
                "ModelPackageSummaryList"
            ]
        ]
        endpoints = [
            client.describe_endpoint(EndpointName=item["EndpointName"])
            for item in client.list_endpoints()["Endpoints"]
        ]
        jobs = client.list_training_jobs()["TrainingJobSummaries"]
        jobs += client.list_processing_jobs()["ProcessingJobSummaries"]
        return Live(
            tuple(sorted((item["ModelPackageArn"], item["ModelApprovalStatus"]) for item in packages)),
            tuple(
                (
                    item["EndpointName"],
                    item["EndpointStatus"],
                    item["EndpointConfigName"],
                    str(item["LastModifiedTime"]),
                )
                for item in endpoints
            ),
            tuple(
                job.get("TrainingJobName") or job["ProcessingJobName"]
                for job in jobs
                if "InProgress" in (job.get("TrainingJobStatus"), job.get("ProcessingJobStatus"))
            ),
        )  # fmt: skip

    @contextmanager
    def edited(self, path: str, change: Callable[[str], str]) -> Iterator[None]:
        """Change a file of the copy for the length of a block."""
        file = self.root / path
        before = file.read_text("utf-8")
        after = change(before)
        assert after != before, f"the story changed nothing in {path}"
        try:
            file.write_text(after, "utf-8")
            yield
        finally:
            file.write_text(before, "utf-8")

    @contextmanager
    def data(self, change: Callable[[pa.Table], pa.Table]) -> Iterator[None]:
        """Replace the rows by changed ones, and lock those, for the length of a block."""
        folder = self.root / sample.FOLDER
        table = pa.concat_tables([pq.ParquetFile(path).read() for path in sorted(folder.rglob("*.parquet"))])
        try:
            sample.write(self.root, change(table))
            yield
        finally:
            sample.write(self.root, table)


def copy_with_sample(folder: Path) -> Path:
    """Copy the project's code, with facts and data that stories know, and return the copy's root."""
    root = copy_project(folder)
    sample.put(root)
    return root


def copy_project(folder: Path) -> Path:
    """Copy the project without what its runs left, with data that git has, and return the copy's root."""
    root = folder / "project"
    shutil.copytree(PROJECT, root, ignore=shutil.ignore_patterns(*LEFT_OUT))
    own = settings.load(root / "mlops.toml")
    named = sampled(own, root).data.lock
    if named != own.data.lock:  # that names files which lie in the team's bucket only
        shutil.copyfile(root / named, root / own.data.lock)
    return root


@contextmanager
def started(root: Path) -> Iterator[World]:
    """Start an emulator whose state lies in the copy; stop it and all that it started afterwards."""
    base = {name: value for name, value in os.environ.items() if name not in OWN_AWS} | LOCAL
    world = World(root, base)
    up = world.run("sagemaker_emulator", "up", "--port", "0")
    assert up.code == 0, up.output
    try:
        world.environment = _sourced(root / ".emulator" / "env", base)
        yield world
    finally:
        down = World(root, base).run("sagemaker_emulator", "down")
        assert down.code == 0, down.output


def _sourced(file: Path, base: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a shell that sourced `file`."""
    command = f". {shlex.quote(str(file))} && env -0"
    text = subprocess.run(
        ["sh", "-c", command], env=dict(base), capture_output=True, text=True, check=True
    ).stdout
    return dict(entry.split("=", 1) for entry in text.split("\0") if entry)
