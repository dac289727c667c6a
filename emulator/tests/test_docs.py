"""The documents: the README's example runs as printed, COVERAGE.md names what is answered here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import sagemaker_emulator
from sagemaker_emulator import installing, seams

ROOT = Path(sagemaker_emulator.__file__).parents[1]
installing.load_all()


def blocks(text):
    """Return {file name: content} of the fenced blocks that begin with the name of a file."""
    return dict(re.findall(r"^```\w+\n# (\S+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


def test_the_example_of_the_readme_runs_as_printed(tmp_path):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    example = blocks(text)
    assert set(example) == {"train.py", "Dockerfile", "test_train.py"}
    for name, body in example.items():
        (tmp_path / name).write_text(body, encoding="utf-8")
    command = [sys.executable, "-m", "sagemaker_emulator", "run", "--region", "us-east-1", "--"]
    assert "sagemaker-emulator run --region us-east-1 -- python -m pytest" in text
    done = subprocess.run(
        [*command, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


@pytest.mark.parametrize("place", [place for place in seams.places() if not place.startswith("moto.")])
def test_coverage_names_every_operation_that_is_answered_here(place):
    operation = place.split(":")[1]
    assert re.search(rf"\b{operation}\b", (ROOT / "COVERAGE.md").read_text(encoding="utf-8"))


def test_the_wheel_brings_coverage_and_licence_and_prints_the_first(tmp_path):
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(tmp_path),
        str(ROOT),
    ]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert [name for name in names if name.endswith("dist-info/licenses/LICENSE")]
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")
    done = subprocess.run(
        [sys.executable, "-m", "sagemaker_emulator", "coverage"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(wheel)},
        capture_output=True,
        text=True,
    )
    assert done.stdout == (ROOT / "COVERAGE.md").read_text(encoding="utf-8"), done.stderr


def test_coverage_names_every_type_a_stack_can_have(emulator):
    from sagemaker_emulator.stacks import hosting, types

    text = (ROOT / "COVERAGE.md").read_text(encoding="utf-8")
    made = [c.TYPE for module in (hosting, types) for c in vars(module).values() if hasattr(c, "TYPE")]
    assert made
    assert [name for name in made if name not in text] == []
