"""Production code does not need the emulator: without it, only AWS is missing."""

from __future__ import annotations

import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import data_checks
import inference
import pipelines
import training
from tests.stories.world import PROJECT

ABSENT = ("sagemaker_emulator", "moto")
# None in sys.modules makes an import fail as if the package were not installed.
BLOCKED = f"import sys; sys.modules.update(dict.fromkeys({ABSENT!r})); "
PACKAGES = (pipelines, data_checks, training, inference)
MODULES = sorted(
    module.name
    for package in PACKAGES
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not module.name.endswith("__main__")
)
VERBS = ["plan", "status", "release", "image", "stack", "rollback", "report", "request"]
CALLS = [*([verb] for verb in VERBS), ["data", "push"], ["promote", "0123456789ab"]]


def python(code: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run code in the project without the emulator, without credentials and without a home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment = {**kept, "HOME": str(home), "AWS_EC2_METADATA_DISABLED": "true", "COLUMNS": "300"}
    return subprocess.run(
        [sys.executable, "-c", BLOCKED + code],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_every_module_of_production_imports_without_it(tmp_path: Path) -> None:
    done = python(f"import importlib; [importlib.import_module(name) for name in {MODULES!r}]", tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("verb", CALLS, ids=" ".join)
def test_a_verb_fails_only_for_lack_of_aws(verb: list[str], tmp_path: Path) -> None:
    done = python(f"from pipelines.__main__ import main; sys.exit(main({verb!r}))", tmp_path)
    assert done.returncode == 6, done.stdout + done.stderr
    assert "✗ E601 " in done.stderr
    assert "Traceback" not in done.stderr
