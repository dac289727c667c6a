"""The library passes its stories on the project that the default answers give."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from conftest import ROOT

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


def test_the_library_passes_its_stories_on_it(fresh_bake):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "AWS_"))}
    command = [sys.executable, "-m", "pytest", "-q", "stories"]
    environment = kept | {"GITOPS_PROJECT": str(fresh_bake)}
    done = subprocess.run(command, cwd=ROOT / "gitops", env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
