"""Pull requests of ours: new data, and a release that waits to be let in."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from doubles.aws import GROUP, RELEASE
from doubles.repository import PIPELINE, job, needs, step, story
from sagemaker_gitops import promotion
from sagemaker_gitops.github import after, outcome, planned, proposal
from sagemaker_gitops.github.look import Look
from sagemaker_gitops.registry import Package

WAITS = story("promote", step("approve", "waiting"), ids={"release_id": RELEASE})


def propose(world, text: str = "new\n", title: str = "New data: 5 rows, +2") -> proposal.Proposal:
    return proposal.files(world.repository, "data/new", title, "counts", {"data.lock": text})


def open_pulls(world) -> list[dict]:
    return [each for each in world.github.issues.values() if "head" in each and each["state"] == "open"]


def test_a_proposal_is_main_with_these_files_changed_and_nothing_else(world):
    done = propose(world)
    (pull,) = open_pulls(world)
    assert (done.number, pull["title"]) == (pull["number"], "New data: 5 rows, +2")
    changed = world.github.git("diff", "--name-only", "main", "data/new")
    assert changed == "data.lock"
    assert world.github.git("show", "data/new:data.lock") == "new"


def test_what_is_newer_replaces_what_nobody_has_merged(world):
    propose(world)
    propose(world, "newer\n", "New data: 6 rows, +3")
    (pull,) = open_pulls(world)
    assert pull["title"] == "New data: 6 rows, +3"
    assert world.github.git("show", "data/new:data.lock") == "newer"
    assert world.github.git("rev-list", "--count", "main..data/new") == "1"


def test_where_actions_may_open_no_pull_request_the_branch_waits_and_the_way_is_told(world):
    world.github.refuse("POST", "pulls$", 403)
    done = propose(world)
    assert done.number is None
    assert world.github.git("show", "data/new:data.lock") == "new"
    assert "Allow GitHub Actions to create and approve pull requests" in done.note
    assert "compare/main...data/new" in done.url


def test_a_release_that_waits_is_promoted_by_merging_what_names_it(world):
    told = needs(pipeline=job("success", PIPELINE), deploy=job("success", WAITS))
    ended = outcome.decide(told, world.work(), datetime.now(UTC))
    assert ended.kind == outcome.WAITING
    package = Package(f"{GROUP}/8", "PendingManualApproval", "i", "s3://b/m", {"release_id": RELEASE})
    after.ask_to_promote(world.repository, ended, Look(packages=(package,)))
    (pull,) = open_pulls(world)
    commit = world.github.merge(pull["number"])
    merged = json.loads(world.github.git("show", f"{commit}:{promotion.LOCK}"))
    assert merged == {"release_id": RELEASE, "version": 8}
    world.checkout.git("pull", "-q", "origin", "main")
    assert promotion.named(world.checkout.folder) == RELEASE


@pytest.mark.parametrize("text", ["one line", "plan<<x\ninjected=yes\nx", "a\n\nb\r\nc"])
def test_a_plan_reaches_the_next_job_whole_whatever_stands_in_it(tmp_path, text):
    output, summary = tmp_path / "output", tmp_path / "summary"
    planned.leave(text, {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary)})
    written = output.read_bytes().decode()
    first, rest = written.split("\n", 1)
    name, end = first.split("<<")
    assert name == "plan"
    assert rest == f"{text}\n{end}\n"
    assert end not in text


def test_a_plan_is_posted_once_and_then_kept_current(world):
    side = {"ref": "main", "sha": world.bad, "repo": {"full_name": "acme/demo"}}
    pull = world.github._new("pulls", {"title": "t", "head": side, "base": side})
    environ = world.github.environ() | {"NUMBER": str(pull["number"]), "PLAN": "<!-- plan -->\nfirst"}
    assert "is a comment" in planned.post(environ)
    planned.post(environ | {"PLAN": "<!-- plan -->\nsecond"})
    (comment,) = world.github.comments[pull["number"]]
    assert comment["body"].endswith("second")


@pytest.mark.parametrize(
    ("plan", "number"), [("", "1"), ("<!-- plan -->", ""), ("<!-- plan -->", "../issues")]
)
def test_without_a_plan_or_a_pull_request_nothing_is_posted(world, plan, number):
    planned.post(world.github.environ() | {"NUMBER": number, "PLAN": plan})
    assert world.github.writes() == []
