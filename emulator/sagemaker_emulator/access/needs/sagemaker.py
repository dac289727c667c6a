"""SageMaker: ARNs and condition keys of its requests, and what a request needs beside its own action."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sagemaker_emulator.access import resources
from sagemaker_emulator.access.needs.kms import grant
from sagemaker_emulator.access.needs.table import Call, Need, filled, rule, tags, with_context

# Each resource and the operations that are about one of its kind.
ON: dict[str, tuple[str, ...]] = {
    "training-job/{TrainingJobName}": (
        *("CreateTrainingJob", "DescribeTrainingJob", "StopTrainingJob", "UpdateTrainingJob"),
        "DeleteTrainingJob",
    ),
    "processing-job/{ProcessingJobName}": (
        *("CreateProcessingJob", "DescribeProcessingJob", "StopProcessingJob", "DeleteProcessingJob"),
    ),
    "transform-job/{TransformJobName}": (
        *("CreateTransformJob", "DescribeTransformJob", "StopTransformJob"),
    ),
    "model/{ModelName}": ("CreateModel", "DescribeModel", "DeleteModel"),
    "endpoint-config/{EndpointConfigName}": (
        *("CreateEndpointConfig", "DescribeEndpointConfig", "DeleteEndpointConfig"),
    ),
    "endpoint/{EndpointName}": (
        *("DescribeEndpoint", "DeleteEndpoint", "UpdateEndpointWeightsAndCapacities"),
        *("CreateEndpoint", "UpdateEndpoint"),
    ),
    "pipeline/{PipelineName}": (
        *("CreatePipeline", "UpdatePipeline", "DescribePipeline", "DeletePipeline"),
        *("StartPipelineExecution", "ListPipelineExecutions", "ListPipelineVersions"),
    ),
    "{PipelineExecutionArn}": (
        *("DescribePipelineExecution", "StopPipelineExecution", "RetryPipelineExecution"),
        *("UpdatePipelineExecution", "ListPipelineExecutionSteps", "ListPipelineParametersForExecution"),
        "DescribePipelineDefinitionForExecution",
    ),
    "model-package-group/{ModelPackageGroupName}": (
        *("CreateModelPackageGroup", "DescribeModelPackageGroup", "DeleteModelPackageGroup"),
        *("PutModelPackageGroupPolicy", "GetModelPackageGroupPolicy", "DeleteModelPackageGroupPolicy"),
    ),
    "model-package/{ModelPackageName}": ("DescribeModelPackage", "DeleteModelPackage"),
    "{ModelPackageArn}": ("UpdateModelPackage",),
    "{ResourceArn}": ("AddTags", "ListTags", "DeleteTags"),
    # Actions on lists know no resource.
    "*": (
        *("ListTrainingJobs", "ListProcessingJobs", "ListModels", "ListEndpoints", "ListEndpointConfigs"),
        *("ListPipelines", "ListModelPackageGroups", "ListTransformJobs", "Search"),
    ),
}
# Where a request may hold a role, which whoever sends it must be allowed to pass.
ROLES = ("RoleArn", "ExecutionRoleArn")
# Condition keys and the members they show, as paths.
KEYS: dict[str, tuple[str, ...]] = {
    "sagemaker:NetworkIsolation": (
        "EnableNetworkIsolation",
        "NetworkConfig.EnableNetworkIsolation",
    ),
    "sagemaker:InterContainerTrafficEncryption": (
        "EnableInterContainerTrafficEncryption",
        "NetworkConfig.EnableInterContainerTrafficEncryption",
    ),
    "sagemaker:VpcSubnets": ("VpcConfig.Subnets", "NetworkConfig.VpcConfig.Subnets"),
    "sagemaker:VpcSecurityGroupIds": (
        "VpcConfig.SecurityGroupIds",
        "NetworkConfig.VpcConfig.SecurityGroupIds",
    ),
    "sagemaker:InstanceTypes": (
        "ResourceConfig.InstanceType",
        "ProcessingResources.ClusterConfig.InstanceType",
        "ProductionVariants.InstanceType",
        "ShadowProductionVariants.InstanceType",
        "TransformResources.InstanceType",
    ),
    "sagemaker:MaxRuntimeInSeconds": ("StoppingCondition.MaxRuntimeInSeconds",),
    "sagemaker:KeepAlivePeriod": ("ResourceConfig.KeepAlivePeriodInSeconds",),
    "sagemaker:EnableRemoteDebug": ("RemoteDebugConfig.EnableRemoteDebug",),
    "sagemaker:ServerlessMaxConcurrency": ("ProductionVariants.ServerlessConfig.MaxConcurrency",),
    "sagemaker:ServerlessMemorySize": ("ProductionVariants.ServerlessConfig.MemorySizeInMB",),
    "sagemaker:ModelApprovalStatus": ("ModelApprovalStatus",),
    "sagemaker:ModelLifeCycle:Stage": ("ModelLifeCycle.Stage",),
    "sagemaker:ModelLifeCycle:StageStatus": ("ModelLifeCycle.StageStatus",),
    "sagemaker:CustomerMetadataPropertiesToRemove": ("CustomerMetadataPropertiesToRemove",),
    "sagemaker:PipelineVersionId": ("PipelineVersionId",),
}
VOLUMES = (
    "ResourceConfig.VolumeKmsKeyId",
    "ProcessingResources.ClusterConfig.VolumeKmsKeyId",
    "TransformResources.VolumeKmsKeyId",
)
OUTPUTS = ("OutputDataConfig.KmsKeyId", "ProcessingOutputConfig.KmsKeyId", "TransformOutput.KmsKeyId")


def _own(template: str) -> Any:
    def own(call: Call) -> Iterable[Need]:
        resource = "*" if template == "*" else call.arn(filled(_lowered(template, call), call.params))
        return _with_dependents(call, [Need(f"sagemaker:{call.operation}", resource)])

    return own


for _template, _operations in ON.items():
    rule("sagemaker", *_operations)(_own(_template))


@rule("sagemaker", "CreateEndpoint", "UpdateEndpoint")
def _endpoint(call: Call) -> Iterable[Need]:
    action, config = f"sagemaker:{call.operation}", call.params.get("EndpointConfigName", "*")
    own = [
        Need(action, call.arn(f"endpoint/{call.params.get('EndpointName', '*')}")),
        Need(action, call.arn(f"endpoint-config/{config}")),
    ]
    key = resources.endpoint_config_key(call.caller.account, call.region, config)
    # AWS asks for the grant where the endpoint is made, not where its configuration is.
    return [*_with_dependents(call, own), *grant(call, key, None)]


@rule("sagemaker", "CreateModelPackage")
def _create_model_package(call: Call) -> Iterable[Need]:
    group, name = call.params.get("ModelPackageGroupName"), call.params.get("ModelPackageName", "*")
    if group:
        arn = _group(call, group)
        version = resources.next_version(arn)
        resource = f"{arn.replace(':model-package-group/', ':model-package/').lower()}/{version}"
    else:
        resource = call.arn(f"model-package/{name.lower()}")
    return _with_dependents(call, [Need("sagemaker:CreateModelPackage", resource)])


@rule("sagemaker", "ListModelPackages")
def _list_model_packages(call: Call) -> Iterable[Need]:
    group = call.params.get("ModelPackageGroupName")
    if not group:
        yield Need("sagemaker:ListModelPackages")
        return
    packages = _group(call, group).replace(":model-package-group/", ":model-package/")
    yield Need("sagemaker:ListModelPackages", f"{packages}/*")


def _group(call: Call, named: str) -> str:
    """Return the ARN of a group that is named, or given by its ARN: it may be another account's."""
    return call.arn(named if named.startswith("arn:") else f"model-package-group/{named}")


@rule("sagemaker", "BatchDescribeModelPackage")
def _batch_describe(call: Call) -> Iterable[Need]:
    return [
        Need("sagemaker:BatchDescribeModelPackage", arn) for arn in call.params.get("ModelPackageArnList", [])
    ]


@rule("sagemaker-runtime", "InvokeEndpoint", "InvokeEndpointAsync", "InvokeEndpointWithResponseStream")
def _invoke(call: Call) -> Iterable[Need]:
    target = call.params.get("TargetModel")
    context = {"sagemaker:TargetModel": target} if target else {}
    endpoint = call.arn(f"endpoint/{call.params.get('EndpointName', '*')}")
    yield Need(f"sagemaker:{call.operation}", endpoint, context)


def _lowered(template: str, call: Call) -> str:
    """Return the template with the name of a pipeline in lower case, as its ARN has it."""
    name = call.params.get("PipelineName", "")
    if not template.startswith("pipeline/") or name.startswith("arn:"):
        return template
    return f"pipeline/{name.lower()}"


def _with_dependents(call: Call, own: list[Need]) -> list[Need]:
    """Return the call's own needs with its condition keys, and what AWS asks for besides."""
    params = call.params
    asked = [*with_context(own, {**_keys(call), **tags(params)})]
    if params.get("Tags") and call.operation != "AddTags":
        given = {"sagemaker:TaggingAction": call.operation, **tags(params)}
        asked += [Need("sagemaker:AddTags", own[0].resource, given)]
    role = next((params[name] for name in ROLES if params.get(name)), None)
    if role:
        passed = {
            "iam:PassedToService": "sagemaker.amazonaws.com",
            "iam:AssociatedResourceArn": own[0].resource,
        }
        asked += [Need("iam:PassRole", role, passed)]
    packages = _at(params, ("PrimaryContainer.ModelPackageName", "Containers.ModelPackageName"))
    for arn in packages if call.operation == "CreateModel" else ():
        if arn.startswith("arn:") and arn.split(":")[4] != call.caller.account:
            asked.append(Need("sagemaker:CreateModel", arn))  # of another account: its policy decides, too
    for key in _at(params, VOLUMES):
        asked += grant(call, key, role)
    return asked


def _keys(call: Call) -> dict[str, Any]:
    params = call.params
    context: dict[str, Any] = {}
    for key, paths in KEYS.items():
        if values := list(_at(params, paths)):
            context[key] = values[0] if len(values) == 1 else values
    for key, paths in (
        ("sagemaker:VolumeKmsKey", (*VOLUMES, "KmsKeyId")),
        ("sagemaker:OutputKmsKey", OUTPUTS),
    ):
        if values := list(_at(params, paths)):
            context[key] = resources.key_arn(values[0], call.caller.account, call.region)
    for name, value in (params.get("CustomerMetadataProperties") or {}).items():
        context[f"sagemaker:CustomerMetadataProperties/{name}"] = value
    if call.operation == "CreateEndpointConfig":
        models = list(_at(params, ("ProductionVariants.ModelName",)))
        context["sagemaker:ModelArn"] = [call.arn(f"model/{name}") for name in models]
    return context


def _at(params: dict[str, Any], paths: Iterable[str]) -> Iterator[Any]:
    """Yield what lies at the paths; lists on the way and at the end are opened."""
    for path in paths:
        values: list[Any] = [params]
        for part in path.split("."):
            values = [each.get(part) for each in values if isinstance(each, dict)]
            values = [item for each in values for item in (each if isinstance(each, list) else [each])]
        yield from (each for each in values if each is not None)
