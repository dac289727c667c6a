"""Run what the pipeline runs without any AWS: the golden definition says what, a `Run` says where.

In:   a baked project; a function that starts a command over a folder that stands for /opt/ml
Out:  the served archive that evaluate writes, and an answer of the server that loads it
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

# (command, folder that stands for /opt/ml, more environment) -> a started process
Start = Callable[[list[str], Path, dict[str, str]], subprocess.Popen[str]]


def release(project: Path, start: Start, work: Path) -> Path:
    """Validate, train and evaluate; return the archive that would be registered."""
    steps = read_steps(project)
    checked = validate(project, steps["Validate"], start, work / "validate")
    trained = train(steps["Train"], start, work / "train", checked)
    return evaluate(steps["Evaluate"], start, work / "evaluate", checked, trained)


def read_steps(project: Path) -> dict[str, dict]:
    """Return the Arguments of every step of the golden definition, branches included."""

    def walk(steps):
        for step in steps:
            yield step["Name"], step["Arguments"]
            yield from walk(step["Arguments"].get("IfSteps", []))

    return dict(walk(json.loads((project / "pipelines" / "definition.json").read_text())["Steps"]))


def validate(project: Path, step: dict, start: Start, base: Path) -> Path:
    """Check and split the sample; return the folder of splits."""
    lock = json.loads((project / "data.lock").read_text())
    shutil.copytree(project / lock["prefix"], base / "processing/input/data")
    copy(project / "data.lock", base / "processing/input/lock")
    finish(start(command_of(step["AppSpecification"]), base, {}))
    report = json.loads((base / "processing/output/report/validation.json").read_text())
    assert report["verdict"]["accepted"], report["verdict"]
    return base / "processing/output"


def train(step: dict, start: Start, base: Path, checked: Path) -> Path:
    """Train on the splits; return the archive that SageMaker would make of the model folder."""
    settings = {
        name: value if isinstance(value, str) else "" for name, value in step["HyperParameters"].items()
    }
    settings |= {"release-id": "0123456789ab" + "0" * 52, "epochs": "2"}
    (base / "input/config").mkdir(parents=True)
    (base / "input/config/hyperparameters.json").write_text(json.dumps(settings))
    for channel in ("train", "validation"):
        shutil.copytree(checked / channel, base / "input/data" / channel)
    (base / "model").mkdir()
    finish(start(step["AlgorithmSpecification"]["ContainerEntrypoint"], base, {}))
    archive = base / "output" / "model.tar.gz"
    archive.parent.mkdir(exist_ok=True)
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(base / "model", arcname=".")
    return archive


def evaluate(step: dict, start: Start, base: Path, checked: Path, trained: Path) -> Path:
    """Judge the model as a first release; return the served archive."""
    copy(trained, base / "processing/input/model")
    for split in ("test", "validation"):
        shutil.copytree(checked / split, base / "processing/input" / split)
    (base / "processing/input/champion").mkdir()
    (base / "processing/input/champion/champion.json").write_text('{"package": null}')
    finish(start(command_of(step["AppSpecification"]), base, {}))
    verdict = json.loads((base / "processing/output/evaluation/evaluation.json").read_text())["verdict"]
    assert verdict["first_release"], verdict
    return base / "processing/output/artifact/model.tar.gz"


def answer(archive: Path, entrypoint: list[str], start: Start, base: Path) -> tuple[str, list, list]:
    """Serve the archive; return the release header, the answers to its golden requests, the right ones."""
    (base / "model").mkdir(parents=True)
    with tarfile.open(archive) as tar:
        tar.extractall(base / "model")
    port = free_port()
    server = start(
        [*entrypoint, "serve"], base, {"SAGEMAKER_BIND_TO_PORT": str(port), "INFERENCE_HOST": "127.0.0.1"}
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/ping", server)
        cases = json.loads((base / "model" / "golden.json").read_text())["cases"]
        replies = [invoke(port, case["body"]) for case in cases]
    finally:
        server.terminate()
        server.wait(20)
    return replies[0][0], [reply for _, reply in replies], [case["predictions"] for case in cases]


def invoke(port: int, body: dict) -> tuple[str, list]:
    """Return one answer's release header and predictions."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as reply:
        header = reply.headers["X-Amzn-SageMaker-Custom-Attributes"]
        return header, json.loads(reply.read())["predictions"]


def wait_for(url: str, server) -> None:
    """Wait until the server answers 200, a minute at most."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert server.poll() is None, server.communicate()[0]
        try:
            with urllib.request.urlopen(url, timeout=2) as reply:
                if reply.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(f"no answer from {url}")


def command_of(application: dict) -> list[str]:
    """Return a processing job's command line."""
    return [*application["ContainerEntrypoint"], *application["ContainerArguments"]]


def finish(process) -> None:
    """Wait for a job; show its log when it failed."""
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output[-4000:]


def copy(file: Path, folder: Path) -> None:
    """Copy one file into a folder that may not exist yet."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, folder)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
