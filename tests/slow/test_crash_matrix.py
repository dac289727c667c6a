"""Every API call of a release fails, once and for good, in a fresh bake; how each ended is printed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(4 * 3600)]
STORY = "tests/stories/test_crash_matrix.py"


def test_no_call_of_a_release_may_cost_the_release_or_an_answer(default_bake, capsys):
    words = [sys.executable, "-m", "pytest", "-q", "-s", "-m", "slow", STORY]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    with capsys.disabled():  # it takes long: whoever waits wants to see it move, from a worker as well
        done = subprocess.run(words, cwd=default_bake, env=environment, stdout=sys.stderr)
    assert done.returncode == 0
