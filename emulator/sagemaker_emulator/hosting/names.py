"""The words in which AWS refuses: nothing there, already there, not now."""

from __future__ import annotations

from sagemaker_emulator.seams import AwsError, Call

KINDS = {"model": "model", "endpoint-config": "endpoint configuration", "endpoint": "endpoint"}


def missing(call: Call, kind: str, name: str) -> AwsError:
    """Return the error for something that does not exist."""
    return AwsError("ValidationException", f'Could not find {KINDS[kind]} "{call.arn(f"{kind}/{name}")}".')


def taken(call: Call, kind: str, name: str) -> AwsError:
    """Return the error for a name that is in use."""
    return AwsError(
        "ValidationException", f'Cannot create already existing {KINDS[kind]} "{call.arn(f"{kind}/{name}")}".'
    )


def busy(arn: str) -> AwsError:
    """Return the error for an endpoint that is still changing."""
    return AwsError("ValidationException", f'Cannot update in-progress endpoint "{arn}".')


def invalid(message: str) -> AwsError:
    """Return a ValidationException."""
    return AwsError("ValidationException", message)
