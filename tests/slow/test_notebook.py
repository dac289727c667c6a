"""notebooks/explore.ipynb runs in a fresh bake, as an editor would run it, and leaves nothing in git."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tools import bake as tool

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def ran(fresh_bake):
    """The notebook with the outputs of its cells, each run twice in a row; a cell that fails raises."""
    path = fresh_bake / "notebooks" / "explore.ipynb"
    book = nbformat.read(path, as_version=4)
    book.cells = [part for cell in book.cells for part in ({**cell, "id": f"{cell.id}-first"}, cell)]
    book = nbformat.from_dict(book)
    where = {"metadata": {"path": str(path.parent)}}  # Jupyter starts a kernel beside its notebook
    environment = {**os.environ, "HOME": str(fresh_bake.parent), "JUPYTER_PLATFORM_DIRS": "1"}
    NotebookClient(book, timeout=300, kernel_name="python3", resources=where).execute(env=environment)
    book.cells = [cell for cell in book.cells if not cell.id.endswith("-first")]
    return path, book


def test_where_no_locks_files_are_here_it_says_how_to_fetch_them(default_bake, tmp_path):
    project = shutil.copytree(default_bake, tmp_path / "project")
    next((project / "data").rglob("*.parquet")).unlink()
    book = nbformat.read(project / "notebooks" / "explore.ipynb", as_version=4)
    book.cells = [cell for cell in book.cells if cell.id in ("root", "project", "rows")]
    where = {"metadata": {"path": str(project / "notebooks")}}
    environment = {**os.environ, "HOME": str(tmp_path), "JUPYTER_PLATFORM_DIRS": "1"}
    with pytest.raises(
        CellExecutionError, match="aws s3 sync s3://income-model-ACCOUNT-eu-west-1/data/adult"
    ):
        NotebookClient(book, timeout=300, kernel_name="python3", resources=where).execute(env=environment)


def texts(book, name):
    """Return what one cell printed and showed."""
    (cell,) = [cell for cell in book.cells if cell.id == name]
    return "".join(out.get("text") or out["data"]["text/plain"] for out in cell.outputs)


def test_every_cell_runs_and_the_release_of_it_answers(ran):
    _, book = ran
    assert "32,561 rows, 4 files" in texts(book, "rows")
    assert "{'train': " in texts(book, "checks")
    assert "the absolute bar" in texts(book, "evaluate")
    assert "sex" in texts(book, "slices")
    assert "9 golden requests answered rightly" in texts(book, "answers")


def test_it_leaves_nothing_for_git_to_find(ran):
    assert tool.git(ran[0].parents[1], "status", "--porcelain") == ""


def test_saved_with_its_outputs_it_is_refused_and_stripping_gives_back_what_git_has(ran):
    path, book = ran
    before = path.read_bytes()
    nbformat.write(book, path)
    strip = [sys.executable, "notebooks/strip.py"]
    assert subprocess.run([*strip, "--check"], cwd=path.parents[1]).returncode == 1
    assert subprocess.run(strip, cwd=path.parents[1]).returncode == 0
    assert path.read_bytes() == before
