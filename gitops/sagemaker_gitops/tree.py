"""What lies in the working tree, and what a release of it is: a function of code and data, in three hashes.

code_id      what goes into the images or steers the jobs; the images' tag
snapshot_id  the data's bytes, as data.lock names them
release_id   both; carried by execution, package, endpoint config and every answer
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sagemaker_gitops import data, definition
from sagemaker_gitops.data import Lock
from sagemaker_gitops.errors import SettingsError
from sagemaker_gitops.history import git
from sagemaker_gitops.settings import Settings

CODE_FOLDERS = ("data_checks", "training", "inference")
ASIDE = ("data_checks/adding", "data_checks/docs.py")  # run by no job, in no image: .dockerignore
CODE_FILES = ("Dockerfile", ".dockerignore", "pipelines/definition.json")
CODE_FILES += ("requirements/jobs.txt", "requirements/serve.txt", "requirements/uv.txt")


@dataclass(frozen=True)
class Ids:
    """The ids of what lies in the working tree, 64 hex digits each, and the commit it came from."""

    code_id: str
    snapshot_id: str
    release_id: str
    commit_sha: str


@dataclass(frozen=True)
class Tree:
    """What lies in the working tree: nothing here needs AWS."""

    settings: Settings
    lock: Lock
    ids: Ids
    definition: str  # the golden file's text
    root: Path


def read(settings: Settings, root: Path = Path()) -> Tree:
    """Read the working tree; raise SettingsError where it does not hold together."""
    golden = definition.golden(settings, root / definition.GOLDEN)
    lock = data.read_lock(root / settings.data.lock)
    return Tree(settings, lock, ids(settings, lock, root), golden, root)


def to_release(settings: Settings) -> Tree:
    """Read a working tree that is to become a release; nothing was started.

    Raises:
        SettingsError: E501, a waiver is to last longer than any may and so would hold for no champion.
    """
    today, waiver = datetime.now(UTC).date(), settings.gate.waiver
    if waiver and waiver.until > waiver.last(today):
        raise SettingsError(f"""E501 mlops.toml: gate.waiver.until is {waiver.until}
            mlops.toml, key gate.waiver.until
            wanted: {waiver.last(today)} or before, {waiver.LONGEST_DAYS} days ahead: it would excuse nothing
            correct it, then python -m pipelines definition --write; nothing was started""")
    return read(settings)


def ids(settings: Settings, lock: Lock, root: Path) -> Ids:
    """Return the ids of the working tree."""
    code, snapshot = code_id(settings, root), lock.snapshot_id()
    return Ids(code, snapshot, release_id(code, snapshot), commit_sha(root))


def release_id(code: str, snapshot: str) -> str:
    """Return the id of the release that this code makes of this data."""
    return hashlib.sha256(f"{code}:{snapshot}".encode()).hexdigest()


def code_id(settings: Settings, root: Path) -> str:
    """Return the hash of all that goes into the images, of the pipeline and of the settings that steer."""
    total = hashlib.sha256(settings.digest().encode())
    for path in sorted(code_files(root)):
        content = hashlib.sha256((root / path).read_bytes()).hexdigest()
        total.update(f"{path.as_posix()}\0{content}\n".encode())
    return total.hexdigest()


def code_files(root: Path) -> Iterator[Path]:
    """Yield what counts as code, relative to `root`: no caches, no prose, nothing hidden, nothing aside."""
    yield from (Path(name) for name in CODE_FILES if (root / name).is_file())
    for path in (path for folder in CODE_FOLDERS for path in (root / folder).rglob("*")):
        inner = path.relative_to(root)
        hidden = any(part.startswith(".") or part == "__pycache__" for part in inner.parts)
        aside = any(inner.is_relative_to(name) for name in ASIDE)
        if path.is_file() and not (hidden or aside) and path.suffix not in (".pyc", ".md"):
            yield inner


def commit_sha(root: Path) -> str:
    """Return the commit at HEAD, with "-dirty" where a tracked file differs; without git what CI says."""
    head = git(root, "rev-parse", "HEAD")
    if head is None:
        return os.environ.get("GITHUB_SHA", "uncommitted")
    return head + ("-dirty" if git(root, "status", "--porcelain", "--untracked-files=no") else "")
