"""Operations that moto answers with a job that "completed" without running: refused by name instead."""

from __future__ import annotations

from typing import Any

from sagemaker_emulator import seams

NEVER_RAN = (
    "CreateAutoMLJobV2",
    "CreateCompilationJob",
    "CreateHyperParameterTuningJob",
    "CreateTransformJob",
)


def _refuse(call: seams.Call) -> dict[str, Any]:
    """Answer as for any operation that nobody implements."""
    raise NotImplementedError(call.operation)


for name in NEVER_RAN:
    seams.operation(name)(_refuse)
