"""A new release sees copies of real requests first, where the settings say so; callers never notice."""

from __future__ import annotations

import itertools
import json
import time

import pytest
from botocore.exceptions import ClientError
from botocore.validate import validate_parameters

from doubles.aws import RELEASE, Bucket, Client, input_shape, make_package, make_run
from sagemaker_gitops import endpoints, guard, names, prune, report, shadow, watch
from sagemaker_gitops.errors import (
    DeployFailed,
    NotStarted,
    SettingsError,
    WrongRelease,
)
from sagemaker_gitops.proof import Ready
from sagemaker_gitops.story import Step

ENDPOINT = "income-model-production"
OLD = "income-model-production-cdcdcdcdcdcd-1-0123abcd"
NEW = "income-model-production-abababababab-2-4567cdef"
SHADOW = "income-model-shadow-cdcdcdcdcdcd-1-0123abcd"
CAPTURE = {
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://b/c",
    "CaptureOptions": [{"CaptureMode": "Input"}],
}


def state(config: str = OLD, status: str = "InService", pending: str = "", **more: object) -> dict:
    """Return what DescribeEndpoint says."""
    told = {"EndpointName": ENDPOINT, "EndpointStatus": status, "EndpointConfigName": config} | more
    going = {"PendingDeploymentSummary": {"EndpointConfigName": pending}} if pending else {}
    return told | going | {"ProductionVariants": [{"DesiredInstanceCount": 4}]}


UPDATING = state(status="Updating", pending=SHADOW)


class Production:
    """A production that goes through given states once it has been asked."""

    def __init__(self, make_settings, *states: dict, fires: str = "", requests: int = 300, minutes: int = 3):
        self.states, self.fires = itertools.chain(states, itertools.repeat(states[-1])), fires
        self.requests = requests
        variant = {
            "VariantName": "main",
            "ModelName": OLD,
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
            "InitialVariantWeight": 1.0,
        }
        serving = {"EndpointConfigName": OLD, "ProductionVariants": [variant], "DataCaptureConfig": CAPTURE}
        self.sagemaker = Client(
            describe_endpoint=lambda **_: next(self.states), describe_endpoint_config=serving
        )
        self.cloudwatch = Client(
            describe_alarms=self._alarms, get_metric_statistics={"Datapoints": []}, get_metric_data=self._data
        )
        self.bucket = Bucket()
        settings = make_settings(**{"environments.production.rollout": {"shadow_minutes": minutes}})
        self.run = make_run(settings, sagemaker=self.sagemaker, cloudwatch=self.cloudwatch, s3=self.bucket)
        self.said: list[str] = []
        self.run.story.say = self.said.append

    def _alarms(self, AlarmNames: list[str], **_: object) -> dict:
        fires = "update_endpoint" in self.sagemaker.operations() and self.fires
        wide = {"Period": 60, "EvaluationPeriods": 1, "StateReason": "1 datapoint was over"}
        return {
            "MetricAlarms": [
                {"AlarmName": name, "StateValue": "ALARM" if fires and name.endswith(fires) else "OK"} | wide
                for name in AlarmNames
            ]
        }

    def _data(self, MetricDataQueries: list[dict], **_: object) -> dict:
        values = {"asked": self.requests, "failed": 0, "took": self.requests * 2000}
        return {
            "MetricDataResults": [
                {"Id": query["Id"], "Values": [values[query["Id"][:-1]]] if self.requests else []}
                for query in MetricDataQueries
            ]
        }

    def first(self, before: dict | None = None, **metadata: str) -> dict:
        ready = Ready(ENDPOINT, NEW, make_package(2, **metadata), {})
        return shadow.first(self.run, ready, before or state(), Step("production"))

    def request(self, operation: str) -> dict:
        return dict(self.sagemaker.asked)[operation]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(endpoints.time, "sleep", lambda _: None)
    monkeypatch.setattr(guard.time, "sleep", lambda _: None)


def test_boto3_accepts_the_requests_and_sagemaker_itself_waits_the_minutes(make_settings):
    made = Production(make_settings, UPDATING, state(SHADOW), minutes=20)
    made.first()
    for operation, method in {
        "CreateEndpointConfig": "create_endpoint_config",
        "UpdateEndpoint": "update_endpoint",
    }.items():
        validate_parameters(made.request(method), input_shape(operation))
    told = dict(made.cloudwatch.asked)
    validate_parameters(told["get_metric_data"], input_shape("GetMetricData", "cloudwatch"))
    validate_parameters(told["put_metric_alarm"], input_shape("PutMetricAlarm", "cloudwatch"))
    deployment = made.request("update_endpoint")["DeploymentConfig"]
    assert deployment["BlueGreenUpdatePolicy"]["TerminationWaitInSeconds"] == 20 * 60
    watching = [alarm["AlarmName"] for alarm in deployment["AutoRollbackConfiguration"]["Alarms"]]
    assert watching == [f"{SHADOW}-errors", f"{SHADOW}-latency"]
    assert told["delete_alarms"]["AlarmNames"] == watching


def test_what_serves_stays_and_the_shadow_gets_every_request_on_as_many_machines(make_settings):
    made = Production(make_settings, UPDATING, state(SHADOW))
    made.first()
    request, serving = (
        made.request("create_endpoint_config"),
        made.sagemaker.answers["describe_endpoint_config"],
    )
    (copied,) = request["ShadowProductionVariants"]
    assert request["ProductionVariants"] == serving["ProductionVariants"]
    assert request["DataCaptureConfig"] == CAPTURE
    assert (copied["ModelName"], copied["InitialVariantWeight"]) == (NEW, 1.0)
    assert (copied["InstanceType"], copied["InitialInstanceCount"]) == ("ml.m5.large", 4)  # autoscaling's 4
    watched = [
        {item["Value"] for item in query["MetricStat"]["Metric"]["Dimensions"]}
        for query in dict(made.cloudwatch.asked)["get_metric_data"]["MetricDataQueries"]
    ]
    assert {"main", ENDPOINT} in watched
    assert {copied["VariantName"], ENDPOINT} in watched


def test_a_shadow_that_stood_it_says_how_it_fared(make_settings):
    made = Production(make_settings, UPDATING, state(SHADOW))
    assert made.first()["EndpointConfigName"] == SHADOW
    assert made.said == [
        "  shadow: real requests: 0 of 300 failed, 2.0 ms; production: 0 of 300 failed, 2.0 ms"
    ]


def test_where_nobody_asked_anything_that_is_said_and_is_no_refusal(make_settings):
    made = Production(make_settings, UPDATING, state(SHADOW), requests=0)
    made.first()
    assert "nothing was refused, and nothing proven" in made.said[0]


@pytest.mark.parametrize("fires", ["errors", "latency"])
def test_a_shadow_that_fails_or_is_slow_is_refused_with_the_alarm_and_evidence(
    make_settings, tmp_path, fires
):
    made = Production(
        make_settings, UPDATING, state(status="RollingBack", pending=SHADOW), state(), fires=fires
    )
    with pytest.raises(WrongRelease, match="E412 the shadow failed") as stopped:
        made.first()
    assert f"{SHADOW}-{fires}: 1 datapoint" in stopped.value.why
    told = json.loads(made.bucket.objects[f"releases/{RELEASE}/rollout.json"])
    assert (told["verdict"], list(told["alarms"]["fired"])) == ("failed as a shadow", [f"{SHADOW}-{fires}"])
    page = report.write(made.run.story, make_settings(), "promote", stopped.value, tmp_path).read_text()
    assert "Shadow of version" in page
    assert f"{SHADOW}-{fires}: 1 datapoint" in page
    assert made.cloudwatch.operations()[-2:] == ["delete_alarms", "get_metric_data"]


@pytest.mark.parametrize(("reason", "told"), [("did not pass the ping health check", True), ("other", False)])
def test_a_shadow_that_never_came_up_is_told_with_the_end_of_its_log(make_settings, reason, told):
    made = Production(make_settings, UPDATING, state(FailureReason=reason))
    stream = {"logStreamName": "shadow/i-1", "creationTime": time.time() * 1000}
    made.run.aws.__dict__["logs"] = Client(
        describe_log_streams={"logStreams": [stream]}, get_log_events={"events": [{"message": "boom"}]}
    )
    with pytest.raises(WrongRelease, match="E412") as stopped:
        made.first()
    assert ("Its log ends: boom" in stopped.value.why) is told


def test_a_shadow_for_which_aws_has_no_machine_is_not_rejected(make_settings):
    made = Production(make_settings, UPDATING, state(FailureReason="Insufficient capacity"))
    with pytest.raises(DeployFailed, match="E412") as stopped:
        made.first()
    assert not isinstance(stopped.value, WrongRelease)


def test_a_shadow_that_went_back_without_a_word_is_not_rejected(make_settings):
    made = Production(make_settings, UPDATING, state())
    with pytest.raises(DeployFailed, match="E412") as stopped:
        made.first()
    assert not isinstance(stopped.value, WrongRelease)


def test_a_shadow_that_never_shows_is_no_fault_of_the_release_and_keeps_its_alarms(
    make_settings, monkeypatch
):
    monkeypatch.setattr(watch, "BEGIN_SECONDS", 0.05)
    made = Production(make_settings, state())
    with pytest.raises(DeployFailed, match="E402 the update never began") as stopped:
        made.first()
    assert not isinstance(stopped.value, WrongRelease)
    assert "delete_alarms" not in made.cloudwatch.operations()


def test_a_release_is_not_blamed_for_an_old_shadow_that_stays(make_settings):
    stays = state(SHADOW, FailureReason="Insufficient capacity")
    made = Production(make_settings, UPDATING | {"EndpointConfigName": SHADOW}, stays)
    with pytest.raises(DeployFailed, match="E402 the shadow of an earlier run") as stopped:
        made.first(state(SHADOW))
    assert not isinstance(stopped.value, WrongRelease)
    assert "Insufficient capacity" in stopped.value.why


def test_an_update_that_takes_a_moment_to_show_is_no_refusal(make_settings):
    made = Production(make_settings, state(), UPDATING, state(SHADOW))
    assert made.first()["EndpointConfigName"] == SHADOW


@pytest.mark.parametrize(
    ("minutes", "before", "metadata"),
    [
        pytest.param(0, state(), {}, id="not asked for"),
        pytest.param(3, state(), {"production": "proven"}, id="a release that comes back"),
        pytest.param(3, state(NEW), {}, id="it serves already"),
        pytest.param(3, state(pending=NEW), {}, id="its rollout goes on"),
        pytest.param(3, state(status="UpdateRollbackFailed"), {}, id="production must be healed"),
        pytest.param(3, state("made-by-hand"), {}, id="a config that no release made"),
    ],
)
def test_nothing_is_asked_where_a_shadow_has_no_place(make_settings, minutes, before, metadata):
    made = Production(make_settings, before, minutes=minutes)
    assert made.first(before, **metadata) is before
    assert made.sagemaker.asked == []


@pytest.mark.parametrize("minutes", [0, 3])
def test_a_shadow_that_a_killed_run_left_is_taken_away_first(make_settings, minutes):
    states = [UPDATING, state()] + [UPDATING, state(SHADOW)] * bool(minutes)
    made = Production(make_settings, *states, minutes=minutes)
    made.first(state(SHADOW))
    asked = [told["EndpointConfigName"] for name, told in made.sagemaker.asked if name == "update_endpoint"]
    assert asked == [OLD] + [SHADOW] * bool(minutes)


def test_where_the_alarms_are_not_quiet_production_is_not_asked_and_no_alarm_stays(make_settings):
    made = Production(make_settings, state())
    made.cloudwatch.answers["describe_alarms"] = {"MetricAlarms": []}
    with pytest.raises(NotStarted, match="E407"):
        made.first()
    assert "update_endpoint" not in made.sagemaker.operations()
    assert made.cloudwatch.operations()[-1] == "delete_alarms"


def test_where_sagemaker_refuses_the_update_no_alarm_stays(make_settings):
    made = Production(make_settings, state())
    refused = ClientError({"Error": {"Code": "ResourceLimitExceeded"}}, "UpdateEndpoint")
    made.sagemaker.answers["update_endpoint"] = refused
    with pytest.raises(ClientError, match="ResourceLimitExceeded"):
        made.first()
    assert made.cloudwatch.operations()[-1] == "delete_alarms"


def test_where_the_update_goes_on_its_alarms_stay(make_settings, monkeypatch):
    made, quiet = Production(make_settings, UPDATING), guard.described

    def lost(aws, wanted):
        if "update_endpoint" in made.sagemaker.operations():
            raise ClientError({"Error": {"Code": "ServiceUnavailable"}}, "DescribeAlarms")
        return quiet(aws, wanted)

    monkeypatch.setattr(guard, "described", lost)
    with pytest.raises(ClientError, match="ServiceUnavailable"):
        made.first(before=state())
    assert "delete_alarms" not in made.cloudwatch.operations()


def test_a_shadows_names_are_short_enough_lead_back_and_are_pruned_with_what_served():
    longest = f"{'a' * 24}-production-{'c' * 12}-99999-0123abcd"
    assert names.without_shadow("income-model", names.shadow("income-model", OLD)) == OLD
    assert len(names.shadow("a" * 24, longest)) <= 63
    assert (
        prune.version_of("income-model", SHADOW) == prune.version_of("income-model", f"{SHADOW}-errors") == 1
    )


@pytest.mark.parametrize("minutes", [1, 2, 61])
def test_minutes_that_alarms_or_sagemaker_could_not_use_are_refused(make_settings, minutes):
    with pytest.raises(SettingsError, match="shadow_minutes"):
        make_settings(**{"environments.production.rollout": {"shadow_minutes": minutes}})
