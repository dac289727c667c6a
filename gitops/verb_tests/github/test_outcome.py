"""Whatever the jobs left, a merge has one outcome; the record of it is never an older one's."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta

import pytest

from doubles.aws import RELEASE, Bucket, make_aws
from doubles.endings import CASES, ended
from doubles.repository import (
    BACK,
    BY_HAND,
    EARLIER,
    HOSTILE,
    PACKAGE,
    PIPELINE,
    RELEASED,
    ROLLED,
    ROLLED_BACK,
    ROLLOUT,
    STAGE,
    job,
    needs,
    step,
    story,
)
from sagemaker_gitops.github import outcome, records
from sagemaker_gitops.github.outcome import Work, decide

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
WORK = Work(41, 1, "https://github.com/acme/demo/actions/runs/41", "c" * 40)


@pytest.mark.parametrize(("given", "kind"), CASES)
def test_a_release_has_this_outcome(given, kind):
    told = decide(given, WORK, NOW)
    assert told.kind == kind
    assert told.red == (kind not in ("released", "unchanged", "waiting", "superseded"))
    assert len(told.lines) == (4 if told.red else len(told.lines))
    assert json.loads(json.dumps(told.record()))["outcome"] == kind


@pytest.mark.parametrize(
    ("given", "code"),
    [
        pytest.param(
            needs(a=job("cancelled"), b=job("skipped")), "E106", id="while the pipeline was running"
        ),
        pytest.param(needs(a=job("success", PIPELINE), b=job("cancelled", STAGE)), "", id="after it"),
    ],
)
def test_a_cancelled_run_says_whether_sagemaker_may_still_train(given, code):
    told = decide(given, WORK, NOW)
    assert (told.kind, told.code) == ("cancelled", code)
    assert ("its pipeline may run on" in told.lines[0]) is bool(code)
    assert ("python -m pipelines status says how to stop it" in told.lines[2]) is bool(code)
    assert "nothing goes on by itself: run the failed jobs again" in told.lines[3]


def test_a_pipeline_that_outlives_its_runner_is_no_cancelled_one():
    """Reconcile collects the first, and leaves alone what a person has stopped."""
    told = decide(ended("pipeline", "E106", step("pipeline")), WORK, NOW)
    assert (told.kind, told.code) == ("failed", "E106")


def test_every_kind_is_among_the_cases():
    assert {case.values[1] for case in CASES} == set(outcome.KINDS)


DANCE = story("dance", step("production"))  # no verb of ours
GARBAGE = ("", "null", "{", "[]", '{"verb": 1}', '{"verb": "promote"}', DANCE, "x" * 99)


@pytest.mark.parametrize("text", [*GARBAGE, *HOSTILE])
def test_garbage_is_never_a_release(text):
    assert decide(text, WORK, NOW).kind == "failed"
    assert decide(needs(a=job("success", text), b=job("success", text)), WORK, NOW).kind == "failed"
    assert (
        decide(json.dumps({"a": text, "b": {"result": "success", "outputs": text}}), WORK, NOW).kind
        == "failed"
    )


def test_no_order_and_no_result_of_jobs_makes_a_rollback_green():
    jobs = {"a": [PIPELINE], "b": [STAGE], "c": [ROLLED]}
    for order in itertools.permutations(jobs):
        for result in ("success", "failure", "cancelled", "skipped", ""):
            given = needs(**{name: job(result, *jobs[name]) for name in order})
            assert decide(given, WORK, NOW).kind == "rolled back"


def test_a_rollback_names_its_release_its_alarm_and_its_four_lines():
    told = decide(ROLLED_BACK, WORK, NOW)
    assert (told.release_id, told.version, told.code) == (RELEASE, 8, "E401")
    assert told.taken_back
    assert told.fired == {"income-model-8-wrong": "1 datapoint was above 0"}
    assert told.lines == ("✗ E401 what", "  where", "  why", "  what to do")
    assert told.at == "2026-11-22T10:00:00+00:00"
    record = told.record()
    assert record["commit"] == "c" * 40
    assert record["run"] == {"id": 41, "attempt": 1, "url": WORK.url}


def test_a_rollback_by_hand_is_about_the_release_that_was_taken_back():
    told = decide(BY_HAND, WORK, NOW)
    assert (told.kind, told.release_id, told.version) == ("rolled back", RELEASE, 8)
    assert told.taken_back
    assert told.lines[0] == "✗ version 8 was taken back by hand"


TOOK = story("rollback", step("production"), package=EARLIER, taken_back=PACKAGE)
FELL = story("rollback", *BACK, code="E401", rollouts=[ROLLOUT | {"package": EARLIER}])


@pytest.mark.parametrize(
    ("given", "kind", "says"),
    [
        pytest.param(job("success", TOOK), "rolled back", "taken back by hand", id="done"),
        pytest.param(job("cancelled", TOOK), "rolled back", "taken back by hand", id="cancelled behind it"),
        pytest.param(job("failure", FELL), "failed", "E401", id="the earlier release is wrong, too"),
        pytest.param(job("failure", story("rollback", code="E404")), "failed", "E404", id="none before it"),
        pytest.param(
            job("failure"), "failed", "E105 nobody knows how the rollback ended", id="a lost runner"
        ),
        pytest.param(job("success"), "failed", "E105 nobody knows how the rollback ended", id="no word"),
        pytest.param(job("cancelled"), "cancelled", "the rollback was cancelled", id="cancelled"),
        pytest.param(
            job("success", story("rollback", step("production", "superseded"))), "unchanged", "", id="gone"
        ),
    ],
)
def test_a_rollback_by_hand_says_how_it_ended(given, kind, says):
    told = decide(needs(rollback=given), WORK, NOW)
    assert told.kind == kind
    assert says in "\n".join(told.lines)
    assert told.taken_back is (kind == "rolled back")
    assert told.key == "rollback-41"


@pytest.mark.parametrize("code", ["E402", "E403"])
def test_what_stopped_before_production_is_nothing_that_production_gave_back(code):
    assert not decide(ended("stage", code, step("staging", "failed")), WORK, NOW).taken_back
    assert not decide(ended("promote", code), WORK, NOW).taken_back


def test_the_run_is_read_from_the_jobs_environment():
    environ = {"GITHUB_RUN_ID": "41", "GITHUB_RUN_ATTEMPT": "2", "GITHUB_SHA": "c" * 40}
    environ |= {"GITHUB_REPOSITORY": "acme/demo", "GITHUB_SERVER_URL": "https://ghe.example"}
    assert Work.of(environ) == Work(41, 2, "https://ghe.example/acme/demo/actions/runs/41", "c" * 40)


@pytest.mark.parametrize(
    ("first", "second", "taken"),
    [
        pytest.param((41, 1), (41, 2), True, id="the next attempt"),
        pytest.param((41, 2), (41, 1), False, id="an attempt that was slow"),
        pytest.param((41, 2), (41, 2), True, id="the same again"),
        pytest.param((41, 9), (42, 1), True, id="a later run"),
        pytest.param((42, 1), (41, 9), True, id="an earlier run that is run again"),
    ],
)
def test_a_record_is_never_replaced_by_an_older_one(first, second, taken):
    bucket = Bucket()
    aws = make_aws(s3=bucket)
    works = [Work(*each, "url", "c" * 40) for each in (first, second)]
    assert records.record(aws, "bucket", decide(RELEASED, works[0], NOW))
    assert records.record(aws, "bucket", decide(ROLLED_BACK, works[1], NOW)) is taken
    recorded = records.recorded(aws, "bucket", "c" * 40)
    assert recorded is not None
    assert recorded["outcome"] == ("rolled back" if taken else "released")


MERGE, COLLECTS = Work(100, 2, "url", "c" * 40), Work(150, 1, "url", "c" * 40)
LOST = needs(a=job("failure"), b=job("skipped"))
TOO_LONG = ended("pipeline", "E106", step("pipeline"))
STOPPED = needs(a=job("success", PIPELINE), b=job("cancelled", STAGE))


@pytest.mark.parametrize(
    ("first", "second", "taken"),
    [
        pytest.param((COLLECTS, RELEASED), (MERGE, ROLLED_BACK), True, id="run again, it went back"),
        pytest.param((COLLECTS, RELEASED), (MERGE, LOST), False, id="run again, and lost again"),
        pytest.param((COLLECTS, RELEASED), (MERGE, TOO_LONG), False, id="run again, and trains for long"),
        pytest.param((COLLECTS, RELEASED), (MERGE, STOPPED), False, id="run again, and cancelled"),
        pytest.param((COLLECTS, LOST), (MERGE, STOPPED), True, id="neither of them knows"),
        pytest.param((COLLECTS, STOPPED), (MERGE, LOST), True, id="the one that collected was cancelled"),
        pytest.param((MERGE, RELEASED), (COLLECTS, LOST), True, id="the later run does not know"),
        pytest.param((MERGE, RELEASED), (COLLECTS, STOPPED), False, id="the later run was cancelled"),
        pytest.param((MERGE, RELEASED), (MERGE, STOPPED), False, id="run again as a whole, and cancelled"),
    ],
)
def test_of_two_runs_the_later_decision_stands_unless_the_earlier_run_does_not_know_its_end(
    first, second, taken
):
    (work, given), (again, then) = first, second
    before = decide(given, work, NOW).record()
    assert records.replaces(decide(then, again, NOW + timedelta(hours=1)), before) is taken


@pytest.mark.parametrize(("before", "after"), [(MERGE, COLLECTS), (COLLECTS, MERGE)])
def test_what_was_decided_earlier_and_recorded_late_replaces_no_other_runs_decision(before, after):
    told = decide(RELEASED, before, NOW + timedelta(seconds=9)).record()
    assert not records.replaces(decide(ROLLED_BACK, after, NOW), told)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"run": 7}', b'{"run": {"id": "x"}}'])
def test_a_record_that_nobody_can_read_is_replaced(body):
    bucket = Bucket({f"outcomes/{'c' * 40}.json": body})
    assert records.record(make_aws(s3=bucket), "bucket", decide(RELEASED, WORK, NOW))
    assert b'"released"' in bucket.objects[f"outcomes/{'c' * 40}.json"]
