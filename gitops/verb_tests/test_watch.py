"""A rollout from before its update to its verdict: promoted, rolled back or unknown, with evidence."""

from __future__ import annotations

import functools
import itertools
import json
import threading
import time

import pytest
from botocore.exceptions import ClientError

from doubles.aws import RELEASE, Bucket, Client, answer, error, make_package, make_run
from sagemaker_gitops import alarms, endpoints, guard, prober, rollout, watch
from sagemaker_gitops.errors import AccessError, DeployFailed, NotStarted, WrongRelease
from sagemaker_gitops.proof import Ready

GOLDEN = {
    "content_type": "application/json",
    "tolerance": 1e-4,
    "cases": [{"body": {"instances": [[1]]}, "predictions": [0.25]}],
}
ENDPOINT = "income-model-production"
SAFE = {"environments.production.instance_count": 3, "environments.production.rollout": {"preset": "safe"}}
ALARM = "new-wrong"


def state(
    status: str = "InService", config: str = "old", pending: str = "", share: float = 0.0, **more
) -> dict:
    """Return what DescribeEndpoint says."""
    summary = {
        "EndpointConfigName": pending,
        "ProductionVariants": [{"CurrentWeight": share, "VariantStatus": [{"Status": "Baking"}]}],
    }
    told = {"EndpointName": ENDPOINT, "EndpointStatus": status, "EndpointConfigName": config} | more
    old = [{"CurrentWeight": 1 - share}]
    return told | ({"PendingDeploymentSummary": summary, "ProductionVariants": old} if pending else {})


UPDATING = state("Updating", pending="new", share=0.5)
QUIET = dict.fromkeys(alarms.own("new"), "OK")


class Rollout:
    """A production that goes through given states once it has been asked; and what was left of it."""

    def __init__(
        self, make_settings, *states: dict, before: dict | None = None, fires: str = "", **answers
    ) -> None:
        self.states, self.fires = itertools.chain(states, itertools.repeat(states[-1])), fires
        self.before, self.looked = before or state(), 0
        settings = make_settings()
        count = settings.environments.production.instance_count
        variant = {"InstanceType": "ml.m5.large", "InitialInstanceCount": count}
        self.sagemaker = Client(
            describe_endpoint=self._describe,
            describe_endpoint_config={"ProductionVariants": [variant]},
            **answers,
        )
        self.cloudwatch = Client(describe_alarms=self._alarms, get_metric_statistics={"Datapoints": []})
        self.bucket = Bucket()
        self.between = self.before  # how production is when the alarms are quiet
        self.right = answer([0.25], package=2)["CustomAttributes"], [0.25]
        self.faults: list[Exception] = []  # of probes, once it was asked
        self.rings: list[str] = []  # alarms of the user's
        self.probes = 2  # between two looks
        self.reply = reply = Client(invoke_endpoint=self._answer)
        self.run = make_run(
            settings, sagemaker=self.sagemaker, cloudwatch=self.cloudwatch, runtime=reply, probe=reply,
            publish=Client(), s3=self.bucket,
        )  # fmt: skip

    @property
    def asked(self) -> bool:
        return "update_endpoint" in self.sagemaker.operations()

    def _describe(self, **_: object) -> dict:
        if self.looked == 0 or not (self.asked or endpoints.pending(self.before)):
            self.looked += 1
            return self.before if self.looked == 1 else self.between
        enough, until = len(self.reply.asked) + self.probes, time.monotonic() + 5
        while len(self.reply.asked) <= enough and time.monotonic() < until:
            threading.Event().wait(0.001)
        return next(self.states)

    def _answer(self, **_: object) -> object:
        if self.asked and self.faults:
            return self.faults.pop()
        attributes, predictions = self.right
        return answer(predictions) | {"CustomAttributes": attributes}

    def answers_wrongly(self) -> None:
        self.right = self.right[0], [0.5]

    def _alarms(self, **_: object) -> dict:
        firing = (
            {self.fires: "ALARM"} if self.fires and (self.asked or endpoints.pending(self.before)) else {}
        ) | dict.fromkeys(self.rings, "ALARM")
        wide = {"Period": 60, "EvaluationPeriods": 1, "StateReason": "1 datapoint was not less than 1"}
        return {
            "MetricAlarms": [
                {"AlarmName": name, "StateValue": value} | wide for name, value in (QUIET | firing).items()
            ]
        }

    def go(self, **metadata: str) -> None:
        ready = Ready(ENDPOINT, "new", make_package(2, **metadata), GOLDEN)
        with self.run.story.step("production") as step:
            rollout.serve(self.run, ready, step)

    @property
    def evidence(self) -> dict:
        return json.loads(self.bucket.objects[f"releases/{RELEASE}/rollout.json"])


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(endpoints.time, "sleep", lambda _: None)
    monkeypatch.setattr(guard.time, "sleep", lambda _: None)
    monkeypatch.setattr(prober, "PAUSE", 0.001)


def test_a_release_is_promoted_after_its_bake_and_what_happened_is_told_by_minute(make_settings):
    made = Rollout(make_settings, UPDATING, state("Updating", pending="new", share=1.0), state(config="new"))
    made.go()
    told = made.evidence
    assert told["verdict"] == "promoted"
    assert [(event["status"], event["phase"], event["share"]) for event in told["events"]] == [
        ("Updating", "Baking", 0.5),
        ("Updating", "Baking", 1.0),
        ("InService", "", 1.0),
    ]
    assert told["config"] == {"from": "old", "to": "new"}
    assert told["probes"]["wrong"] == 0
    assert told == made.run.story.facts["rollouts"][0]


def test_alarms_come_before_the_update_and_go_after_the_evidence(make_settings):
    made = Rollout(make_settings, UPDATING, state(config="new"))
    made.go()
    assert made.cloudwatch.operations()[:4] == ["get_metric_statistics"] + ["put_metric_alarm"] * 3
    assert made.cloudwatch.operations()[-1] == "delete_alarms"
    request = dict(made.sagemaker.asked)["update_endpoint"]
    watching = request["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"]
    assert [alarm["AlarmName"] for alarm in watching] == alarms.own("new")


@pytest.mark.parametrize(
    ("end", "fires", "words"),
    [
        pytest.param(
            state(FailureReason="alarm"), ALARM, f"alarm {ALARM}: 1 datapoint", id="with alarm and reason"
        ),
        pytest.param(
            state(FailureReason="did not pass the ping health check"), "", "ping", id="a reason, no alarm"
        ),
        pytest.param(state(), "", "no alarm, no reason given", id="silently"),
        pytest.param(state(), "new-errors", "alarm new-errors", id="silently, with an alarm"),
    ],
)
def test_a_rollback_is_red_and_says_why(make_settings, end, fires, words):
    made = Rollout(make_settings, UPDATING, state("RollingBack", pending="new"), end, fires=fires)
    if fires == ALARM:  # the probes found what the alarm says
        made.answers_wrongly()
    with pytest.raises(WrongRelease, match="rolled the release back") as back:
        made.go()
    assert back.value.code == "E401"
    assert words in back.value.why
    assert any("RollingBack" in line for line in back.value.detail)
    assert (made.evidence["verdict"], list(made.evidence["alarms"]["fired"])) == (
        "rolled back",
        [fires] * bool(fires),
    )
    assert made.cloudwatch.operations()[-1] == "delete_alarms"


@pytest.mark.parametrize(
    ("end", "fires", "words"),
    [
        pytest.param(state(FailureReason="Insufficient capacity"), "", "capacity", id="AWS has no machine"),
        pytest.param(state(), ALARM, "nobody watched it", id="probes stopped, nothing was wrong"),
    ],
)
def test_a_rollback_that_is_not_the_releases_fault_does_not_reject_it(make_settings, end, fires, words):
    made = Rollout(make_settings, UPDATING, end, fires=fires)
    with pytest.raises(DeployFailed, match="rolled the release back") as back:
        made.go()
    assert not isinstance(back.value, WrongRelease)
    assert words in back.value.why
    assert "release it again" in back.value.todo


@pytest.mark.parametrize(
    ("share", "told"), [(0.0, True), (0.5, False)], ids=["it never came up", "requests have reached it"]
)
def test_a_new_fleets_log_is_told_only_while_no_request_has_reached_it(make_settings, share, told):
    """What others wrote after requests came can quote them."""
    end = state(FailureReason="did not pass the ping health check")
    made = Rollout(make_settings, state("Updating", pending="new", share=share), end)
    made.right = answer([0.25], package=1)["CustomAttributes"], [0.25]  # the release before it
    stream = {"logStreamName": "main/i-1", "creationTime": time.time() * 1000}
    made.run.aws.__dict__["logs"] = Client(
        describe_log_streams={"logStreams": [stream]}, get_log_events={"events": [{"message": "boom"}]}
    )
    with pytest.raises(WrongRelease, match="rolled the release back") as back:
        made.go()
    assert ("Its log ends: boom" in back.value.why, "boom" in back.value.detail) == (told, told)
    assert ("boom" in made.evidence["why"]) is told


@pytest.mark.parametrize("status", ["Failed", "UpdateRollbackFailed", "OutOfService"])
def test_any_other_end_is_unknown_and_red(make_settings, status):
    made = Rollout(make_settings, UPDATING, state(status, FailureReason="both failed"))
    with pytest.raises(DeployFailed, match=f"the endpoint is {status}") as failed:
        made.go()
    assert failed.value.code == "E402"
    assert not isinstance(failed.value, WrongRelease)
    assert made.evidence["verdict"] == "unknown"


def test_an_update_that_is_stuck_is_red_after_sagemakers_own_limit_and_keeps_its_alarms(
    make_settings, monkeypatch
):
    made = Rollout(make_settings, UPDATING)
    clock = itertools.count(0, 60)
    monkeypatch.setattr(endpoints.time, "monotonic", lambda: next(clock))
    with pytest.raises(DeployFailed, match="is still Updating") as failed:
        made.go()
    assert failed.value.why == f"waited {5 + 30 + watch.GRACE_MINUTES} minutes"
    assert made.evidence["verdict"] == "unknown"
    assert "delete_alarms" not in made.cloudwatch.operations()


def test_an_update_that_takes_a_moment_to_show_is_no_rollback(make_settings):
    made = Rollout(make_settings, state(), UPDATING, state(config="new"))
    made.go()
    assert made.evidence["verdict"] == "promoted"


def test_an_update_that_never_shows_is_red_and_no_fault_of_the_release(make_settings, monkeypatch):
    monkeypatch.setattr(watch, "BEGIN_SECONDS", 0.05)
    made = Rollout(make_settings, state())
    with pytest.raises(DeployFailed, match="never began") as never:
        made.go()
    assert (never.value.code, type(never.value)) == ("E402", DeployFailed)
    assert "delete_alarms" not in made.cloudwatch.operations()  # it might still begin


def test_where_sagemaker_refuses_the_update_no_alarm_stays(make_settings):
    refusal = error("ResourceLimitExceeded", "no such machine is left", "UpdateEndpoint")
    made = Rollout(make_settings, state(), update_endpoint=refusal)
    with pytest.raises(ClientError, match="ResourceLimitExceeded"):
        made.go()
    assert made.cloudwatch.operations()[-1] == "delete_alarms"
    assert made.evidence["why"] == "ResourceLimitExceeded"


@pytest.mark.parametrize(
    "between",
    [
        pytest.param(state(config="theirs"), id="another release serves"),
        pytest.param(state("Updating", pending="theirs", share=0.5), id="another release is under way"),
        pytest.param(error("ValidationException", "Could not find endpoint"), id="the endpoint is gone"),
    ],
)
def test_a_release_that_another_one_overtook_while_its_alarms_became_quiet_is_not_asked_for(
    make_settings, between
):
    made = Rollout(make_settings, UPDATING, state(config="new"))
    made.between = between
    with pytest.raises(NotStarted, match="another release came in between") as overtaken:
        made.go()
    assert (overtaken.value.code, len(overtaken.value.lines())) == ("E413", 4)
    assert not made.asked
    assert made.bucket.objects == {}
    assert made.cloudwatch.operations()[-1] == "delete_alarms"


def test_a_release_that_another_one_was_quicker_than_by_a_moment_says_so_and_leaves_no_alarm(make_settings):
    refusal = error("ValidationException", "Cannot update in-progress endpoint", "UpdateEndpoint")
    made = Rollout(make_settings, state("Updating", pending="theirs", share=0.5), update_endpoint=refusal)
    with pytest.raises(NotStarted, match="another release came in between"):
        made.go()
    assert made.cloudwatch.operations()[-1] == "delete_alarms"


@pytest.mark.parametrize(
    ("share", "seen"),
    [
        pytest.param(0.5, True, id="asked often enough"),
        pytest.param(0.001, False, id="probably never asked"),
        pytest.param(0.0, False, id="no look saw the canary"),
    ],
)
def test_a_canary_that_the_probes_may_have_missed_makes_no_promotion(make_settings, share, seen):
    step = state("Updating", pending="new", share=share)
    final = state("Updating", pending="new", share=1.0)
    made = Rollout(functools.partial(make_settings, **SAFE), step, step, final, state(config="new"))
    made.probes = 30
    if seen:
        made.go()
    else:
        with pytest.raises(DeployFailed, match="nobody saw") as unseen:
            made.go()
        assert (unseen.value.code, type(unseen.value)) == ("E402", DeployFailed)
    assert (made.evidence["canary_seen"], made.evidence["verdict"]) == (
        seen,
        "promoted" if seen else "unknown",
    )


def test_a_release_of_which_no_answer_came_is_not_promoted(make_settings):
    made = Rollout(make_settings, state("Updating", pending="new", share=1.0), state(config="new"))
    made.right = answer([0.25], release="cd" * 32)["CustomAttributes"], [0.25]
    with pytest.raises(DeployFailed, match="nobody saw") as unseen:
        made.go()
    assert type(unseen.value) is DeployFailed
    assert made.evidence["canary_seen"] is False


def test_a_canary_that_was_over_when_a_run_came_to_it_is_made_up_for_by_the_final_bake(make_settings):
    final = state("Updating", pending="new", share=1.0)
    made = Rollout(functools.partial(make_settings, **SAFE), final, state(config="new"), before=final)
    made.go()
    assert made.evidence["verdict"] == "promoted"


def test_one_probe_without_an_answer_does_not_make_a_release_wrong(make_settings):
    made = Rollout(make_settings, UPDATING, state(), fires=ALARM)
    made.faults = [error("ThrottlingException")]
    with pytest.raises(DeployFailed, match="rolled the release back") as back:
        made.go()
    assert type(back.value) is DeployFailed
    assert made.evidence["probes"]["failed"] == 1


def test_wrong_answers_that_no_alarm_saw_are_red(make_settings):
    made = Rollout(make_settings, UPDATING, state(config="new"))
    made.answers_wrongly()
    with pytest.raises(WrongRelease, match="wrongly") as wrong:
        made.go()
    assert wrong.value.code == "E402"
    assert made.evidence["verdict"] == "unknown"


def test_nobody_is_asked_a_second_time_while_our_own_update_is_under_way(make_settings):
    made = Rollout(make_settings, UPDATING, state(config="new"), before=UPDATING)
    made.go()
    assert "update_endpoint" not in made.sagemaker.operations()
    assert "put_metric_alarm" not in made.cloudwatch.operations()
    assert made.evidence["verdict"] == "promoted"


def test_an_alarm_that_would_watch_nothing_stops_it_before_the_endpoint_is_asked(make_settings):
    made = Rollout(make_settings, state())
    made.cloudwatch.answers["describe_alarms"] = error("AccessDeniedException")
    with pytest.raises(NotStarted):
        made.go()
    assert not made.asked
    assert made.cloudwatch.operations()[-1] == "delete_alarms"
    assert made.bucket.objects == {}


def test_a_killed_rollout_keeps_the_alarms_that_take_it_back(make_settings, monkeypatch):
    made = Rollout(make_settings, UPDATING)
    monkeypatch.setattr(endpoints.time, "sleep", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        made.go()
    assert "delete_alarms" not in made.cloudwatch.operations()


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(error("AccessDenied"), id="AWS says no"),
        pytest.param(AccessError("E601 no token\nwhere\nwhy\ntodo"), id="no new credentials"),
    ],
)
@pytest.mark.parametrize("what", ["evidence", "alarms"])
def test_what_cannot_be_left_or_tidied_does_not_hide_the_verdict(make_settings, what, trouble):
    made = Rollout(make_settings, UPDATING, state())
    client, operation = {
        "evidence": (made.bucket, "put_object"),
        "alarms": (made.cloudwatch, "delete_alarms"),
    }[what]
    client.answers[operation] = trouble
    with pytest.raises(WrongRelease, match="rolled the release back"):
        made.go()


@pytest.mark.parametrize("proven", [True, False])
def test_an_alarm_of_the_users_that_rings_keeps_out_a_new_release_and_not_a_way_back(make_settings, proven):
    tables = {"environments.production.rollout": {"alarms": ["theirs"]}}
    made = Rollout(functools.partial(make_settings, **tables), UPDATING, state(config="new"))
    made.rings, said = ["theirs"], []
    made.run.story.say = said.append
    if not proven:
        with pytest.raises(NotStarted, match="theirs is in ALARM already"):
            made.go()
        return
    made.go(production="proven")
    assert said == ["  not watched, for it rings already: theirs"]
    request = dict(made.sagemaker.asked)["update_endpoint"]
    watching = request["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"]
    assert (
        [alarm["AlarmName"] for alarm in watching] == alarms.own("new") == made.evidence["alarms"]["watched"]
    )


def test_what_sagemaker_promoted_after_its_run_was_killed_loses_its_alarms_and_is_asked_for_a_while(
    make_settings,
):
    made = Rollout(make_settings, state(config="new"), before=state(config="new"))
    said: list[str] = []
    made.run.story.say = said.append
    made.go()
    assert dict(made.cloudwatch.asked)["delete_alarms"] == {"AlarmNames": alarms.own("new")}
    assert len(made.reply.asked) == 1 + rollout.ROUNDS
    assert "did not see its end" in said[0]
    assert not made.asked
    assert not made.bucket.objects  # the endpoint was made with it: no release gave way to it


@pytest.mark.parametrize("strategy", ["all_at_once", "canary", "linear", "rolling"])
def test_what_nobody_saw_promoted_has_a_record_that_says_so(make_settings, strategy):
    wanted = make_settings(**SAFE | {"environments.production.rollout": {"strategy": strategy}})
    sent = rollout.deployment(wanted.environments.production, alarms.own("new"))
    served = state(config="new", LastDeploymentConfig=sent)
    made = Rollout(make_settings, served, before=served)
    made.go()
    told = made.evidence
    assert told == made.run.story.facts["rollouts"][0]
    assert (told["verdict"], told["unwatched"], told["canary_seen"]) == ("promoted", True, False)
    assert told["rollout"] == {"strategy": strategy}
    assert told["alarms"] == {"watched": alarms.own("new"), "fired": {}}
    assert (told["probes"]["new"], told["events"]) == (rollout.ROUNDS, [])
    assert "nobody watched its end" in told["why"]
    assert f"{rollout.ROUNDS} golden requests afterwards were answered rightly" in told["why"]


ROLLED = state(config="new", LastDeploymentConfig={"AutoRollbackConfiguration": {}})


def left_behind(made: Rollout, **changes: object) -> dict:
    """Lay down the record that an earlier run left of its rollout; return it."""
    told = {"verdict": "promoted", "unwatched": False, "config": {"from": "old", "to": "new"}} | changes
    made.bucket.objects[f"releases/{RELEASE}/rollout.json"] = json.dumps(told).encode()
    return told


def test_the_record_of_a_run_that_died_after_the_end_is_kept_and_shown(make_settings):
    made = Rollout(make_settings, ROLLED, before=ROLLED)
    told, said = left_behind(made), []
    made.run.story.say = said.append
    made.go()
    assert made.evidence == told
    assert made.run.story.facts["rollouts"] == [told]
    assert said == []  # somebody saw its end
    assert len(made.reply.asked) == 1


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"verdict": "rolled back"}, id="an earlier attempt that was rolled back"),
        pytest.param({"verdict": "unknown"}, id="one whose end was not known"),
        pytest.param({"config": {"from": "old", "to": "other"}}, id="of another config"),
    ],
)
def test_a_record_of_another_end_gives_way_to_what_is_known_now(make_settings, changes):
    made = Rollout(make_settings, ROLLED, before=ROLLED)
    left_behind(made, **changes)
    made.go()
    assert (made.evidence["verdict"], made.evidence["unwatched"]) == ("promoted", True)


@pytest.mark.parametrize(
    "answer", [error("AccessDenied", "", "GetObject"), error("SlowDown", "", "GetObject")], ids=str
)
def test_a_record_that_nobody_may_read_stops_no_release(make_settings, answer):
    made = Rollout(make_settings, ROLLED, before=ROLLED)
    made.bucket.answers["get_object"] = answer
    made.go()
    assert made.evidence["unwatched"]


def test_a_wrong_answer_of_what_nobody_watched_is_no_promotion_in_any_record(make_settings):
    served = state(config="new", LastDeploymentConfig={})
    made = Rollout(make_settings, served, before=served)
    made.answers_wrongly()
    with pytest.raises(WrongRelease):
        made.go()
    assert not made.bucket.objects


def test_one_wrong_answer_of_what_nobody_watched_is_enough(make_settings):
    made = Rollout(make_settings, state(config="new"), before=state(config="new"))
    replies = itertools.chain([answer([0.25], package=2)], itertools.repeat(None))
    made.reply.answers["invoke_endpoint"] = lambda **_: next(replies) or answer([0.5], package=2)
    with pytest.raises(WrongRelease, match="not answered rightly"):
        made.go()


def test_what_is_known_to_be_proven_is_asked_once(make_settings):
    made = Rollout(make_settings, state(config="new"), before=state(config="new"))
    made.go(production="proven")
    assert len(made.reply.asked) == 1


def test_a_mixed_fleet_is_healed_by_a_new_update(make_settings):
    made = Rollout(
        make_settings, UPDATING, state(config="new"), before=state("UpdateRollbackFailed", config="new")
    )
    made.go()
    assert made.asked
