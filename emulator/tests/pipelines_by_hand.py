"""Makers for tests of pipelines: steps written by hand, jobs that are shell commands."""

from __future__ import annotations

import json
import os
import time
import uuid
from pathlib import Path

ROLE = "arn:aws:iam::123456789012:role/any"
SHELL = "registry.example/shell:1"
ENDED = ("Succeeded", "Failed", "Stopped", "CompletedWithFailures")


def home():
    """Return the state folder of the emulator under test."""
    return Path(os.environ["SAGEMAKER_EMULATOR_HOME"])


def image(uri, entrypoint):
    """Put an image in the emulator's table: it starts with this entrypoint. Return the URI."""
    table = home() / "images.json"
    known = json.loads(table.read_text()) if table.exists() else {}
    table.write_text(json.dumps({**known, uri: {"entrypoint": entrypoint}}))
    return uri


def get(path):
    return {"Get": path}


def join(*parts, on="/"):
    return {"Std:Join": {"On": on, "Values": list(parts)}}


def own_uri(*parts):
    """Return a place under the execution's own prefix."""
    return join("s3://lake", get("Execution.PipelineExecutionId"), *parts)


def processing(name, script, outputs=(), inputs=None, files=None, **members):
    """Make a Processing step; the script sees $OUT, and one folder in it for each output."""
    step = {
        "Name": name,
        "Type": "Processing",
        "Arguments": {
            "RoleArn": ROLE,
            "AppSpecification": {"ImageUri": SHELL, "ContainerEntrypoint": ["sh", "-ec", script]},
            "Environment": {"OUT": "/opt/ml/processing/out", "IN": "/opt/ml/processing/in"},
            "ProcessingResources": {
                "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}
            },
            "ProcessingInputs": [
                {
                    "InputName": key,
                    "S3Input": {
                        "S3Uri": uri,
                        "LocalPath": f"/opt/ml/processing/in/{key}",
                        "S3DataType": "S3Prefix",
                        "S3InputMode": "File",
                    },
                }
                for key, uri in (inputs or {}).items()
            ],
            "ProcessingOutputConfig": {
                "Outputs": [
                    {
                        "OutputName": key,
                        "S3Output": {
                            "S3Uri": own_uri(name, key),
                            "LocalPath": f"/opt/ml/processing/out/{key}",
                            "S3UploadMode": "EndOfJob",
                        },
                    }
                    for key in outputs
                ]
            },
        },
        **members,
    }
    if files:
        step["PropertyFiles"] = [
            {"PropertyFileName": key, "OutputName": output, "FilePath": path}
            for key, (output, path) in files.items()
        ]
    return step


def training(name, script, channels=None, hyperparameters=None, **members):
    """Make a Training step; the script runs in a shell."""
    return {
        "Name": name,
        "Type": "Training",
        "Arguments": {
            "RoleArn": ROLE,
            "AlgorithmSpecification": {
                "TrainingImage": SHELL,
                "TrainingInputMode": "File",
                "ContainerEntrypoint": ["sh", "-ec", script],
            },
            "HyperParameters": hyperparameters or {},
            "InputDataConfig": [
                {
                    "ChannelName": key,
                    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}},
                }
                for key, uri in (channels or {}).items()
            ],
            "OutputDataConfig": {"S3OutputPath": own_uri(name)},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        },
        **members,
    }


def condition(name, *conditions, then=(), otherwise=(), **members):
    """Make a Condition step."""
    arguments = {"Conditions": list(conditions), "IfSteps": list(then), "ElseSteps": list(otherwise)}
    return {"Name": name, "Type": "Condition", "Arguments": arguments, **members}


def equals(left, right):
    return {"Type": "Equals", "LeftValue": left, "RightValue": right}


def fail(name, message, **members):
    """Make a Fail step."""
    return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": message}, **members}


def document(*steps, parameters=()):
    """Return the JSON of a definition."""
    return json.dumps({"Version": "2020-12-01", "Parameters": list(parameters), "Steps": list(steps)})


def create(sagemaker, *steps, parameters=()):
    """Create a pipeline of these steps under a fresh name and return the name."""
    name = f"p-{uuid.uuid4().hex[:12]}"
    sagemaker.create_pipeline(
        PipelineName=name, PipelineDefinition=document(*steps, parameters=parameters), RoleArn=ROLE
    )
    return name


def start(sagemaker, name, **values):
    """Start an execution and return its ARN."""
    given = [{"Name": key, "Value": value} for key, value in values.items()]
    return sagemaker.start_pipeline_execution(PipelineName=name, PipelineParameters=given)[
        "PipelineExecutionArn"
    ]


def run(sagemaker, *steps, parameters=(), **values):
    """Create, start and wait; return what describe_pipeline_execution says at the end."""
    return wait(sagemaker, start(sagemaker, create(sagemaker, *steps, parameters=parameters), **values))


def wait(sagemaker, arn, until=ENDED, seconds=30):
    """Wait until the execution has one of these statuses and return its description."""
    deadline = time.monotonic() + seconds
    while True:
        described = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        if described["PipelineExecutionStatus"] in until:
            return described
        assert time.monotonic() < deadline, f"still {described['PipelineExecutionStatus']}"
        time.sleep(0.05)


def steps_of(sagemaker, arn):
    """Return {step name: its summary}, in the order in which they started."""
    listed = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn, SortOrder="Ascending")
    return {step["StepName"]: step for step in listed["PipelineExecutionSteps"]}


def statuses(sagemaker, arn):
    """Return {step name: status}."""
    return {name: step["StepStatus"] for name, step in steps_of(sagemaker, arn).items()}
