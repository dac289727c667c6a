"""AWS::SageMaker::Model, EndpointConfig, Endpoint, Pipeline, made through the API, so that they really run.

Moto has the first three, in a state of its own in which an endpoint is InService without a container.
"""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any, ClassVar

from botocore.exceptions import ClientError
from moto.core.common_models import CloudFormationModel

from sagemaker_emulator import itself
from sagemaker_emulator.stacks.resource import ApiResource, coerced

POLL_SECONDS = 0.05
TAGS: tuple[str, ...] = ("Tags",)


def _request(properties: dict[str, Any], operation: str, **names: str) -> dict[str, Any]:
    return coerced({**properties, **names}, "sagemaker", operation)


class Model(ApiResource, CloudFormationModel):
    """AWS::SageMaker::Model; Ref is the ARN."""

    TYPE: ClassVar[str] = "AWS::SageMaker::Model"
    NAME: ClassVar[str] = "ModelName"
    PROPERTIES: ClassVar[tuple[str, ...]] = (
        *("Containers", "EnableNetworkIsolation", "ExecutionRoleArn", "InferenceExecutionConfig"),
        *("ModelName", "PrimaryContainer", "Tags", "VpcConfig"),
    )
    ATTRIBUTES: ClassVar[tuple[str, ...]] = ("ModelName",)

    @classmethod
    def make(cls, name: str, properties: dict[str, Any], region: str) -> tuple[str, dict[str, str]]:
        """Create the model."""
        sagemaker = itself.client("sagemaker", region)
        made = sagemaker.create_model(**_request(properties, "CreateModel", ModelName=name))
        return made["ModelArn"], {"ModelName": name}

    def unmake(self) -> None:
        """Delete the model."""
        itself.client("sagemaker", self.region).delete_model(ModelName=self.attributes["ModelName"])


class EndpointConfig(ApiResource, CloudFormationModel):
    """AWS::SageMaker::EndpointConfig; Ref is the ARN."""

    TYPE: ClassVar[str] = "AWS::SageMaker::EndpointConfig"
    NAME: ClassVar[str] = "EndpointConfigName"
    PROPERTIES: ClassVar[tuple[str, ...]] = (
        *("AsyncInferenceConfig", "DataCaptureConfig", "EnableNetworkIsolation", "EndpointConfigName"),
        *(
            "ExecutionRoleArn",
            "KmsKeyId",
            "ProductionVariants",
            "ShadowProductionVariants",
            "Tags",
            "VpcConfig",
        ),
    )
    ATTRIBUTES: ClassVar[tuple[str, ...]] = ("EndpointConfigName",)

    @classmethod
    def make(cls, name: str, properties: dict[str, Any], region: str) -> tuple[str, dict[str, str]]:
        """Create the configuration. Templates name models by Ref, which is an ARN; the API wants names."""
        request = _request(properties, "CreateEndpointConfig", EndpointConfigName=name)
        for variant in (*request["ProductionVariants"], *request.get("ShadowProductionVariants", [])):
            variant["ModelName"] = variant.get("ModelName", "").rsplit("/", 1)[-1]
        made = itself.client("sagemaker", region).create_endpoint_config(**request)
        return made["EndpointConfigArn"], {"EndpointConfigName": name}

    def unmake(self) -> None:
        """Delete the configuration."""
        sagemaker = itself.client("sagemaker", self.region)
        sagemaker.delete_endpoint_config(EndpointConfigName=self.attributes["EndpointConfigName"])


class Endpoint(ApiResource, CloudFormationModel):
    """AWS::SageMaker::Endpoint; Ref is the ARN. Making and changing it waits until it serves."""

    TYPE: ClassVar[str] = "AWS::SageMaker::Endpoint"
    NAME: ClassVar[str] = "EndpointName"
    PROPERTIES: ClassVar[tuple[str, ...]] = ("DeploymentConfig", "EndpointConfigName", "EndpointName", "Tags")
    ATTRIBUTES: ClassVar[tuple[str, ...]] = ("EndpointName",)

    @classmethod
    def make(cls, name: str, properties: dict[str, Any], region: str) -> tuple[str, dict[str, str]]:
        """Create the endpoint and wait. Raises RuntimeError with its FailureReason."""
        config = properties["EndpointConfigName"].rsplit("/", 1)[-1]
        given = {key: value for key, value in properties.items() if key in (*TAGS, "DeploymentConfig")}
        names = {"EndpointName": name, "EndpointConfigName": config}
        made = itself.client("sagemaker", region).create_endpoint(
            **_request(given, "CreateEndpoint", **names)
        )
        _wait(name, config, region)
        return made["EndpointArn"], {"EndpointName": name}

    def change(self, properties: dict[str, Any]) -> bool:
        """Update the endpoint to another configuration and wait. Raises RuntimeError when it went back."""
        name = self.attributes["EndpointName"]
        if properties.get("EndpointName", name) != name:
            return False
        config = properties["EndpointConfigName"].rsplit("/", 1)[-1]
        given = {key: value for key, value in properties.items() if key == "DeploymentConfig"}
        names = {"EndpointName": name, "EndpointConfigName": config}
        itself.client("sagemaker", self.region).update_endpoint(**_request(given, "UpdateEndpoint", **names))
        _wait(name, config, self.region)
        return True

    def unmake(self) -> None:
        """Delete the endpoint and wait until it is gone."""
        sagemaker, name = itself.client("sagemaker", self.region), self.attributes["EndpointName"]
        sagemaker.delete_endpoint(EndpointName=name)
        with contextlib.suppress(ClientError):  # Describe knows it no more
            while sagemaker.describe_endpoint(EndpointName=name):
                time.sleep(POLL_SECONDS)


class Pipeline(ApiResource, CloudFormationModel):
    """AWS::SageMaker::Pipeline; Ref is the name."""

    TYPE: ClassVar[str] = "AWS::SageMaker::Pipeline"
    NAME: ClassVar[str] = "PipelineName"
    PROPERTIES: ClassVar[tuple[str, ...]] = (
        *("ParallelismConfiguration", "PipelineDefinition", "PipelineDescription", "PipelineDisplayName"),
        *("PipelineName", "RoleArn", "Tags"),
    )

    @classmethod
    def make(cls, name: str, properties: dict[str, Any], region: str) -> tuple[str, dict[str, str]]:
        """Create the pipeline."""
        request = _definition(properties)
        token = f"{name}-{time.time_ns()}".rjust(32, "0")
        names = {"PipelineName": name, "ClientRequestToken": token}
        itself.client("sagemaker", region).create_pipeline(**_request(request, "CreatePipeline", **names))
        return name, {}

    def change(self, properties: dict[str, Any]) -> bool:
        """Update the pipeline in place, unless its name changes."""
        if properties.get("PipelineName", self.physical_id) != self.physical_id:
            return False
        request = {key: value for key, value in _definition(properties).items() if key not in TAGS}
        request = _request(request, "UpdatePipeline", PipelineName=self.physical_id)
        itself.client("sagemaker", self.region).update_pipeline(**request)
        return True

    def unmake(self) -> None:
        """Delete the pipeline."""
        sagemaker = itself.client("sagemaker", self.region)
        sagemaker.delete_pipeline(
            PipelineName=self.physical_id, ClientRequestToken=f"{time.time_ns()}".rjust(32, "0")
        )


def _definition(properties: dict[str, Any]) -> dict[str, Any]:
    """Return the request; CloudFormation wraps the definition in an object, as text or where it lies."""
    request = {key: value for key, value in properties.items() if key != "PipelineDefinition"}
    given = properties["PipelineDefinition"]
    if "PipelineDefinitionBody" in given:
        body = given["PipelineDefinitionBody"]
        request["PipelineDefinition"] = body if isinstance(body, str) else json.dumps(body)
    else:
        place = given["PipelineDefinitionS3Location"]
        renamed = {"Bucket": "Bucket", "Key": "ObjectKey", "Version": "VersionId"}
        request["PipelineDefinitionS3Location"] = {
            renamed[key]: v for key, v in place.items() if key in renamed
        }
    return request


def _wait(name: str, config: str, region: str) -> None:
    sagemaker = itself.client("sagemaker", region)
    while True:
        endpoint = sagemaker.describe_endpoint(EndpointName=name)
        if endpoint["EndpointStatus"] not in ("Creating", "Updating", "SystemUpdating", "RollingBack"):
            break
        time.sleep(POLL_SECONDS)
    if endpoint["EndpointStatus"] != "InService" or endpoint["EndpointConfigName"] != config:
        raise RuntimeError(endpoint.get("FailureReason", f"The endpoint is {endpoint['EndpointStatus']}"))
