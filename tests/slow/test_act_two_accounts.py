"""Production in an account of its own: the same workflows under act, each job in the account of its role.

As test_act.py, whose stories with one account these repeat where the second one makes a difference.
"""

from __future__ import annotations

import pytest
from act import changes, world
from test_act import QUICK, jobs

from tools import bake as tool

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def github(template, tmp_path_factory):
    """A project on GitHub, connected to two accounts, with nothing released yet."""
    project = tool.bake(template, tmp_path_factory.mktemp("bake"), {"github_repository": world.REPOSITORY})
    with world.made(tmp_path_factory.mktemp("accounts"), project) as made:
        made.connect_both()
        yield made


def endpoints(github, account):
    """Return the names of an account's endpoints."""
    return [
        each["EndpointName"] for each in github.client("sagemaker", account).list_endpoints()["Endpoints"]
    ]


def test_a_merge_is_trained_in_the_one_account_and_served_in_the_other(github):
    commit = github.merge("Train for three epochs", QUICK)
    done = github.run("main.yml")
    assert set(jobs(done).values()) == {"success"}, done.output
    assert endpoints(github, world.OTHER) == ["income-model-production"]
    assert endpoints(github, world.ACCOUNT) == []
    assert github.client("sagemaker", world.OTHER).list_training_jobs()["TrainingJobSummaries"] == []
    assert github.packages() == {1: "Approved"}
    assert github.outcome(commit)["outcome"] == "released"


def test_a_model_that_is_broken_in_production_is_taken_back_and_told_where_the_code_is(github):
    served = github.served()
    commit = github.merge("Answer faster", changes.turns_wrong)
    done = github.run("main.yml")
    assert jobs(done)["Production"] == "failure", done.output
    assert github.outcome(commit)["outcome"] == "rolled back"
    assert github.served() == served
    assert github.packages()[2] == "Rejected"
    assert len(github.issues()) == 1
    (pull,) = github.pulls()
    github.merge_pull(pull)
    done = github.run("main.yml")
    assert done.code == 0, done.output
    assert github.served() == served


def test_it_is_rolled_back_by_hand_there(github):
    github.merge("Two epochs", changes.settings(("epochs = 3\n", "epochs = 2\n")))
    assert github.run("main.yml").code == 0
    before = github.served()
    done = github.run("rollback.yml", "workflow_dispatch")
    assert done.code == 0, done.output
    assert github.served() != before
    assert github.packages()[max(github.packages())] == "Rejected"


def test_each_account_is_compared_with_git_and_what_somebody_changed_is_found(github):
    (pull,) = github.pulls()  # of the rollback
    github.merge_pull(pull)
    assert github.run("main.yml").code == 0
    done = github.run("reconcile.yml", "schedule")
    assert done.code == 0, done.output
    github.change_production_by_hand()
    done = github.run("reconcile.yml", "schedule")
    assert done.code == 1
    assert "E415" in done.output
    assert jobs(done)["Compare git with what is live"] == "success"


def test_where_the_models_are_made_nobody_can_serve_them(github):
    told = github.verb("promote", check=False)
    assert told.returncode == 5
    assert f"E516 production is in account {world.OTHER}" in told.stderr
    assert endpoints(github, world.ACCOUNT) == []
