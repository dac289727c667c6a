"""A project with a release in production: its verbs, a client that never stops asking, what stands in AWS."""

from __future__ import annotations

import contextlib
import io
import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sagemaker_gitops import tree

from pipelines import settings
from pipelines.__main__ import main
from tests.stories.crash import project, wire
from tests.stories.crash.calls import Place
from tests.stories.crash.client import Client
from tests.stories.crash.wire import Wire
from tests.stories.world import Ended, World, started

VERBS = ("image", "release")  # of every merge


class Site:
    """One project beside one AWS; each release of it stays in production until the next."""

    def __init__(self, world: World, tap: Wire) -> None:
        self.world, self.wire = world, tap
        self.sagemaker, self.s3, self.cloudwatch = map(world.aws, ("sagemaker", "s3", "cloudwatch"))
        self.endpoint = f"{world.slug}-production"
        self.client = Client(world.aws("sagemaker-runtime"), self.endpoint)
        self.seen: list[Place] = []  # the calls of the last release
        self.length = 0.0  # seconds of a release by processes; measured where it is needed

    def verb(self, *words: str) -> Ended:
        """Run a verb in this process: what a terminal would show, and its exit code."""
        self.wire.begin(words[0])
        told = io.StringIO()
        with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
            try:
                code = main(list(words))
            except Exception:  # as Python itself would end
                traceback.print_exc()
                code = 1
        return Ended(code, told.getvalue())

    def release(self) -> Ended:
        """Run the verbs of a merge, as far as they go."""
        self.seen = []
        for verb in VERBS:
            ended = self.verb(verb)
            self.seen += self.wire.made
            if ended.code:
                break
        return ended

    def change(self, *, code: bool) -> str:
        """Make the working tree another release and return its id."""
        project.change(self.world.root, code=code)
        return tree.read(settings.load(Path("mlops.toml"))).ids.release_id

    def live(self) -> str:
        """Return which endpoint config production serves, and that it serves nothing else."""
        told = self.sagemaker.describe_endpoint(EndpointName=self.endpoint)
        assert "PendingDeploymentSummary" not in told, told
        assert told["EndpointStatus"] == "InService", told
        return told["EndpointConfigName"]

    def packages(self) -> dict[int, dict[str, Any]]:
        """Return every package by its version."""
        pages = self.sagemaker.get_paginator("list_model_packages").paginate(
            ModelPackageGroupName=self.world.slug
        )
        arns = [item["ModelPackageArn"] for page in pages for item in page["ModelPackageSummaryList"]]
        told = [self.sagemaker.describe_model_package(ModelPackageName=arn) for arn in arns]
        return {item["ModelPackageVersion"]: item for item in told}

    def names(self, operation: str, member: str, name: str) -> set[str]:
        """Return the names that a list operation of SageMaker gives."""
        pages = self.sagemaker.get_paginator(operation).paginate(PaginationConfig={"PageSize": 100})
        return {item[name] for page in pages for item in page[member]}

    def alarms(self) -> list[str]:
        """Return the names of all alarms."""
        told = self.cloudwatch.describe_alarms()
        return sorted(alarm["AlarmName"] for alarm in told["MetricAlarms"])

    def tidy(self) -> None:
        """Take away all but what production serves, so that the next release finds what this one found."""
        config = self.live()
        model = self.sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"][0]
        told = self.sagemaker.describe_model(ModelName=model["ModelName"])["PrimaryContainer"]
        for package in self.packages().values():
            if package["ModelPackageArn"] != told["ModelPackageName"]:
                self.sagemaker.delete_model_package(ModelPackageName=package["ModelPackageArn"])
        for name in self.names("list_endpoint_configs", "EndpointConfigs", "EndpointConfigName") - {config}:
            self.sagemaker.delete_endpoint_config(EndpointConfigName=name)
        for name in self.names("list_models", "Models", "ModelName") - {model["ModelName"]}:
            self.sagemaker.delete_model(ModelName=name)
        self.cloudwatch.delete_alarms(AlarmNames=self.alarms())  # a lasting fault may have kept them


@contextmanager
def opened(folder: Path) -> Iterator[Site]:
    """Open a site whose first release is in production; everything is gone afterwards."""
    root, before, environment = project.make(folder), Path.cwd(), dict(os.environ)
    with started(root) as world, wire.tapped(world.environment["AWS_ENDPOINT_URL"]) as tap:
        made = world.run("pipelines", "stack")
        assert made.code == 0, made.output
        os.chdir(root)
        os.environ.clear()
        os.environ.update(world.environment)
        try:
            site = Site(world, tap)
            first = site.release()
            assert first.code == 0, first.output
            yield site
        finally:
            os.chdir(before)
            os.environ.clear()
            os.environ.update(environment)
