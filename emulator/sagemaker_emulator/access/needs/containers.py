"""ECR, and CloudFormation, Application Auto Scaling, quotas, prices, budgets: one ARN each, or none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sagemaker_emulator.access import resources
from sagemaker_emulator.access.needs.table import Call, Need, filled, on, rule, tags
from sagemaker_emulator.images.docker import USER_AGENT

ON_A_REPOSITORY = (
    *("CreateRepository", "DeleteRepository", "DescribeRepositories", "DescribeImages", "ListImages"),
    *("PutImage", "BatchGetImage", "BatchDeleteImage", "BatchCheckLayerAvailability"),
    *("GetDownloadUrlForLayer", "InitiateLayerUpload", "UploadLayerPart", "CompleteLayerUpload"),
    *("SetRepositoryPolicy", "GetRepositoryPolicy", "DeleteRepositoryPolicy", "PutLifecyclePolicy"),
    *("GetLifecyclePolicy", "DeleteLifecyclePolicy", "PutImageTagMutability", "StartImageScan"),
    *("PutImageScanningConfiguration", "DescribeImageScanFindings"),
)
# What `docker push` does before PutImage, in calls that the emulator's own docker has no use for.
# Source: ECR's documentation, "IAM permissions for pushing an image".
PUSH = (
    *("BatchGetImage", "BatchCheckLayerAvailability", "InitiateLayerUpload", "UploadLayerPart"),
    "CompleteLayerUpload",
)
STACK = "stack/{StackName}/*"
ON_A_STACK = (
    *("CreateStack", "UpdateStack", "DeleteStack", "DescribeStacks", "DescribeStackEvents", "GetTemplate"),
    *("DescribeStackResources", "DescribeStackResource", "ListStackResources", "CreateChangeSet"),
    *("DescribeChangeSet", "ExecuteChangeSet", "DeleteChangeSet", "ListChangeSets", "GetStackPolicy"),
    *("SetStackPolicy", "CancelUpdateStack", "UpdateTerminationProtection", "ContinueUpdateRollback"),
    *("DetectStackDrift", "GetTemplateSummary"),
)
BUDGETS = {
    "CreateBudget": "ModifyBudget",
    "UpdateBudget": "ModifyBudget",
    "DeleteBudget": "ModifyBudget",
    "CreateNotification": "ModifyBudget",
    "DeleteNotification": "ModifyBudget",
    "CreateSubscriber": "ModifyBudget",
    "DescribeBudget": "ViewBudget",
    "DescribeBudgets": "ViewBudget",
    "DescribeNotificationsForBudget": "ViewBudget",
    "DescribeSubscribersForNotification": "ViewBudget",
}


@rule("ecr", *ON_A_REPOSITORY)
def _repository(call: Call) -> Iterable[Need]:
    names = call.params.get("repositoryNames") or [call.params.get("repositoryName", "*")]
    actions = [call.operation]
    if call.operation == "PutImage" and USER_AGENT in call.headers.get("user-agent", ""):
        actions = [*PUSH, "PutImage"]
    if call.operation == "CreateRepository" and call.params.get("tags"):
        actions.append("TagResource")
    for name in names:
        arn = call.arn(f"repository/{name}", account=call.params.get("registryId"))
        for action in actions:
            yield Need(f"ecr:{action}", arn, tags(call.params, "tags"))


on("ecr", "{resourceArn}", ("TagResource", "UntagResource", "ListTagsForResource"))
on("ecr", "*", ("GetAuthorizationToken", "DescribeRegistry", "GetRegistryPolicy"))


@rule("cloudformation", *ON_A_STACK)
def _stack(call: Call) -> Iterable[Need]:
    params = call.params
    role = params.get("RoleARN")
    context: dict[str, Any] = tags(params)
    for key, member in {
        "cloudformation:RoleArn": "RoleARN",
        "cloudformation:TemplateUrl": "TemplateURL",
        "cloudformation:ChangeSetName": "ChangeSetName",
        "cloudformation:ResourceTypes": "ResourceTypes",
    }.items():
        if params.get(member):
            context[key] = params[member]
    named = params.get("StackName") or _stack_of(call, str(params.get("ChangeSetName", "")))
    if named:
        yield Need(f"cloudformation:{call.operation}", call.arn(filled(STACK, {"StackName": named})), context)
    else:
        yield Need(f"cloudformation:{call.operation}", "*", context)
        if call.operation == "DescribeStacks":
            yield Need("cloudformation:ListStacks")
    if role:
        yield Need("iam:PassRole", role, {"iam:PassedToService": "cloudformation.amazonaws.com"})


def _stack_of(call: Call, change_set: str) -> str:
    """Return the stack of a change set's ARN, which does not name it; `*` where there is no such set."""
    if not change_set.startswith("arn:"):
        return ""
    return resources.stack_of_change_set(call.caller.account, call.region, change_set) or "*"


on(
    "cloudformation",
    "*",
    ("ValidateTemplate", "ListStacks", "ListExports", "DescribeAccountLimits", "EstimateTemplateCost"),
)


@rule("budgets", *BUDGETS)
def _budget(call: Call) -> Iterable[Need]:
    budget = call.params.get("Budget") or {}
    name = call.params.get("BudgetName") or budget.get("BudgetName", "*")
    account = call.params.get("AccountId", call.caller.account)
    arn = f"arn:{call.partition}:budgets::{account}:budget/{name}"
    yield Need(f"budgets:{BUDGETS[call.operation]}", arn)


on("pricing", "*", ("GetProducts", "DescribeServices", "GetAttributeValues", "ListPriceLists"))
on(
    "service-quotas",
    "*",
    (
        *("ListServiceQuotas", "GetAWSDefaultServiceQuota", "ListAWSDefaultServiceQuotas", "ListServices"),
        "ListRequestedServiceQuotaChangeHistory",
    ),
)


@rule("service-quotas", "GetServiceQuota", "RequestServiceQuotaIncrease")
def _quota(call: Call) -> Iterable[Need]:
    name = f"{call.params.get('ServiceCode', '*')}/{call.params.get('QuotaCode', '*')}"
    yield Need(f"servicequotas:{call.operation}", call.arn(name))


SCALING = (
    *("RegisterScalableTarget", "DeregisterScalableTarget", "PutScalingPolicy", "DeleteScalingPolicy"),
    *("PutScheduledAction", "DeleteScheduledAction"),
)


@rule("application-autoscaling", *SCALING)
def _scalable_target(call: Call) -> Iterable[Need]:
    members = {"service-namespace": "ServiceNamespace", "scalable-dimension": "ScalableDimension"}
    context = {
        f"application-autoscaling:{key}": call.params[member]
        for key, member in members.items()
        if call.params.get(member)
    }
    yield Need(f"application-autoscaling:{call.operation}", call.arn("scalable-target/*"), context)


on(
    "application-autoscaling",
    "*",
    (
        *("DescribeScalableTargets", "DescribeScalingPolicies", "DescribeScalingActivities"),
        "DescribeScheduledActions",
    ),
)
