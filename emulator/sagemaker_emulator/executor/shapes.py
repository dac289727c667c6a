"""Arguments and references held against Amazon's own model, which botocore ships. Pure, no client.

`wrong_arguments` looks at what a step would send, and at the place only of a value that is not known yet
(`Get`, `Std:...`); `leads_somewhere` follows a reference through what Describe* answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from botocore import loaders
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StringShape, StructureShape

from sagemaker_emulator.executor.paths import Key

_PYTHON_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "boolean": bool,
}


@cache
def _service() -> ServiceModel:
    return ServiceModel(loaders.Loader().load_service_model("sagemaker", "service-2"), "sagemaker")


def wrong_arguments(operation: str, arguments: dict[str, Any], named_later: str) -> Iterator[str]:
    """Yield one sentence for each way in which `arguments` do not fit the operation's input."""
    shape = _service().operation_model(operation).input_shape
    yield from _wrong(shape, {named_later: "a-name", **arguments}, "Arguments")


def leads_somewhere(operation: str, keys: tuple[Key, ...]) -> bool:
    """Return whether the answer of a Describe operation has a member at `keys`."""
    shape: Shape | None = _service().operation_model(operation).output_shape
    for key in keys:
        shape = _member(shape, key)
        if shape is None:
            return False
    return True


def _member(shape: Shape | None, key: Key) -> Shape | None:
    if isinstance(shape, StructureShape):
        return shape.members.get(key) if isinstance(key, str) else None
    if isinstance(shape, ListShape):
        return shape.member  # by index, or by name as in Outputs['train']
    return shape.value if isinstance(shape, MapShape) and isinstance(key, str) else None


def _wrong(shape: Shape, value: Any, where: str) -> Iterator[str]:
    if _is_computed(value):
        return
    if isinstance(shape, StructureShape):
        yield from _wrong_structure(shape, value, where)
    elif isinstance(shape, ListShape):
        if not isinstance(value, list):
            yield f"{where} must be a list"
            return
        for index, item in enumerate(value):
            yield from _wrong(shape.member, item, f"{where}[{index}]")
    elif isinstance(shape, MapShape):
        if not isinstance(value, dict):
            yield f"{where} must be an object"
            return
        for key, item in value.items():
            yield from _wrong(shape.value, item, f"{where}[{key!r}]")
    else:
        yield from _wrong_scalar(shape, value, where)


def _wrong_structure(shape: StructureShape, value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where} must be an object"
        return
    for name in value.keys() - shape.members.keys():
        yield f"{where} has no member {name!r}"
    for name in shape.required_members:
        if name not in value:
            yield f"{where} lacks {name!r}"
    for name in value.keys() & shape.members.keys():
        yield from _wrong(shape.members[name], value[name], f"{where}.{name}")


def _wrong_scalar(shape: Shape, value: Any, where: str) -> Iterator[str]:
    expected = _PYTHON_TYPES.get(shape.type_name)
    if expected is None:
        return
    if not isinstance(value, expected) or (isinstance(value, bool) and shape.type_name != "boolean"):
        yield f"{where} must be of type {shape.type_name}"
    elif isinstance(shape, StringShape) and shape.enum and value not in shape.enum:
        yield f"{where} is {value!r}, which is not one of the values that {shape.name} allows"


def _is_computed(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)).split(":")[0] in ("Get", "Std")
