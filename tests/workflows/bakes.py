"""The .github of every set of answers that could matter to it, baked without the other files.

A whole bake takes a second; a test holds these against one. The hooks, which take most of the rest, run where
both a repository and an address are given: for each approval.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from conftest import INNER
from cookiecutter.main import cookiecutter
from test_answers import GOOD
from test_bake import ANSWERS

from tools import bake as tool

APPROVALS = ("gate", "pull-request", "reviewer")
REPOSITORIES = ("", "acme/churn-model")
ADDRESSES = ("", "ops@example.com")
RENDERED = ("CODEOWNERS",)  # no validator reads it; tests/test_documents.py does


def answer_sets() -> Iterator[dict[str, str]]:
    """Yield each approval with and without repository and address, then the odd answers of test_bake.py."""
    for approval, repository, address in product(APPROVALS, REPOSITORIES, ADDRESSES):
        yield {**GOOD, "approval": approval, "github_repository": repository, "alarm_email": address}
    for odd in ANSWERS:
        yield dict(odd.values[0])


def template(folder: Path) -> Path:
    """Copy what a bake of .github takes to `folder`: the questions, the hooks, the files."""
    for name in tool.tracked():
        if not name.startswith(INNER.name) or name.startswith(f"{INNER.name}/.github/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(tool.ROOT / name, folder / name)
    return folder


def bake(template: Path, folder: Path, answers: dict[str, str]) -> Path:
    """Return the project that the answers give, a git repository of its own."""
    words = {name: value for name, value in answers.items() if name != "project_slug"}
    hooks = bool(answers.get("github_repository") and answers.get("alarm_email"))
    told = {"no_input": True, "default_config": True, "accept_hooks": hooks}
    made = cookiecutter(str(template), extra_context=words, output_dir=str(folder), **told)
    tool.git(Path(made), "init", "--quiet")  # the hooks' own stays as it is
    return Path(made)


def contents(project: Path) -> dict[str, bytes]:
    """Return each file below .github with its bytes."""
    root = project / ".github"
    return {
        str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()
    }


def copied(project: Path) -> dict[str, bytes]:
    """Return each file below .github that no answer changes, with its bytes."""
    return {name: text for name, text in contents(project).items() if name not in RENDERED}


def digest(project: Path) -> str:
    """Return the hash of all that the validators read."""
    return hashlib.sha256(repr(copied(project)).encode()).hexdigest()
