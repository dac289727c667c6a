"""Who lets a release into production: a merged pull request, or a reviewer, as mlops.toml says; under act.

act knows no reviewers: there the job `approve` passes at once. That it stands before production is held by
tests/workflows.
"""

from __future__ import annotations

import pytest
from act import changes, world
from test_act import QUICK, jobs

from tools import bake as tool

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
BY_REVIEWER = changes.settings(('approval = "pull-request"', 'approval = "reviewer"'))


@pytest.fixture(scope="module")
def github(template, tmp_path_factory):
    """A project where a pull request lets a release in, connected, with nothing released yet."""
    answers = {"github_repository": world.REPOSITORY, "approval": "pull-request"}
    project = tool.bake(template, tmp_path_factory.mktemp("bake"), answers)
    with world.made(tmp_path_factory.mktemp("approvals"), project) as made:
        made.connect()
        yield made


def test_a_merge_is_proven_on_staging_and_asks_to_be_let_in(github):
    commit = github.merge("Train for three epochs", QUICK)
    done = github.run("main.yml")
    assert done.code == 0, done.output
    assert github.outcome(commit)["outcome"] == "waiting"
    assert github.packages() == {1: "PendingManualApproval"}
    assert endpoints(github) == []
    (pull,) = github.pulls()
    assert pull["head"]["ref"].startswith("promote/")
    assert "auc" in pull["body"]


def test_merging_the_request_serves_what_was_proven_and_trains_nothing(github):
    before = github.trainings()
    commit = github.merge_pull(*github.pulls())
    done = github.run("main.yml")
    assert done.code == 0, done.output
    assert github.outcome(commit)["outcome"] == "released"
    assert github.packages() == {1: "Approved"}
    assert endpoints(github) == ["income-model-production"]
    assert (github.trainings(), github.pulls()) == (before, [])


def test_what_is_broken_in_production_is_taken_back_and_one_merge_makes_main_whole(github):
    served = github.served()
    github.merge("Answer faster", changes.turns_wrong)
    assert github.run("main.yml").code == 0
    assert github.served() == served
    github.merge_pull(*github.pulls())
    done = github.run("main.yml")
    assert jobs(done)["Production"] == "failure", done.output
    assert (github.served(), github.packages()[2]) == (served, "Rejected")
    (pull,) = github.pulls()
    assert pull["head"]["ref"].startswith("revert/")
    github.merge_pull(pull)
    done = github.run("main.yml")
    assert done.code == 0, done.output
    assert (github.served(), github.pulls()) == (served, [])
    assert github.run("reconcile.yml", "schedule").code == 0


def test_where_a_reviewer_decides_his_yes_serves_it(github):
    served = github.served()
    commit = github.merge("Reviewers decide", lambda root: (BY_REVIEWER(root), changes.fewer_rows(root)))
    done = github.run("main.yml")
    assert jobs(done)["Let in"] == "success", done.output
    assert github.outcome(commit)["outcome"] == "released"
    assert github.served() != served


def endpoints(github):
    """Return the names of the endpoints that are there."""
    return [each["EndpointName"] for each in github.client("sagemaker").list_endpoints()["Endpoints"]]
