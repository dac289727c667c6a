"""The inner project is type-checked and unit-tested unrendered, where its authors edit it.

Slow, for `make test` checks and tests the same code in a bake; `make check` lints it where it lies.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import INNER
from test_generated_project import WITH_EMULATOR

TOOLS = Path(sys.prefix, "bin")
pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(1800)]
IGNORED = [f"--ignore={folder}" for folder in WITH_EMULATOR]  # those run in a bake only

CHECKS = [
    pytest.param(["pyrefly", "check", "--python-interpreter-path", sys.executable], id="types"),
    pytest.param(["lint-imports", "--no-cache"], id="import contracts"),
    pytest.param(["pytest", "-q", "-p", "no:cacheprovider", *IGNORED], id="unit tests"),
]


@pytest.mark.parametrize("command", CHECKS)
def test_it_passes(command):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    words = [str(TOOLS / command[0]), *command[1:]]
    done = subprocess.run(words, cwd=INNER, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
