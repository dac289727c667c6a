"""Models and endpoint configs: what is kept, what is refused, and what a package gives to a model."""

from __future__ import annotations

import re
import uuid

import pytest
from botocore.exceptions import ClientError
from models_by_hand import IMAGE, Account
from pipelines_by_hand import ROLE


@pytest.fixture
def account(aws):
    return Account(aws)


def refused(call, **request):
    """Return the message of the ValidationException that a call must give."""
    with pytest.raises(ClientError) as error:
        call(**request)
    assert error.value.response["Error"]["Code"] == "ValidationException"
    return error.value.response["Error"]["Message"]


def package(account, status="Approved", **environment):
    """Register a package whose model data says `packaged`; return its ARN."""
    group = f"g-{uuid.uuid4().hex[:8]}"
    account.sagemaker.create_model_package_group(ModelPackageGroupName=group)
    container = {"Image": IMAGE, "ModelDataUrl": account.upload("packaged"), "Environment": environment}
    return account.sagemaker.create_model_package(
        ModelPackageGroupName=group,
        ModelApprovalStatus=status,
        InferenceSpecification={
            "Containers": [container],
            "SupportedContentTypes": ["text/plain"],
            "SupportedResponseMIMETypes": ["text/plain"],
        },
    )["ModelPackageArn"]


@pytest.mark.parametrize("place", ["PrimaryContainer", "Containers"])
@pytest.mark.parametrize("status", ["Approved", "PendingManualApproval"])
def test_a_model_of_a_package_serves_the_packages_image_and_data_and_adds_its_environment(
    account, place, status
):
    arn = package(account, status, TWIST="from-package", PING="200")
    name = f"m-{uuid.uuid4().hex[:12]}"
    container = {"ModelPackageName": arn, "Environment": {"TWIST": "from-model"}}
    given = container if place == "PrimaryContainer" else [container]
    account.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, **{place: given})
    assert account.sagemaker.describe_model(ModelName=name)[place] == given
    account.config_of(name, [{"VariantName": "main", "ModelName": name, "InitialInstanceCount": 1}])
    endpoint = account.endpoint(name)
    assert account.ask(endpoint).split()[:3] == ["packaged", "serve", "from-model"]
    account.delete(endpoint)


def model(account, name=None, **container):
    name = name or f"m-{uuid.uuid4().hex[:12]}"
    return {
        "ModelName": name,
        "ExecutionRoleArn": ROLE,
        "PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": account.upload("x"), **container},
    }


def test_a_model_is_described_as_it_was_created(account):
    request = model(account, Environment={"A": "b"})
    account.sagemaker.create_model(**request, Tags=[{"Key": "k", "Value": "v"}])
    described = account.sagemaker.describe_model(ModelName=request["ModelName"])
    assert described["PrimaryContainer"] == request["PrimaryContainer"]
    assert described["ExecutionRoleArn"] == ROLE
    assert account.sagemaker.list_tags(ResourceArn=described["ModelArn"])["Tags"] == [
        {"Key": "k", "Value": "v"}
    ]
    listed = account.sagemaker.list_models(NameContains=request["ModelName"])["Models"]
    assert [each["ModelName"] for each in listed] == [request["ModelName"]]


@pytest.mark.parametrize(
    ("container", "words"),
    [
        pytest.param(
            {"Image": "registry.example/nothing:1"}, "Requested image .* not found", id="no such image"
        ),
        pytest.param(
            {"ModelDataUrl": "s3://models/nowhere/model.tar.gz"}, "Could not find model data", id="no data"
        ),
        pytest.param(
            {"ModelDataUrl": "s3://no-such-bucket/model.tar.gz"}, "Could not find model data", id="no bucket"
        ),
    ],
)
def test_a_model_that_lacks_something_is_refused(account, container, words):
    assert re.search(words, refused(account.sagemaker.create_model, **model(account, **container)))


def test_a_model_of_a_package_that_does_not_exist_is_refused(account):
    arn = "arn:aws:sagemaker:us-east-1:123456789012:model-package/ghost/1"
    request = {"ModelName": "any", "ExecutionRoleArn": ROLE, "PrimaryContainer": {"ModelPackageName": arn}}
    assert "ghost/1" in refused(account.sagemaker.create_model, **request)


def test_names_are_taken_once_and_free_again_when_deleted(account):
    request = model(account)
    name = request["ModelName"]
    account.sagemaker.create_model(**request)
    assert "Cannot create already existing model" in refused(account.sagemaker.create_model, **request)
    variants = [
        {"VariantName": "v", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.g6.xlarge"}
    ]
    config = {"EndpointConfigName": name, "ProductionVariants": variants}
    account.sagemaker.create_endpoint_config(**config)
    message = refused(account.sagemaker.create_endpoint_config, **config)
    assert message.startswith("Cannot create already existing endpoint configuration")
    account.sagemaker.delete_endpoint_config(EndpointConfigName=name)
    account.sagemaker.delete_model(ModelName=name)
    assert "Could not find model" in refused(account.sagemaker.describe_model, ModelName=name)
    assert "Could not find model" in refused(account.sagemaker.create_endpoint_config, **config)
    message = refused(account.sagemaker.describe_endpoint_config, EndpointConfigName=name)
    assert "Could not find endpoint configuration" in message


def test_a_config_keeps_everything_it_was_given(account):
    name = account.config()
    variant = {
        "VariantName": "v",
        "ModelName": name,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
        "InitialVariantWeight": 0.5,
        "ContainerStartupHealthCheckTimeoutInSeconds": 90,
        "RoutingConfig": {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"},
    }
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 20,
        "DestinationS3Uri": "s3://models/captured",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    }
    key = "arn:aws:kms:us-east-1:123456789012:key/any"
    request = {"ProductionVariants": [variant], "DataCaptureConfig": capture, "KmsKeyId": key}
    full = f"full-{uuid.uuid4().hex[:8]}"
    account.sagemaker.create_endpoint_config(EndpointConfigName=full, **request)
    described = account.sagemaker.describe_endpoint_config(EndpointConfigName=full)
    assert {member: described[member] for member in request} == request


def test_what_a_config_asks_for_and_nobody_would_do_is_refused_by_name(account):
    name = account.config()
    variants = [
        {"VariantName": "v", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    ]
    message = refused(
        account.sagemaker.create_endpoint_config,
        EndpointConfigName="async",
        ProductionVariants=variants,
        AsyncInferenceConfig={"OutputConfig": {"S3OutputPath": "s3://models/out"}},
    )
    assert "AsyncInferenceConfig" in message


def test_a_missing_config_is_no_endpoint(account):
    message = refused(account.sagemaker.create_endpoint, EndpointName="any", EndpointConfigName="ghost")
    assert "Could not find endpoint configuration" in message
