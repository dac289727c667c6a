"""A release is taken back, by a person or by reconcile, while other runners are at work or have died.

GitHub is the tests' own; what its jobs do at once is done by processes.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from doubles.github import GitHub
from doubles.repository import FILES, Checkout
from sagemaker_gitops import delivery, endpoints, live, registry, rollback, rollout
from sagemaker_gitops.errors import NotStarted
from sagemaker_gitops.registry import Package, describe
from sagemaker_gitops.run import Run
from sagemaker_gitops.tree import Ids, Tree
from tests.drill import presets
from tests.stories.production import Production, until

pytestmark = pytest.mark.slow
ROLLBACK = """
from sagemaker_gitops import rollback
from tests.drill import presets
rollback.rollback(presets.quiet(presets.settings("small")))
"""
RINGING = """
from sagemaker_gitops import rollback
from tests.drill import presets
from tests.stories.production import WATCHED, under
rollback.rollback(under(presets.settings("small"), alarms=[WATCHED]))
"""
PROMOTES = {"name": "Release / Deploy / Into production / Production", "status": "in_progress"}


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GitHub]:
    """Return a GitHub where nothing runs."""
    with GitHub(tmp_path) as made:
        yield made


@pytest.fixture
def merges(production: Production, github: GitHub, tmp_path: Path) -> tuple[Package, Package]:
    """Return the releases of main's two commits; production serves the first one, proven."""
    checkout, made = Checkout(tmp_path / "checkout", github.git_folder), []
    for title, files in (("First", FILES), ("Second", {"training/train.py": "second"})):
        package, commit = production.good(), checkout.merge(title, files)
        made.append(registry.annotate(production.run.aws, package, {"asked_by": commit}))
    return delivery.to_production(production.run, made[0]), made[1]


@pytest.fixture
def reconcile(github: GitHub, tmp_path: Path) -> Callable[..., dict[str, str]]:
    """Return a function: the verb with --heal in a job of GitHub; what it tells the other jobs."""
    output = tmp_path / "output"

    def call(run: Run, package: Package) -> dict[str, str]:
        commit = describe(run.aws, package.arn).metadata["asked_by"]
        work = Tree(run.settings, None, Ids("", "", package.release_id, commit), "", tmp_path / "checkout")  # type: ignore[arg-type]
        live.compare(run, work, True, github.environ() | {"GITHUB_OUTPUT": str(output)})
        return told()

    def told() -> dict[str, str]:
        return dict(line.split("=") for line in output.read_text().splitlines())

    call.told = told  # type: ignore[attr-defined]
    return call


@pytest.fixture
def start() -> Callable[..., subprocess.Popen[str]]:
    """Return a function: start a runner."""

    def call(*words: str) -> subprocess.Popen[str]:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen([sys.executable, *words], env=environment, **pipe)  # type: ignore[call-overload]

    return call


@pytest.fixture
def under_way(production: Production, start) -> Callable[[Package], subprocess.Popen[str]]:
    """Return a function: start a release's promotion, and come back once production changes."""

    def call(package: Package) -> subprocess.Popen[str]:
        registry.annotate(production.run.aws, package, {"staging": "proven"})
        runner = start("-m", "tests.drill.promote", "small", package.release_id)
        until(lambda: endpoints.pending(production.describe()))
        return runner

    return call


def noted(production: Production) -> str:
    """Return the release that production serves, as the registry's account sees it."""
    aws = production.run.aws
    package = registry.noted(aws, production.run.stack.group, aws.account())
    return package.release_id if package else ""


def verdicts(run: Run) -> list[tuple[str, str]]:
    """Return the steps of a verb with their verdicts."""
    return [(step.name, step.verdict) for step in run.story.steps]


def test_what_a_promotion_has_brought_and_not_noted_yet_is_not_replaced(
    production, merges, reconcile, github
):
    run, (_, new) = presets.quiet(presets.settings("small")), merges
    with run.story.step("production") as step:
        rollout.serve(run, rollout.prepare(run, "production", new, step), step)
    sha = describe(run.aws, new.arn).metadata["asked_by"]
    github.runs = [{"id": 9, "status": "in_progress", "head_sha": sha, "jobs": [PROMOTES]}]
    production.forget()
    told = reconcile(run, new)
    assert production.calls("UpdateEndpoint") == []
    assert production.serving() == new.release_id
    assert told["heal"] == "false"
    assert ("compare", "waiting") in verdicts(run)


def test_a_rollback_whose_runner_dies_is_brought_to_its_end_and_not_undone(
    production, merges, reconcile, start
):
    run, (old, bad) = production.run, merges
    delivery.to_production(run, bad)
    runner = start("-c", ROLLBACK)
    until(lambda: endpoints.pending(production.describe()))
    runner.kill()
    runner.communicate()
    until(lambda: not endpoints.moving(production.describe()), 120)
    reconcile(run, bad)
    assert production.serving() == old.release_id
    assert (production.approval(old), production.approval(bad)) == ("Approved", "Rejected")
    assert noted(production) == old.release_id


def test_a_rollback_that_is_run_again_goes_back_one_release_and_not_two(
    production, merges, start, monkeypatch
):
    run, (old, bad) = presets.quiet(presets.settings("small")), merges
    delivery.to_production(production.run, bad)
    monkeypatch.setenv("GITHUB_RUN_ID", "123")
    runner = start("-c", ROLLBACK)
    until(lambda: not endpoints.moving(production.describe()) and production.serving() == old.release_id, 120)
    runner.kill()
    runner.communicate()
    assert rollback.rollback(run).release_id == old.release_id
    assert production.serving() == noted(production) == old.release_id
    assert production.approval(old) == "Approved"
    assert describe(run.aws, bad.arn).judged == f"rolled back by hand to version {old.version} (run 123)"
    assert run.story.facts["taken_back"]["version"] == bad.version


def test_a_rollback_that_does_not_begin_changes_what_is_noted_of_production_as_little(production, merges):
    (_, bad) = merges
    delivery.to_production(production.run, bad)
    with pytest.raises(NotStarted, match="E407"):
        rollback.rollback(production.under("small", alarms=["mispelt-alarm"]))
    # The earlier release comes back whatever rings: an alarm that is missing stops it all the same.
    assert production.approval(bad) == "Rejected"
    assert production.serving() == noted(production) == bad.release_id


def test_what_was_taken_back_is_put_back_too_where_somebodys_alarm_rings(production, merges, start, alarm):
    _, bad = merges
    delivery.to_production(production.run, bad)
    alarm(5.0)
    runner = start("-c", RINGING)
    until(lambda: endpoints.pending(production.describe()))
    runner.send_signal(signal.SIGINT)
    said = runner.communicate(timeout=120)[0]
    assert "E406" not in said, said
    assert production.serving() == noted(production) == bad.release_id


def test_a_release_that_is_still_rolling_out_is_taken_back_once_it_serves(production, merges, under_way):
    run, (old, bad) = presets.quiet(presets.settings("small")), merges
    promotion = under_way(bad)
    rollback.rollback(run)
    said = promotion.communicate(timeout=120)[0]
    assert production.serving() == old.release_id, said
    assert (production.approval(old), production.approval(bad)) == ("Approved", "Rejected")
    assert verdicts(run) == [("wait", "done"), ("production", "done")]
    assert run.story.facts["taken_back"]["version"] == bad.version


def test_where_a_release_has_fallen_back_by_itself_a_rollback_takes_nothing_else_back(
    production, merges, under_way
):
    run, (old, _) = presets.quiet(presets.settings("small")), merges
    bad = production.broken("swapped classes")
    run.serving()  # its clients are made: it falls back within seconds
    promotion = under_way(bad)
    production.forget()
    assert rollback.rollback(run).release_id == old.release_id
    assert promotion.wait(120) == 4
    assert production.serving() == old.release_id
    assert (production.approval(old), production.approval(bad)) == ("Approved", "Rejected")
    assert production.calls("UpdateEndpoint") == []
    assert verdicts(run) == [("wait", "done"), ("production", "superseded")]
    assert "taken_back" not in run.story.facts


def test_where_it_has_fallen_back_and_its_runner_is_dead_nobody_releases_it_again(
    production, merges, under_way, reconcile
):
    run, (old, new) = presets.quiet(presets.settings("small")), merges
    asked = describe(run.aws, new.arn).metadata["asked_by"]
    bad = registry.annotate(run.aws, production.broken("swapped classes"), {"asked_by": asked})
    promotion = under_way(bad)
    promotion.kill()
    promotion.communicate()
    assert rollback.rollback(run).release_id == old.release_id
    assert (production.approval(old), production.approval(bad)) == ("Approved", "Rejected")
    assert reconcile(run, bad)["collect"] == "false"
    assert production.serving() == old.release_id


def test_two_rollbacks_at_once_go_back_one_release_and_not_two(production, merges, start):
    run, (old, bad) = production.run, merges
    delivery.to_production(run, bad)
    first = start("-c", ROLLBACK)
    until(lambda: endpoints.pending(production.describe()))
    rollback.rollback(run)
    assert first.wait(120) == 0, first.communicate()
    assert production.serving() == old.release_id
    assert production.approval(old) == "Approved"


def test_a_mend_that_stops_keeps_a_lost_release_from_nobody(production, merges, reconcile):
    run, (_, lost) = production.under("small", alarms=["mispelt-alarm"]), merges
    other = production.good()
    delivery.to_production(production.run, other)
    with pytest.raises(NotStarted, match="E407"):
        reconcile(run, lost)
    assert production.serving() == other.release_id
    assert reconcile.told()["collect"] == "true"
