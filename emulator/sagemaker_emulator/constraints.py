"""Hold each request against botocore's model: required members, lengths, ranges, patterns, enumerations.

botocore's client checks only some of that before it sends; the service checks all of it, in the words used
here.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any

import botocore.session
from botocore.model import Shape

from sagemaker_emulator import seams

# Java's Unicode classes, which stand inside brackets; a combining mark (\\p{M}) is close enough to a letter.
UNICODE = {
    r"\p{L}": r"\w",
    r"\p{N}": r"\d",
    r"\p{Z}": r"\s",
    r"\p{M}": r"\w",
    r"\p{Nd}": r"\d",
    r"\p{Pc}": "_",
}
LONGEST = 4096  # characters that a pattern is tried on


@seams.before_each
def check(call: seams.Call) -> None:
    """Raise AwsError(ValidationException) for a request that AWS's own model forbids."""
    if call.service != "sagemaker":
        return
    shape = _model().operation_model(call.operation).input_shape
    errors = list(_errors(call.params, shape, "")) if shape is not None else []
    if errors:
        count = f"{len(errors)} validation error{'s' if len(errors) > 1 else ''} detected: "
        raise seams.AwsError("ValidationException", count + "; ".join(errors))


def _errors(value: Any, shape: Shape, path: str) -> Iterator[str]:
    if value is None:
        return
    if shape.type_name == "structure" and isinstance(value, dict):
        for name in shape.required_members:
            if value.get(name) is None:
                where = _join(path, name)
                yield f"Value null at '{where}' failed to satisfy constraint: Member must not be null"
        for name, member in shape.members.items():
            yield from _errors(value.get(name), member, _join(path, name))
    elif shape.type_name == "list" and isinstance(value, list):
        yield from _length(value, shape, path)
        for index, item in enumerate(value, 1):
            yield from _errors(item, shape.member, f"{path}.{index}.member")
    elif shape.type_name == "map" and isinstance(value, dict):
        yield from _length(value, shape, path)
        for key, item in value.items():
            yield from _errors(key, shape.key, f"{path}.{key}.key")
            yield from _errors(item, shape.value, f"{path}.{key}.member")
    elif isinstance(value, str):
        yield from _length(value, shape, path)
        yield from _text(value, shape, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _range(value, shape, path)


def _length(value: Any, shape: Shape, path: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and len(value) < low:
        yield _broken(value, path, f"have length greater than or equal to {low}")
    if high is not None and len(value) > high:
        yield _broken(value, path, f"have length less than or equal to {high}")


def _range(value: float, shape: Shape, path: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and value < low:
        yield _broken(value, path, f"have value greater than or equal to {low}")
    if high is not None and value > high:
        yield _broken(value, path, f"have value less than or equal to {high}")


def _text(value: str, shape: Shape, path: str) -> Iterator[str]:
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        yield _broken(value, path, f"satisfy enum value set: [{', '.join(allowed)}]")
    pattern = shape.metadata.get("pattern")
    compiled = _compiled(pattern) if pattern and len(value) <= LONGEST else None
    if compiled is not None and not compiled.fullmatch(value):
        yield _broken(value, path, f"satisfy regular expression pattern: {pattern}")


def _broken(value: Any, path: str, rule: str) -> str:
    shown = f"'{value}'" if isinstance(value, str | int | float) else f"of size {len(value)}"
    return f"Value {shown} at '{path}' failed to satisfy constraint: Member must {rule}"


def _join(path: str, name: str) -> str:
    member = name[0].lower() + name[1:]
    return f"{path}.{member}" if path else member


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    for java, python in UNICODE.items():
        pattern = pattern.replace(java, python)
    pattern = re.sub(r"\$\{1,\d+\}$", "", pattern)  # some models end so; the length is checked anyway
    try:
        return re.compile(pattern, re.DOTALL)
    except re.error:  # Java's dialect
        return None


@functools.cache
def _model() -> Any:
    return botocore.session.get_session().get_service_model("sagemaker")
