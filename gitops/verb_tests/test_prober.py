"""The prober: whose answer it is, whether it is right, and what is published of it."""

from __future__ import annotations

import itertools
import time

import pytest
from botocore.exceptions import ConnectionClosedError
from botocore.validate import validate_parameters

from doubles.aws import (
    Client,
    answer,
    error,
    input_shape,
    make_aws,
    make_package,
    watched,
)
from sagemaker_gitops import prober
from sagemaker_gitops.errors import AccessError
from sagemaker_gitops.prober import Prober

OLD = "cd" * 32
GOLDEN = {
    "content_type": "application/json",
    "tolerance": 1e-4,
    "cases": [{"body": {"instances": [[n]]}, "predictions": [0.25]} for n in range(2)],
}
REFUSED = error("ModelError", operation="InvokeEndpoint")
REFUSED.response["OriginalStatusCode"] = 422
UNRENEWED = AccessError("E608 no token\nwhere\nwhy\nwhat to do")
BROKEN = error("ModelError", operation="InvokeEndpoint")
BROKEN.response["OriginalStatusCode"] = 500


def new_answer(predictions: object = None) -> dict:
    return answer([0.25] if predictions is None else predictions, package=2)


def from_old() -> dict:
    return answer([0.75], release=OLD, package=1)


def probed(make_settings, *later, first=from_old, publish: Client | None = None) -> tuple[Prober, Client]:
    """Return a prober that asked two golden requests of the old release, then got `later` in turn."""
    replies = itertools.chain([first, first], later, itertools.repeat(new_answer))
    client = Client(invoke_endpoint=lambda **_: next(replies)())
    publish = publish or Client()
    aws = make_aws(probe=client, publish=publish)
    asking = Prober(aws, watched(make_settings()), GOLDEN, make_package(2))
    asking.asked = True
    return asking, publish


def enough(asking: Prober, sent: int) -> None:
    """Wait until so many requests have been sent and answered."""
    until = time.monotonic() + 10
    while asking.counts.sent <= sent and time.monotonic() < until:
        time.sleep(0.005)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(prober, "PAUSE", 0.001)
    monkeypatch.setattr(prober, "PUBLISH", 0.0)


@pytest.mark.parametrize(
    ("reply", "count"),
    [
        pytest.param(lambda: new_answer(), "new", id="right, from the new release"),
        pytest.param(from_old, "old", id="another answer, from the old release"),
        pytest.param(lambda: new_answer([0.26]), "wrong", id="a wrong number"),
        pytest.param(lambda: new_answer([float("nan")]), "wrong", id="NaN with status 200"),
        pytest.param(lambda: answer([0.5], release="ee" * 32), "old", id="a third one, of a mixed fleet"),
        pytest.param(lambda: answer([0.25]) | {"CustomAttributes": ""}, "wrong", id="no release at all"),
        pytest.param(lambda: REFUSED, "wrong", id="a request refused that the old release answered"),
        pytest.param(lambda: BROKEN, "failed", id="a 5xx: the alarm on errors knows from whom"),
        pytest.param(lambda: error("ThrottlingException"), "failed", id="throttled"),
        pytest.param(lambda: ConnectionClosedError(endpoint_url="u"), "failed", id="a lost answer"),
        pytest.param(lambda: UNRENEWED, "failed", id="credentials that cannot be renewed"),
    ],
)
def test_each_answer_is_counted_for_what_it_is(make_settings, reply, count):
    asking, _ = probed(make_settings, reply)
    with asking:
        enough(asking, 6)
    told = asking.counts
    assert (told.old, told.wrong, told.failed) == (2 + (count == "old"), count == "wrong", count == "failed")
    assert told.new == told.sent - told.old - told.wrong - told.failed


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(lambda: new_answer([9]), id="this release, left by an earlier run"),
        pytest.param(lambda: answer([0.25], release="ee" * 32), id="a third release"),
        pytest.param(lambda: answer([0.25]) | {"CustomAttributes": ""}, id="no release at all"),
        pytest.param(lambda: REFUSED, id="refused by one half, answered by the other"),
    ],
)
def test_what_a_mixed_fleet_answers_before_the_update_is_not_held_against_what_heals_it(make_settings, reply):
    asking, client = probed(make_settings, *[reply] * 40)
    asking.asked = False
    with asking:
        enough(asking, 20)
    assert (asking.counts.wrong, asking.counts.new) == (0, 0)
    assert set(published(client, "WrongAnswers")) == {0}


def test_a_request_that_the_old_release_refused_too_is_not_held_against_the_new(make_settings):
    asking, _ = probed(make_settings, lambda: REFUSED, lambda: REFUSED, first=lambda: REFUSED)
    asking.asked = False
    with asking:
        asking.asked = True
        enough(asking, 6)
    assert (asking.counts.wrong, asking.counts.failed) == (0, 4)


def published(client: Client, name: str) -> list[float]:
    return [
        datum["Value"]
        for _, request in client.asked
        for datum in request["MetricData"]
        if datum["MetricName"] == name
    ]


def test_what_is_published_adds_up_and_boto3_accepts_it(make_settings):
    replies = [lambda: new_answer([9]), new_answer, lambda: new_answer([9])]
    asking, client = probed(make_settings, *replies)
    with asking:
        enough(asking, 6)
    for _, request in client.asked:
        validate_parameters(request, input_shape("PutMetricData", "cloudwatch"))
        assert request["Namespace"] == "income-model/Releases"
    wrong = published(client, "WrongAnswers")
    assert wrong[0] == 0  # the old release alone: data before anything moves
    assert sum(wrong) == 2
    dimensions = client.asked[0][1]["MetricData"][0]["Dimensions"]
    assert {"Name": "EndpointConfigName", "Value": "new"} in dimensions


def test_without_an_answer_nothing_is_published(make_settings):
    broken = [lambda: BROKEN] * 40
    asking, client = probed(make_settings, *broken, first=lambda: BROKEN)
    asking.share = 0.5
    with asking:
        enough(asking, 20)
    assert client.asked == []


def test_a_production_that_answers_nobody_is_not_held_against_the_release_that_may_heal_it(make_settings):
    broken = [lambda: BROKEN] * 40
    asking, client = probed(make_settings, *broken, first=lambda: BROKEN)
    with asking:  # the new fleet has no traffic yet
        enough(asking, 20)
    wrong = published(client, "WrongAnswers")
    assert wrong
    assert set(wrong) == {0}


def test_what_could_not_be_published_is_told_with_the_next(make_settings):
    answers = itertools.chain(
        [{}, error("ThrottlingException"), error("InternalFailure")], itertools.repeat({})
    )
    client = Client(put_metric_data=lambda **_: next(answers))
    asking, _ = probed(make_settings, lambda: new_answer([9]), publish=client)
    with asking:
        enough(asking, 12)
    assert published(client, "WrongAnswers")[:5] == [0, 1, 1, 1, 0]  # asked three times, taken once


@pytest.mark.parametrize(("share", "probes"), [(0.5, 20), (1 / 3, 35), (0.1, 132)])
def test_so_many_probes_miss_a_canary_less_than_once_in_a_million(share, probes):
    assert prober.missed(share, probes) < prober.MISS <= prober.missed(share, probes - 1)


def test_the_chance_of_having_missed_the_canary_is_that_of_its_share(make_settings):
    asking, _ = probed(make_settings, *[from_old] * 500)
    with asking:
        assert asking.counts.missed == 1.0
        asking.share = 0.5
        enough(asking, asking.counts.sent + 30)
    assert asking.counts.missed < prober.MISS


def test_with_all_traffic_on_the_new_fleet_no_probe_says_anything_of_the_canary(make_settings):
    asking, _ = probed(make_settings)
    with asking:
        asking.share = 1.0
        enough(asking, asking.counts.sent + 30)
    assert asking.counts.missed == 1.0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_prober_that_dies_of_a_fault_of_its_own_says_of_what(make_settings):
    asking, _ = probed(make_settings, lambda: {"Body": None})
    with asking:
        until = time.monotonic() + 10
        while asking.alive and time.monotonic() < until:
            time.sleep(0.005)
        assert not asking.alive
    assert asking.trouble == "AttributeError"


def test_every_probe_can_be_told_from_a_clients_request(make_settings):
    asking, _ = probed(make_settings)
    with asking:
        enough(asking, 4)
    asked = [request["InferenceId"] for _, request in asking.aws.probe.asked]
    assert all(identity.startswith("probe-") for identity in asked)
    assert len(set(asked)) == len(asked)
