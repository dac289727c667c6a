"""An endpoint of two instances and two releases of a tiny model, by plain boto3: what rollouts.py updates.

In:   the variables of `sagemaker-emulator run`, the template's Dockerfile and server
Out:  an endpoint that can be asked, and brought to its other release
"""

from __future__ import annotations

import io
import json
import os
import shlex
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[1]
INNER = ROOT / ("{" * 2 + "cookiecutter.project_slug" + "}" * 2)
sys.path[:0] = [str(INNER)]

from inference.predictor import Predictor  # noqa: E402
from tests.tiny_models import add_golden, make_model  # noqa: E402

ACCOUNT, REGION, NAME = "123456789012", "us-east-1", "rollouts"
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
IMAGE = f"{REGISTRY}/{NAME}:serve"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/anybody"
ROWS = [[30, None, "cook", True], [61, 2.5, "smith", False]]
BODY = json.dumps({"instances": ROWS}).encode()
BIASES = {"a" * 64: -2.0, "b" * 64: -1.0}  # release -> what makes its answers its own
INSTANCES = 2


def client(service: str) -> Any:
    """Return a client that never tries twice."""
    once: Any = {"mode": "standard", "total_max_attempts": 1}
    return boto3.client(service, region_name=REGION, config=Config(retries=once))


class Endpoint:
    """It serves one of the two releases; `update` brings it to the other."""

    def __init__(self, folder: Path) -> None:
        self.sagemaker, self.serves = client("sagemaker"), next(iter(BIASES))
        _publish()
        self.right = {release: self._config(folder, release) for release in BIASES}
        self.sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=f"{NAME}-{self.serves[0]}")
        self._settle()

    def ask(self, runtime: Any) -> str:
        """Return the release that answered; raise ValueError where the answer is not its own."""
        told = runtime.invoke_endpoint(EndpointName=NAME, ContentType="application/json", Body=BODY)
        stamp = dict(pair.split("=") for pair in told["CustomAttributes"].split(";"))
        got, wanted = json.loads(told["Body"].read())["predictions"], self.right[stamp["release"]]
        if any(abs(one - other) > 1e-6 for one, other in zip(got, wanted, strict=True)):
            raise ValueError("a wrong answer")
        return stamp["release"]

    def update(self, deployment: dict[str, Any]) -> str:
        """Bring the endpoint to its other release and return it; raise RuntimeError if it went back."""
        wanted = next(release for release in BIASES if release != self.serves)
        config = f"{NAME}-{wanted[0]}"
        watched = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": config}]}}
        self.sagemaker.update_endpoint(
            EndpointName=NAME, EndpointConfigName=config, DeploymentConfig=deployment | watched
        )
        now = self._settle()
        if (now["EndpointStatus"], now["EndpointConfigName"]) != ("InService", config):
            raise RuntimeError(f"not promoted: {now['EndpointStatus']} {now.get('FailureReason')}")
        self.serves = wanted
        return wanted

    def delete(self) -> None:
        """Take the endpoint away."""
        self.sagemaker.delete_endpoint(EndpointName=NAME)

    def _settle(self) -> dict[str, Any]:
        while True:
            now = self.sagemaker.describe_endpoint(EndpointName=NAME)
            if now["EndpointStatus"] not in ("Creating", "Updating", "RollingBack"):
                return now
            time.sleep(0.2)

    def _config(self, folder: Path, release: str) -> list[float]:
        """Make model, config and alarm of a release; return what it answers."""
        name, key = f"{NAME}-{release[0]}", f"{release}/model.tar.gz"
        model = make_model(folder / release, release=release, bias=BIASES[release])
        right = Predictor.load(model).answer("application/json", BODY).tolist()
        add_golden(model, ROWS, right)
        _upload(model, key)
        container = {"Image": IMAGE, "ModelDataUrl": f"s3://{NAME}/{key}"}
        self.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
        variant = {"VariantName": "main", "ModelName": name, "InstanceType": "ml.m5.large"}
        variants = [variant | {"InitialInstanceCount": INSTANCES, "InitialVariantWeight": 1.0}]
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
        _alarm(name)
        return right


def _publish() -> None:
    """Build the template's image of the server and push it."""
    client("ecr").create_repository(repositoryName=NAME)
    client("s3").create_bucket(Bucket=NAME)
    docker = shlex.split(os.environ["DOCKER"])
    for words in (["build", "--target", "serve", "--tag", IMAGE, str(INNER)], ["push", IMAGE]):
        subprocess.run([*docker, *words], check=True, stdout=subprocess.DEVNULL)


def _upload(model: Path, key: str) -> None:
    """Pack a model's folder as SageMaker takes it, into the bucket."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for path in sorted(model.iterdir()):
            tar.add(path, arcname=path.name)
    client("s3").put_object(Bucket=NAME, Key=key, Body=packed.getvalue())


def _alarm(config: str) -> None:
    """Watch the 5xx answers of a config's fleet: one in a hundred sends a rollout back."""
    facts = {"EndpointName": NAME, "VariantName": "main", "EndpointConfigName": config}
    client("cloudwatch").put_metric_alarm(
        AlarmName=config,
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",
        Dimensions=[{"Name": name, "Value": value} for name, value in facts.items()],
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0.01,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
    )
