"""Which edits make another release and which keep it: the table, on this project's own files."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sagemaker_emulator.images.ignore import Ignore
from sagemaker_gitops import tree
from sagemaker_gitops.settings import Settings

PROJECT = Path(__file__).parents[2]
LOCKED = PROJECT / "data.lock"
CODE = (
    "data_checks",
    "training",
    "inference",
    "pipelines",
    "requirements",
    "infra",
    ".github",
    "tests/stories",
)
FILES = ("Dockerfile", ".dockerignore", "Makefile", "README.md", "data.lock", "tests/conftest.py")


def added(path: str, text: str) -> Callable[[Path], None]:
    """Return an edit: a line at a file's end."""

    def edit(root: Path) -> None:
        file = root / path
        file.write_text(file.read_text("utf-8") + text, "utf-8")

    return edit


def replaced(path: str, pattern: str, text: str) -> Callable[[Path], None]:
    """Return an edit: the first match of a pattern."""

    def edit(root: Path) -> None:
        file = root / path
        after, times = re.subn(pattern, text, file.read_text("utf-8"), count=1)
        assert times == 1, pattern
        file.write_text(after, "utf-8")

    return edit


def another_row(root: Path) -> None:
    """Lock a file of the data with other bytes, as one changed row gives them."""
    told = json.loads((root / "data.lock").read_text("utf-8"))
    told["files"][0]["sha256"] = "ab" * 32
    (root / "data.lock").write_text(json.dumps(told), "utf-8")


def another_file(root: Path) -> None:
    """Lock one file more, as new data brings it."""
    told = json.loads((root / "data.lock").read_text("utf-8"))
    told["files"].append(told["files"][0] | {"key": "batch=99/part-0.parquet"})
    (root / "data.lock").write_text(json.dumps(told), "utf-8")


def another_version(root: Path) -> None:
    """Note another object version of the same bytes, as an upload does."""
    told = json.loads((root / "data.lock").read_text("utf-8"))
    told["files"][0]["version_id"] = "another"
    (root / "data.lock").write_text(json.dumps(told), "utf-8")


def nothing(_: Path) -> None:
    """Edit no file: the setting alone differs."""


EDITS = [  # what is edited, how, settings that change, whether it is another release
    ("a hyperparameter", nothing, {"training.epochs": 13}, True),
    ("the seed", nothing, {"training.seed": 8}, True),
    ("the gate's bar", nothing, {"gate.minimum": 0.89}, True),
    ("a job's machine", nothing, {"jobs.train": {"instance_type": "ml.m5.2xlarge"}}, True),
    ("the shares of the splits", nothing, {"data.splits": [0.8, 0.1, 0.1]}, True),
    ("a slice", nothing, {"data.slices_only": ["sex"]}, True),
    ("one row", another_row, {}, True),
    ("one more file of data", another_file, {}, True),
    ("a dependency of the jobs", added("requirements/jobs.txt", "a-package==1.0\n"), {}, True),
    ("a dependency of the server", added("requirements/serve.txt", "a-package==1.0\n"), {}, True),
    ("the Dockerfile", added("Dockerfile", "ENV ANOTHER=1\n"), {}, True),
    ("the network", added("training/model.py", "ANOTHER = 1\n"), {}, True),
    ("a comment in training/", added("training/model.py", "# a comment\n"), {}, True),
    ("an expectation", added("data_checks/suite.py", "ANOTHER = 1\n"), {}, True),
    ("the server", added("inference/app.py", "ANOTHER = 1\n"), {}, True),
    ("the pipeline", replaced("pipelines/definition.json", '"Version"', '"version"'), {}, True),
    ("a comment in a workflow", added(".github/workflows/main.yml", "# a comment\n"), {}, False),
    ("README.md", added("README.md", "\nMore.\n"), {}, False),
    ("a README beside the code", added("data_checks/README.md", "\nMore.\n"), {}, False),
    ("how new rows are taken", added("data_checks/adding/casting.py", "ANOTHER = 1\n"), {}, False),
    ("how data is drawn", added("data_checks/docs.py", "ANOTHER = 1\n"), {}, False),
    ("the Makefile", added("Makefile", "# a comment\n"), {}, False),
    ("a test", added("tests/conftest.py", "# a comment\n"), {}, False),
    ("a role", added("infra/github.yml", "# a comment\n"), {}, False),
    ("a dependency of the verbs", added("requirements/verbs.txt", "# a comment\n"), {}, False),
    ("the tests' dependencies", added("requirements/dev.txt", "# a comment\n"), {}, False),
    ("the pipeline's source, not what it builds", added("pipelines/steps.py", "# a comment\n"), {}, False),
    ("an object version of the same bytes", another_version, {}, False),
    ("who lets a release in", nothing, {"project.approval": "reviewer"}, False),
    ("production's machines", nothing, {"environments.production.instance_count": 3}, False),
    ("how a release takes over", nothing, {"environments.production.rollout": {"preset": "small"}}, False),
    ("the tracking server", nothing, {"training.tracking_uri": "sqlite:///runs.db"}, False),
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a copy of what a release may be made of."""
    for name in CODE:
        left_out = shutil.ignore_patterns("__pycache__", ".*_cache")
        shutil.copytree(PROJECT / name, tmp_path / name, ignore=left_out)
    (tmp_path / "tests").mkdir(exist_ok=True)
    for name in FILES:
        shutil.copyfile(PROJECT / name, tmp_path / name)
    return tmp_path


def release_id(root: Path, settings: Settings) -> str:
    """Return the release that a tree is."""
    return tree.ids(settings, tree.data.read_lock(root / "data.lock"), root).release_id


@pytest.mark.parametrize(
    ("edit", "changes", "another"),
    [pytest.param(*case, id=f"{name}: {'another' if case[-1] else 'the same'}") for name, *case in EDITS],
)
def test_an_edit_makes_another_release_or_keeps_it(root, make_settings, edit, changes, another):
    before = release_id(root, make_settings())
    edit(root)
    after = make_settings(**changes)
    assert (release_id(root, after) != before) is another
    assert release_id(root, after) == release_id(root, after)


def test_code_is_what_the_images_hold_and_nothing_else(root):
    ignored = Ignore.read(root, root / "Dockerfile")
    files = [path for folder in tree.CODE_FOLDERS for path in (root / folder).rglob("*.py")]
    copied = {path.relative_to(root) for path in files if not ignored.hides(str(path.relative_to(root)))}
    assert copied == {path for path in tree.code_files(root) if path.suffix == ".py"}
