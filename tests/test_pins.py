"""The pins agree with each other, hold hashes, and give each runtime what it needs and no more."""

from __future__ import annotations

import hashlib
import re

import pytest
from conftest import INNER, ROOT

PINS = {name: (INNER / "requirements" / f"{name}.txt").read_text() for name in ("uv", "serve", "jobs", "dev")}
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


def test_the_jobs_carry_nothing_of_the_release_or_of_the_emulator():
    assert {"sagemaker", "moto", "typer", "pytest"} & set(versions("jobs")) == set()
    assert [name for name, pins in PINS.items() if "sagemaker_emulator" in pins] == ["dev"]


def test_moto_comes_with_the_emulator_alone():
    assert "moto" not in (INNER / "requirements" / "dev.in").read_text()
    assert (
        "sagemaker-emulator"
        in re.search(r"^moto.*?(?=^[a-z.])", PINS["dev"], re.MULTILINE | re.DOTALL).group()
    )


def test_the_vendored_wheel_is_the_pinned_one():
    (wheel,) = (INNER / "vendor").glob("*.whl")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert f"./vendor/{wheel.name} \\\n    --hash=sha256:{digest}\n" in PINS["dev"]
    assert f"./vendor/{wheel.name}\n" in (INNER / "requirements" / "dev.in").read_text()


def test_pins_name_no_folder_of_the_machine_that_made_them():
    assert [
        name for name, pins in PINS.items() if re.search(r"(?<!\.)/(tmp|home|root|work|Users|opt)/", pins)
    ] == []


def test_pytorchs_declared_requirements_belong_to_the_pinned_version():
    tables = (INNER / "pyproject.toml").read_text()
    assert f'name = "torch"\nversion = "{versions("jobs")["torch"]}"' in tables
