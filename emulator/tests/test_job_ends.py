"""How jobs end before their time: stopped, timed out, and nothing of them left running."""

from __future__ import annotations

import os
import subprocess
import time

import boto3
import pytest
from conftest import ended

GROUP = "/aws/sagemaker/TrainingJobs"


def wait_for_line(aws, log_lines, job, seconds=10.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            lines = log_lines(GROUP, job)
        except aws.logs.exceptions.ResourceNotFoundException:
            lines = []
        if lines:
            return lines[0]
        time.sleep(0.02)
    raise AssertionError(f"{job} wrote nothing")


def alive(pid):
    """Return whether a process runs; one that ended and was not collected yet (a zombie) does not."""
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True
    ).stdout.strip()
    return bool(state) and not state.startswith("Z")


def test_a_stopped_job_may_save_its_model_before_it_goes(aws, train, make_image, unique, log_lines):
    script = "trap 'echo saved > /opt/ml/model/w; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    train(make_image(script), wait=False)
    wait_for_line(aws, log_lines, unique)
    aws.sagemaker.stop_training_job(TrainingJobName=unique)
    job = ended(lambda: aws.sagemaker.describe_training_job(TrainingJobName=unique))
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert [s["Status"] for s in job["SecondaryStatusTransitions"]][-3:] == [
        "Stopping",
        "Uploading",
        "Stopped",
    ]
    assert aws.s3.head_object(Bucket=aws.bucket, Key=f"out/{unique}/output/model.tar.gz")


def test_a_job_that_ignores_sigterm_is_killed_with_all_its_children(
    aws, train, make_image, unique, log_lines
):
    train(
        make_image("trap '' TERM; sh -c \"trap '' TERM; echo \\$\\$; sleep 60\" & wait; sleep 60"), wait=False
    )
    grandchild = int(wait_for_line(aws, log_lines, unique))
    began = time.monotonic()
    aws.sagemaker.stop_training_job(TrainingJobName=unique)
    job = ended(lambda: aws.sagemaker.describe_training_job(TrainingJobName=unique))
    assert job["TrainingJobStatus"] == "Stopped"
    # AWS waits two minutes before SIGKILL; a minute is a second here.
    assert 1.5 < time.monotonic() - began < 10
    assert not alive(grandchild)


def test_a_job_that_outlives_its_maximum_is_stopped_and_says_so(train, make_image):
    job = train(make_image("exec sleep 60"), StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_a_background_process_does_not_outlive_its_job(train, make_image, unique, log_lines):
    train(make_image("sleep 60 & echo $!"))
    assert not alive(int(log_lines(GROUP, unique)[0]))


def test_a_job_that_has_ended_cannot_be_stopped(aws, train, make_image, unique):
    train(make_image("true"))
    with pytest.raises(aws.sagemaker.exceptions.ClientError, match="is in status Completed"):
        aws.sagemaker.stop_training_job(TrainingJobName=unique)


def test_a_container_killed_from_outside_fails_with_its_signal(train, make_image):
    job = train(make_image("kill -KILL $$"))
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].endswith("exit code: 137")


def test_one_name_in_two_regions_is_two_jobs(aws, train, make_image, unique):
    image = make_image("echo first; sleep 1")
    request = train(image, wait=False)
    elsewhere = boto3.client("sagemaker", region_name="eu-west-1")
    elsewhere.create_training_job(**request)
    for sagemaker in (aws.sagemaker, elsewhere):
        job = ended(lambda client=sagemaker: client.describe_training_job(TrainingJobName=unique))
        assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]


def test_a_job_leaves_no_files_behind(emulator, train, make_image, unique):
    train(make_image("echo 1 > /opt/ml/model/x"))
    folder = os.path.join(os.environ["SAGEMAKER_EMULATOR_HOME"], "jobs")
    deadline = time.monotonic() + 5
    while any(unique in name for name in os.listdir(folder)) and time.monotonic() < deadline:
        time.sleep(0.02)  # the folder goes just after the state is told
    assert not [name for name in os.listdir(folder) if unique in name]
