"""The slow stories, but for the crash matrix, which has a file of its own; each has an AWS of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
import test_crash_matrix
from conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
# The slow tests of a room that are run from here; tests/test_slow_tests.py asks whether any is left out.
SLOW = {"gitops": ["stories", "verb_tests"], "project": ["tests", f"--ignore={test_crash_matrix.STORY}"]}


@pytest.fixture
def project(default_bake, tmp_path):
    """Return a bake that its tests may write into."""
    return shutil.copytree(default_bake, tmp_path / "project")


@pytest.mark.parametrize("room", SLOW)
def test_those_of_a_room_pass_on_a_fresh_bake(room, project, told):
    folder = project if room == "project" else ROOT / room
    words = [sys.executable, "-m", "pytest", "-q", "-m", "slow", *SLOW[room]]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "AWS_"))
    }
    environment["GITOPS_PROJECT"] = str(project)
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    summary = done.stdout.rstrip().splitlines()[-1]
    assert (" passed" in summary, "skipped" in summary) == (True, False), done.stdout[-2000:]
    told(f"\nslow tests of {room}: {summary}")
