"""The kinds of step: which operation each calls, what describes it, what stops it.

A kind that is not in this table is refused by name before anything is stored.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One kind of step that calls SageMaker."""

    create: str  # operations, by AWS's names
    describe: str
    name_member: str  # the member that names what is created
    arn_member: str  # in the answer to `create`
    metadata: str  # the member of a step's Metadata that carries the ARN
    status_member: str | None = None  # None: done when `create` answers
    stop: str | None = None


KINDS: dict[str, Kind] = {
    "Processing": Kind(
        "CreateProcessingJob",
        "DescribeProcessingJob",
        "ProcessingJobName",
        "ProcessingJobArn",
        "ProcessingJob",
        "ProcessingJobStatus",
        "StopProcessingJob",
    ),
    "Training": Kind(
        "CreateTrainingJob",
        "DescribeTrainingJob",
        "TrainingJobName",
        "TrainingJobArn",
        "TrainingJob",
        "TrainingJobStatus",
        "StopTrainingJob",
    ),
    "Model": Kind("CreateModel", "DescribeModel", "ModelName", "ModelArn", "Model"),
    "RegisterModel": Kind(
        "CreateModelPackage",
        "DescribeModelPackage",
        "ModelPackageName",
        "ModelPackageArn",
        "RegisterModel",
    ),
}
CONDITION = "Condition"
FAIL = "Fail"
OFFERED = (*KINDS, CONDITION, FAIL)

# What a step may have besides Name, Type, Arguments, DependsOn, DisplayName and Description.
EXTRA_MEMBERS: dict[str, frozenset[str]] = {
    "Processing": frozenset({"PropertyFiles", "CacheConfig", "RetryPolicies"}),
    "Training": frozenset({"CacheConfig", "RetryPolicies"}),
    "Model": frozenset({"RetryPolicies"}),
    "RegisterModel": frozenset({"RetryPolicies"}),
}
# Kinds that have no Describe operation, and what a reference to them may name.
OWN_PROPERTIES: dict[str, frozenset[str]] = {
    CONDITION: frozenset({"Outcome"}),
    FAIL: frozenset({"ErrorMessage"}),
}
EXECUTION_VARIABLES = frozenset(
    {
        "PipelineName",
        "PipelineArn",
        "PipelineExecutionId",
        "PipelineExecutionArn",
        "StartDateTime",
        "CurrentDateTime",
    }
)
