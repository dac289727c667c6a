"""Service Quotas for SageMaker: what quotas.json in the state folder says, `{"NAME": VALUE}`; else nothing.

AWS gives accounts different numbers, so none are made up here. What is told is not enforced: jobs start.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from sagemaker_emulator import itself, seams

CODE = "sagemaker"
MOST = 100  # in one answer


@seams.operation("ListServiceQuotas", service="service-quotas")
def list_service_quotas(call: seams.Call) -> Any:
    """List SageMaker's quotas, in pages."""
    if call.params["ServiceCode"] != CODE:
        return seams.original(call)
    found = list(_quotas(call).values())
    begin, size = int(call.params.get("NextToken") or 0), int(call.params.get("MaxResults") or MOST)
    more = {"NextToken": str(begin + size)} if begin + size < len(found) else {}
    return {"Quotas": found[begin : begin + size], **more}


@seams.operation("GetServiceQuota", service="service-quotas")
def get_service_quota(call: seams.Call) -> Any:
    """Return one quota. Raises AwsError for a code that no quota has."""
    if call.params["ServiceCode"] != CODE:
        return json.loads(seams.original(call))
    found = _quotas(call).get(call.params["QuotaCode"])
    if found is None:
        raise seams.AwsError(
            "NoSuchResourceException", "The request failed because the specified quota does not exist."
        )
    return {"Quota": found}


def _quotas(call: seams.Call) -> dict[str, dict[str, Any]]:
    """Return the quotas of the table by their codes."""
    file = itself.home() / "quotas.json"
    table: dict[str, float] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    quotas = (_quota(call, name, value) for name, value in table.items())
    return {quota["QuotaCode"]: quota for quota in quotas}


def _quota(call: seams.Call, name: str, value: float) -> dict[str, Any]:
    code = f"L-{hashlib.sha256(name.encode()).hexdigest()[:8].upper()}"  # of AWS's form, not AWS's
    return {
        "ServiceCode": CODE,
        "ServiceName": "Amazon SageMaker",
        "QuotaArn": call.arn(f"{CODE}/{code}", "servicequotas"),
        "QuotaCode": code,
        "QuotaName": name,
        "Value": float(value),
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }
