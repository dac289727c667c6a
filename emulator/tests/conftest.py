"""One emulator for all tests, in this process; makers of images, requests and names."""

from __future__ import annotations

import json
import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from sagemaker_emulator import environment, server
from sagemaker_emulator.images import docker

REGION = "us-east-1"
REGISTRY = f"123456789012.dkr.ecr.{REGION}.amazonaws.com"
ROLE = "arn:aws:iam::123456789012:role/anybody"
ENDED = ("Completed", "Failed", "Stopped")

# Tests press Ctrl-C. A shell that starts pytest in the background has it ignored by every child.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run an emulator and point the environment at it, as `sagemaker-emulator run` does; yield its URL."""
    home = tmp_path_factory.mktemp("emulator")
    before = dict(os.environ)
    os.environ["SAGEMAKER_EMULATOR_HOME"] = str(home)
    with server.running() as url:
        os.environ.clear()
        os.environ.update({k: v for k, v in before.items() if not environment.is_cleared(k)})
        os.environ.update(environment.variables(url, home, REGION))
        yield url
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def aws(emulator: str) -> SimpleNamespace:
    """Return boto3 clients by attribute: aws.sagemaker, aws.s3, ..., and a bucket that exists: aws.bucket."""
    names = ("sagemaker", "s3", "ecr", "logs", "cloudwatch", "cloudformation", "iam", "sns", "sqs", "kms")
    clients = SimpleNamespace(**{name: boto3.client(name) for name in names})
    clients.runtime = boto3.client("sagemaker-runtime")
    clients.bucket = "the-bucket"
    clients.s3.create_bucket(Bucket=clients.bucket)
    clients.ecr.create_repository(repositoryName="images")
    return clients


@pytest.fixture
def unique() -> str:
    """Return a name nobody else has."""
    return f"t-{uuid.uuid4().hex[:10]}"


@pytest.fixture
def make_image(aws: SimpleNamespace, tmp_path: Path) -> Callable[..., str]:
    """Return a maker of pushed images: make_image("echo hi") or make_image(dockerfile=..., files={...})."""

    def make(
        script: str = "true", dockerfile: str | None = None, files: dict[str, str] | None = None, **build: Any
    ) -> str:
        context = tmp_path / uuid.uuid4().hex
        context.mkdir()
        for name, text in (files or {}).items():
            (context / name).parent.mkdir(parents=True, exist_ok=True)
            (context / name).write_text(text, encoding="utf-8")
        entrypoint = json.dumps(["sh", "-c", script])
        (context / "Dockerfile").write_text(
            dockerfile or f"FROM scratch\nENTRYPOINT {entrypoint}\n", encoding="utf-8"
        )
        uri = f"{REGISTRY}/images:{context.name}"
        flags = [word for name, value in build.items() for word in (f"--{name.replace('_', '-')}", value)]
        assert docker.main(["build", "--tag", uri, *flags, str(context)]) == 0
        assert docker.main(["push", uri]) == 0
        return uri

    return make


@pytest.fixture
def train(aws: SimpleNamespace, unique: str) -> Callable[..., dict[str, Any]]:
    """Return train(image, **changes): start a training job, wait for its end, return what Describe says."""

    def run(image: str, wait: bool = True, **changes: Any) -> dict[str, Any]:
        request = {
            "TrainingJobName": unique,
            "RoleArn": ROLE,
            "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
            "OutputDataConfig": {"S3OutputPath": f"s3://{aws.bucket}/out"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            **changes,
        }
        aws.sagemaker.create_training_job(**request)
        if not wait:
            return request
        return ended(lambda: aws.sagemaker.describe_training_job(TrainingJobName=request["TrainingJobName"]))

    return run


@pytest.fixture
def process(aws: SimpleNamespace, unique: str) -> Callable[..., dict[str, Any]]:
    """Return process(image, **changes): the same for a processing job."""

    def run(image: str, wait: bool = True, **changes: Any) -> dict[str, Any]:
        cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
        request = {
            "ProcessingJobName": unique,
            "RoleArn": ROLE,
            "AppSpecification": {"ImageUri": image},
            "ProcessingResources": {"ClusterConfig": cluster},
            **changes,
        }
        aws.sagemaker.create_processing_job(**request)
        if not wait:
            return request
        return ended(
            lambda: aws.sagemaker.describe_processing_job(ProcessingJobName=request["ProcessingJobName"])
        )

    return run


def ended(describe: Callable[[], dict[str, Any]], seconds: float = 30.0) -> dict[str, Any]:
    """Return what a job's Describe says once the job has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = describe()
        status = next(value for key, value in answer.items() if key.endswith("JobStatus"))
        if status in ENDED:
            return answer
        time.sleep(0.02)
    raise AssertionError(f"still {status} after {seconds} s")


@pytest.fixture
def log_lines(aws: SimpleNamespace) -> Callable[[str, str], list[str]]:
    """Return log_lines(group, job): what the job has written so far."""

    def read(group: str, job: str) -> list[str]:
        streams = aws.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{job}/")[
            "logStreams"
        ]
        lines = []
        for stream in streams:
            events = aws.logs.get_log_events(
                logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
            )
            lines += [event["message"] for event in events["events"]]
        return lines

    return read


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start what takes longest first: with two workers the whole then takes little more than that."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
