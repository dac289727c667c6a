"""The two checkouts that a plan compares: what their runs left in build/, and the files that count.

Strangers wrote them, so no link is followed, and what cannot be read becomes a sentence.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sagemaker_gitops.github.plan_leaves import Document

SUITE_SECONDS = 60
LARGEST_BYTES = 20_000_000
# In a process of its own, which is given no token. What the suite itself prints is not the answer.
READ_SUITE = """
import contextlib, json, sys
sys.path.insert(0, ".")
with contextlib.redirect_stdout(sys.stderr):
    from data_checks import suite
    found = {
        name: [{key: value for key, value in vars(rule).items() if value not in (None, "")} for rule in rules]
        for name, rules in (("columns", suite.COLUMNS), ("expectations", suite.EXPECTATIONS))
    }
print(json.dumps(found, default=str))
"""


class Unreadable(Exception):
    """A file that cannot be compared; the message says which and why, and quotes nothing of it."""


@dataclass(frozen=True)
class Side:
    """One checkout: base, or the pull request's head."""

    root: Path
    story: Document = field(default_factory=dict)  # build/local-test.json
    evaluation: Document = field(default_factory=dict)
    validation: Document = field(default_factory=dict)
    lock: Document = field(default_factory=dict)  # data.lock; what ran may have been the sample

    @property
    def rows(self) -> int:
        """The rows of the locked data."""
        rows = self.lock.get("rows")
        return rows if isinstance(rows, int) else 0

    @property
    def files(self) -> list[str]:
        """The sha256 of each locked file."""
        return sorted(
            str(file.get("sha256")) for file in self.lock.get("files", []) if isinstance(file, dict)
        )

    @property
    def release_id(self) -> str:
        """The release that lies here; empty where the run did not come so far."""
        return str((self.story.get("ids") or {}).get("release_id") or "")

    @property
    def commit(self) -> str:
        """The commit, as the run saw it."""
        return str((self.story.get("ids") or {}).get("commit_sha") or "")


def read(root: Path) -> Side:
    """Return a checkout with what its run left; what is missing is empty."""
    names = ("local-test", "evaluation", "validation")
    return Side(root, *(_left(root, name) for name in names), lock=_lock(root))


def _lock(root: Path) -> Document:
    """Return data.lock; {} where it cannot be read: the release says why."""
    try:
        return _document(_text(root, "data.lock"), "data.lock")
    except Unreadable:
        return {}


def definition(root: Path) -> Document:
    """Return the pipeline's golden definition; {} where there is none."""
    return _document(_text(root, "pipelines/definition.json"), "pipelines/definition.json")


def settings(root: Path) -> Document:
    """Return mlops.toml as it is written.

    Raises:
        Unreadable: it is not TOML.
    """
    try:
        return tomllib.loads(_text(root, "mlops.toml"))
    except tomllib.TOMLDecodeError:
        raise Unreadable("mlops.toml is not TOML") from None


def pins(root: Path) -> dict[str, str]:
    """Return the text of each file of pins."""
    return {
        path.name: _text(root, f"requirements/{path.name}") for path in (root / "requirements").glob("*.txt")
    }


def templates(root: Path) -> dict[str, Document]:
    """Return each template of infra/, its tags as CloudFormation's long forms.

    Raises:
        Unreadable: one of them is not a template.
    """
    from cfnlint.decode import cfn_yaml  # 1.5 s

    found = {}
    for path in sorted((root / "infra").glob("*.yml")):
        name = f"infra/{path.name}"
        _text(root, name)
        try:
            found[path.name] = json.loads(json.dumps(cfn_yaml.load(str(path)), default=str))
        except Exception as error:  # the parser's own, YAML's, recursion
            raise Unreadable(f"{name} is not a template ({type(error).__name__})") from None
    return found


def suite(root: Path) -> Document:
    """Return columns and expectations of data_checks/suite.py."""
    command = [sys.executable, "-c", READ_SUITE]
    alone = {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command, cwd=root, env=alone, capture_output=True, text=True, timeout=SUITE_SECONDS, check=False
        )
        return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else _broken("does not load")
    except (subprocess.TimeoutExpired, ValueError, IndexError, OSError) as error:
        return _broken(f"cannot be read ({type(error).__name__})")


def _broken(why: str) -> Any:
    raise Unreadable(f"data_checks/suite.py {why}")


def _left(root: Path, name: str) -> Document:
    """Return one report of a run, or {}: a run that was stopped has not left all of them."""
    try:
        return _document(_text(root, f"build/{name}.json"), name)
    except Unreadable:
        return {}


def _document(text: str, name: str) -> Document:
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        raise Unreadable(f"{name} is not JSON") from None
    if not isinstance(found, dict):
        raise Unreadable(f"{name} is no JSON object")
    return found


def _text(root: Path, name: str) -> str:
    """Return a file's text, empty where there is none; a link could show another file in the comment."""
    path = root / name
    if not path.exists():
        return ""
    if path.resolve() != root.resolve() / name or not path.is_file() or path.stat().st_size > LARGEST_BYTES:
        raise Unreadable(f"{name} is a link, no file, or too large")
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(f"{name} cannot be read ({type(error).__name__})") from None
