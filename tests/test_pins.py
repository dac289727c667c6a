"""The pins agree with each other, hold hashes, and give each runtime what it needs and no more."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import shutil
import subprocess
import sys
import zipfile

import pytest
from conftest import INNER, ROOT

from tools import vendor

PINS = {
    name: (INNER / "requirements" / f"{name}.txt").read_text()
    for name in ("uv", "serve", "jobs", "verbs", "dev", "notebook")
}
PINS["template"] = (ROOT / "requirements" / "dev.txt").read_text()


def versions(name):
    """Return package -> version of one file of pins."""
    return dict(
        re.findall(r"^([a-z0-9][a-z0-9._-]*)(?:\[[a-z,]+\])?==([^ ;\\\n]+)", PINS[name], flags=re.MULTILINE)
    )


def blocks(name):
    """Return each requirement with its hashes, as one string."""
    return re.findall(r"^[a-z0-9.][^\\\n]*(?:\\\n    --hash=\S+ ?)*", PINS[name], flags=re.MULTILINE)


def test_no_package_has_two_versions():
    found = {}
    for name in PINS:
        for package, version in versions(name).items():
            found.setdefault(package, set()).add(version)
    assert {package: seen for package, seen in found.items() if len(seen) > 1} == {}


@pytest.mark.parametrize("name", PINS)
def test_every_pin_but_pytorch_carries_hashes(name):
    bare = [block.split("==")[0] for block in blocks(name) if "--hash=sha256:" not in block]
    assert bare == (["torch"] if name == "jobs" else [])


@pytest.mark.parametrize("name", PINS)
def test_no_set_of_pins_brings_cuda(name):
    assert [package for package in versions(name) if package.startswith(("nvidia", "cuda", "triton"))] == []


def test_serving_carries_neither_training_nor_aws():
    unwanted = {
        "torch",
        "mlflow",
        "great-expectations",
        "duckdb",
        "pandas",
        "scikit-learn",
        "boto3",
        "sagemaker",
    }
    assert unwanted & set(versions("serve")) == set()


def test_the_verbs_are_a_small_part_of_what_a_laptop_has():
    assert set(versions("verbs")) < set(versions("dev"))
    assert not set(versions("verbs")) & {"sagemaker", "pytest", "moto", "numpy", "pandas", "torch"}


def test_the_jobs_carry_nothing_of_the_release_or_of_the_emulator():
    assert {"sagemaker", "moto", "typer", "pytest"} & set(versions("jobs")) == set()
    assert [name for name, pins in PINS.items() if "sagemaker_emulator" in pins] == ["dev"]


def test_moto_comes_with_the_emulator_alone():
    assert "moto" not in (INNER / "requirements" / "dev.in").read_text()
    assert (
        "sagemaker-emulator"
        in re.search(r"^moto.*?(?=^[a-z.])", PINS["dev"], re.MULTILINE | re.DOTALL).group()
    )


@pytest.mark.parametrize("item", vendor.VENDORED, ids=lambda item: item.folder)
def test_the_vendored_wheel_is_the_pinned_one(item):
    (wheel,) = item.wheels
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert f"./vendor/{wheel.name} \\\n    --hash=sha256:{digest}\n" in PINS[item.asked]
    assert f"./vendor/{wheel.name}\n" in (INNER / "requirements" / f"{item.asked}.in").read_text()


def test_nothing_else_is_vendored():
    kept = sorted(path.name for path in (INNER / "vendor").iterdir())
    assert kept == sorted(path.name for item in vendor.VENDORED for path in item.wheels)


def test_a_package_that_is_not_the_pinned_one_is_refused_by_setup(tmp_path, monkeypatch):
    """The command of `make setup`, with the vendored wheel alone; then the same after somebody changed it."""
    (emulator,) = next(item.wheels for item in vendor.VENDORED if item.folder == "emulator")
    wheel = shutil.copytree(INNER / "vendor", tmp_path / "vendor") / emulator.name
    (block,) = [block for block in blocks_of_wheels("dev") if wheel.name in block]
    (tmp_path / "pins.txt").write_text(block)
    command = uv_command(monkeypatch, tmp_path / "venv")
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).returncode == 0
    with zipfile.ZipFile(wheel, "a") as changed:
        changed.writestr("sagemaker_emulator/more.py", "")
    shutil.rmtree(tmp_path / "there")
    refused = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert refused.returncode != 0
    assert "Hash mismatch" in refused.stderr
    assert not list(tmp_path.glob("there/sagemaker_emulator*"))


def blocks_of_wheels(name):
    """Return each vendored requirement with its hashes."""
    return re.findall(r"^\./vendor/[^\\\n]*\\\n    --hash=\S+\n", PINS[name], flags=re.MULTILINE)


def uv_command(monkeypatch, venv):
    """Return the command by which setup installs all but PyTorch, for pins.txt and a folder `there` alone."""
    spec = importlib.util.spec_from_file_location("install", INNER / "requirements" / "install.py")
    install = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(install)
    asked = []
    monkeypatch.setattr(
        install, "run", lambda command, **_: asked.append([str(word) for word in command]) or "3 11"
    )
    monkeypatch.setattr(install, "install_torch", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["install.py", str(venv)])
    venv.mkdir()
    install.main()
    words = asked[-1]
    assert words[1:4] == ["-m", "uv", "pip"]
    kept = words[: words.index("-r")]
    python = sys.executable
    words = [python if word == kept[0] else word for word in kept]
    return [*words, "--offline", "--no-deps", "--target", "there", "-r", "pins.txt"]


def test_pins_name_no_folder_of_the_machine_that_made_them():
    assert [
        name for name, pins in PINS.items() if re.search(r"(?<!\.)/(tmp|home|root|work|Users|opt)/", pins)
    ] == []


def test_pytorchs_declared_requirements_belong_to_the_pinned_version():
    tables = (INNER / "pyproject.toml").read_text()
    assert f'name = "torch"\nversion = "{versions("jobs")["torch"]}"' in tables
