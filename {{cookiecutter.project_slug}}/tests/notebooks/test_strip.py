"""No notebook in git holds what running it has left, and one that does is put right."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"


def strip(*words):
    """Run the tool; return its exit code and what it said."""
    command = [sys.executable, str(FOLDER / "strip.py"), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def run_once(tmp_path):
    """A notebook as Jupyter leaves it."""
    path = shutil.copy(FOLDER / "explore.ipynb", tmp_path)
    book = json.loads(Path(path).read_text("utf-8"))
    cell = next(cell for cell in book["cells"] if cell["cell_type"] == "code")
    cell["execution_count"] = 1
    cell["metadata"] = {"execution": {"iopub.status.busy": "2026-01-01T00:00:00Z"}}
    cell["outputs"] = [{"name": "stdout", "output_type": "stream", "text": ["a row of the data"]}]
    book["metadata"]["language_info"]["version"] = "3.11.7"
    Path(path).write_text(json.dumps(book), "utf-8")
    return Path(path)


def test_the_notebooks_of_the_project_are_stripped():
    assert strip("--check") == (0, "")


def test_what_running_a_notebook_has_left_is_found_and_taken_out(run_once):
    before = run_once.read_bytes()
    told = "explore.ipynb holds what running it has left: python notebooks/strip.py\n"
    assert (strip("--check", run_once), run_once.read_bytes()) == ((1, told), before)
    assert strip(run_once) == (0, "stripped explore.ipynb\n")
    assert run_once.read_bytes() == (FOLDER / "explore.ipynb").read_bytes()
    assert strip(run_once) == (0, "")
