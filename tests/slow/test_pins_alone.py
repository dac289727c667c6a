"""Each target's pins, installed alone into an empty environment, run what the target runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import release_by_hand

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def environment(folder: Path, project: Path, target: str) -> Path:
    """Return the Python of a new environment that holds one target's pins and nothing else."""
    python = folder / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pins = project / "requirements" / f"{target}.txt"
    for line in pins.read_text().splitlines():
        if line.startswith("torch=="):  # by pip, which knows where this machine's CPU build is
            subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", line], check=True)
    uv = [sys.executable, "-m", "uv", "pip", "install", "-q", "--python", str(python), "--compile-bytecode"]
    subprocess.run([*uv, "-r", str(pins)], cwd=project, check=True)
    return python


def starter(python: Path, project: Path):
    """Return a function that starts a container's command as a process of one environment."""

    def start(command, base, more):
        words = [str(python) if word == "python" else word for word in command]
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        place = {"SAGEMAKER_BASE_DIR": str(base), "PYTHONPATH": str(project)}
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(words, cwd=project, env={**kept, **place, **more}, **streams)

    return start


def test_the_jobs_run_on_their_own_pins_and_the_server_on_its_own(default_bake, tmp_path):
    jobs = starter(environment(tmp_path / "jobs", default_bake, "jobs"), default_bake)
    serve = starter(environment(tmp_path / "serve", default_bake, "serve"), default_bake)

    archive = release_by_hand.release(default_bake, jobs, tmp_path / "work")
    header, answers, golden = release_by_hand.answer(
        archive, ["python", "-m", "inference.server"], serve, tmp_path / "endpoint"
    )

    assert header.startswith("release=0123456789ab")
    for given, wanted in zip(answers, golden, strict=True):
        assert given == pytest.approx(wanted, abs=1e-4)


def test_a_whole_release_needs_no_more_than_the_verbs_pins_around_its_jobs(default_bake, tmp_path):
    project = shutil.copytree(default_bake, tmp_path / "project")
    python = environment(tmp_path / "verbs", project, "verbs")
    emulator = [sys.executable, "-m", "sagemaker_emulator", "run", "--"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTEST_"))}
    command = [*emulator, str(python), "-m", "pipelines", "local-test"]
    done = subprocess.run(command, cwd=project, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads((project / "build/local-test.json").read_text("utf-8"))
    assert told["steps"][-1]["name"] == "request"
    for verb in ("connect", "doctor", "infra", "reconcile", "outcome", "promote", "rollback", "prune"):
        subprocess.run([python, "-m", "pipelines", verb, "--help"], cwd=project, check=True)


def test_the_servers_environment_has_no_pytorch(default_bake, tmp_path):
    python = environment(tmp_path / "serve", default_bake, "serve")
    code = "import importlib.util as u, sys; print([name for name in sys.argv[1:] if u.find_spec(name)])"
    names = ["torch", "mlflow", "great_expectations", "boto3", "numpy"]
    found = subprocess.run([python, "-c", code, *names], capture_output=True, text=True, check=True).stdout
    assert found == "['numpy']\n"
