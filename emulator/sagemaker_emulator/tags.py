"""Tags of the resources that the emulator keeps itself; moto keeps those of its own."""

from __future__ import annotations

import threading
from typing import Any

from sagemaker_emulator import seams

_lock = threading.Lock()
_tags: dict[str, dict[str, str]] = {}


def keep(arn: str, tags: list[dict[str, str]] | None) -> None:
    """Begin to keep the tags of a resource."""
    with _lock:
        _tags[arn] = {tag["Key"]: tag["Value"] for tag in tags or []}


def drop(arn: str) -> None:
    """Forget a resource that was deleted."""
    with _lock:
        _tags.pop(arn, None)


def of(arn: str) -> dict[str, str]:
    """Return the tags of a resource that is kept here."""
    with _lock:
        return dict(_tags.get(arn, {}))


@seams.operation("AddTags")
def add_tags(call: seams.Call) -> Any:
    """Add or change tags."""
    arn = call.params["ResourceArn"]
    with _lock:
        if arn in _tags:
            _tags[arn].update({tag["Key"]: tag["Value"] for tag in call.params["Tags"]})
            return {"Tags": _listed(arn)}
    return _moto(call)


@seams.operation("ListTags")
def list_tags(call: seams.Call) -> Any:
    """List tags."""
    arn = call.params["ResourceArn"]
    with _lock:
        if arn in _tags:
            return {"Tags": _listed(arn)}
    return _moto(call)


@seams.operation("DeleteTags")
def delete_tags(call: seams.Call) -> Any:
    """Remove tags."""
    arn = call.params["ResourceArn"]
    with _lock:
        if arn in _tags:
            for key in call.params["TagKeys"]:
                _tags[arn].pop(key, None)
            return {}
    return _moto(call)


def _listed(arn: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in _tags[arn].items()]


def _moto(call: seams.Call) -> Any:
    try:
        return seams.original(call)
    except (KeyError, IndexError, AttributeError, TypeError):
        raise seams.AwsError(
            "ValidationException", f"Could not find resource {call.params['ResourceArn']}"
        ) from None
