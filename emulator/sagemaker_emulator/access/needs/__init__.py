"""Which permissions a call needs, by the Service Authorization Reference: an action, a resource, conditions.

A call that none of the tables knows is refused: `UnknownCall` names it.
"""

from __future__ import annotations

from sagemaker_emulator.access.needs import containers, ec2, iam, kms, s3, sagemaker, watching
from sagemaker_emulator.access.needs.table import Call, Need, UnknownCall, find

__all__ = ["Call", "Need", "UnknownCall", "needed"]

_TABLES = (containers, ec2, iam, kms, s3, sagemaker, watching)


def needed(call: Call) -> list[Need]:
    """Return every permission that a call needs, none for what everybody may do. Raises UnknownCall."""
    return find(call)
