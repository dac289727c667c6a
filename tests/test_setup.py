"""Setting up: instant the second time, and a sentence with the way out for each thing that stops it."""

from __future__ import annotations

import ast
import importlib.util
import json
import subprocess
import sys
import time

import pytest
from conftest import INNER

SCRIPT = INNER / "requirements" / "install.py"
CUDA = [
    "filelock",
    'nvidia-nccl-cu13==2; platform_system == "Linux"',
    'cuda-bindings<14; platform_system == "Linux"',
]


@pytest.fixture
def install(monkeypatch):
    spec = importlib.util.spec_from_file_location("install", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def setup(venv, python=sys.executable):
    return subprocess.run([python, SCRIPT, venv], capture_output=True, text=True)


def test_a_second_run_does_nothing_and_says_nothing(install, tmp_path):
    pins = [SCRIPT.parent / name for name in ("jobs.txt", "serve.txt", "verbs.txt", "dev.txt")]
    (tmp_path / ".installed").write_text(json.dumps({install.digest(file): file.name for file in pins}))
    began = time.perf_counter()
    done = setup(tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert time.perf_counter() - began < 1


def test_only_the_pins_that_are_named_are_asked_for(install, tmp_path, monkeypatch):
    verbs = SCRIPT.parent / "verbs.txt"
    (tmp_path / ".installed").write_text(json.dumps({install.digest(verbs): verbs.name}))
    monkeypatch.setenv("PINS", "verbs")
    assert setup(tmp_path).returncode == 0
    monkeypatch.setattr(install, "run", lambda words, **_: "3 11")
    monkeypatch.setattr(install, "make", lambda venv: None)
    monkeypatch.setattr(install, "install_torch", lambda *_: pytest.fail("PyTorch is for jobs"))
    monkeypatch.setattr(sys, "argv", ["install.py", str(tmp_path / "new")])
    (tmp_path / "new").mkdir()
    install.main()
    assert set(install.installed(tmp_path / "new" / ".installed").values()) == {"verbs.txt"}


def test_an_environment_made_from_other_pins_is_not_taken_for_done(install, tmp_path):
    (tmp_path / ".installed").write_text(json.dumps({"0" * 64: "jobs.txt"}))
    assert not {install.digest(SCRIPT.parent / "jobs.txt")} <= set(install.installed(tmp_path / ".installed"))


def test_an_older_python_is_refused_by_name_and_version(tmp_path):
    (tmp_path / "bin").mkdir()
    old = tmp_path / "bin" / "python"
    old.write_text("#!/bin/sh\necho 3 9\n")
    old.chmod(0o755)
    done = setup(tmp_path)
    assert done.returncode == 1
    assert f"Python 3.11 or newer is needed, and {old} is 3.9." in done.stderr
    assert "make setup PYTHON3=python3.11" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_ensurepip_is_answered_with_the_package_to_install(install, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(install.Refused, match="apt install python3-venv"):
        install.make(tmp_path / "venv")
    assert not (tmp_path / "venv").exists()


def test_a_cuda_build_is_refused_before_it_is_downloaded(install, monkeypatch, tmp_path):
    commands = []

    def run(command, folder=None, read=False):
        commands.append([str(word) for word in command])
        if "--report" in command:
            report = {"install": [{"metadata": {"requires_dist": CUDA}}]}
            command[command.index("--report") + 1].write_text(json.dumps(report))
        return ""

    monkeypatch.setattr(install, "run", run)
    monkeypatch.setattr(install.sys, "platform", "linux")
    with pytest.raises(install.Refused, match=r"2 NVIDIA packages.*\n.*make setup TORCH_INDEX=https://"):
        install.install_torch(tmp_path / "bin" / "python", "")
    assert all("--dry-run" in command for command in commands if "install" in command)


def test_a_mac_is_not_refused_for_what_linux_would_get(install):
    assert install.cuda_packages(CUDA, "linux") == ["nvidia-nccl-cu13", "cuda-bindings"]
    assert install.cuda_packages(CUDA, "darwin") == []


def test_the_index_that_was_named_is_the_one_that_is_asked(install, monkeypatch, tmp_path):
    commands = []

    def run(command, folder=None, read=False):
        commands.append([str(word) for word in command])
        if "--report" in command:
            command[command.index("--report") + 1].write_text(json.dumps({"install": [{"metadata": {}}]}))
        return ""

    monkeypatch.setattr(install, "run", run)
    install.install_torch(tmp_path / "bin" / "python", "https://example.org/cpu")
    asked = [command for command in commands if "pip" in command]
    assert len(asked) == 2
    assert all(command[-2:] == ["--index-url", "https://example.org/cpu"] for command in asked)


def test_it_starts_under_an_old_python_in_order_to_say_so():
    text = SCRIPT.read_text()
    assert text.index("from __future__ import annotations") < text.index("def main")
    ast.parse(text, feature_version=(3, 7))
