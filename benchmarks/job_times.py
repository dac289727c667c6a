"""Run a release under an emulator and tell, before it ends, when its jobs and steps began and ended.

In:   a project as working directory, AWS as `sagemaker_emulator run` gives it; OUT, the file to write
Out:  OUT as JSON: began and ended (of the verb), the verb's steps, the pipeline's, jobs with their log lines
Run:  python -m sagemaker_emulator run -- python benchmarks/job_times.py OUT
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import boto3

KINDS = {"Training": "TrainingJobs", "Processing": "ProcessingJobs"}


def main() -> None:
    """Release, then ask SageMaker and CloudWatch."""
    out = Path(sys.argv[1])
    began = time.time()
    verb = [sys.executable, "-m", "pipelines", "local-test"]
    done = subprocess.run(verb, capture_output=True, text=True, check=False)
    ended = time.time()
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    region = tomllib.loads(Path("mlops.toml").read_text("utf-8"))["project"]["region"]
    sagemaker, logs = (boto3.client(name, region) for name in ("sagemaker", "logs"))
    told = {
        "began": began,
        "ended": ended,
        "steps": json.loads(Path("build/local-test.json").read_text())["steps"],
        "pipeline": list(pipeline_steps(sagemaker)),
        "jobs": [job(sagemaker, logs, kind, name) for kind, name in job_names(sagemaker)],
    }
    out.write_text(json.dumps(told))


def job_names(sagemaker: Any) -> list[tuple[str, str]]:
    """Return (kind, name) of each job there was."""
    training = sagemaker.list_training_jobs()["TrainingJobSummaries"]
    processing = sagemaker.list_processing_jobs()["ProcessingJobSummaries"]
    found = [("Training", job["TrainingJobName"]) for job in training]
    return found + [("Processing", job["ProcessingJobName"]) for job in processing]


def job(sagemaker: Any, logs: Any, kind: str, name: str) -> dict[str, Any]:
    """Return a job's step, its start and end, and its log lines with their seconds."""
    describe = {"Training": sagemaker.describe_training_job, "Processing": sagemaker.describe_processing_job}
    about = describe[kind](**{f"{kind}JobName": name})
    lines = list(log_lines(logs, f"/aws/sagemaker/{KINDS[kind]}", name))
    start, end = (about[f"{kind}{what}Time"].timestamp() for what in ("Start", "End"))
    return {"step": name.split("-")[2].lower(), "start": start, "end": end, "lines": lines}


def log_lines(logs: Any, group: str, name: str) -> Any:
    """Yield [seconds, first word] of each line that a job logged."""
    wanted = {"logGroupName": group, "logStreamNamePrefix": f"{name}/"}
    for stream in logs.describe_log_streams(**wanted)["logStreams"]:
        source = {"logGroupName": group, "logStreamName": stream["logStreamName"], "startFromHead": True}
        for event in logs.get_log_events(**source)["events"]:
            yield [event["timestamp"] / 1000, event["message"].split("=")[0].strip()]


def pipeline_steps(sagemaker: Any) -> Any:
    """Yield name, start and end of each step of the only execution."""
    (pipeline,) = sagemaker.list_pipelines()["PipelineSummaries"]
    named = {"PipelineName": pipeline["PipelineName"]}
    (execution,) = sagemaker.list_pipeline_executions(**named)["PipelineExecutionSummaries"]
    arn = {"PipelineExecutionArn": execution["PipelineExecutionArn"]}
    for step in sagemaker.list_pipeline_execution_steps(**arn)["PipelineExecutionSteps"]:
        start, end = step["StartTime"].timestamp(), step["EndTime"].timestamp()
        yield {"name": step["StepName"], "start": start, "end": end}


if __name__ == "__main__":
    main()
