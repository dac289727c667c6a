"""The key of a log group, given and taken away; moto knows it at a group's creation only."""

from __future__ import annotations

from typing import Any

from moto.logs.models import logs_backends

from sagemaker_emulator import seams
from sagemaker_emulator.seams import AwsError, Call


@seams.operation("AssociateKmsKey", service="logs")
def associate_kms_key(call: Call) -> dict[str, Any]:
    """Encrypt a group with a key. Raises AwsError."""
    _group(call).kms_key_id = call.params["kmsKeyId"]
    return {}


@seams.operation("DisassociateKmsKey", service="logs")
def disassociate_kms_key(call: Call) -> dict[str, Any]:
    """Encrypt a group with the service's own key again. Raises AwsError."""
    _group(call).kms_key_id = None
    return {}


def _group(call: Call) -> Any:
    groups = logs_backends[call.account][call.region].groups
    name = call.params.get("logGroupName", "")
    if name not in groups:
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
    return groups[name]
