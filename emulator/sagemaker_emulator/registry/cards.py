"""Model cards of packages: what the published schema refuses is refused, in our words.

Source: docs.aws.amazon.com/sagemaker/latest/dg/model-registry-details.html#model-card-schema, and the note on
ModelPackageModelCard in botocore's model: no model_package_details, an overview of creator and artifact only.
A number is the length that a text may have; what stands in a list is allowed in it any number of times.
"""

from __future__ import annotations

import json
from typing import Any

from sagemaker_emulator import seams

ANY = "any"
METRIC = {"name": 255, "notes": 1024, "value": ANY}
PARAMETER = {"name": 255, "value": 255}
SCHEMA: dict[str, Any] = {
    "model_overview": {"model_creator": 1024, "model_artifact": [1024]},
    "intended_uses": {
        "purpose_of_model": 2048,
        "intended_uses": 2048,
        "factors_affecting_model_efficiency": 2048,
        "risk_rating": ("High", "Medium", "Low", "Unknown"),
        "explanations_for_risk_rating": 2048,
    },
    "business_details": {"business_problem": 2048, "business_stakeholders": 2048, "line_of_business": 2048},
    "training_details": {
        "objective_function": ANY,
        "training_observations": 1024,
        "training_job_details": {
            "training_arn": 1024,
            "training_datasets": [1024],
            "training_environment": {"container_image": [1024]},
            "training_metrics": [METRIC],
            "user_provided_training_metrics": [METRIC],
            "hyper_parameters": [PARAMETER],
            "user_provided_hyper_parameters": [PARAMETER],
        },
    },
    "evaluation_details": [
        {
            "name": 63,
            "evaluation_observation": 2096,
            "evaluation_job_arn": 256,
            "datasets": [1024],
            "metadata": ANY,
            "metric_groups": [{"name": 63, "metric_data": ANY}],
        }
    ],
    "additional_information": {
        "ethical_considerations": 2048,
        "caveats_and_recommendations": 2048,
        "custom_details": ANY,
    },
}


def kept(before: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """Return a card as an update leaves it: a member that is not named stays. Raises AwsError."""
    if before.get("ModelCardStatus") == "Archived":
        raise seams.AwsError("ValidationException", "Model Card is in Archived state")
    if "ModelCardContent" in asked:
        try:
            wrong = complaint(json.loads(asked["ModelCardContent"]), SCHEMA, "ModelCardContent")
        except ValueError:
            wrong = "ModelCardContent is not JSON"
        if wrong:
            raise seams.AwsError("ValidationException", wrong)
    return before | asked


def complaint(told: Any, wanted: Any, where: str) -> str:
    """Return what the schema refuses first, empty where it refuses nothing."""
    if wanted == ANY:
        return ""
    if isinstance(wanted, dict):
        if not isinstance(told, dict):
            return f"{where} must be an object"
        if others := sorted(set(told) - set(wanted)):
            return f"{where} has no property {others[0]}"
        found = (complaint(told[key], wanted[key], f"{where}.{key}") for key in told)
    elif isinstance(wanted, list):
        if not isinstance(told, list):
            return f"{where} must be an array"
        found = (complaint(item, wanted[0], f"{where}[{place}]") for place, item in enumerate(told))
    elif isinstance(wanted, tuple):
        return "" if told in wanted else f"{where} must be one of {', '.join(wanted)}"
    else:
        right = isinstance(told, str) and len(told) <= wanted
        return "" if right else f"{where} must be a string of at most {wanted} characters"
    return next(filter(None, found), "")
