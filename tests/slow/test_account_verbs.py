"""The generated project's slow tests of accounts and races: each connects and fills an account of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
PATHS = ("tests/pipelines/account", "tests/stories/test_races.py")


def test_they_pass_in_a_fresh_bake(default_bake, tmp_path):
    project = shutil.copytree(default_bake, tmp_path / "project")
    words = [sys.executable, "-m", "pytest", "-q", "-m", "slow", *PATHS]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "AWS_"))
    }
    done = subprocess.run(words, cwd=project, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
