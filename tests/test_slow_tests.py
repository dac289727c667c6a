"""Every slow test of project, verbs and emulator is one that `make test-all` of the template runs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from conftest import INNER, ROOT

sys.path.insert(0, str(ROOT / "tests" / "slow"))
import test_crash_matrix
import test_slow_stories

ROOMS = {"project": INNER, "gitops": ROOT / "gitops", "emulator": ROOT / "emulator"}
RUN = {"emulator": [], **test_slow_stories.SLOW}
RUN["project"] = [*RUN["project"], test_crash_matrix.STORY]


@pytest.mark.parametrize("room", ROOMS)
def test_no_slow_test_is_one_that_nothing_runs(room):
    folders = [Path(word) for word in RUN[room] if not word.startswith("-")]
    marked = [path for path in ROOMS[room].rglob("test_*.py") if "mark.slow" in path.read_text("utf-8")]
    there = sorted(path.relative_to(ROOMS[room]) for path in marked)
    assert [str(path) for path in there if not any(path.is_relative_to(each) for each in folders)] == []


def test_what_is_left_out_where_all_is_run_has_a_file_of_its_own():
    left_out = [word for words in test_slow_stories.SLOW.values() for word in words if word.startswith("-")]
    assert left_out == [f"--ignore={test_crash_matrix.STORY}"]
