"""Training jobs: what a container finds, what is uploaded, what Describe and CloudWatch say."""

from __future__ import annotations

import io
import json
import tarfile
import time

import pytest
from botocore.exceptions import ClientError
from conftest import ended

GROUP = "/aws/sagemaker/TrainingJobs"


def channel(name, uri, **changes):
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, **changes}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


def archive(aws, uri):
    bucket, key = uri.removeprefix("s3://").split("/", 1)
    body = aws.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        return {m.name: tar.extractfile(m).read().decode() for m in tar.getmembers() if m.isfile()}


def put(aws, prefix, **objects):
    for name, text in objects.items():
        aws.s3.put_object(Bucket=aws.bucket, Key=f"{prefix}/{name}", Body=text.encode())
    return f"s3://{aws.bucket}/{prefix}"


def test_what_the_container_leaves_in_model_is_the_archive_that_describe_names(
    aws, train, make_image, unique
):
    job = train(
        make_image("echo weights > /opt/ml/model/w.txt; mkdir /opt/ml/model/d; echo 1 > /opt/ml/model/d/e")
    )
    assert job["TrainingJobStatus"] == "Completed"
    uri = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert uri == f"s3://{aws.bucket}/out/{unique}/output/model.tar.gz"
    assert archive(aws, uri) == {"w.txt": "weights\n", "d/e": "1\n"}


def test_the_container_finds_its_hyperparameters_channels_and_hosts(
    aws, train, make_image, unique, log_lines
):
    uri = put(aws, f"{unique}/in", a="1", b="2")
    script = (
        "cd /opt/ml/input; cat config/hyperparameters.json; echo; cat config/inputdataconfig.json; echo; "
    )
    script += "cat config/resourceconfig.json; echo; ls data/train"
    train(make_image(script), HyperParameters={"epochs": "3"}, InputDataConfig=[channel("train", uri)])
    lines = log_lines(GROUP, unique)
    assert json.loads(lines[0]) == {"epochs": "3"}
    assert json.loads(lines[1])["train"]["TrainingInputMode"] == "File"
    assert json.loads(lines[2])["hosts"] == ["algo-1"]
    assert lines[3:] == ["a", "b"]


def test_an_image_without_entry_point_of_its_own_is_called_with_train(train, make_image, unique, log_lines):
    train(make_image("echo called with $0"))
    assert log_lines(GROUP, unique) == ["called with train"]


def test_the_request_may_bring_entry_point_and_arguments(train, make_image, unique, log_lines):
    image = make_image("exit 1")
    words = {
        "ContainerEntrypoint": ["sh", "-c", "echo $0 $1"],
        "ContainerArguments": ["--in", "/opt/ml/input"],
    }
    job = train(image, AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File", **words})
    assert job["TrainingJobStatus"] == "Completed"
    (line,) = log_lines(GROUP, unique)
    assert line.startswith("--in ") and line.endswith("/input")


def test_a_process_sees_what_sagemaker_sets_and_nothing_of_its_host(
    train, make_image, unique, log_lines, monkeypatch
):
    monkeypatch.setenv("A_SECRET_OF_THE_HOST", "yes")
    train(make_image("env"), Environment={"MINE": "/opt/ml/model/x"})
    env = dict(line.split("=", 1) for line in log_lines(GROUP, unique) if "=" in line)
    assert env["TRAINING_JOB_NAME"] == unique
    assert env["TRAINING_JOB_ARN"].endswith(f":training-job/{unique}")
    assert env["AWS_REGION"] == "us-east-1"
    assert env["MINE"] == f"{env['SAGEMAKER_BASE_DIR']}/model/x"
    assert "A_SECRET_OF_THE_HOST" not in env
    assert not [name for name in env if name.startswith("SM_")]


def test_network_isolation_takes_endpoint_and_credentials_away(train, make_image, unique, log_lines):
    train(make_image("env"), EnableNetworkIsolation=True)
    assert not [line for line in log_lines(GROUP, unique) if line.startswith(("AWS_ENDPOINT", "AWS_ACCESS"))]


def test_states_come_in_aws_order_with_their_times(train, make_image):
    job = train(make_image("true"))
    states = job["SecondaryStatusTransitions"]
    assert [s["Status"] for s in states] == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert all(s["StartTime"] <= s["EndTime"] for s in states)
    assert job["CreationTime"] <= job["TrainingStartTime"] <= job["TrainingEndTime"]
    assert job["BillableTimeInSeconds"] >= 1


def test_what_a_failing_container_writes_to_failure_is_the_reason(train, make_image):
    job = train(make_image("echo 'no convergence' > /opt/ml/output/failure; exit 3"))
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert job["FailureReason"] == "AlgorithmError: no convergence, exit code: 3"
    assert "ModelArtifacts" not in job


def test_a_reason_longer_than_1024_characters_is_cut(train, make_image):
    job = train(make_image("head -c 5000 /dev/zero | tr '\\0' x > /opt/ml/output/failure; exit 1"))
    assert len(job["FailureReason"]) == 1024


def test_a_command_that_does_not_exist_fails_with_127(train, make_image):
    job = train(make_image(dockerfile='FROM scratch\nENTRYPOINT ["/no/such/program"]\n'))
    assert job["FailureReason"].endswith("exit code: 127")


def test_an_image_that_was_never_pushed_fails_the_job(train):
    job = train("123456789012.dkr.ecr.us-east-1.amazonaws.com/images:nobody")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: Cannot pull training container.")


def test_an_image_deleted_from_ecr_can_no_longer_be_pulled(aws, train, make_image):
    image = make_image("true")
    tag = image.rsplit(":", 1)[-1]
    aws.ecr.batch_delete_image(repositoryName="images", imageIds=[{"imageTag": tag}])
    assert "Cannot pull" in train(image)["FailureReason"]


@pytest.mark.parametrize("uri", ["s3://the-bucket/nothing/here", "s3://no-such-bucket-at-all/x"])
def test_input_that_is_not_there_is_a_client_error(train, make_image, uri):
    job = train(make_image("true"), InputDataConfig=[channel("train", uri)])
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: No S3 objects found under S3 URL")
    assert uri in job["FailureReason"]


def test_an_output_bucket_that_is_not_there_is_a_client_error(train, make_image):
    image = make_image("echo 1 > /opt/ml/model/x")
    job = train(image, OutputDataConfig={"S3OutputPath": "s3://no-such-bucket-at-all/x"})
    assert job["TrainingJobStatus"] == "Failed"
    assert "NoSuchBucket" in job["FailureReason"]


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        pytest.param(
            "in", ["a.csv", "deep/b.csv", "inner.csv"], id="a prefix is every key that starts with it"
        ),
        pytest.param("in/", ["a.csv", "deep/b.csv"], id="with a slash it is a folder"),
        pytest.param("in/a.csv", ["a.csv"], id="it may name one file"),
        pytest.param("in/deep", ["b.csv"], id="or a folder further down"),
    ],
)
def test_a_prefix_names_a_folder_or_a_file(aws, train, make_image, unique, log_lines, prefix, found):
    put(aws, unique, **{"in/a.csv": "1", "in/deep/b.csv": "2", "inner.csv": "3", "out.csv": "4"})
    image = make_image("cd /opt/ml/input/data/c; find . -type f | sort | cut -c3-")
    train(image, InputDataConfig=[channel("c", f"s3://{aws.bucket}/{unique}/{prefix}")])
    assert log_lines(GROUP, unique) == found


def test_a_manifest_names_the_files(aws, train, make_image, unique, log_lines):
    base = put(aws, unique, a="1", b="2", c="3")
    put(aws, unique, manifest=json.dumps([{"prefix": f"{base}/"}, "a", "c"]))
    image = make_image("ls /opt/ml/input/data/c")
    train(image, InputDataConfig=[channel("c", f"{base}/manifest", S3DataType="ManifestFile")])
    assert log_lines(GROUP, unique) == ["a", "c"]


def test_metric_definitions_read_the_log(aws, train, make_image, unique):
    image = make_image("for x in 0.5 0.25 nonsense; do echo epoch loss=$x; done")
    metrics = [{"Name": "loss", "Regex": r"loss=([0-9.]+)"}, {"Name": "never", "Regex": "no (such) line"}]
    spec = {"TrainingImage": image, "TrainingInputMode": "File", "MetricDefinitions": metrics}
    job = train(image, AlgorithmSpecification=spec)
    assert [(m["MetricName"], m["Value"]) for m in job["FinalMetricDataList"]] == [("loss", 0.25)]
    listed = aws.cloudwatch.list_metrics(
        Namespace=GROUP, Dimensions=[{"Name": "TrainingJobName", "Value": unique}]
    )
    assert [m["MetricName"] for m in listed["Metrics"]] == ["loss"]


def test_logs_can_be_read_while_the_job_runs(aws, train, make_image, unique, log_lines):
    train(make_image("echo early; sleep 30"), wait=False)
    deadline = time.monotonic() + 5
    lines = []
    while not lines and time.monotonic() < deadline:
        try:
            lines = log_lines(GROUP, unique)
        except aws.logs.exceptions.ResourceNotFoundException:
            time.sleep(0.02)
    assert lines == ["early"]
    assert aws.sagemaker.describe_training_job(TrainingJobName=unique)["SecondaryStatus"] == "Training"
    aws.sagemaker.stop_training_job(TrainingJobName=unique)


def test_output_data_is_uploaded_beside_the_model(aws, train, make_image, unique):
    train(make_image("echo plot > /opt/ml/output/data/p.txt"))
    assert archive(aws, f"s3://{aws.bucket}/out/{unique}/output/output.tar.gz") == {"p.txt": "plot\n"}


def test_output_can_be_left_uncompressed(aws, train, make_image, unique):
    out = {"S3OutputPath": f"s3://{aws.bucket}/plain", "CompressionType": "NONE"}
    job = train(make_image("echo 1 > /opt/ml/model/w"), OutputDataConfig=out)
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{aws.bucket}/plain/{unique}/output/model/"
    assert aws.s3.head_object(Bucket=aws.bucket, Key=f"plain/{unique}/output/model/w")["ContentLength"] == 2


def test_the_same_model_files_give_the_same_archive_bytes(aws, train, make_image, unique):
    image = make_image("echo 1 > /opt/ml/model/a; sleep 0.1; echo 2 > /opt/ml/model/b")
    train(image, TrainingJobName=f"{unique}-1")
    train(image, TrainingJobName=f"{unique}-2")
    tags = {
        aws.s3.head_object(Bucket=aws.bucket, Key=f"out/{unique}-{n}/output/model.tar.gz")["ETag"]
        for n in (1, 2)
    }
    assert len(tags) == 1


def test_checkpoints_of_a_failed_job_are_there_for_the_next(aws, train, make_image, unique, log_lines):
    image = make_image("cd /opt/ml/checkpoints; cat state || true; echo 7 > state; exit 1")
    config = {"S3Uri": f"s3://{aws.bucket}/{unique}/checkpoints"}
    for number in (1, 2):
        train(image, TrainingJobName=f"{unique}-{number}", CheckpointConfig=config)
    assert log_lines(GROUP, f"{unique}-2") == ["7"]


def test_checkpoints_are_copied_while_the_job_runs(aws, train, make_image, unique):
    config = {"S3Uri": f"s3://{aws.bucket}/{unique}/checkpoints"}
    train(make_image("echo 1 > /opt/ml/checkpoints/s; sleep 60"), wait=False, CheckpointConfig=config)
    aws.s3.get_waiter("object_exists").wait(
        Bucket=aws.bucket, Key=f"{unique}/checkpoints/s", WaiterConfig={"Delay": 1, "MaxAttempts": 10}
    )
    aws.sagemaker.stop_training_job(TrainingJobName=unique)
    assert ended(lambda: aws.sagemaker.describe_training_job(TrainingJobName=unique))


def test_a_name_is_used_once(aws, train, make_image, unique):
    image = make_image("true")
    train(image)
    with pytest.raises(ClientError, match="ResourceInUse.*already exists.*training-job/" + unique):
        train(image)


def test_jobs_are_listed_newest_first_page_by_page(aws, train, make_image, unique):
    image = make_image("true")
    for number in range(3):
        train(image, TrainingJobName=f"{unique}-{number}")
    pages = aws.sagemaker.get_paginator("list_training_jobs").paginate(
        NameContains=unique, PaginationConfig={"PageSize": 2}
    )
    names = [[job["TrainingJobName"][-1] for job in page["TrainingJobSummaries"]] for page in pages]
    assert names == [["2", "1"], ["0"]]
    assert not aws.sagemaker.list_training_jobs(NameContains=unique, StatusEquals="Failed")[
        "TrainingJobSummaries"
    ]


def test_tags_are_kept_and_changed(aws, train, make_image):
    job = train(make_image("true"), Tags=[{"Key": "team", "Value": "risk"}])
    arn = job["TrainingJobArn"]
    aws.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "cost", "Value": "1"}])
    aws.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["team"])
    assert aws.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "cost", "Value": "1"}]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        pytest.param(
            {"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}},
            "more than one instance",
            id="several instances",
        ),
        pytest.param(
            {"AlgorithmSpecification": {"TrainingImage": "x", "TrainingInputMode": "Pipe"}},
            "Pipe",
            id="pipe mode",
        ),
        pytest.param(
            {"AlgorithmSpecification": {"AlgorithmName": "x", "TrainingInputMode": "File"}},
            "AlgorithmName",
            id="a marketplace algorithm",
        ),
    ],
)
def test_what_is_not_offered_is_refused_by_name_and_makes_no_job(aws, train, unique, changes, named):
    with pytest.raises(ClientError, match=f"NotImplemented.*{named}"):
        train("x", **changes)
    with pytest.raises(ClientError, match="Requested resource not found"):
        aws.sagemaker.describe_training_job(TrainingJobName=unique)
