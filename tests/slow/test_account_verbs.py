"""The slow stories of verbs on a whole project: accounts, races, taking back; each has an AWS of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.fixture
def project(default_bake, tmp_path):
    """Return a bake that its tests may write into."""
    return shutil.copytree(default_bake, tmp_path / "project")


def passes(folder, project, *paths):
    """Run slow tests that lie in `folder` on a project."""
    words = [sys.executable, "-m", "pytest", "-q", "-m", "slow", *paths]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "AWS_"))
    }
    environment["GITOPS_PROJECT"] = str(project)
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


def test_those_of_the_library_pass(project):
    passes(ROOT / "gitops", project, "stories")


def test_those_of_races_pass_in_a_fresh_bake(project):
    passes(project, project, "tests/stories/test_races.py")
