"""The project that the default answers give passes its own `make check` and `make test`."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
import yaml
from conftest import INNER

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


# The tests that run an emulator of their own take half of the time: the other core runs them.
WITH_EMULATOR = ("tests/stories",)


def make(project, target, *words):
    """Run a target as its user would, in this environment: its pins are ours, so nothing is to be set up."""
    command = ["make", "--no-print-directory", "--old-file=setup", target, f"VENV={sys.prefix}"]
    command += [f"ARGS={' '.join(words)}"] if words else []
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    return done.stdout


def test_a_fresh_bake_passes_its_own_check(fresh_bake):
    assert make(fresh_bake, "check").splitlines()[-1].startswith("all good; next: ")


def test_a_fresh_bake_passes_its_own_unit_tests(fresh_bake):
    make(fresh_bake, "test", *(f"--ignore={folder}" for folder in WITH_EMULATOR))


def test_its_commit_hooks_run_what_is_installed_and_find_nothing(fresh_bake):
    (fresh_bake / ".venv").symlink_to(sys.prefix)
    hooks = [sys.executable, "-m", "pre_commit", "run", "--all-files"]
    done = subprocess.run(hooks, cwd=fresh_bake, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Passed") == 4


def test_its_hook_looks_at_the_definition_when_anything_that_makes_it_changes():
    hooks = yaml.safe_load((INNER / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    (watched,) = [hook["files"] for hook in hooks if hook["id"] == "definition"]
    makes = {"mlops.toml", "pipelines/definition.json", "requirements/verbs.txt"}
    makes |= {f"pipelines/{path.name}" for path in (INNER / "pipelines").glob("*.py")}
    inside = {str(path.relative_to(INNER)) for path in INNER.rglob("*") if path.is_file()}
    assert {path for path in inside if re.search(watched, path)} == makes


def test_its_checks_and_tests_leave_nothing_for_git_to_find(fresh_bake):
    status = subprocess.run(["git", "status", "--porcelain"], cwd=fresh_bake, capture_output=True, text=True)
    assert status.stdout == ""
