"""Processing jobs: inputs, outputs, messages."""

from __future__ import annotations

import json

import pytest

GROUP = "/aws/sagemaker/ProcessingJobs"


def s3_input(name, uri, path):
    source = {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {"InputName": name, "S3Input": source}


def s3_output(name, uri, path, mode="EndOfJob"):
    return {"OutputName": name, "S3Output": {"S3Uri": uri, "LocalPath": path, "S3UploadMode": mode}}


def keys(aws, prefix):
    found = aws.s3.list_objects_v2(Bucket=aws.bucket, Prefix=prefix).get("Contents", [])
    return [item["Key"].removeprefix(prefix) for item in found]


def test_inputs_come_and_outputs_go_by_prefix(aws, process, make_image, unique):
    aws.s3.put_object(Bucket=aws.bucket, Key=f"{unique}/in/x.csv", Body=b"3")
    image = make_image(
        "cd /opt/ml/processing; mkdir out/deep; cat in/x.csv > out/deep/y.csv; echo 4 > out/z.csv"
    )
    job = process(
        image,
        ProcessingInputs=[s3_input("in", f"s3://{aws.bucket}/{unique}/in", "/opt/ml/processing/in")],
        ProcessingOutputConfig={
            "Outputs": [s3_output("out", f"s3://{aws.bucket}/{unique}/out", "/opt/ml/processing/out")]
        },
    )
    assert job["ProcessingJobStatus"] == "Completed"
    assert keys(aws, f"{unique}/out/") == ["deep/y.csv", "z.csv"]
    assert aws.s3.get_object(Bucket=aws.bucket, Key=f"{unique}/out/deep/y.csv")["Body"].read() == b"3"
    assert job["ProcessingStartTime"] <= job["ProcessingEndTime"]


def test_an_input_may_be_one_file_and_appears_under_its_name(aws, process, make_image, unique, log_lines):
    aws.s3.put_object(Bucket=aws.bucket, Key=f"{unique}/data.lock", Body=b"{}")
    uri = f"s3://{aws.bucket}/{unique}/data.lock"
    process(
        make_image("ls /opt/ml/processing/l"), ProcessingInputs=[s3_input("l", uri, "/opt/ml/processing/l")]
    )
    assert log_lines(GROUP, unique) == ["data.lock"]


def test_arguments_and_environment_that_name_opt_ml_are_rerooted(process, make_image, unique, log_lines):
    spec = {
        "ContainerEntrypoint": ["sh", "-c", "echo $0; echo $WHERE"],
        "ContainerArguments": ["--d=/opt/ml/x"],
    }
    image = make_image("false")
    process(
        image,
        AppSpecification={"ImageUri": image, **spec},
        Environment={"WHERE": "s3://b/opt/ml/y:/opt/ml/z"},
    )
    first, second = log_lines(GROUP, unique)
    assert first.startswith("--d=/") and first.endswith("/x") and "=/opt/ml" not in first
    assert second.startswith("s3://b/opt/ml/y:/") and not second.endswith(":/opt/ml/z")


def test_the_configuration_of_the_job_lies_in_config(process, make_image, unique, log_lines):
    process(
        make_image(
            "cat /opt/ml/config/processingjobconfig.json; echo; cat /opt/ml/config/resourceconfig.json"
        )
    )
    request, resources = log_lines(GROUP, unique)
    assert json.loads(request)["ProcessingJobName"] == unique
    assert json.loads(resources)["current_host"] == "algo-1"


def test_a_failed_job_says_what_its_container_left_as_message_and_uploads_nothing(
    aws, process, make_image, unique
):
    image = make_image(
        "echo 1 > /opt/ml/processing/out/x; echo 'bad rows: 3' > /opt/ml/output/message; exit 1"
    )
    outputs = [
        s3_output("end", f"s3://{aws.bucket}/{unique}/end", "/opt/ml/processing/out"),
        s3_output("live", f"s3://{aws.bucket}/{unique}/live", "/opt/ml/processing/out", mode="Continuous"),
    ]
    job = process(image, ProcessingOutputConfig={"Outputs": outputs})
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["ExitMessage"] == "bad rows: 3"
    assert job["FailureReason"].startswith("AlgorithmError:") and job["FailureReason"].endswith(
        "exit code: 1"
    )
    assert keys(aws, f"{unique}/end/") == []
    assert keys(aws, f"{unique}/live/") == ["x"]


def test_input_that_is_not_there_is_a_client_error(process, make_image):
    uri = "s3://the-bucket/nothing/here"
    job = process(make_image("true"), ProcessingInputs=[s3_input("in", uri, "/opt/ml/processing/in")])
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: No S3 objects found")


def test_an_image_that_was_never_pushed_fails_the_job(process):
    job = process("123456789012.dkr.ecr.us-east-1.amazonaws.com/images:nobody")
    assert job["FailureReason"].startswith("ClientError: Cannot pull processing container.")


def test_a_job_that_outlives_its_maximum_is_stopped(process, make_image):
    job = process(make_image("exec sleep 60"), StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert job["ProcessingJobStatus"] == "Stopped"


def test_a_name_is_used_once(aws, process, make_image):
    image = make_image("true")
    process(image)
    with pytest.raises(aws.sagemaker.exceptions.ResourceInUse):
        process(image)


def test_two_jobs_of_one_image_do_not_see_what_the_other_wrote_beside_its_code(
    process, make_image, unique, log_lines
):
    image = make_image(
        dockerfile='FROM scratch\nWORKDIR /app\nCOPY code.txt .\nENTRYPOINT ["sh", "-c", "ls; touch mine"]\n',
        files={"code.txt": "x"},
    )
    for number in (1, 2):
        process(image, ProcessingJobName=f"{unique}-{number}")
    assert log_lines(GROUP, f"{unique}-2") == ["code.txt"]
