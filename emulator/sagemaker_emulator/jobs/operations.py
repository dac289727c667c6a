"""CreateTrainingJob, CreateProcessingJob and what goes with them, registered with `seams`."""

from __future__ import annotations

from typing import Any

from sagemaker_emulator import acting, seams, tags
from sagemaker_emulator.jobs import table
from sagemaker_emulator.jobs.job import Job
from sagemaker_emulator.jobs.processing import ProcessingJob
from sagemaker_emulator.jobs.training import TrainingJob
from sagemaker_emulator.listing import page

ENDED = ("Completed", "Failed", "Stopped")


@seams.operation("CreateTrainingJob")
def create_training_job(call: seams.Call) -> dict[str, Any]:
    """Start a training job. Raises AwsError."""
    _refuse_training(call.params)
    return _create(call, TrainingJob(call))


@seams.operation("CreateProcessingJob")
def create_processing_job(call: seams.Call) -> dict[str, Any]:
    """Start a processing job. Raises AwsError."""
    _refuse_processing(call.params)
    return _create(call, ProcessingJob(call))


@seams.operation("DescribeTrainingJob")
def describe_training_job(call: seams.Call) -> dict[str, Any]:
    """Say how a training job stands."""
    return _find(TrainingJob, call).describe()


@seams.operation("DescribeProcessingJob")
def describe_processing_job(call: seams.Call) -> dict[str, Any]:
    """Say how a processing job stands."""
    return _find(ProcessingJob, call).describe()


@seams.operation("StopTrainingJob")
def stop_training_job(call: seams.Call) -> None:
    """Ask a training job to stop."""
    _stop(_find(TrainingJob, call))


@seams.operation("StopProcessingJob")
def stop_processing_job(call: seams.Call) -> None:
    """Ask a processing job to stop."""
    _stop(_find(ProcessingJob, call))


@seams.operation("ListTrainingJobs")
def list_training_jobs(call: seams.Call) -> dict[str, Any]:
    """List training jobs, newest first unless told otherwise."""
    return _list(TrainingJob, call, "TrainingJob", ("TrainingEndTime", "SecondaryStatus"))


@seams.operation("ListProcessingJobs")
def list_processing_jobs(call: seams.Call) -> dict[str, Any]:
    """List processing jobs, newest first unless told otherwise."""
    return _list(ProcessingJob, call, "ProcessingJob", ("ProcessingEndTime", "FailureReason", "ExitMessage"))


def _create(call: seams.Call, job: Job) -> dict[str, Any]:
    acting.refuse_untrusting(call, call.params.get("RoleArn"), job.arn)
    try:
        table.add(job)
    except table.Duplicate:
        raise seams.AwsError(
            "ResourceInUse",
            "Job name must be unique within an AWS account and region, "
            f"and a job with this name already exists ({job.arn})",
        ) from None
    tags.keep(job.arn, job.tags)
    job.start()
    return {f"{job.status_key.removesuffix('Status')}Arn": job.arn}


def _find(kind: type[Job], call: seams.Call) -> Job:
    job = table.get(kind.kind, call, call.params[kind.name_key])
    if job is None:
        # AWS's model lists ResourceNotFound; what it answers for jobs is this.
        raise seams.AwsError("ValidationException", "Requested resource not found.")
    return job


def _stop(job: Job) -> None:
    if job.status in ENDED:
        text = f"The request was rejected because the {job.kind.replace('-', ' ')} is in status {job.status}."
        raise seams.AwsError("ValidationException", text)
    job.stop()


def _list(kind: type[Job], call: seams.Call, word: str, extra: tuple[str, ...]) -> dict[str, Any]:
    keys = (f"{word}Name", f"{word}Arn", f"{word}Status", "CreationTime", "LastModifiedTime", *extra)
    records = [job.describe() for job in table.of_kind(kind.kind, call)]
    summaries = [{key: record[key] for key in keys if key in record} for record in records]
    return page(summaries, call.params, f"{word}Summaries", name=f"{word}Name", status=f"{word}Status")


def _refuse(what: str) -> None:
    raise seams.AwsError("NotImplemented", f"sagemaker-emulator does not implement {what} (see COVERAGE.md)")


def _refuse_training(params: dict[str, Any]) -> None:
    """Refuse by name what would otherwise be ignored."""
    algorithm = params["AlgorithmSpecification"]
    if not algorithm.get("TrainingImage"):
        _refuse("AlgorithmSpecification.AlgorithmName: give a TrainingImage")
    if params["ResourceConfig"].get("InstanceCount", 1) != 1 or params["ResourceConfig"].get(
        "InstanceGroups"
    ):
        _refuse("training on more than one instance")
    channels = params.get("InputDataConfig", [])
    modes = {algorithm.get("TrainingInputMode", "File"), *(c.get("InputMode", "File") for c in channels)}
    if "Pipe" in modes:
        _refuse("TrainingInputMode Pipe")
    for channel in channels:
        source = channel["DataSource"].get("S3DataSource")
        if source is None:
            _refuse(f"the data source of channel {channel['ChannelName']}: only S3DataSource")
        _refuse_data_type(source)


def _refuse_processing(params: dict[str, Any]) -> None:
    if params["ProcessingResources"]["ClusterConfig"].get("InstanceCount", 1) != 1:
        _refuse("processing on more than one instance")
    for item in params.get("ProcessingInputs", []):
        if "S3Input" not in item:
            _refuse(f"the source of processing input {item['InputName']}: only S3Input")
        if item["S3Input"].get("S3InputMode") == "Pipe":
            _refuse("S3InputMode Pipe")
        _refuse_data_type(item["S3Input"])
    for output in params.get("ProcessingOutputConfig", {}).get("Outputs", []):
        if "S3Output" not in output:
            _refuse(f"the target of processing output {output['OutputName']}: only S3Output")


def _refuse_data_type(source: dict[str, Any]) -> None:
    if source.get("S3DataType", "S3Prefix") not in ("S3Prefix", "ManifestFile"):
        _refuse(f"S3DataType {source['S3DataType']}")
