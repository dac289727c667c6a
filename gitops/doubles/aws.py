"""Makers: packages, and an AWS that answers from a table and remembers what it was asked."""

from __future__ import annotations

import hashlib
import io
import json
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError
from rich.console import Console

from pipelines.settings import Settings
from sagemaker_gitops.alarms import Watched
from sagemaker_gitops.aws import Aws, offline_session
from sagemaker_gitops.registry import Package
from sagemaker_gitops.run import Run
from sagemaker_gitops.stack import Stack
from sagemaker_gitops.story import Story

ARCHIVE = b"archive"  # of every registered package
GROUP = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/income-model"
STACK = Stack(
    "bucket",
    "key-arn",
    "role-arn",
    "123456789012.dkr.ecr.eu-west-1.amazonaws.com/income-model",
    "income-model",
    account="123456789012",
    production="123456789012",
    registry="123456789012",
)
RELEASE = "ab" * 32


def make_package(version: int = 1, approval: str = "PendingManualApproval", **metadata: str) -> Package:
    """Return a package of RELEASE."""
    facts = {"release_id": RELEASE, "execution_id": "exec1", "artifact_sha256": "cd" * 32} | metadata
    return Package(
        f"{GROUP}/{version}", approval, f"{STACK.repository}:tag-serve", "s3://bucket/model.tar.gz", facts
    )


def watched(settings: Settings) -> Watched:
    """Return what is watched while "new" takes over from "old" in production."""
    production = settings.environments.production
    return Watched("income-model", "income-model-production", "new", "old", production)


def input_shape(operation: str, service: str = "sagemaker") -> Any:
    """Return Amazon's own model of an operation's request: botocore ships it."""
    model = offline_session().client(service).meta.service_model
    return model.operation_model(operation).input_shape


def error(code: str, message: str = "", operation: str = "Describe") -> ClientError:
    """Return an error as boto3 raises it."""
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


NO_ENDPOINT = error("ValidationException", "Could not find endpoint")
SERVING = {"EndpointStatus": "InService", "EndpointConfigName": "c"}


class Client:
    """A client whose operations answer from a table: a value, an exception, or a function of the request."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def get_paginator(self, operation: str) -> Any:
        """Return a paginator whose one page is the operation's answer."""
        return SimpleNamespace(paginate=lambda **request: iter([getattr(self, operation)(**request)]))

    def __getattr__(self, operation: str) -> Any:
        def call(**request: Any) -> Any:
            self.asked.append((operation, request))
            answer = self.answers.get(operation, {})
            answer = answer(**request) if callable(answer) else answer
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    def operations(self) -> list[str]:
        """Return the names of what was asked, in order."""
        return [operation for operation, _ in self.asked]


class Bucket(Client):
    """S3 as a dictionary."""

    def __init__(self, objects: dict[str, bytes] | None = None) -> None:
        super().__init__(head_object=self._head, get_object=self._get, put_object=self._put)
        self.objects = objects or {}
        self.metadata: dict[str, dict[str, str]] = {}

    def _head(self, Bucket: str, Key: str) -> Any:
        if Key not in self.objects:
            return error("404", "Not Found", "HeadObject")
        return {
            "ContentLength": len(self.objects[Key]),
            "Metadata": self.metadata.get(Key, {}),
            "VersionId": "v1",
        }

    def _get(self, Bucket: str, Key: str, VersionId: str = "") -> Any:
        if Key not in self.objects:
            return error("NoSuchKey", "no such key", "GetObject")
        return {"Body": io.BytesIO(self.objects[Key]), "ETag": self._etag(Key)}

    def _put(self, Bucket: str, Key: str, Body: Any, **more: Any) -> Any:
        taken = Key in self.objects and "IfNoneMatch" in more
        if taken or more.get("IfMatch", self._etag(Key)) != self._etag(Key):
            return error("PreconditionFailed", "one of the pre-conditions did not hold", "PutObject")
        body = Body if isinstance(Body, bytes) else Body.read()
        self.objects[Key], self.metadata[Key] = body, more.get("Metadata", {})
        return {"VersionId": "v2"}

    def _etag(self, key: str) -> str:
        return hashlib.sha256(self.objects.get(key, b"")).hexdigest()


def make_aws(**clients: Any) -> Aws:
    """Return the door with these clients behind it: nothing leaves the process."""
    aws = Aws("eu-west-1")
    aws.__dict__["account"] = lambda: STACK.account
    for name, client in clients.items():
        aws.__dict__[name] = client
    return aws


def packages(
    *approvals: str, serving: int | None = None, staging: str = "proven", production: str = ""
) -> Client:
    """Return a registry with one package per approval, oldest first, and production serving one of them."""
    made = {f"{GROUP}/{number}": approval for number, approval in enumerate(approvals, 1)}

    def list_model_packages(ModelApprovalStatus: str | None = None, **_: object) -> object:
        kept = [arn for arn, approval in made.items() if ModelApprovalStatus in (None, approval)]
        return {"ModelPackageSummaryList": [{"ModelPackageArn": arn} for arn in kept]}

    def describe_model_package(ModelPackageName: str) -> object:
        number = ModelPackageName.rsplit("/", 1)[1]
        return {
            "ModelPackageArn": ModelPackageName,
            "ModelApprovalStatus": made[ModelPackageName],
            "InferenceSpecification": {
                "Containers": [{"Image": "image", "ModelDataUrl": f"s3://bucket/{number}.tar.gz"}]
            },
            "CustomerMetadataProperties": {
                "release_id": number * 64,
                "execution_id": "e",
                "staging": staging,
                "production": production,
                "artifact_sha256": hashlib.sha256(ARCHIVE).hexdigest(),
            },
        }

    def update_model_package(ModelPackageArn: str, **change: object) -> object:
        made[ModelPackageArn] = str(change.get("ModelApprovalStatus", made[ModelPackageArn]))
        return {}

    return Client(
        list_model_packages=list_model_packages,
        describe_model_package=describe_model_package,
        update_model_package=update_model_package,
        list_pipeline_executions={"PipelineExecutionSummaries": []},
        describe_endpoint=SERVING if serving else NO_ENDPOINT,
        describe_endpoint_config={"ProductionVariants": [{"ModelName": "m"}]},
        describe_model={"PrimaryContainer": {"ModelPackageName": f"{GROUP}/{serving}"}},
    )


def make_run(settings: Settings, **clients: Any) -> Run:
    """Return what a verb works with: STACK, these clients behind the door, a story that nobody sees."""
    run = Run(settings, Story(Console(quiet=True)))
    run.__dict__ |= {"connection": (make_aws(**clients), "123456789012"), "stack": STACK}
    return run


def answer(predictions: Any, release: str = RELEASE, package: int = 1) -> dict[str, Any]:
    """Return what InvokeEndpoint gives back."""
    body = io.BytesIO(json.dumps({"predictions": predictions}).encode())
    return {"Body": body, "CustomAttributes": f"release={release};package={package}"}
