"""Nothing that an endpoint or a pipeline started outlives the emulator."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

# Two servers: one that serves, one that never answers a ping. Each writes its process id.
CLIENT = """
import boto3, json, os, sys, time
from pathlib import Path
folder = Path(sys.argv[1])
server = '''
import http.server, os, sys
open(os.environ["NOTE"] + "/" + os.environ["KIND"] + "-" + str(os.getpid()), "w").close()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if os.environ["KIND"] == "good" else 500); self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
'''
home = Path(os.environ["SAGEMAKER_EMULATOR_HOME"])
table = {"x/good:1": {"entrypoint": ["python3", "-c", server]}, "x/sh:1": {"entrypoint": ["sh", "-c"]}}
home.joinpath("images.json").write_text(json.dumps(table))
role = "arn:aws:iam::123456789012:role/any"
sagemaker = boto3.client("sagemaker")
for kind in ("good", "never"):
    container = {"Image": "x/good:1", "Environment": {"NOTE": str(folder), "KIND": kind}}
    sagemaker.create_model(ModelName=kind, ExecutionRoleArn=role, PrimaryContainer=container)
    variant = {"VariantName": "v", "ModelName": kind, "InstanceType": "ml.m5.large"}
    variant["InitialInstanceCount"] = 2
    sagemaker.create_endpoint_config(EndpointConfigName=kind, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=kind, EndpointConfigName=kind)
cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
script = f"touch {folder}/job-$$; sleep 60"
step = {"Name": "long", "Type": "Processing", "Arguments": {
    "RoleArn": role, "AppSpecification": {"ImageUri": "x/sh:1", "ContainerEntrypoint": ["sh", "-c", script]},
    "ProcessingResources": {"ClusterConfig": cluster}}}
definition = json.dumps({"Version": "2020-12-01", "Steps": [step]})
sagemaker.create_pipeline(PipelineName="p", PipelineDefinition=definition, RoleArn=role)
sagemaker.start_pipeline_execution(PipelineName="p")
deadline = time.monotonic() + 30
while len(list(folder.glob("*-*"))) < 5 and time.monotonic() < deadline:
    time.sleep(0.05)
folder.joinpath("all").touch()
time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def run(tmp_path):
    """Return run(seconds): start an emulator with CLIENT under it; the client sleeps so long at its end."""
    started = []
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    def start(seconds):
        variables = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAGEMAKER_"))
        }
        source = Path(__file__).parents[1]
        child = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "sagemaker_emulator",
                "run",
                "--",
                sys.executable,
                "-c",
                CLIENT,
                tmp_path,
                str(seconds),
            ],
            env=variables
            | {"PYTHONPATH": str(source), "AWS_DEFAULT_REGION": "us-east-1", "TMPDIR": str(temporary)},
        )
        started.append(child)
        return child

    yield start
    for child in started:
        child.kill()
        child.wait()


def processes(folder):
    return {path.name: int(path.name.rsplit("-", 1)[-1]) for path in folder.glob("*-*")}


def alive(number):
    """Whether the process runs; one that has ended and was not collected yet does not."""
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(number)], capture_output=True, text=True
    ).stdout.strip()
    return state[:1] not in ("", "Z")


@pytest.mark.parametrize("how", [None, signal.SIGINT, signal.SIGKILL], ids=["by itself", "INT", "KILL"])
def test_no_container_outlives_the_emulator(run, tmp_path, how):
    emulator = run(0 if how is None else 60)
    deadline = time.monotonic() + 60
    while not (tmp_path / "all").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    seen = processes(tmp_path)
    assert (
        json.dumps(sorted(name.split("-")[0] for name in seen)) == '["good", "good", "job", "never", "never"]'
    )
    if how is not None:
        emulator.send_signal(how)
    emulator.wait(timeout=30)
    deadline = time.monotonic() + 10
    while left := [name for name, number in processes(tmp_path).items() if alive(number)]:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
    while left := os.listdir(tmp_path / "temporary"):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
