"""The wire: unimplemented operations, forbidden requests, and the seams by which moto is extended."""

from __future__ import annotations

import importlib
import inspect
import time

import boto3
import pytest
from botocore.exceptions import ClientError

from sagemaker_emulator import clock, installing, seams

installing.load_all()
PLACES = seams.places()


def test_an_operation_nobody_implements_says_so_at_once(aws):
    began = time.monotonic()
    with pytest.raises(ClientError) as refused:
        aws.sagemaker.create_monitoring_schedule(
            MonitoringScheduleName="x",
            MonitoringScheduleConfig={"MonitoringJobDefinitionName": "x", "MonitoringType": "DataQuality"},
        )
    assert refused.value.response["Error"]["Code"] == "NotImplemented"
    assert "sagemaker:CreateMonitoringSchedule" in refused.value.response["Error"]["Message"]
    assert refused.value.response["ResponseMetadata"]["RetryAttempts"] == 0
    assert time.monotonic() - began < 1


def test_a_service_nobody_implements_says_so_as_well(emulator):
    with pytest.raises(ClientError) as refused:
        boto3.client("sagemaker-featurestore-runtime").get_record(
            FeatureGroupName="x", RecordIdentifierValueAsString="y"
        )
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_a_service_that_moto_lacks_is_named_and_nothing_is_printed(emulator, capfd):
    with pytest.raises(ClientError, match="sagemaker-emulator has no service pricing"):
        boto3.client("pricing", region_name="us-east-1").get_products(ServiceCode="AmazonSageMaker")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(
            {"TrainingJobName": "no_underscores"}, "'no_underscores' at 'trainingJobName'", id="a pattern"
        ),
        pytest.param(
            {"Environment": {"A": "x" * 513}}, "'environment.A.member'.*than or equal to 512", id="a length"
        ),
        pytest.param(
            {"Environment": {f"A{n}": "" for n in range(101)}}, "of size 101 at 'environment'", id="a size"
        ),
        pytest.param(
            {"RetryStrategy": {"MaximumRetryAttempts": 31}}, "less than or equal to 30", id="a range"
        ),
        pytest.param({"RoleArn": "somebody who is not an ARN"}, "'roleArn'", id="an ARN"),
        pytest.param(
            {"ResourceConfig": {"InstanceType": "ml.enormous", "InstanceCount": 1, "VolumeSizeInGB": 1}},
            "enum value set",
            id="an instance type",
        ),
    ],
)
def test_a_request_that_awss_model_forbids_is_refused_by_member(train, change, words):
    with pytest.raises(ClientError, match=f"ValidationException.*1 validation error detected.*{words}"):
        train("image:1", **change)


def test_a_bucket_of_someone_elses_making_is_found_on_the_same_wire(aws):
    assert aws.bucket in [item["Name"] for item in aws.s3.list_buckets()["Buckets"]]


@pytest.mark.parametrize("place", PLACES)
def test_every_seam_is_where_moto_had_it(emulator, place):
    """An upgrade of moto that moves a method fails here, by its name."""
    module, _, path = place.partition(":")
    if not module.startswith("moto."):
        model = boto3.client(module, region_name="us-east-1").meta.service_model
        assert path in model.operation_names
        return
    owner = importlib.import_module(module)
    for name in path.split("."):
        owner = getattr(owner, name)
    assert hasattr(inspect.unwrap(owner), "__code__")


def test_a_minute_is_a_second_unless_told(monkeypatch):
    monkeypatch.delenv(clock.VARIABLE, raising=False)
    assert clock.scaled(120) == 2.0
    monkeypatch.setenv(clock.VARIABLE, "60")
    assert clock.scaled(120) == 120.0


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        (
            "create_transform_job",
            {
                "TransformJobName": "x",
                "ModelName": "x",
                "TransformInput": {
                    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/x"}}
                },
                "TransformOutput": {"S3OutputPath": "s3://b/y"},
                "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
            },
        ),
        (
            "create_hyper_parameter_tuning_job",
            {
                "HyperParameterTuningJobName": "x",
                "HyperParameterTuningJobConfig": {
                    "Strategy": "Random",
                    "ResourceLimits": {"MaxParallelTrainingJobs": 1},
                },
            },
        ),
    ],
)
def test_a_job_that_would_complete_without_running_is_refused(aws, operation, request_):
    with pytest.raises(ClientError, match="NotImplemented"):
        getattr(aws.sagemaker, operation)(**request_)
