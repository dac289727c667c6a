"""What a verb of a workflow run leaves for the run's last job."""

from __future__ import annotations

import json

import pytest

from doubles.aws import Bucket, Client, error, make_aws
from sagemaker_gitops.errors import AccessError
from sagemaker_gitops.github import stories

RUN = {"GITHUB_RUN_ID": "77", "GITHUB_RUN_ATTEMPT": "2", "GITHUB_SHA": "c" * 40}


def test_what_a_verb_leaves_is_what_the_last_job_of_the_same_attempt_reads():
    aws = make_aws(s3=Bucket())
    assert stories.leave(aws, "bucket", "pipeline", {"verdict": "done"}, RUN) == ""
    assert stories.read(aws, "bucket", RUN)["pipeline"]["verdict"] == "done"
    assert stories.read(aws, "bucket", RUN | {"GITHUB_RUN_ID": "78"}) == {}


def test_what_went_well_in_an_earlier_attempt_is_not_run_again_and_is_heard():
    aws, again = make_aws(s3=Bucket()), RUN | {"GITHUB_RUN_ATTEMPT": "4"}
    stories.leave(aws, "bucket", "pipeline", {"verdict": "done"}, RUN)
    stories.leave(aws, "bucket", "stage", {"verdict": "failed"}, RUN)
    stories.leave(aws, "bucket", "promote", {"verdict": "failed"}, again)
    told = stories.read(aws, "bucket", again)
    assert {verb: story["verdict"] for verb, story in told.items()} == {
        "pipeline": "done",
        "promote": "failed",
    }


@pytest.mark.parametrize(
    ("result", "heard"),
    [
        pytest.param("success", True, id="the outcome alone runs again"),
        pytest.param("failure", False, id="it ran again: a no, or a lost runner"),
        pytest.param("cancelled", False, id="it ran again, cancelled"),
    ],
)
def test_an_earlier_rollback_is_not_taken_for_one_that_ran_again(result, heard):
    aws = make_aws(s3=Bucket())
    stories.leave(aws, "bucket", "rollback", {"verdict": "done"}, RUN)
    needs = json.dumps({"rollback": {"result": result}})
    told = stories.read(aws, "bucket", RUN | {"GITHUB_RUN_ATTEMPT": "3", "NEEDS": needs})
    assert ("rollback" in told) is heard
    assert "rollback" in stories.read(aws, "bucket", RUN | {"NEEDS": needs})  # its own attempt's


def test_outside_of_a_workflow_nothing_is_left():
    bucket = Bucket()
    assert stories.leave(make_aws(s3=bucket), "bucket", "pipeline", {}, {}) == ""
    assert bucket.objects == {}


@pytest.mark.parametrize(
    ("trouble", "why"),
    [
        pytest.param(error("AccessDenied", "no", "PutObject"), "AccessDenied", id="S3 says no"),
        pytest.param(AccessError("E601 no token\nwhere\nwhy\ntodo"), "AccessError", id="no new credentials"),
    ],
)
def test_a_story_that_cannot_be_written_says_why_and_stops_nothing(trouble, why):
    aws = make_aws(s3=Client(put_object=trouble))
    assert why in stories.leave(aws, "bucket", "stage", {}, RUN)


def test_stories_lie_below_the_commit_so_that_a_role_can_be_held_to_them():
    bucket = Bucket()
    stories.leave(make_aws(s3=bucket), "bucket", "stage", {"steps": []}, RUN)
    ((key, body),) = bucket.objects.items()
    assert key == f"outcomes/{'c' * 40}/77-2/stage.json"
    assert json.loads(body)["steps"] == []
