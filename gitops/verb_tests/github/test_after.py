"""After a run: recorded, shown, and main's owner told; whatever of it cannot be done, the rest is."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from doubles.aws import (
    GROUP,
    NO_ENDPOINT,
    RELEASE,
    SERVING,
    STACK,
    Bucket,
    Client,
    error,
    make_aws,
    make_run,
)
from doubles.repository import (
    BACK,
    BY_HAND,
    EARLIER,
    PACKAGE,
    PIPELINE,
    RELEASED,
    ROLLED_BACK,
    ROLLOUT,
    STAGE,
    job,
    needs,
    step,
    story,
)  # fmt: skip
from sagemaker_gitops.errors import AccessError
from sagemaker_gitops.github import after
from tests.conftest import make_settings

LATER = story("promote", step("production", "superseded"))


def registry(world, serving: int = 7, asked_by: str = "", run: int = 41) -> Client:
    """Return a registry: version 7 of the proven commit, version 8 of the one at HEAD."""
    proven = {"production": "proven", "commit_sha": world.good, "metric": "auc=0.906", "asked_by": asked_by}
    told = {
        7: ("77" * 32, "Approved", proven),
        8: (RELEASE, "Approved" if serving == 8 else "Rejected", {"commit_sha": world.bad}),
    }

    judged = f"rolled back by hand to version 7 (run {run})"

    def describe(ModelPackageName: str) -> object:
        release_id, approval, metadata = told[int(ModelPackageName.rsplit("/", 1)[1])]
        return {
            "ModelPackageArn": ModelPackageName,
            "ModelApprovalStatus": approval,
            "InferenceSpecification": {"Containers": [{"Image": "i", "ModelDataUrl": "s3://bucket/m"}]},
            "CustomerMetadataProperties": {"release_id": release_id} | metadata,
            "ApprovalDescription": judged if approval == "Rejected" else "proven",
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
        needs: str,
        commit: str = "",
        attempt: int = 1,
        serving: int = 7,
        number: int = 41,
        approval: str = "gate",
        account: str = STACK.production,
        **clients,
    ) -> tuple[str, str, Bucket]:
        summary = tmp_path / f"summary-{number}-{attempt}-{commit[:7]}.md"
        run.summary = summary
        environ = world.github.environ() | {
            "NEEDS": needs,
            "GITHUB_SHA": commit or world.bad,
            "GITHUB_RUN_ID": str(number),
            "GITHUB_RUN_ATTEMPT": str(attempt),
            "GITHUB_STEP_SUMMARY": str(summary),
        }
        settings = make_settings(**{"project.approval": approval})
        made = make_run(settings, **{"sagemaker": registry(world, serving), "s3": bucket} | clients)
        made.__dict__["stack"] = replace(STACK, production=account)
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
    assert recorded(bucket, "rollback-41")["outcome"] == "rolled back"
    issue, pull = world.github.issues[1], world.github.issues[2]
    assert "taken back by hand" in issue["body"]
    assert pull["head"]["ref"] == f"revert/{RELEASE[:12]}"


def test_a_rollback_by_hand_takes_no_merges_outcome_and_the_one_that_still_trains_gets_its_own(
    world, conclude
):
    refused = needs(a=job("failure", story("pipeline", step("gate", "refused"), code="E301")))
    conclude(refused)
    training = world.checkout.merge("Repaired", {"training/train.py": "better"})
    _, _, bucket = conclude(BY_HAND, commit=training, number=42)
    assert recorded(bucket, world.bad)["outcome"] == "gate refused"
    assert f"outcomes/{training}.json" not in bucket.objects
    conclude(RELEASED, commit=training, serving=8)  # of run 41: an earlier one than the rollback's
    assert recorded(bucket, training)["outcome"] == "released"
    assert world.github.issues[1]["state"] == "closed"


def test_a_rollback_that_waited_for_its_reviewer_still_asks_for_the_revert(world, conclude):
    """It was dispatched before the release that serves now, and took back one that came after that."""
    earlier = world.checkout.git("commit-tree", f"{world.good}^{{tree}}", "-m", "Before all")
    world.checkout.git("reset", "-q", "--hard", earlier)
    dispatched = world.checkout.merge("Dispatched here", {"README.md": "earlier"})
    world.good = world.checkout.merge("First", {"training/train.py": "good again"})
    world.bad = world.checkout.merge("Bad", {"training/train.py": "bad"})
    conclude(BY_HAND, commit=dispatched, sagemaker=registry(world, asked_by=world.good))
    assert world.github.issues[2]["head"]["ref"] == f"revert/{RELEASE[:12]}"


GONE = story("rollback", step("production", "superseded"))
FELL = story("rollback", *BACK, code="E401", rollouts=[ROLLOUT | {"package": EARLIER}])


@pytest.mark.parametrize(
    ("ended", "says"),
    [
        pytest.param(job("failure", FELL), "✗ E401 what", id="rolled back itself"),
        pytest.param(job("failure", story("rollback", code="E404")), "✗ E404 what", id="nowhere to go"),
        pytest.param(job("failure"), "✗ E105 nobody knows how the rollback ended", id="a lost runner"),
        pytest.param(job("cancelled"), "✗ the rollback was cancelled", id="cancelled"),
    ],
)
def test_a_rollback_by_hand_that_failed_is_told_and_asks_for_no_revert(world, conclude, ended, says):
    _, summary, bucket = conclude(needs(rollback=ended), serving=8)
    assert recorded(bucket, "rollback-41")["lines"][0] == says
    (issue,) = world.github.issues.values()
    assert "the rollback" in issue["title"]
    assert "production serves 8" in issue["title"]
    assert says in issue["body"]
    assert "No revert is proposed" in issue["body"]
    assert "the rollback" in summary.splitlines()[0]
    conclude(needs(rollback=ended), serving=8, attempt=2)
    assert len(world.github.issues) == 1


def test_a_rollback_whose_verb_died_behind_the_rollout_has_its_revert(world, conclude):
    dead = story("rollback", step("production"), code="E602", rollouts=[ROLLOUT | {"package": EARLIER}])
    conclude(needs(rollback=job("failure", dead)))
    issue, pull = world.github.issues[1], world.github.issues[2]
    assert "version 8 was rolled back" in issue["title"]
    assert "✗ E602 what" in issue["body"]
    assert pull["head"]["ref"] == f"revert/{RELEASE[:12]}"


APART = "210987654321"


def noting(world, **served_at: str) -> Client:
    """Return a registry that notes since when production in another account served version 7 or 8."""
    made = registry(world)
    plain = made.answers["describe_model_package"]

    def describe(ModelPackageName: str) -> object:
        told = plain(ModelPackageName)
        since = served_at[f"v{ModelPackageName[-1]}"]
        told["CustomerMetadataProperties"] |= {"served_at": since, "served_in": APART}
        return told

    made.answers |= {"describe_model_package": describe, "describe_endpoint": AssertionError("not here")}
    return made


@pytest.mark.parametrize(
    ("v7", "noted"),
    [
        pytest.param("2026-11-20", 8, id="noted: the bad one serves on, Rejected"),
        pytest.param("2026-11-22", 7, id="noted: the one that fell"),
    ],
)
def test_a_rollback_that_rolled_back_itself_is_none_whatever_is_noted(world, conclude, v7, noted):
    seen = noting(world, v7=v7, v8="2026-11-21")
    kind, _, bucket = conclude(needs(rollback=job("failure", FELL)), account=APART, sagemaker=seen)
    assert kind == "failed"
    assert recorded(bucket, "rollback-41")["lines"][0] == "✗ E401 what"
    (issue,) = world.github.issues.values()  # and no revert
    assert f"the rollback failed; production serves {noted}" in issue["title"]


def test_a_rollback_that_was_never_proven_is_none_though_the_release_before_serves(world, conclude):
    unsure = story("rollback", *BACK, code="E406", rollouts=[ROLLOUT | {"package": EARLIER}])
    assert conclude(needs(rollback=job("failure", unsure)))[0] == "failed"
    assert len(world.github.issues) == 1


def test_a_second_attempt_of_a_rollback_is_not_told_by_the_first_ones_success(world, conclude):
    told = json.loads(BY_HAND)["rollback"]["outputs"]["0"]
    bucket = Bucket({f"outcomes/{world.bad}/41-1/rollback.json": told.encode()})
    assert conclude(needs(rollback=job("success")), attempt=2, s3=bucket)[0] == "rolled back"
    assert conclude(needs(rollback=job("failure")), attempt=3, s3=bucket)[0] == "failed"


@pytest.mark.parametrize(
    "serving",
    [
        pytest.param(8, id="nothing was ever taken back"),
        pytest.param(7, id="an earlier run took something back"),
    ],
)
def test_a_reviewers_no_to_a_rollback_is_no_failure_and_opens_nothing(world, conclude, serving):
    seen = registry(world, serving, run=40)
    no = needs(rollback=job("failure"))
    kind, summary, bucket = conclude(no, approval="reviewer", sagemaker=seen)
    assert kind == "waiting"
    assert recorded(bucket, "rollback-41")["lines"][0] == "◷ the rollback did not begin"
    assert f"the rollback did not begin, production serves {serving}" in summary.splitlines()[0]
    assert "a reviewer of the environment production said no" in summary
    assert "start the workflow rollback again" in summary
    assert world.github.writes() == []


@pytest.mark.parametrize(
    ("approval", "serving", "ended", "kind"),
    [
        pytest.param("gate", 8, job("failure"), "failed", id="nobody is asked"),
        pytest.param("reviewer", 8, job("cancelled"), "cancelled", id="cancelled"),
        pytest.param("reviewer", 8, job("success"), "failed", id="its word is lost"),
        pytest.param("reviewer", 8, job("failure", GONE), "failed", id="its job failed behind the verb"),
        pytest.param("reviewer", 7, job("failure"), "failed", id="this run has taken something back"),
    ],
)
def test_a_rollback_that_was_let_in_and_is_not_told_is_a_failure(
    world, conclude, approval, serving, ended, kind
):
    assert conclude(needs(rollback=ended), approval=approval, serving=serving)[0] == kind
    assert len(world.github.issues) == 1


def test_a_reviewers_no_while_aws_is_silent_is_still_told(world, conclude):
    away = Client(list_model_packages=error("ThrottlingException"))
    assert conclude(needs(rollback=job("failure")), approval="reviewer", sagemaker=away)[0] == "failed"


def test_a_rollback_that_had_nothing_left_to_do_asks_nobody_for_anything(world, conclude):
    conclude(ROLLED_BACK)
    writes = len(world.github.writes())
    _, summary, _ = conclude(needs(rollback=job("success", GONE)), number=42)
    assert "nothing to take back, production serves 7" in summary
    assert len(world.github.writes()) == writes
    assert world.github.issues[1]["state"] == "open"


NOT_LET_IN = needs(image=job(), pipeline=job("success", PIPELINE), deploy=job("failure", STAGE))


def waiting(world, **more: str) -> Client:
    """Return a registry whose version 8 staging has proven, with more facts about it."""
    made = registry(world)
    plain = made.answers["describe_model_package"]

    def describe(ModelPackageName: str) -> object:
        told = plain(ModelPackageName)
        if ModelPackageName.endswith("/8"):
            told["ModelApprovalStatus"] = "PendingManualApproval"
            told["CustomerMetadataProperties"] |= {"staging": "proven"} | more
        return told

    made.answers["describe_model_package"] = describe
    return made


def test_a_reviewers_no_is_no_failure_and_says_how_to_let_it_in_after_all(world, conclude):
    kind, summary, bucket = conclude(NOT_LET_IN, approval="reviewer", sagemaker=waiting(world))
    assert kind == "waiting"
    assert recorded(bucket, world.bad)["outcome"] == "waiting"
    assert "waits for its approval, production serves 7" in summary
    assert "gh run rerun 41 --failed, then approve it" in summary
    assert world.github.writes() == []


@pytest.mark.parametrize(
    ("approval", "facts"),
    [
        pytest.param("gate", {}, id="nobody is asked"),
        pytest.param("reviewer", {"asked_by": "bad"}, id="let in, then the runner was lost"),
    ],
)
def test_what_no_reviewer_has_stopped_is_a_failure(world, conclude, approval, facts):
    asked = {name: getattr(world, commit) for name, commit in facts.items()}
    kind, summary, _ = conclude(NOT_LET_IN, approval=approval, sagemaker=waiting(world, **asked))
    assert kind == "failed"
    assert "E105" in summary


def test_a_release_that_reconcile_repeats_is_not_told_by_what_the_first_one_said(world, conclude):
    """Both are jobs of one run and attempt: what the first has said lies where the second's lies, too."""
    told = json.loads(ROLLED_BACK)["deploy"]["outputs"]["1"]
    bucket = Bucket({f"outcomes/{world.bad}/41-1/promote.json": told.encode()})
    lost = needs(image=job("failure"), pipeline=job("skipped"), deploy=job("skipped"))
    assert conclude(needs(deploy=job("failure")), s3=bucket)[0] == "rolled back"
    assert conclude(lost, s3=bucket)[0] == "failed"
    after.stories.leave(make_aws(s3=bucket), "bucket", "promote", json.loads(told), {
        "GITHUB_RUN_ID": "41", "GITHUB_SHA": world.bad,
    })  # fmt: skip
    record = json.loads(bucket.objects[f"outcomes/{world.bad}.json"]) | {"at": "2026-11-22T10:00:00+00:00"}
    bucket.objects[f"outcomes/{world.bad}.json"] = json.dumps(record).encode()
    assert conclude(needs(deploy=job("failure")), s3=bucket)[0] == "rolled back"


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
