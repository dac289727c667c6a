"""What UpdateEndpoint refuses at once, and what an update keeps of the running endpoint."""

from __future__ import annotations

import uuid

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from models_by_hand import Account
from rollouts_by_hand import blue_green, canary, linear, rolling


@pytest.fixture(scope="module")
def account(aws):
    made = Account(aws)
    yield made
    made.clean()


@pytest.fixture(scope="module")
def endpoint(account):
    """An endpoint that nobody may change; (name, its config)."""
    config = account.config("old")
    return account.endpoint(config), config


def refused(call, **request):
    """Return code and message of the error that a call must give."""
    with pytest.raises(ClientError) as error:
        call(**request)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


@pytest.fixture(scope="module")
def unchecked(aws):
    """A client that sends what it is told to: botocore's own knows some of the limits."""
    return boto3.client("sagemaker", config=Config(parameter_validation=False))


def watched(*names):
    return {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in names]}}


REFUSED = [
    pytest.param(4, canary(count=60, kind="CAPACITY_PERCENT"), "CanarySize", id="canary above half"),
    pytest.param(4, canary(count=3), "CanarySize", id="canary of three in four"),
    pytest.param(1, canary(count=1), "CanarySize", id="canary on one instance"),
    pytest.param(1, canary(count=50, kind="CAPACITY_PERCENT"), "CanarySize", id="half of one instance"),
    pytest.param(20, linear(percent=9), "LinearStepSize", id="linear below a tenth"),
    pytest.param(4, linear(percent=51), "LinearStepSize", id="linear above half"),
    pytest.param(20, linear(percent=1, kind="INSTANCE_COUNT"), "LinearStepSize", id="one in twenty"),
    pytest.param(1, linear(percent=50), "LinearStepSize", id="linear on one instance"),
    pytest.param(4, rolling(count=3), "MaximumBatchSize", id="batch of three in four"),
    pytest.param(
        4, rolling(count=4, kind="CAPACITY_PERCENT"), "MaximumBatchSize", id="batch below a twentieth"
    ),
    pytest.param(1, rolling(count=1), "MaximumBatchSize", id="rolling on one instance"),
    pytest.param(1, {**blue_green(), **rolling()}, "Only one update policy", id="two policies"),
    pytest.param(1, blue_green(final=3601), "terminationWaitInSeconds", id="termination wait above an hour"),
    pytest.param(4, canary(wait=3601), "waitIntervalInSeconds", id="interval above an hour"),
    pytest.param(
        1,
        blue_green(MaximumExecutionTimeoutInSeconds=599),
        "maximumExecutionTimeout",
        id="less than ten minutes",
    ),
    pytest.param(
        1,
        blue_green(MaximumExecutionTimeoutInSeconds=28801),
        "maximumExecutionTimeout",
        id="above eight hours",
    ),
    pytest.param(1, blue_green(alarms=["nobody"]), "alarm nobody", id="an alarm that does not exist"),
    pytest.param(1, watched(*(f"a{n}" for n in range(11))), "alarms", id="eleven alarms"),
]


@pytest.mark.parametrize(("count", "deployment", "words"), REFUSED)
def test_a_deployment_that_aws_forbids_is_refused_and_nothing_moves(
    account, unchecked, endpoint, count, deployment, words
):
    name, config = endpoint
    code, message = refused(
        unchecked.update_endpoint,
        EndpointName=name,
        EndpointConfigName=account.config("new", count=count),
        DeploymentConfig=deployment,
    )
    assert code == "ValidationException"
    assert words in message
    described = account.sagemaker.describe_endpoint(EndpointName=name)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", config)


@pytest.mark.parametrize(
    ("routing", "missing"), [({"Type": "CANARY"}, "CanarySize"), ({"Type": "LINEAR"}, "LinearStepSize")]
)
def test_a_canary_or_a_step_without_a_size_is_refused(account, endpoint, routing, missing):
    policy = {"TrafficRoutingConfiguration": {**routing, "WaitIntervalInSeconds": 0}}
    code, message = refused(
        account.sagemaker.update_endpoint,
        EndpointName=endpoint[0],
        EndpointConfigName=account.config("new", count=4),
        DeploymentConfig={"BlueGreenUpdatePolicy": policy},
    )
    assert (code, message.startswith(f"{missing} is required")) == ("ValidationException", True)


def test_a_deployment_config_at_creation_is_checked_like_one_of_an_update(account):
    code, message = refused(
        account.sagemaker.create_endpoint,
        EndpointName="never-made",
        EndpointConfigName=account.config("new"),
        DeploymentConfig=canary(count=1),
    )
    assert (code, "CanarySize" in message) == ("ValidationException", True)
    assert "never-made" not in account.listed()


def test_rolling_is_for_one_variant(account, endpoint):
    model = account.config("a")
    variants = [
        {"VariantName": name, "ModelName": model, "InitialInstanceCount": 2} for name in ("main", "B")
    ]
    code, message = refused(
        account.sagemaker.create_endpoint,
        EndpointName="never-made",
        EndpointConfigName=account.config_of(f"two-{uuid.uuid4().hex[:8]}", variants),
        DeploymentConfig=rolling(count=1),
    )
    assert (code, "several production variants" in message) == ("ValidationException", True)


def test_scaled_counts_are_kept_when_asked_and_given_up_otherwise(account):
    name = account.endpoint(account.config("old", count=1))
    scale = {"VariantName": "main", "DesiredInstanceCount": 2, "DesiredWeight": 3.0}
    account.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name, DesiredWeightsAndCapacities=[scale]
    )
    account.settled(name)
    weight = [{"VariantPropertyType": "DesiredWeight"}]
    for members, expected in (
        ({"RetainAllVariantProperties": True}, (2, 3.0)),
        ({"RetainAllVariantProperties": True, "ExcludeRetainedVariantProperties": weight}, (2, 1.0)),
        ({}, (1, 1.0)),
    ):
        account.sagemaker.update_endpoint(
            EndpointName=name, EndpointConfigName=account.config("new", count=1), **members
        )
        variant = account.settled(name)["ProductionVariants"][0]
        assert (variant["CurrentInstanceCount"], variant["DesiredWeight"]) == expected


def test_a_scalable_target_survives_updates_keeps_its_instance_type_and_goes_with_its_endpoint(account):
    scaling = boto3.client("application-autoscaling")
    name = account.endpoint(account.config("old", count=1))
    target = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{name}/variant/main",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=3)
    account.sagemaker.update_endpoint(
        EndpointName=name, EndpointConfigName=account.config("new"), RetainAllVariantProperties=True
    )
    account.settled(name)
    found = scaling.describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[target["ResourceId"]]
    )
    (kept,) = found["ScalableTargets"]
    assert (kept["MinCapacity"], kept["MaxCapacity"]) == (1, 3)
    model = account.config("bigger")
    variant = {
        "VariantName": "main",
        "ModelName": model,
        "InitialInstanceCount": 1,
        "InstanceType": "ml.c5.large",
    }
    other = account.config_of(f"big-{uuid.uuid4().hex[:8]}", [variant])
    code, message = refused(account.sagemaker.update_endpoint, EndpointName=name, EndpointConfigName=other)
    assert (code, "Application Auto Scaling" in message) == ("ValidationException", True)
    account.delete(name)
    found = scaling.describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[target["ResourceId"]]
    )
    assert found["ScalableTargets"] == []
