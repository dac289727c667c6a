"""What makes a release another release, and what does not."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from doubles.repository import LOCK
from sagemaker_gitops import data, tree
from sagemaker_gitops.errors import SettingsError


@pytest.fixture
def root(tmp_path):
    """Return a small repository."""
    for name in (
        "training/train.py",
        "inference/server.py",
        "data_checks/suite.py",
        "data_checks/README.md",
        "requirements/jobs.txt",
        "Dockerfile",
        "pipelines/definition.json",
        "pipelines/release.py",
        "tests/test_train.py",
        "README.md",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    (tmp_path / "data.lock").write_text(json.dumps(LOCK))
    return tmp_path


def release_id(root: Path, settings) -> str:
    return tree.ids(settings, data.read_lock(root / "data.lock"), root).release_id


@pytest.mark.parametrize(
    ("path", "new_id"),
    [
        ("training/train.py", True),
        ("training/new.py", True),
        ("inference/server.py", True),
        ("data_checks/suite.py", True),
        ("requirements/jobs.txt", True),
        ("Dockerfile", True),
        ("pipelines/definition.json", True),
        ("pipelines/release.py", False),
        ("tests/test_train.py", False),
        ("README.md", False),
        ("data_checks/README.md", False),
        ("training/__pycache__/train.pyc", False),
        ("training/.hidden", False),
    ],
)
def test_an_edit_gives_a_new_release_only_where_it_reaches_the_jobs(root, make_settings, path, new_id):
    before = release_id(root, make_settings())
    (root / path).parent.mkdir(exist_ok=True)
    (root / path).write_text("edited")
    assert (release_id(root, make_settings()) != before) is new_id


def test_a_setting_that_steers_the_jobs_gives_a_new_release(root, make_settings):
    before = release_id(root, make_settings())
    assert release_id(root, make_settings(**{"training.seed": 8})) != before
    assert release_id(root, make_settings(**{"environments.staging.instance_count": 2})) == before


def test_renaming_a_file_gives_a_new_release(root, make_settings):
    before = release_id(root, make_settings())
    (root / "training/train.py").rename(root / "training/job.py")
    assert release_id(root, make_settings()) != before


@pytest.mark.parametrize(
    ("change", "new_id"),
    [
        pytest.param({"sha256": "cd" * 32}, True, id="other bytes"),
        pytest.param({"size": 10}, True, id="another size"),
        pytest.param({"key": "part-1.parquet"}, True, id="another key"),
        pytest.param({"version_id": "v7"}, False, id="another object version of the same bytes"),
    ],
)
def test_the_data_is_its_bytes(root, make_settings, change, new_id):
    before = release_id(root, make_settings())
    (root / "data.lock").write_text(json.dumps(LOCK | {"files": [LOCK["files"][0] | change]}))
    assert (release_id(root, make_settings()) != before) is new_id


def test_the_same_files_below_another_prefix_are_the_same_snapshot(root):
    before = data.read_lock(root / "data.lock").snapshot_id()
    (root / "data.lock").write_text(json.dumps(LOCK | {"prefix": "data/moved"}))
    assert data.read_lock(root / "data.lock").snapshot_id() == before


def test_reverting_gives_the_earlier_release_again(root, make_settings):
    before = release_id(root, make_settings())
    text = (root / "training/train.py").read_text()
    (root / "training/train.py").write_text("worse")
    (root / "training/train.py").write_text(text)
    assert release_id(root, make_settings()) == before


@pytest.mark.parametrize(
    ("text", "what"),
    [
        pytest.param(None, "there is no", id="no lock"),
        pytest.param("{", "cannot be read", id="no JSON"),
        pytest.param("[]", "cannot be read", id="another shape"),
        pytest.param(json.dumps(LOCK | {"files": []}), "names no file", id="no files"),
        pytest.param(json.dumps(LOCK | {"prefix": "data/../.."}), "cannot be read", id="it leads out"),
    ],
)
def test_a_lock_that_is_none_is_refused(root, text, what):
    (root / "data.lock").unlink()
    if text is not None:
        (root / "data.lock").write_text(text)
    with pytest.raises(SettingsError, match=what) as refused:
        data.read_lock(root / "data.lock")
    assert refused.value.code == "E502"


def test_the_commit_is_heads_and_says_when_tracked_files_differ(root, monkeypatch):
    def git(*words: str) -> str:
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false"]
        command = ["git", "-C", str(root), *identity, *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    monkeypatch.setenv("GITHUB_SHA", "of the merge that a runner was asked about")
    assert tree.commit_sha(root) == "of the merge that a runner was asked about"
    git("init", "-q")
    git("add", "README.md")
    git("commit", "-q", "-m", "first")
    head = git("rev-parse", "HEAD")
    assert tree.commit_sha(root) == head
    (root / "README.md").write_text("edited")
    assert tree.commit_sha(root) == f"{head}-dirty"


def test_a_folder_inside_another_repository_does_not_carry_that_ones_commit(root, monkeypatch):
    monkeypatch.delenv("GITHUB_SHA", raising=False)
    assert tree.commit_sha(root) == "uncommitted"
