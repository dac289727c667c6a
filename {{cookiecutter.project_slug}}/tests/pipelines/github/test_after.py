"""After a run: recorded, shown, and main's owner told; whatever of it cannot be done, the rest is."""

from __future__ import annotations

import json

import pytest

from pipelines.errors import AccessError
from pipelines.github import after
from tests.conftest import make_settings
from tests.pipelines.github.makers import (
    BY_HAND,
    PACKAGE,
    PIPELINE,
    RELEASED,
    ROLLED_BACK,
    STAGE,
    job,
    needs,
    step,
    story,
)  # fmt: skip
from tests.pipelines.makers import GROUP, NO_ENDPOINT, RELEASE, SERVING, Bucket, Client, error, make_run

LATER = story("promote", step("production", "superseded"))


def registry(world, serving: int = 7, asked_by: str = "") -> Client:
    """Return a registry: version 7 of the proven commit, version 8 of the one at HEAD."""
    proven = {"production": "proven", "commit_sha": world.good, "metric": "auc=0.906", "asked_by": asked_by}
    told = {
        7: ("77" * 32, "Approved", proven),
        8: (RELEASE, "Approved" if serving == 8 else "Rejected", {"commit_sha": world.bad}),
    }

    def describe(ModelPackageName: str) -> object:
        release_id, approval, metadata = told[int(ModelPackageName.rsplit("/", 1)[1])]
        return {
            "ModelPackageArn": ModelPackageName,
            "ModelApprovalStatus": approval,
            "InferenceSpecification": {"Containers": [{"Image": "i", "ModelDataUrl": "s3://bucket/m"}]},
            "CustomerMetadataProperties": {"release_id": release_id} | metadata,
        }

    return Client(
        list_model_packages={"ModelPackageSummaryList": [{"ModelPackageArn": f"{GROUP}/{n}"} for n in told]},
        describe_model_package=describe,
        describe_endpoint=SERVING if serving else NO_ENDPOINT,
        describe_endpoint_config={"ProductionVariants": [{"ModelName": "m"}]},
        describe_model={"PrimaryContainer": {"ModelPackageName": f"{GROUP}/{serving}"}},
    )


@pytest.fixture
def conclude(world, tmp_path):
    """Return what runs the end of a release; it keeps S3 and the summary."""
    bucket = Bucket()

    def run(
        needs: str, commit: str = "", attempt: int = 1, serving: int = 7, **clients
    ) -> tuple[str, str, Bucket]:
        summary = tmp_path / f"summary-{attempt}-{commit[:7]}.md"
        run.summary = summary
        environ = world.github.environ() | {
            "NEEDS": needs,
            "GITHUB_SHA": commit or world.bad,
            "GITHUB_RUN_ID": "41",
            "GITHUB_RUN_ATTEMPT": str(attempt),
            "GITHUB_STEP_SUMMARY": str(summary),
        }
        made = make_run(make_settings(), **{"sagemaker": registry(world, serving), "s3": bucket} | clients)
        ended = after.conclude(made, after.with_stories(made, environ))
        return ended.kind, summary.read_text(), bucket

    return run


def recorded(bucket: Bucket, commit: str) -> dict:
    return json.loads(bucket.objects[f"outcomes/{commit}.json"])


def test_a_rollback_is_recorded_shown_and_answered(world, conclude):
    kind, summary, bucket = conclude(ROLLED_BACK)
    assert kind == "rolled back"
    assert recorded(bucket, world.bad)["outcome"] == "rolled back"
    assert summary.startswith("## Income model 8: production rolled back to 7\n")
    issue, pull = world.github.issues[1], world.github.issues[2]
    assert "/issues/1" in summary
    assert "/pull/2" in summary
    assert "run 41" in summary
    assert "#/endpoints/income-model-production" in summary
    assert f"s3://bucket/releases/{RELEASE}/rollout.json".replace("://", ":&#8203;//") in issue["body"]
    assert "takes it back" in issue["body"]
    assert pull["head"]["ref"] == f"revert/{RELEASE[:12]}"
    assert "issue #1" in pull["body"]


def test_a_rollback_by_hand_is_answered_alike(world, conclude):
    _, _, bucket = conclude(BY_HAND)
    assert recorded(bucket, world.bad)["outcome"] == "rolled back"
    issue, pull = world.github.issues[1], world.github.issues[2]
    assert "taken back by hand" in issue["body"]
    assert pull["head"]["ref"] == f"revert/{RELEASE[:12]}"


def test_what_a_later_release_has_replaced_meanwhile_is_recorded_and_asks_nobody_for_anything(
    world, conclude
):
    later = world.checkout.merge("Repaired", {"training/train.py": "better"})
    _, _, bucket = conclude(ROLLED_BACK, sagemaker=registry(world, asked_by=later))
    assert recorded(bucket, world.bad)["outcome"] == "rolled back"
    assert world.github.issues == {}


def test_the_same_run_again_changes_nothing(world, conclude):
    conclude(ROLLED_BACK)
    issues, comments = json.dumps(world.github.issues), json.dumps(world.github.comments)
    writes = len(world.github.writes())
    conclude(ROLLED_BACK)
    assert (json.dumps(world.github.issues), json.dumps(world.github.comments)) == (issues, comments)
    assert len(world.github.writes()) == writes


def test_a_slow_earlier_attempt_undoes_nothing(world, conclude):
    later = world.checkout.merge("Repaired", {"training/train.py": "better"})
    conclude(ROLLED_BACK, commit=later, attempt=2)
    writes = len(world.github.writes())
    conclude(RELEASED, commit=later, attempt=1, serving=8)
    assert len(world.github.writes()) == writes
    assert world.github.issues[1]["state"] == "open"


def test_a_release_that_is_proven_closes_issue_and_revert(world, conclude):
    conclude(ROLLED_BACK)
    later = world.checkout.merge("Repaired", {"training/train.py": "better"})
    kind, summary, bucket = conclude(RELEASED, commit=later, serving=8)
    assert kind == "released"
    assert recorded(bucket, later)["version"] == PACKAGE["version"]
    assert {each["state"] for each in world.github.issues.values()} == {"closed"}
    assert "closed: #1" in summary


def test_outcomes_on_s3_keep_what_was_released_since(world, conclude):
    """The README's merge was released as version 7, too: the revert goes back to it, not behind it."""
    world.checkout.git("reset", "-q", "--hard", world.good)
    docs = world.checkout.merge("Docs", {"README.md": "second"})
    bad = world.checkout.merge("Worse", {"training/train.py": "bad"})
    _, _, bucket = conclude("{}", commit=docs)
    told = recorded(bucket, docs) | {"outcome": "unchanged", "release_id": "77" * 32}
    bucket.objects[f"outcomes/{docs}.json"] = json.dumps(told).encode()
    conclude(ROLLED_BACK, commit=bad)
    assert world.github.git("rev-parse", f"revert/{RELEASE[:12]}^{{tree}}") == world.github.git(
        "rev-parse", f"{docs}^{{tree}}"
    )


def test_without_aws_the_summary_and_the_issue_are_there_all_the_same(world, conclude):
    away = Client(list_model_packages=error("ThrottlingException"))
    kind, summary, bucket = conclude(ROLLED_BACK, sagemaker=away)
    assert kind == "rolled back"
    assert "it is not known what production serves" in summary
    assert bucket.objects == {}
    assert "No revert is proposed" in world.github.issues[1]["body"]
    assert len(world.github.issues) == 1


def test_a_github_that_refuses_hides_neither_record_nor_summary(world, conclude):
    world.github.refuse("POST", "issues", 403, "Resource not accessible by integration")
    with pytest.raises(AccessError, match="E605"):
        conclude(ROLLED_BACK)
    text = conclude.summary.read_text()
    assert "production rolled back to 7" in text
    assert "not told: E605" in text


def test_a_revert_that_cannot_be_made_is_said_in_the_issue(world, conclude):
    world.github.refuse("POST", "git/refs", 403, "Repository rule violations found")
    with pytest.raises(AccessError, match="E605"):
        conclude(ROLLED_BACK)
    assert "Repository rule violations found" in world.github.issues[1]["body"]


def test_a_bucket_that_refuses_does_not_hide_the_outcome(world, conclude):
    closed = Client(get_object=error("NoSuchKey"), put_object=error("AccessDenied", "no", "PutObject"))
    with pytest.raises(Exception, match="AccessDenied"):
        conclude(ROLLED_BACK, s3=closed)
    assert "not told: E602 AWS refused PutObject" in conclude.summary.read_text()
    assert world.github.issues[1]["state"] == "open"


def test_a_story_that_lies_on_s3_alone_is_heard(world, conclude):
    """A reusable workflow that failed need not hand on what its jobs have put out."""
    told = json.loads(ROLLED_BACK)
    stories = told["deploy"].pop("outputs")
    bucket = Bucket()
    key = f"outcomes/{world.bad}/41-1/promote.json"
    bucket.objects[key] = stories["1"].encode()
    kind, _, _ = conclude(json.dumps(told), s3=bucket)
    assert kind == "rolled back"


def test_three_merges_in_a_row_leave_one_outcome_each_in_whatever_order_they_end(world, conclude):
    second = world.checkout.merge("Second", {"training/train.py": "second"})
    third = world.checkout.merge("Third", {"training/train.py": "third"})
    late = needs(a=job("success", PIPELINE), b=job("success", STAGE, LATER))
    conclude(RELEASED, commit=third, serving=8)
    conclude(late, commit=world.bad, serving=8)
    *_, bucket = conclude(late, commit=second, serving=8)
    outcomes = {key: json.loads(body)["outcome"] for key, body in bucket.objects.items()}
    assert outcomes == {
        f"outcomes/{world.bad}.json": "superseded",
        f"outcomes/{second}.json": "superseded",
        f"outcomes/{third}.json": "released",
    }


@pytest.mark.parametrize("garbage", ["", "null", "[]", "x"])
def test_garbage_is_told_as_a_failure_and_opens_nothing(world, conclude, garbage):
    kind, summary, _ = conclude(garbage)
    assert kind == "failed"
    assert "E105" in summary
    assert world.github.writes() == []
