"""Two runners at once, a laptop beside a workflow: one at a time takes over, the newest commit stays.

Nothing locks production: SageMaker takes one update at a time, and git says which commit is the later one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from sagemaker_gitops import endpoints
from sagemaker_gitops.registry import Package, describe

from tests.stories.production import Production, until

pytestmark = pytest.mark.slow
WHO = ("-c", "user.name=a", "-c", "user.email=a@localhost", "-c", "commit.gpgsign=false")


@dataclass
class Merge:
    """A commit, its checkout, and the release that it wants in production."""

    checkout: Path
    commit: str
    package: Package

    def start(self) -> subprocess.Popen[str]:
        """Start its runner."""
        command = [sys.executable, "-m", "tests.stories.racer", str(self.checkout), self.package.release_id]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=environment, stdout=pipe, stderr=subprocess.STDOUT, text=True)


def git(folder: Path, *words: str) -> str:
    """Return what git prints in a folder."""
    command = ["git", "-C", str(folder), *WHO, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="module")
def main(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the one history of all merges here: a release that it does not know counts as later."""
    folder = tmp_path_factory.mktemp("main")
    git(folder, "init", "--quiet", "--initial-branch=main")
    return folder


@pytest.fixture
def merges(production: Production, main: Path, tmp_path: Path) -> tuple[Merge, Merge]:
    """Return two merges, the older first; each checkout knows no commit after its own."""

    def merge(name: str) -> Merge:
        git(main, "commit", "--quiet", "--allow-empty", "-m", name)
        git(tmp_path, "clone", "--quiet", str(main), name)
        return Merge(tmp_path / name, git(main, "rev-parse", "HEAD"), production.good())

    return merge("older"), merge("newer")


@pytest.fixture
def under_way(production: Production) -> Callable[[], None]:
    """Return what waits until production is being changed."""
    return lambda: until(lambda: endpoints.pending(production.describe()))


def ended(*runners: subprocess.Popen[str]) -> list[str]:
    """Wait for runners; return what each told."""
    said = [runner.communicate(timeout=120)[0] for runner in runners]
    assert [runner.returncode for runner in runners] == [0] * len(runners), said
    return [text.strip() for text in said]


def newest(production: Production, merge: Merge) -> bool:
    """Say whether production serves a merge's release, proven, and knows whose it is."""
    told = describe(production.run.aws, merge.package.arn).metadata
    asked = (told["asked_by"], told["production"]) == (merge.commit, "proven")
    return asked and production.serving() == merge.package.release_id


def test_of_two_runners_that_start_at_once_the_newest_commit_stays_and_no_caller_notices(production, merges):
    older, newer = merges
    told: list[str] = []

    def both() -> None:
        told.extend(ended(older.start(), newer.start()))

    made = production.watched(both, newer.package)
    assert newest(production, newer), told
    assert told[1].endswith("production done")
    # Each change of production was one release's alone; the older one was there before, or not at all.
    assert production.calls("UpdateEndpoint").count(200) == (1 if told[0].endswith("superseded") else 2)
    assert made.during.clean, made.during
    assert made.after.clean, made.after


def test_an_older_commit_that_waits_while_a_newer_one_takes_over_is_not_asked_for(
    production, merges, under_way
):
    older, newer = merges
    first = newer.start()
    under_way()
    told = ended(first, older.start())
    assert told[1].endswith("production superseded")
    assert production.calls("UpdateEndpoint") == [200]
    assert newest(production, newer)


def test_a_newer_commit_waits_for_an_older_one_and_then_takes_over(production, merges, under_way):
    older, newer = merges
    first = older.start()
    under_way()
    told = ended(first, newer.start())
    assert [text.splitlines()[-1] for text in told] == ["production done"] * 2
    assert production.calls("UpdateEndpoint") == [200, 200]
    assert newest(production, newer)


def test_a_runner_that_is_killed_while_production_changes_holds_nobody_up(production, merges, under_way):
    older, newer = merges

    def killed_then_the_other() -> None:
        first = older.start()
        under_way()
        first.kill()
        first.communicate()
        assert endpoints.pending(production.describe()), "it was over before it was killed"
        ended(newer.start())

    made = production.watched(killed_then_the_other, newer.package)
    assert made.code == "", made.lines
    assert newest(production, newer)
    assert made.during.clean, made.during
    assert made.after.clean, made.after
