"""The alarms of a rollout: on the new fleet only, able to fire, quiet and readable before anything moves."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
from botocore.validate import validate_parameters

from doubles.aws import Client, error, input_shape, make_aws, watched
from sagemaker_gitops import alarms, guard
from sagemaker_gitops.alarms import Watched
from sagemaker_gitops.errors import NotStarted

OURS = ["new-errors", "new-latency", "new-wrong"]


def published(name: str = "theirs", **changes: object) -> dict:
    """Return an alarm as CloudWatch describes it."""
    right = {
        "AlarmName": name,
        "Namespace": "AWS/SageMaker",
        "MetricName": "Invocation5XXErrors",
        "Statistic": "Average",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 0.01,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Dimensions": [
            {"Name": "EndpointName", "Value": "income-model-production"},
            {"Name": "VariantName", "Value": "main"},
        ],
        "StateValue": "OK",
    }
    return right | changes


def canary(make_settings, count: int = 3, **rollout: object) -> Watched:
    """Return what is watched where the first step is one machine of some."""
    tables = {"environments.production.instance_count": count}
    return watched(
        make_settings(**tables, **{"environments.production.rollout": {"preset": "safe"} | rollout})
    )


def test_boto3_accepts_our_alarms(make_settings):
    for request in alarms.requests(watched(make_settings()), 1234.5):
        validate_parameters(request, input_shape("PutMetricAlarm", "cloudwatch"))


def test_every_alarm_of_ours_looks_at_the_new_fleet_only(make_settings):
    failing, slow, wrong = alarms.requests(watched(make_settings()), 50_000)
    for alarm in (failing, wrong):
        assert {"Name": "EndpointConfigName", "Value": "new"} in alarm["Dimensions"]
    configs = {
        query["Id"]: dimension["Value"]
        for query in slow["Metrics"]
        if "MetricStat" in query
        for dimension in query["MetricStat"]["Metric"]["Dimensions"]
        if dimension["Name"] == "EndpointConfigName"
    }
    assert configs == {"new": "new", "old": "old"}


def test_no_probes_are_as_bad_as_a_wrong_answer_and_no_traffic_is_no_fault(make_settings):
    missing = [alarm["TreatMissingData"] for alarm in alarms.requests(watched(make_settings()), 0)]
    assert missing == ["notBreaching", "notBreaching", "breaching"]


def test_the_old_fleets_last_latency_stands_in_and_a_quick_model_is_never_slow(make_settings):
    def expressions(baseline: float) -> list[str]:
        slow = alarms.requests(watched(make_settings()), baseline)[1]
        return [query["Expression"] for query in slow["Metrics"] if "Expression" in query]

    assert expressions(50_000.4) == ["FILL(old, 50000)", "new / IF(usual > 20000, usual, 20000)"]
    assert expressions(800)[0] == "FILL(old, 20000)"


def test_none_of_ours_is_dead_in_any_rollout(make_settings):
    for rollout in ({"preset": "safe"}, {"strategy": "linear"}, {"strategy": "rolling"}, {"preset": "small"}):
        seen = canary(make_settings, **rollout)
        assert [alarms.dead(request, seen) for request in alarms.requests(seen, 0)] == [None, None, None]


ENDPOINT = "income-model-production"
of = alarms.dimensions


def math(**changes: object) -> dict:
    """Return a metric-math alarm on one metric."""
    metric = {
        "Namespace": "AWS/SageMaker",
        "MetricName": "ModelLatency",
        "Dimensions": of(EndpointName=ENDPOINT, VariantName="main"),
    }
    stat = {"Metric": metric | changes, "Period": 60, "Stat": "p99"}
    return {
        "AlarmName": "theirs",
        "Metrics": [
            {"Id": "took", "MetricStat": stat, "ReturnData": False},
            {"Id": "ms", "Expression": "took / 1000", "ReturnData": True},
        ],
        "EvaluationPeriods": 1,
        "Threshold": 500.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "StateValue": "OK",
    }


# AWS's guardrails page alarms on Average > 1 over 2 x 600 s; its canary notebook says 1 % and asks for
# Average >= 1 of all answers of the endpoint, of which a third comes from the canary.
PAGE = published(Threshold=1.0, ComparisonOperator="GreaterThanThreshold", Period=600, EvaluationPeriods=2)
NOTEBOOK = published(Threshold=1.0)


@pytest.mark.parametrize(
    ("alarm", "why"),
    [
        pytest.param(PAGE, "1200 s of data", id="AWS's guardrails page"),
        pytest.param(PAGE | {"Period": 60}, "0.34 at most", id="the same with short periods"),
        pytest.param(NOTEBOOK, "0.34 at most of all answers", id="AWS's canary notebook"),
        pytest.param(published(Statistic="Maximum", Threshold=2.0), "is 1 at most", id="a maximum above one"),
        pytest.param(
            published(Threshold=0.0, ComparisonOperator="LessThanThreshold"),
            "waits for 0",
            id="less than none",
        ),
        pytest.param(published(Period=300, EvaluationPeriods=3), "900 s", id="longer than the bake"),
        pytest.param(
            published(Dimensions=[{"Name": "EndpointConfigName", "Value": "last-year"}]),
            "watches last-year",
            id="another config",
        ),
        pytest.param(
            published(Dimensions=[{"Name": "EndpointName", "Value": "theirs"}]),
            "theirs",
            id="another endpoint",
        ),
        pytest.param(
            published(Namespace="income-model/Releases", MetricName="WrongAnswers"),
            "missing data must be breaching",
            id="the prober's metric without its silence",
        ),
        pytest.param(
            published(MetricName="Invocation5xxErrors"),
            "no metric Invocation5xxErrors",
            id="a misspelt metric",
        ),
        pytest.param(
            published(Dimensions=of(EndpointName=ENDPOINT)), "not EndpointName", id="no variant named"
        ),
        pytest.param(published(Dimensions=[]), "not none", id="no dimensions"),
        pytest.param(
            published(Dimensions=of(EndpointName=ENDPOINT, VariantName="AllTraffic")),
            "no variant AllTraffic; it is called main",
            id="a variant that is not there",
        ),
        pytest.param(
            published(Dimensions=of(EndpointName=ENDPOINT, VariantName="main", Host="h")),
            "not EndpointName, VariantName, Host",
            id="a dimension too many",
        ),
        pytest.param(
            published(Dimensions=of(EndpointName=ENDPOINT, VariantName="main", EndpointConfigName="old")),
            "watches old",
            id="the old fleet alone",
        ),
        pytest.param(math(), None, id="metric math that watches the new fleet"),
        pytest.param(
            math(MetricName="ModelLatencies"), "no metric ModelLatencies", id="misspelt within math"
        ),
        pytest.param(
            math(Dimensions=of(EndpointName="theirs", VariantName="main")), "theirs", id="theirs within math"
        ),
        pytest.param(
            math(Dimensions=of(EndpointName=ENDPOINT)), "not EndpointName", id="no variant within math"
        ),
        pytest.param(
            math(Dimensions=of(EndpointName=ENDPOINT, VariantName="main", EndpointConfigName="old")),
            "watches old",
            id="the old fleet alone within math",
        ),
        pytest.param(published(), None, id="1 % of all answers"),
        pytest.param(published(Statistic="Sum", Threshold=5.0), None, id="five errors"),
        pytest.param(
            published(Namespace="Theirs", MetricName="Orders", Threshold=100.0), None, id="a metric of theirs"
        ),
        pytest.param(
            published(Period=300, EvaluationPeriods=3, DatapointsToAlarm=1), None, id="one period of three"
        ),
    ],
)
def test_an_alarm_that_could_not_fire_at_a_third_of_the_traffic_is_named(make_settings, alarm, why):
    found = alarms.dead(alarm, canary(make_settings))
    assert found is why or str(why) in str(found)


def test_with_all_traffic_on_the_new_fleet_a_whole_average_can_be_reached(make_settings):
    assert alarms.dead(NOTEBOOK, watched(make_settings())) is None
    page = alarms.dead(PAGE | {"Period": 60}, watched(make_settings()))
    assert page == "Average of Invocation5XXErrors is 1 at most; it waits for 1"


def cloudwatch(*found: dict) -> Client:
    return Client(describe_alarms={"MetricAlarms": list(found)})


def ours(**states: str) -> list[dict]:
    """Return our three alarms as described, quiet but for `states` by kind."""
    wide = {"Dimensions": [], "Namespace": "N", "MetricName": "M"}
    return [
        published(name, **wide, StateValue=states.get(name.removeprefix("new-"), "OK"), StateReason="why")
        for name in OURS
    ]


@pytest.fixture
def hour(monkeypatch):
    """Make every look a quarter of an hour after the last one."""
    clock = itertools.count(0, 15 * 60)
    monkeypatch.setattr(guard.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(guard.time, "sleep", lambda _: None)


@pytest.mark.parametrize(
    ("answer", "code", "what"),
    [
        pytest.param({"MetricAlarms": ours()}, "E407", "no alarm theirs", id="missing or misspelt"),
        pytest.param(error("AccessDeniedException"), "E408", "cannot be read", id="unreadable"),
        pytest.param(
            {"MetricAlarms": [*ours(), published(StateValue="ALARM", StateReason="r")]},
            "E409",
            "theirs is in ALARM",
            id="in ALARM",
        ),
        pytest.param(
            {"MetricAlarms": [*ours(), published(StateValue="INSUFFICIENT_DATA")]},
            "E410",
            "theirs has no data",
            id="never any data",
        ),
        pytest.param(
            {"MetricAlarms": [*ours(wrong="ALARM"), published()]},
            "E409",
            "new-wrong is in ALARM",
            id="ours fires",
        ),
        pytest.param(
            {"MetricAlarms": [*ours(), PAGE]}, "E411", "theirs could not fire", id="one that could not fire"
        ),
    ],
)
def test_an_alarm_that_would_watch_nothing_stops_the_release_before_it_starts(
    make_settings, hour, answer, code, what
):
    seen = watched(make_settings(**{"environments.production.rollout": {"alarms": ["theirs"]}}))
    with pytest.raises(NotStarted, match=what) as refused:
        guard.ready(make_aws(cloudwatch=Client(describe_alarms=answer)), seen, lambda: "")
    assert (refused.value.code, refused.value.exit_code, len(refused.value.lines())) == (code, 4, 4)
    assert "production is as it was" in refused.value.todo


def test_an_alarm_of_the_users_that_fires_is_not_waited_for(make_settings, monkeypatch):
    monkeypatch.setattr(guard.time, "sleep", lambda _: pytest.fail("it waited"))
    seen = watched(make_settings(**{"environments.production.rollout": {"alarms": ["theirs"]}}))
    client = cloudwatch(*ours(), published(StateValue="ALARM"))
    with pytest.raises(NotStarted, match="in ALARM already"):
        guard.ready(make_aws(cloudwatch=client), seen, lambda: "")
    assert len(client.asked) == 1


def test_what_was_proven_comes_back_although_the_users_alarm_rings_and_only_that_is_not_watched(
    make_settings, monkeypatch
):
    monkeypatch.setattr(guard.time, "sleep", lambda _: None)
    seen = watched(make_settings(**{"environments.production.rollout": {"alarms": ["theirs", "quiet"]}}))
    client = cloudwatch(*ours(), published("quiet"), published(StateValue="ALARM"))
    left = guard.ready(make_aws(cloudwatch=client), seen, lambda: "", known=True)
    assert left.names == [*OURS, "quiet"]


def test_alarms_of_ours_that_ring_keep_out_even_what_was_proven(make_settings, hour):
    client = cloudwatch(*ours(wrong="ALARM"))
    with pytest.raises(NotStarted, match="new-wrong is in ALARM"):
        guard.ready(make_aws(cloudwatch=client), watched(make_settings()), lambda: "", known=True)


def test_alarms_of_ours_are_given_time_to_become_quiet(make_settings, monkeypatch):
    monkeypatch.setattr(guard.time, "sleep", lambda _: None)
    answers = iter([ours(wrong="ALARM"), ours(wrong="INSUFFICIENT_DATA"), ours()])
    client = Client(describe_alarms=lambda **_: {"MetricAlarms": next(answers)})
    guard.ready(make_aws(cloudwatch=client), watched(make_settings()), lambda: "")
    assert len(client.asked) == 3


def test_why_there_is_no_data_is_told(make_settings, hour):
    found = ours(wrong="INSUFFICIENT_DATA")
    with pytest.raises(NotStarted) as refused:
        guard.ready(make_aws(cloudwatch=cloudwatch(*found)), watched(make_settings()), lambda: "AccessDenied")
    assert "AccessDenied" in refused.value.why


def test_the_baseline_is_what_cloudwatch_saw_or_else_what_the_prober_did(make_settings):
    seen = Client(get_metric_statistics={"Datapoints": [{"Average": 7000.0}]})
    assert guard.baseline(make_aws(cloudwatch=seen), "e", "old", 90.0) == 7000.0
    request = seen.asked[0][1]
    validate_parameters(request, input_shape("GetMetricStatistics", "cloudwatch"))
    nothing = Client(get_metric_statistics={"Datapoints": []})
    assert guard.baseline(make_aws(cloudwatch=nothing), "e", "old", 90.0) == 90.0


def test_what_watches_nothing_can_be_told_apart_by_name(make_settings):
    seen = dataclasses.replace(watched(make_settings()), config="c" * 63)
    assert all(len(name) <= 255 for name in seen.names)
    assert alarms.own("new") == OURS
