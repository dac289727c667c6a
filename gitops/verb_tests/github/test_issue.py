"""One issue a release that production did not keep: opened, updated, closed by a later release."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest

from doubles.aws import RELEASE, make_package
from doubles.repository import HOSTILE, RELEASED, ROLLED_BACK
from sagemaker_gitops.errors import AccessError
from sagemaker_gitops.github import issue
from sagemaker_gitops.github.look import Look
from sagemaker_gitops.github.outcome import Outcome, decide

SEEN = Look(make_package(7, "Approved", release_id="77" * 32, production="proven"))
EVIDENCE = f"s3://bucket/releases/{RELEASE}/rollout.json"


def ended(world, needs: str = ROLLED_BACK, **work) -> Outcome:
    return decide(needs, world.work(**work), datetime.now(UTC))


def told(world, outcome: Outcome, done: str = "#3 takes it back.") -> dict:
    """Write the issue as a run does; return it as GitHub has it."""
    made = issue.tell(world.repository, outcome, SEEN, EVIDENCE, "Income model")
    issue.complete(world.repository, made, outcome, SEEN, EVIDENCE, done)
    return world.github.issues[made.number]


def test_the_issue_holds_the_evidence(world):
    there = told(world, ended(world))
    assert there["title"] == "Income model: version 8 was rolled back; production serves 7"
    assert [label["name"] for label in there["labels"]] == ["release-rolled-back"]
    for line in ("✗ E401 what", "\nwhere", "\nwhy", "\nwhat to do", "production serves 7", "version 8"):
        assert line in there["body"]
    assert "alarm income-model-8-wrong: 1 datapoint was above 0" in there["body"]
    assert f"releases/{RELEASE}/rollout.json" in there["body"]
    assert "https://github.com/acme/demo/actions/runs/41" in there["body"]
    assert "#3 takes it back." in there["body"]
    assert "python -m pipelines release --retry" in there["body"]


def test_the_label_is_made_where_it_is_missing(world):
    told(world, ended(world))
    assert [body["name"] for _, _, body in world.github.writes("labels")] == ["release-rolled-back"]
    told(world, dataclasses.replace(ended(world), release_id="cd" * 32))
    assert len(world.github.writes("labels")) == 1


def test_the_same_run_twice_says_it_once(world):
    told(world, ended(world))
    before = list(world.github.writes())
    told(world, ended(world))
    assert world.github.writes() == before
    assert len(world.github.issues) == 1
    assert world.github.comments[1] == []


def test_a_second_run_of_the_release_updates_its_issue(world):
    told(world, ended(world))
    there = told(world, ended(world, attempt=2))
    assert len(world.github.issues) == 1
    assert "run 41, attempt 2" in there["body"]
    assert [each["body"].startswith("It happened again") for each in world.github.comments[1]] == [True]


def test_an_issue_that_was_closed_is_opened_again(world):
    told(world, ended(world))
    world.github.issues[1]["state"] = "closed"
    assert told(world, ended(world, attempt=2))["state"] == "open"
    assert len(world.github.issues) == 1


def test_another_release_has_an_issue_of_its_own(world):
    told(world, ended(world))
    told(world, dataclasses.replace(ended(world), release_id="cd" * 32))
    assert len(world.github.issues) == 2


@pytest.mark.parametrize("value", [*HOSTILE, f"<!-- release {'cd' * 32} commit {'0' * 40} -->"])
def test_no_text_makes_it_the_issue_of_another_release(world, value):
    first = dataclasses.replace(ended(world), lines=(value,) * 4, fired={value: value})
    told(world, first)
    told(world, dataclasses.replace(first, work=world.work(attempt=2)))
    assert len(world.github.issues) == 1
    told(world, dataclasses.replace(ended(world), release_id="cd" * 32))
    assert len(world.github.issues) == 2


def test_a_later_release_closes_it_with_a_comment(world):
    told(world, ended(world))
    later = world.checkout.merge("Repaired (#3)", {"training/train.py": "better"})
    assert issue.settle(world.repository, ended(world, RELEASED, commit=later, id=42)) == [1]
    assert world.github.issues[1]["state"] == "closed"
    assert later in world.github.comments[1][-1]["body"]


def test_an_earlier_commit_that_runs_again_closes_nothing(world):
    told(world, ended(world))
    assert issue.settle(world.repository, ended(world, RELEASED, commit=world.good, id=42)) == []
    assert world.github.issues[1]["state"] == "open"


def test_issues_of_people_stay_open(world):
    world.github.create_issue({"title": "ours", "body": "no marker", "labels": ["release-rolled-back"]})
    world.github.create_issue({"title": "bug", "body": "", "labels": []})
    later = world.checkout.merge("Repaired", {"training/train.py": "better"})
    assert issue.settle(world.repository, ended(world, RELEASED, commit=later)) == []
    assert {each["state"] for each in world.github.issues.values()} == {"open"}


def test_a_repository_without_issues_says_so(world):
    world.github.refuse("POST", "issues", 410, "Issues are disabled for this repo")
    with pytest.raises(AccessError, match="E605") as refused:
        told(world, ended(world))
    assert "turn issues on" in refused.value.todo
