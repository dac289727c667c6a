"""Models: CreateModel and its siblings. A model may name a package; what it serves is then the package's."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from sagemaker_emulator import acting, itself, seams, tags
from sagemaker_emulator.hosting import artifacts, names
from sagemaker_emulator.images.store import ImageMissing, Store
from sagemaker_emulator.listing import page
from sagemaker_emulator.seams import AwsError, Call

KEPT = (
    "PrimaryContainer",
    "Containers",
    "InferenceExecutionConfig",
    "ExecutionRoleArn",
    "VpcConfig",
    "EnableNetworkIsolation",
)


@dataclass
class Model:
    """One model, as created; lies in moto's `backend._models`."""

    model_name: str
    arn: str
    request: dict[str, Any]
    container: dict[str, Any]  # what an instance runs: packages resolved
    creation_time: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def response_object(self) -> dict[str, Any]:
        """Return what DescribeModel answers."""
        return {
            "ModelName": self.model_name,
            "ModelArn": self.arn,
            "CreationTime": self.creation_time,
            "EnableNetworkIsolation": False,
            **self.request,
        }


@seams.operation("CreateModel")
def create_model(call: Call) -> dict[str, Any]:
    """Make a model that can be hosted, or say what it lacks."""
    name = call.params["ModelName"]
    if name in call.backend._models:
        raise names.taken(call, "model", name)
    primary, several = call.params.get("PrimaryContainer"), call.params.get("Containers")
    if (primary is None) == (not several):
        raise names.invalid("You must provide either PrimaryContainer or Containers, and not both.")
    given = [primary] if primary is not None else several
    if len(given) > 1:
        raise names.invalid(
            "sagemaker-emulator does not host models of more than one container (see COVERAGE.md)"
        )
    container = _resolved(call, given[0])
    arn, role = call.arn(f"model/{name}"), call.params.get("ExecutionRoleArn")
    acting.refuse_untrusting(call, role, arn)
    _check(call, container)
    _check_access(call, container, role, arn)
    # As whom and where its instances run.
    container |= {key: call.params[key] for key in ("ExecutionRoleArn", "VpcConfig") if key in call.params}
    request = {key: copy.deepcopy(call.params[key]) for key in KEPT if key in call.params}
    made = Model(name, arn, request, container)
    call.backend._models[name] = made
    tags.keep(made.arn, call.params.get("Tags"))
    return {"ModelArn": made.arn}


@seams.operation("DescribeModel")
def describe_model(call: Call) -> dict[str, Any]:
    """Describe a model as it was created."""
    return get(call, call.params["ModelName"]).response_object


@seams.operation("DeleteModel")
def delete_model(call: Call) -> None:
    """Delete a model; endpoints that serve it go on."""
    tags.drop(get(call, call.params["ModelName"]).arn)
    del call.backend._models[call.params["ModelName"]]


@seams.operation("ListModels")
def list_models(call: Call) -> dict[str, Any]:
    """List models, newest first unless told otherwise."""
    rows = [
        {"ModelName": each.model_name, "ModelArn": each.arn, "CreationTime": each.creation_time}
        for each in call.backend._models.values()
    ]
    return page(rows, call.params, "Models", name="ModelName", status="")


def get(call: Call, name: str) -> Model:
    """Return a model. Raises AwsError where there is none."""
    found = call.backend._models.get(name)
    if found is None:
        raise names.missing(call, "model", name)
    return found


def _resolved(call: Call, container: dict[str, Any]) -> dict[str, Any]:
    """Return the container with image, model data and environment of its package, where it names one.

    The model's environment is merged over the package's (AWS allows both since January 2023:
    aws/sagemaker-python-sdk#3581).
    """
    package_name = container.get("ModelPackageName")
    if package_name is None:
        return copy.deepcopy(container)
    package = _package(call, package_name)
    inner = package.get("InferenceSpecification", {}).get("Containers", [])
    if len(inner) != 1:
        raise names.invalid(
            f"Model package {package_name} has {len(inner)} containers; sagemaker-emulator hosts one"
        )
    own = {key: value for key, value in container.items() if key != "ModelPackageName"}
    environment = {**inner[0].get("Environment", {}), **container.get("Environment", {})}
    return {**copy.deepcopy(inner[0]), **copy.deepcopy(own), "Environment": environment}


def _package(call: Call, name: str) -> dict[str, Any]:
    """Describe the package, approved or not: AWS documents no refusal. Raises AwsError.

    As its owner: who may make models of it is decided before.
    """
    owner = name.split(":")[4] if name.startswith("arn:") else call.account
    try:
        with itself.acting(itself.root(owner)):
            return itself.client("sagemaker", call.region).describe_model_package(ModelPackageName=name)
    except ClientError as error:
        raise AwsError("ValidationException", error.response["Error"]["Message"]) from None


def _check_access(call: Call, container: dict[str, Any], role: str | None, source: str) -> None:
    """Refuse model data that the role may not read. Raises AwsError."""
    uri = artifacts.location(container)
    if uri is None or not role:
        return
    with acting.as_role(role, call.account, call.region, source):
        if uri.endswith("/") or acting.may(call.region, "s3:GetObject", f"arn:aws:s3:::{uri[5:]}"):
            return
    raise names.invalid(
        f'Could not access model data at {uri}. Please ensure that the role "{role}" exists and that its '
        'trust relationship policy allows the action "sts:AssumeRole" for the service principal '
        '"sagemaker.amazonaws.com". Also ensure that the role has "s3:GetObject" permissions and that the '
        f"object is located in {call.region}."
    )


def _check(call: Call, container: dict[str, Any]) -> None:
    image = container.get("Image")
    if image is None:
        raise names.invalid("The container needs an Image or a ModelPackageName.")
    try:
        Store(itself.home()).pushed(image)
    except ImageMissing:
        raise names.invalid(f"Requested image {image} not found.") from None
    uri = artifacts.location(container)
    if uri is not None and not artifacts.exists(call.region, uri):
        raise names.invalid(f"Could not find model data at {uri}.")
