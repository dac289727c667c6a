"""What is not there, what is there already, what may not be asked: codes and words. No machine runs."""

from __future__ import annotations

import json
from functools import partial

from verify_aws.story import Run, Story

INVALID, NOT_FOUND = "ValidationException", "ResourceNotFound"
NO_JOB, NO_MODEL = "^Requested resource not found", r'^Could not find model "arn:.*"\.'
NO_CONFIG = r'^Could not find endpoint configuration "arn:.*"\.'
NO_ENDPOINT, NO_PIPELINE = r'^Could not find endpoint "arn:.*"\.', "^Pipeline '.*' does not exist"
FORBIDDEN = (
    "^1 validation error detected: Value '-x' at '{}' failed to satisfy constraint: Member must satisfy "
)
# client, operation, request ({} is a name that nobody has), code, words
REFUSED: list[tuple[str, str, dict[str, str], str, str]] = [
    ("sagemaker", "describe_training_job", {"TrainingJobName": "{}"}, INVALID, NO_JOB),
    ("sagemaker", "stop_training_job", {"TrainingJobName": "{}"}, INVALID, NO_JOB),
    ("sagemaker", "describe_processing_job", {"ProcessingJobName": "{}"}, INVALID, NO_JOB),
    ("sagemaker", "describe_model", {"ModelName": "{}"}, INVALID, NO_MODEL),
    ("sagemaker", "delete_model", {"ModelName": "{}"}, INVALID, NO_MODEL),
    ("sagemaker", "describe_endpoint_config", {"EndpointConfigName": "{}"}, INVALID, NO_CONFIG),
    ("sagemaker", "create_endpoint", {"EndpointName": "{}", "EndpointConfigName": "{}"}, INVALID, NO_CONFIG),
    ("sagemaker", "describe_endpoint", {"EndpointName": "{}"}, INVALID, NO_ENDPOINT),
    ("sagemaker", "delete_endpoint", {"EndpointName": "{}"}, INVALID, NO_ENDPOINT),
    ("runtime", "invoke_endpoint", {"EndpointName": "{}", "Body": ""}, "ValidationError",
     r"^Endpoint \S+ of account \d+ not found\."),
    ("sagemaker", "describe_pipeline", {"PipelineName": "{}"}, NOT_FOUND, NO_PIPELINE),
    ("sagemaker", "start_pipeline_execution", {"PipelineName": "{}"}, NOT_FOUND, NO_PIPELINE),
    ("sagemaker", "describe_model_package_group", {"ModelPackageGroupName": "{}"}, INVALID,
     r"^ModelPackageGroup arn:.* does not exist\."),
    ("sagemaker", "create_model_package_group", {"ModelPackageGroupName": "-x"}, INVALID,
     FORBIDDEN.format("modelPackageGroupName") + "regular expression pattern"),
    ("sagemaker", "list_models", {"SortBy": "-x"}, INVALID, FORBIDDEN.format("sortBy") + "enum value set"),
    ("iam", "get_role", {"RoleName": "{}"}, "NoSuchEntity", "cannot be found|not found"),
]  # fmt: skip


def refused(run: Run) -> None:
    """Ask for what is not there, and for what AWS's model forbids."""
    name = run.name("nobody-has-this")
    run.make("endpoint", name)
    for client, operation, request, code, words in REFUSED:
        filled = {member: value.format(name) for member, value in request.items()}
        run.refused(operation, partial(getattr(getattr(run.aws, client), operation), **filled), code, words)
    run.refused(
        "get_object", partial(run.aws.s3.get_object, **run.key("nothing")), "NoSuchKey", "does not exist"
    )


def taken(run: Run) -> None:
    """Make things twice."""
    name, role = run.name("twice"), {"RoleArn": run.ground.role}
    fail = {"Name": "No", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}
    text = json.dumps({"Version": "2020-12-01", "Parameters": [], "Steps": [fail]})
    model = {"ExecutionRoleArn": run.ground.role, "PrimaryContainer": {"Image": run.ground.image}}
    variant = {"VariantName": "main", "ModelName": name, "InitialInstanceCount": 1}
    variants = {"ProductionVariants": [{**variant, "InstanceType": run.ground.instance_type}]}
    exists = "^Cannot create already existing"
    for kind, member, request, words in (
        ("model-package-group", "ModelPackageGroupName", {}, "^Model Package Group already exists: arn:"),
        ("model", "ModelName", model, f"{exists} model "),
        ("endpoint-config", "EndpointConfigName", variants, f"{exists} endpoint configuration "),
        ("pipeline", "PipelineName", {"PipelineDefinition": text, **role}, "^Pipeline names must be unique"),
    ):
        run.make(kind, name)
        operation = getattr(run.aws.sagemaker, f"create_{kind.replace('-', '_')}")
        create = partial(operation, **{member: name}, **request)
        create()
        run.refused(kind, create, INVALID, words)


STORIES = [
    Story(
        "refused", "codes and words of 17 operations on what is not there or may not be asked", (), refused
    ),
    Story(
        "taken", "codes and words for names that are taken: package group, model, config, pipeline", (), taken
    ),
]
