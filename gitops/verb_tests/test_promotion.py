"""Who lets a release into production, and that an older commit never replaces a newer one."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace

import pytest

from doubles.aws import GROUP, STACK, make_run, packages
from doubles.github import GitHub
from sagemaker_gitops import accounts, delivery, history, promotion
from sagemaker_gitops.errors import NotStarted, SettingsError
from sagemaker_gitops.registry import describe
from sagemaker_gitops.tree import Ids, Tree


@pytest.fixture
def main(tmp_path):
    """Return a repository with three commits on main and their ids, oldest first."""

    def git(*words: str) -> str:
        who = ("-c", "user.name=a", "-c", "user.email=a@localhost", "-c", "commit.gpgsign=false")
        command = ["git", "-C", str(tmp_path), *who, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet", "--initial-branch=main")
    commits = []
    for number in (1, 2, 3):
        git("commit", "--quiet", "--allow-empty", "-m", f"commit {number}")
        commits.append(git("rev-parse", "HEAD"))
    return tmp_path, commits, git


@pytest.fixture
def promoted(make_settings, main, monkeypatch):
    """Return a function: promote the newest package from a commit; what it brought there, its steps."""
    root, _, git = main

    def call(commit: str, asked_by: str, approval: str = "gate", serving: int = 1, first: str = "Approved"):
        brought: list[str] = []
        client = packages(first, "Approved", serving=serving)
        described = client.answers["describe_model_package"]

        def describe_model_package(ModelPackageName):
            told = described(ModelPackageName)
            if ModelPackageName.endswith(f"/{serving}"):
                told["CustomerMetadataProperties"]["asked_by"] = asked_by
            return told

        client.answers["describe_model_package"] = describe_model_package
        run = make_run(make_settings(**{"project.approval": approval}), sagemaker=client)
        monkeypatch.setattr(
            delivery, "to_production", lambda run, package, commit="": brought.append(package.release_id[:1])
        )
        git("checkout", "--quiet", commit)
        work = Tree(run.settings, None, Ids("c", "s", "2" * 64, commit), "", root)  # type: ignore[arg-type]
        promotion.promote(run, work, describe(run.aws, f"{GROUP}/2"))
        return brought, {step.name: step.verdict for step in run.story.steps}

    return call


def test_a_later_commit_replaces_what_an_earlier_one_asked_for(promoted, main):
    _, commits, _ = main
    assert promoted(commits[2], asked_by=commits[1]) == (["2"], {})


def test_an_older_commit_that_comes_late_leaves_the_newer_release_alone(promoted, main):
    _, commits, _ = main
    assert promoted(commits[0], asked_by=commits[1]) == ([], {"production": "superseded"})


def test_a_commit_that_this_history_does_not_have_is_later(promoted, main):
    _, commits, _ = main
    assert promoted(commits[1], asked_by="f" * 40) == ([], {"production": "superseded"})


@pytest.fixture
def newest(main, tmp_path, monkeypatch):
    """Return a function: a GitHub where a commit is main's newest, asked by the job."""
    git = main[2]

    def call(commit: str) -> None:
        git("push", "--quiet", "--force", str(github.git_folder), f"{commit}:refs/heads/main")
        for name, value in github.environ().items():
            monkeypatch.setenv(name, value)

    (tmp_path / "github").mkdir()
    with GitHub(tmp_path / "github") as github:
        yield call


def test_mains_newest_commit_replaces_what_a_history_asked_for_that_was_rewritten(promoted, main, newest):
    _, commits, _ = main
    newest(commits[2])
    assert promoted(commits[2], asked_by="f" * 40) == (["2"], {})


def test_a_commit_that_main_has_gone_on_from_replaces_nothing_unknown(promoted, main, newest):
    _, commits, _ = main
    newest(commits[2])
    assert promoted(commits[1], asked_by="f" * 40) == ([], {"production": "superseded"})
    assert promoted(commits[1], asked_by=commits[2]) == ([], {"production": "superseded"})


@pytest.mark.parametrize(
    ("registry", "todo"),
    [
        pytest.param(STACK.account, f"python -m pipelines promote {'2' * 12}", id="one account"),
        pytest.param("210987654321", accounts.BY_WORKFLOWS["promote"], id="production in one of its own"),
    ],
)
def test_where_main_was_rewritten_the_way_out_is_one_that_is_open(make_settings, main, registry, todo):
    root, commits, _ = main
    client = packages("Approved", "Approved", serving=1)
    described = client.answers["describe_model_package"]

    def describe_model_package(ModelPackageName):
        told = described(ModelPackageName)
        told["CustomerMetadataProperties"]["asked_by"] = "f" * 40
        return told

    client.answers["describe_model_package"] = describe_model_package
    run = make_run(make_settings(), sagemaker=client)
    run.__dict__["stack"] = replace(STACK, registry=registry)
    work = Tree(run.settings, None, Ids("c", "s", "2" * 64, commits[2]), "", root)  # type: ignore[arg-type]
    assert promotion.superseded(run, work)
    assert run.story.steps[0].note.endswith(f"(then: {todo})")


@pytest.mark.parametrize("asked", ["", "uncommitted", f"{'f' * 40}-dirty"])
def test_a_release_that_nobody_can_place_in_git_holds_nothing_up(promoted, main, asked):
    _, commits, _ = main
    assert promoted(commits[1], asked_by=asked) == (["2"], {})


def test_a_pull_request_that_nobody_has_merged_leaves_the_release_waiting(promoted, main):
    _, commits, _ = main
    assert promoted(commits[2], commits[1], approval="pull-request") == ([], {"approve": "waiting"})


def test_the_release_that_production_lock_names_goes_to_production_and_a_newer_one_waits(promoted, main):
    root, commits, _ = main
    (root / "production.lock").write_text(json.dumps({"release_id": "1" * 64}))
    assert promoted(commits[2], commits[1], approval="pull-request") == (["1"], {"approve": "waiting"})


def test_the_working_trees_own_release_does_not_wait_once_it_is_named(promoted, main):
    root, commits, _ = main
    (root / "production.lock").write_text(json.dumps({"release_id": "2" * 64}))
    assert promoted(commits[2], commits[1], approval="pull-request") == (["2"], {})


def test_a_release_that_was_rejected_since_is_left_alone_and_the_repair_waits_to_be_let_in(promoted, main):
    root, commits, _ = main
    (root / "production.lock").write_text(json.dumps({"release_id": "1" * 64}))
    brought, steps = promoted(commits[2], commits[1], approval="pull-request", first="Rejected", serving=2)
    assert (brought, steps) == ([], {"approve": "waiting", "production": "waiting"})


@pytest.fixture
def overtaken(make_settings, main, monkeypatch):
    """Return a function: a commit whose release another one overtakes; how often it was brought, steps."""
    root, _, git = main

    def call(commit: str, other: str, times: int = 1):
        client, brought, asked = packages("Approved", "Approved", serving=1), [], []
        described = client.answers["describe_model_package"]

        def describe_model_package(ModelPackageName):
            told = described(ModelPackageName)
            told["CustomerMetadataProperties"]["asked_by"] = asked[-1] if asked else ""
            return told

        def to_production(run, package, commit):
            brought.append(commit)
            if len(brought) <= times:
                asked.append(other)
                raise NotStarted("E413 another release came in between\nendpoint\nwhy\ntodo")
            return package

        client.answers["describe_model_package"] = describe_model_package
        monkeypatch.setattr(delivery, "to_production", to_production)
        run = make_run(make_settings(), sagemaker=client)
        git("checkout", "--quiet", commit)
        work = Tree(run.settings, None, Ids("c", "s", "2" * 64, commit), "", root)  # type: ignore[arg-type]
        promotion.to_production(run, work, describe(run.aws, f"{GROUP}/2"))
        return len(brought), [step.verdict for step in run.story.steps]

    return call


def test_a_release_that_an_older_commit_overtook_asks_again(overtaken, main):
    _, commits, _ = main
    assert overtaken(commits[1], other=commits[0]) == (2, [])


def test_a_release_that_a_newer_commit_overtook_leaves_it_there(overtaken, main):
    _, commits, _ = main
    assert overtaken(commits[0], other=commits[1]) == (1, ["superseded"])


def test_who_is_overtaken_again_and_again_gives_up(overtaken, main):
    _, commits, _ = main
    with pytest.raises(NotStarted, match="came in between"):
        overtaken(commits[1], other=commits[0], times=delivery.TURNS)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"release_id": 7}', '{"release_id": "latest"}', '{"release": "1"}']
)
def test_a_production_lock_that_names_nothing_is_an_error_with_the_way_out(tmp_path, text):
    (tmp_path / "production.lock").write_text(text)
    with pytest.raises(SettingsError, match="names no release") as stopped:
        promotion.named(tmp_path)
    assert "64 hex digits" in stopped.value.todo


def test_a_shallow_clone_cannot_tell_and_says_so(main, tmp_path):
    root, commits, git = main
    git("clone", "--quiet", "--depth", "1", f"file://{root}", str(tmp_path / "shallow"))
    assert history.contains(tmp_path / "shallow", commits[0]) is None
    assert history.contains(root, commits[0]) is True
