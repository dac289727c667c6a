"""Processing and training jobs: what goes in, what comes out, how they end."""

from __future__ import annotations

import io
import json
import tarfile
from functools import partial
from typing import Any

from verify_aws.story import Run, Story

ENDED = ("Completed", "Failed", "Stopped")
MINUTES = 10  # MaxRuntimeInSeconds of each job: what AWS bills at most
PATIENCE = 30  # minutes until a job has come up, run and ended
GROUPS = {"Processing": "/aws/sagemaker/ProcessingJobs", "Training": "/aws/sagemaker/TrainingJobs"}
RUN = ["python3", "/opt/verify/run.py"]


def processing_request(run: Run, name: str, what: str) -> dict[str, Any]:
    """Return a CreateProcessingJob request; a pipeline's step takes it without its name."""
    place = {"S3Uri": run.uri("data/rows.csv"), "LocalPath": "/opt/ml/processing/input/data"}
    data = {"InputName": "data", "S3Input": {**place, "S3DataType": "S3Prefix", "S3InputMode": "File"}}
    result = {"S3Uri": run.uri(name), "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
    arguments = {"ContainerEntrypoint": RUN, "ContainerArguments": [what, "/opt/ml"]}
    return {
        "ProcessingJobName": name,
        "RoleArn": run.ground.role,
        "AppSpecification": {"ImageUri": run.ground.image, **arguments},
        "ProcessingInputs": [data],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "report", "S3Output": result}]},
        "ProcessingResources": {"ClusterConfig": machine(run)},
        "StoppingCondition": {"MaxRuntimeInSeconds": MINUTES * 60},
    }


def training_request(run: Run, name: str, what: str) -> dict[str, Any]:
    """Return a CreateTrainingJob request."""
    source = {"S3DataType": "S3Prefix", "S3Uri": run.uri("data/rows.csv")}
    arguments = {"ContainerEntrypoint": RUN, "ContainerArguments": [what, "/opt/ml"]}
    image = {"TrainingImage": run.ground.image, "TrainingInputMode": "File", **arguments}
    return {
        "TrainingJobName": name,
        "RoleArn": run.ground.role,
        "AlgorithmSpecification": {
            **image,
            "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9.]+)"}],
        },
        "HyperParameters": {"epochs": "4"},
        "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        "CheckpointConfig": {"S3Uri": run.uri(f"{name}/checkpoints"), "LocalPath": "/opt/ml/checkpoints"},
        "OutputDataConfig": {"S3OutputPath": run.uri("models")},
        "ResourceConfig": machine(run),
        "StoppingCondition": {"MaxRuntimeInSeconds": MINUTES * 60},
    }


def machine(run: Run) -> dict[str, Any]:
    """Return the one machine of a job."""
    return {"InstanceType": run.ground.instance_type, "InstanceCount": 1, "VolumeSizeInGB": 5}


def put_rows(run: Run) -> None:
    """Put the data that all jobs read."""
    run.aws.s3.put_object(**run.key("data/rows.csv"), Body=b"1\n2\n3\n")


def logged(run: Run, word: str, prefix: str) -> None:
    """Note the log streams that jobs of this prefix will make, and the group where it is not there yet."""
    group = GROUPS[word]
    known = run.aws.logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    if group not in [each["logGroupName"] for each in known]:
        run.make("empty-log-group", group)
    run.make("log-streams", f"{group} {prefix}")


def begin(run: Run, word: str, what: str) -> tuple[str, Any]:
    """Start a job of run.py; return its name and what describes it."""
    put_rows(run)
    name = run.name(f"{word.lower()}-{what}")
    logged(run, word, f"{name}/")
    run.make(f"{word.lower()}-job", name)
    request = {"Processing": processing_request, "Training": training_request}[word](run, name, what)
    getattr(run.aws.sagemaker, f"create_{word.lower()}_job")(**request)
    describe = getattr(run.aws.sagemaker, f"describe_{word.lower()}_job")
    return name, partial(describe, **{f"{word}JobName": name})


def processing_job(run: Run) -> None:
    """A processing job that succeeds."""
    name, describe = begin(run, "Processing", "process")
    run.refused(
        "a second job of that name",
        lambda: run.aws.sagemaker.create_processing_job(**processing_request(run, name, "process")),
        "ResourceInUse",
        "must be unique within an AWS account and region",
    )
    job, statuses = run.wait(describe, "ProcessingJobStatus", ENDED, PATIENCE)
    run.same("statuses", statuses, ["InProgress", "Completed"])
    run.same("ExitMessage is /opt/ml/output/message", job.get("ExitMessage"), "counted 3 rows")
    run.same("FailureReason", job.get("FailureReason"), None)
    report = json.loads(run.aws.s3.get_object(**run.key(f"{name}/report.json"))["Body"].read())
    run.same("rows below LocalPath", report["rows"], 3)
    files = ["processingjobconfig.json", "resourceconfig.json"]
    run.same("files in /opt/ml/config", [each for each in files if each in report["config"]], files)
    run.same("times are told", "ProcessingStartTime" in job and "ProcessingEndTime" in job, True)
    stream = _streams(run, "Processing", name)
    run.like("name of the log stream", " ".join(stream), rf"^{name}/algo-1-\d+$")


def processing_job_fails(run: Run) -> None:
    """A processing job that exits with 3."""
    name, describe = begin(run, "Processing", "fail")
    job, statuses = run.wait(describe, "ProcessingJobStatus", ENDED, PATIENCE)
    run.same("statuses", statuses, ["InProgress", "Failed"])
    run.same("ExitMessage is /opt/ml/output/message", job.get("ExitMessage"), "the rows are spoiled")
    run.like("FailureReason", job.get("FailureReason"), "^AlgorithmError: See job logs for more information")
    run.refused(
        "stopping it afterwards",
        lambda: run.aws.sagemaker.stop_processing_job(ProcessingJobName=name),
        "ValidationException",
        "is in status Failed",
    )


def training_job(run: Run) -> None:
    """A training job that succeeds."""
    name, describe = begin(run, "Training", "train")
    job, statuses = run.wait(describe, "TrainingJobStatus", ENDED, PATIENCE)
    run.same("statuses", statuses, ["InProgress", "Completed"])
    states = [each["Status"] for each in job.get("SecondaryStatusTransitions", [])]
    wanted = ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    run.same("SecondaryStatusTransitions", states, wanted)
    artifact = run.uri(f"models/{name}/output/model.tar.gz")
    run.same("ModelArtifacts", job.get("ModelArtifacts", {}).get("S3ModelArtifacts"), artifact)
    run.same("model.tar.gz", unpacked(run, f"models/{name}/output/model.tar.gz"), {"model.txt": "trained"})
    layout = json.loads(unpacked(run, f"models/{name}/output/output.tar.gz").get("layout.json", "{}"))
    told = {
        "rows": 3,
        "hyperparameters": {"epochs": "4"},
        "channels": ["train"],
        "host": "algo-1",
        "job": name,
    }
    run.same("what /opt/ml and the environment told", layout, told)
    checkpoint = run.aws.s3.get_object(**run.key(f"{name}/checkpoints/step-1.txt"))["Body"].read().decode()
    run.same("the checkpoint on S3", checkpoint, "one")
    metrics = {each["MetricName"]: each["Value"] for each in job.get("FinalMetricDataList", [])}
    run.same("FinalMetricDataList", metrics, {"loss": 0.25})
    run.same("BillableTimeInSeconds is told", job.get("BillableTimeInSeconds", 0) > 0, True)


def training_job_fails(run: Run) -> None:
    """A training job that exits with 3."""
    _, describe = begin(run, "Training", "fail")
    job, statuses = run.wait(describe, "TrainingJobStatus", ENDED, PATIENCE)
    run.same("statuses", statuses, ["InProgress", "Failed"])
    words = "^AlgorithmError: the loss is not a number, exit code: 3$"
    run.like("FailureReason is /opt/ml/output/failure", job.get("FailureReason"), words)


def stopped_job(run: Run) -> None:
    """A training job that is stopped while it works."""
    name, describe = begin(run, "Training", "endure")
    for there in run.looks(partial(_exists, run, f"{name}/checkpoints/ready.txt"), PATIENCE):
        if there or describe()["TrainingJobStatus"] in ENDED:
            break
    run.aws.sagemaker.stop_training_job(TrainingJobName=name)
    job, statuses = run.wait(describe, "TrainingJobStatus", ENDED, PATIENCE)
    run.same("the last status", (statuses[-1], job.get("SecondaryStatus")), ("Stopped", "Stopped"))
    run.same("no status but these", set(statuses) <= {"InProgress", "Stopping", "Stopped"}, True)
    saved = unpacked(run, f"models/{name}/output/model.tar.gz")
    run.same("what it saved on SIGTERM", saved, {"model.txt": "saved on SIGTERM"})
    run.refused(
        "stopping it again",
        lambda: run.aws.sagemaker.stop_training_job(TrainingJobName=name),
        "ValidationException",
        "is in status Stopped",
    )


def unpacked(run: Run, path: str) -> dict[str, str]:
    """Return {name: text} of an archive on S3."""
    body = run.aws.s3.get_object(**run.key(path))["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        files = {each.name: tar.extractfile(each) for each in tar.getmembers() if each.isfile()}
        return {name.removeprefix("./"): file.read().decode() for name, file in files.items() if file}


def _exists(run: Run, path: str) -> bool:
    place = run.key(path)
    listed = run.aws.s3.list_objects_v2(Bucket=place["Bucket"], Prefix=place["Key"])
    return listed["KeyCount"] > 0


def _streams(run: Run, word: str, name: str) -> list[str]:
    listed = run.aws.logs.describe_log_streams(logGroupName=GROUPS[word], logStreamNamePrefix=f"{name}/")
    return [each["logStreamName"] for each in listed["logStreams"]]


PROCESSING, TRAINING = (("Processing", 1, MINUTES),), (("Training", 1, MINUTES),)
STORIES = [
    Story(
        "processing-job",
        "a job that succeeds: statuses, inputs, output, ExitMessage, log stream; its name is taken",
        PROCESSING,
        processing_job,
    ),
    Story(
        "processing-job-fails",
        "a job that fails: ExitMessage, FailureReason; it cannot be stopped",
        PROCESSING,
        processing_job_fails,
    ),
    Story(
        "training-job",
        "channels, hyperparameters, checkpoint, metric, secondary statuses, layout of both archives",
        TRAINING,
        training_job,
    ),
    Story("training-job-fails", "/opt/ml/output/failure in FailureReason", TRAINING, training_job_fails),
    Story(
        "stopped-job",
        "StopTrainingJob: SIGTERM, what was saved then is kept, Stopped, not twice",
        TRAINING,
        stopped_job,
    ),
]
