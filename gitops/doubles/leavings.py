"""What releases leave in an account, made small: jobs, an endpoint and images that are one command each."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from doubles.account import ACCOUNT, REGION, Project

ROLE = f"arn:aws:iam::{ACCOUNT}:role/any"
FAILS = 'echo "epoch=3 loss=0.51"; echo "ValueError: row 7 is Ada Lovelace"; exit 1'
SERVES = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
print("event=loaded release=7", flush=True)
where = ("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"]))
http.server.ThreadingHTTPServer(where, Handler).serve_forever()
"""


def image(project: Project, *entrypoint: str) -> str:
    """Return the URI of an image that is one command."""
    table = project.root / ".emulator" / "images.json"
    known = json.loads(table.read_text("utf-8")) if table.exists() else {}
    uri = f"local/{len(known)}:1"
    table.write_text(json.dumps(known | {uri: {"entrypoint": list(entrypoint)}}), encoding="utf-8")
    return uri


def execution(project: Project, script: str, bucket: str) -> str:
    """Start an execution of one training job; return its ARN."""
    arguments = {
        "RoleArn": ROLE,
        "AlgorithmSpecification": {
            "TrainingImage": image(project, "sh", "-c", script),
            "TrainingInputMode": "File",
        },
        "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }
    steps = [{"Name": "Train", "Type": "Training", "Arguments": arguments}]
    client = project.aws["sagemaker"]
    client.create_pipeline(
        PipelineName=project.slug,
        RoleArn=ROLE,
        PipelineDefinition=json.dumps({"Version": "2020-12-01", "Steps": steps}),
        ClientRequestToken=project.slug.rjust(32, "0"),
    )
    return client.start_pipeline_execution(PipelineName=project.slug)["PipelineExecutionArn"]


def state(project: Project, arn: str) -> str:
    """Return how an execution is."""
    told = project.aws["sagemaker"].describe_pipeline_execution(PipelineExecutionArn=arn)
    return told["PipelineExecutionStatus"]


def endpoint(project: Project, name: str = "") -> str:
    """Serve from an endpoint, production's unless another is named; return its name once it does."""
    client, name = project.aws["sagemaker"], name or f"{project.slug}-production"
    version = f"{name}-0123456789ab-1-01234567"
    container = {"Image": image(project, sys.executable, "-c", SERVES)}
    client.create_model(ModelName=version, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    variant: dict[str, Any] = {"VariantName": "main", "ModelName": version, "InitialInstanceCount": 1}
    variants = [variant | {"InstanceType": "ml.m5.large"}]
    client.create_endpoint_config(EndpointConfigName=version, ProductionVariants=variants)
    client.create_endpoint(EndpointName=name, EndpointConfigName=version)
    until(lambda: client.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService")
    return name


def package(project: Project) -> None:
    """Register a package."""
    containers = [{"Image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{project.slug}:serve"}]
    specification = {"Containers": containers, "SupportedContentTypes": ["text/csv"]}
    project.aws["sagemaker"].create_model_package(
        ModelPackageGroupName=project.slug,
        InferenceSpecification=specification | {"SupportedResponseMIMETypes": ["text/csv"]},
    )


def pushed(project: Project) -> None:
    """Push an image's manifest."""
    kind = "application/vnd.oci.image.manifest.v1+json"
    manifest = {
        "schemaVersion": 2,
        "mediaType": kind,
        "config": {"digest": f"sha256:{'0' * 64}"},
        "layers": [],
    }
    put = project.aws["ecr"].put_image
    put(repositoryName=project.slug, imageTag="serve", imageManifest=json.dumps(manifest))


def until(true: Any, seconds: float = 30) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
