"""Shadow variants: they see what production sees, and nobody sees them but CloudWatch and data capture."""

from __future__ import annotations

import json
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from models_by_hand import Account


@pytest.fixture
def account(aws, monkeypatch):
    monkeypatch.setenv("SAGEMAKER_EMULATOR_HEALTH_SECONDS", "5")
    made = Account(aws)
    yield made
    made.clean()


def config(account, *, shadow_weight=1.0, weight=1.0, capture=None, **environment):
    """Create a config of a production variant (model "rye") and a shadow (model "oats"); return its name."""
    production, shadow = account.config("rye"), account.config("oats", **environment)
    name = f"s-{uuid.uuid4().hex[:10]}"
    member = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    beside = {"VariantName": "dark", "ModelName": shadow, "InitialVariantWeight": shadow_weight, **member}
    variants = [{"VariantName": "main", "ModelName": production, "InitialVariantWeight": weight, **member}]
    more = {"DataCaptureConfig": capture} if capture else {}
    return account.config_of(name, variants, ShadowProductionVariants=[beside], **more)


def invocations(account, name, variant, metric="Invocations", wanted=0, seconds=12):
    """Return the sum of a metric of a variant, once it has reached `wanted`."""
    deadline = time.monotonic() + seconds
    while True:
        points = account.aws.cloudwatch.get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName=metric,
            Dimensions=[{"Name": "EndpointName", "Value": name}, {"Name": "VariantName", "Value": variant}],
            StartTime=datetime.now(UTC) - timedelta(minutes=10),
            EndTime=datetime.now(UTC) + timedelta(minutes=1),
            Period=3600,
            Statistics=["Sum"],
        )["Datapoints"]
        found = sum(point["Sum"] for point in points)
        if found >= wanted or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


def asked(account, name, wanted):
    """Return how often the log says that a container was asked, once it is so often."""
    deadline = time.monotonic() + 10
    while (count := account.log(name).count("asked /invocations")) < wanted and time.monotonic() < deadline:
        time.sleep(0.1)
    return count


def test_the_shadow_gets_every_request_and_the_caller_hears_production_only(account):
    name = account.endpoint(config(account))
    for _ in range(10):
        answer = account.runtime.invoke_endpoint(EndpointName=name, Body=b"hello")
        assert answer["Body"].read().decode().startswith("rye")
        assert answer["InvokedProductionVariant"] == "main"
    assert asked(account, name, 20) == 20
    assert invocations(account, name, "dark", wanted=10) == 10
    assert invocations(account, name, "main", wanted=10) == 10
    assert invocations(account, name, "dark", "ModelLatency") > 0


def test_the_share_of_the_shadow_is_its_weight_relative_to_productions(account):
    name = account.endpoint(config(account, shadow_weight=0.5, weight=2.0))
    for _ in range(120):
        account.ask(name)
    assert invocations(account, name, "main", wanted=120) == 120
    assert 12 <= invocations(account, name, "dark", wanted=12) <= 50


def test_a_shadow_that_fails_dies_or_dawdles_costs_the_caller_nothing(account):
    name = account.endpoint(config(account))
    began = time.monotonic()
    for _ in range(40):
        assert account.ask(name, "only oats sleep 5").startswith("rye")
    assert time.monotonic() - began < 5
    for body in ("only oats fail 500", "only oats die"):
        assert account.ask(name, body).startswith("rye")
    assert account.ask(name).startswith("rye")
    assert invocations(account, name, "main", "Invocation5XXErrors") == 0


def test_errors_of_the_shadow_are_counted_as_its_own(account):
    name = account.endpoint(config(account))
    for _ in range(5):
        assert account.ask(name, "only oats fail 500").startswith("rye")
    assert invocations(account, name, "dark", "Invocation5XXErrors", wanted=5) == 5
    assert invocations(account, name, "main", "Invocation5XXErrors") == 0


def test_answers_of_the_shadow_are_captured_beside_productions(account):
    account.aws.s3.create_bucket(Bucket="shadowed")
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": "s3://shadowed/x",
        "CaptureOptions": [{"CaptureMode": "InputAndOutput"}],
        "CaptureContentTypeHeader": {"JsonContentTypes": ["text/plain"]},
    }
    name = account.endpoint(config(account, capture=capture))
    account.ask(name, "hello", InferenceId="pair-1", ContentType="text/plain")
    for variant, model in (("main", "rye"), ("dark", "oats")):
        record = captured(account, f"x/{name}/{variant}/")
        assert record["captureData"]["endpointInput"]["data"] == "hello"
        assert record["captureData"]["endpointOutput"]["data"].startswith(model)
        assert record["eventMetadata"]["inferenceId"] == "pair-1"


def captured(account, prefix):
    """Return the first record under a prefix."""
    deadline = time.monotonic() + 10
    while True:
        found = account.aws.s3.list_objects_v2(Bucket="shadowed", Prefix=prefix).get("Contents", [])
        if found:
            body = account.aws.s3.get_object(Bucket="shadowed", Key=found[0]["Key"])["Body"].read()
            return json.loads(body.decode().splitlines()[0])
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_describe_shows_the_shadow_and_its_weight_can_be_changed(account):
    name = account.endpoint(config(account, shadow_weight=0.25))
    (shadow,) = account.sagemaker.describe_endpoint(EndpointName=name)["ShadowProductionVariants"]
    assert (shadow["VariantName"], shadow["CurrentWeight"], shadow["CurrentInstanceCount"]) == (
        "dark",
        0.25,
        1,
    )
    account.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[
            {"VariantName": "dark", "DesiredWeight": 0.0, "DesiredInstanceCount": 2}
        ],
    )
    described = account.settled(name)
    (shadow,) = described["ShadowProductionVariants"]
    assert (shadow["CurrentWeight"], shadow["CurrentInstanceCount"]) == (0.0, 2)
    assert [each["VariantName"] for each in described["ProductionVariants"]] == ["main"]
    for _ in range(5):
        account.ask(name)
    assert invocations(account, name, "main", wanted=5) == 5
    assert invocations(account, name, "dark") == 0


def test_nobody_can_ask_the_shadow(account):
    name = account.endpoint(config(account))
    with pytest.raises(ClientError, match="Variant dark does not exist"):
        account.ask(name, TargetVariant="dark")


def test_a_shadow_that_does_not_come_up_fails_the_endpoint_and_takes_an_update_back(account):
    broken = config(account, EXIT="1")
    described = account.settled(account.endpoint(broken, wait=False))
    assert described["EndpointStatus"] == "Failed"
    assert "production variant dark did not pass the ping health check" in described["FailureReason"]
    good = account.config("old")
    name = account.endpoint(good)
    account.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=broken)
    described = account.settled(name)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", good)
    assert account.ask(name).startswith("old")


def test_a_shadow_goes_with_the_update_that_drops_it(account):
    name = account.endpoint(config(account))
    account.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=account.config("new"))
    described = account.settled(name)
    assert "ShadowProductionVariants" not in described
    assert account.ask(name).startswith("new")
    assert account.log(name).count("stopped in peace") == 2


@pytest.mark.parametrize(
    ("production", "shadows", "words"),
    [
        (["a", "b"], ["c"], "exactly one variant"),
        (["a"], ["b", "c"], "exactly one variant"),
        (["a"], ["a"], "must be unique"),
    ],
    ids=["two of production", "two shadows", "one name for both"],
)
def test_what_aws_does_not_allow_beside_a_shadow_is_refused(account, production, shadows, words):
    model = account.config()
    rows = [
        [
            {
                "VariantName": each,
                "ModelName": model,
                "InitialInstanceCount": 1,
                "InstanceType": "ml.m5.large",
            }
            for each in names
        ]
        for names in (production, shadows)
    ]
    with pytest.raises(ClientError, match=words):
        account.config_of(f"s-{uuid.uuid4().hex[:8]}", rows[0], ShadowProductionVariants=rows[1])
