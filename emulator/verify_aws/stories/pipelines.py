"""The registry, and a pipeline that decides."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from verify_aws.stories import endpoints, jobs
from verify_aws.story import Run, Story

OVER = ("Succeeded", "Failed", "Stopped")
TOO_LOW = "The score is below what was wanted"


def registry(run: Run) -> None:
    """Versions, approval, metadata."""
    sagemaker = run.aws.sagemaker
    group = run.make("model-package-group", run.name("group"))
    sagemaker.create_model_package_group(ModelPackageGroupName=group)
    data = endpoints.put_model(run, "registered")
    first, second = register(run, group, data), register(run, group, data)
    run.same("version numbers", [each.rsplit("/", 1)[1] for each in (first, second)], ["1", "2"])
    approve(run, second)
    listing = partial(sagemaker.list_model_packages, ModelPackageGroupName=group)
    approved = listing(ModelApprovalStatus="Approved")["ModelPackageSummaryList"]
    run.same("listed as Approved", [each["ModelPackageArn"] for each in approved], [second])
    newest = listing(SortBy="CreationTime", SortOrder="Descending")["ModelPackageSummaryList"]
    run.same("newest first", [each["ModelPackageVersion"] for each in newest], [2, 1])
    run.refused(
        "deleting a group that holds packages",
        lambda: sagemaker.delete_model_package_group(ModelPackageGroupName=group),
        "ConflictException",
        "still contains Model Packages",
    )
    sagemaker.delete_model_package(ModelPackageName=second)
    third = register(run, group, data).rsplit("/", 1)[1]
    run.same("a deleted version's number is not given again", third, "3")


def register(run: Run, group: str, data: str) -> str:
    """Register a version that waits for its approval; return its ARN."""
    inference = {
        "Containers": [{"Image": run.ground.image, "ModelDataUrl": data}],
        "SupportedContentTypes": ["text/plain"],
        "SupportedResponseMIMETypes": ["text/plain"],
    }
    made = run.aws.sagemaker.create_model_package(
        ModelPackageGroupName=group,
        InferenceSpecification=inference,
        ModelApprovalStatus="PendingManualApproval",
        CustomerMetadataProperties={"commit": "abc", "data": "one"},
    )
    return made["ModelPackageArn"]


def approve(run: Run, package: str) -> None:
    """Approve a version, change its metadata, and look at it."""
    run.aws.sagemaker.update_model_package(
        ModelPackageArn=package,
        ModelApprovalStatus="Approved",
        ApprovalDescription="by hand",
        CustomerMetadataProperties={"data": "two"},
        CustomerMetadataPropertiesToRemove=["commit"],
    )
    found = run.aws.sagemaker.describe_model_package(ModelPackageName=package)
    run.same("ModelApprovalStatus", found.get("ModelApprovalStatus"), "Approved")
    run.same("ApprovalDescription", found.get("ApprovalDescription"), "by hand")
    run.same("metadata is merged and removed", found.get("CustomerMetadataProperties"), {"data": "two"})


def definition(run: Run) -> dict[str, Any]:
    """Return a pipeline: count, look at the score, fail where it is too low."""
    arguments = jobs.processing_request(run, run.name("unnamed"), "process")
    del arguments["ProcessingJobName"]
    score = {"PropertyFile": {"Get": "Steps.Score.PropertyFiles.Report"}, "Path": "score"}
    enough = {
        "Type": "GreaterThanOrEqualTo",
        "LeftValue": {"Std:JsonGet": score},
        "RightValue": {"Get": "Parameters.Wanted"},
    }
    too_low = {"Name": "TooLow", "Type": "Fail", "Arguments": {"ErrorMessage": TOO_LOW}}
    report = {"PropertyFileName": "Report", "OutputName": "report", "FilePath": "report.json"}
    return {
        "Version": "2020-12-01",
        "Parameters": [{"Name": "Wanted", "Type": "Float", "DefaultValue": 0.1}],
        "Steps": [
            {"Name": "Score", "Type": "Processing", "Arguments": arguments, "PropertyFiles": [report]},
            {
                "Name": "Enough",
                "Type": "Condition",
                "Arguments": {"Conditions": [enough], "IfSteps": [], "ElseSteps": [too_low]},
            },
        ],
    }


def pipeline(run: Run) -> None:
    """One execution that the condition fails, one that it lets pass."""
    sagemaker = run.aws.sagemaker
    jobs.put_rows(run)
    name = run.make("pipeline", run.name("pipeline"))
    text = json.dumps(definition(run))
    sagemaker.create_pipeline(PipelineName=name, PipelineDefinition=text, RoleArn=run.ground.role)
    token = run.name("attach").ljust(32, "0")
    start = partial(
        sagemaker.start_pipeline_execution,
        PipelineName=name,
        ClientRequestToken=token,
        PipelineParameters=[{"Name": "Wanted", "Value": "0.9"}],
    )
    low = start()["PipelineExecutionArn"]
    run.same("the same ClientRequestToken, the same execution", start()["PipelineExecutionArn"], low)
    failed, steps = _ended(run, low)
    run.same("statuses", failed["statuses"], ["Executing", "Failed"])
    run.same("FailureReason", failed.get("FailureReason"), "Step failure: One or multiple steps failed.")
    statuses = {each: step["StepStatus"] for each, step in steps.items()}
    wanted = {"Score": "Succeeded", "Enough": "Succeeded", "TooLow": "Failed"}
    run.same("steps below the score", statuses, wanted)
    run.like("FailureReason of the Fail step", steps.get("TooLow", {}).get("FailureReason"), TOO_LOW)
    outcome = steps.get("Enough", {}).get("Metadata", {}).get("Condition", {}).get("Outcome")
    run.same("Outcome of the condition", outcome, "False")

    high = sagemaker.start_pipeline_execution(PipelineName=name)["PipelineExecutionArn"]
    passed, steps = _ended(run, high)
    run.same("statuses with the default", passed["statuses"], ["Executing", "Succeeded"])
    statuses = {each: step["StepStatus"] for each, step in steps.items()}
    run.same("steps above the score", statuses, {"Score": "Succeeded", "Enough": "Succeeded"})
    job = steps["Score"]["Metadata"]["ProcessingJob"]["Arn"].rsplit("/", 1)[1]
    run.like("name of the step's job", job, rf"^pipelines-{high.rsplit('/', 1)[1]}-Score-\w+$")


def _ended(run: Run, arn: str) -> tuple[dict[str, Any], dict[str, Any]]:
    jobs.logged(run, "Processing", f"pipelines-{arn.rsplit('/', 1)[1]}-")
    describe = partial(run.aws.sagemaker.describe_pipeline_execution, PipelineExecutionArn=arn)
    ended, statuses = run.wait(describe, "PipelineExecutionStatus", OVER, jobs.PATIENCE)
    listed = run.aws.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)
    steps = {each["StepName"]: each for each in listed["PipelineExecutionSteps"]}
    for step in steps.values():
        run.provisioned(step)
    return {**ended, "statuses": statuses}, steps


STORIES = [
    Story(
        "registry",
        "versions, approval, metadata merged and removed, lists, what a group with packages refuses",
        (),
        registry,
    ),
    Story(
        "pipeline",
        "condition on a property file, a Fail step, both branches; the same execution by ClientRequestToken",
        (("Processing", 1, 2 * jobs.MINUTES),),
        pipeline,
    ),
]
