"""Values of a definition: `Get`, `Std:Join`, `Std:JsonGet`, resolved against what an execution knows.

Pure: the one thing that lies outside, a JSON file on S3, is read through the function in the context.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sagemaker_emulator.executor import paths
from sagemaker_emulator.executor.errors import ResolutionError

FUNCTIONS = ("Std:Join", "Std:JsonGet")


@dataclass(frozen=True)
class Context:
    """What a running execution knows when it computes a value."""

    parameters: Mapping[str, Any]
    execution: Mapping[str, str]
    steps: Mapping[str, Mapping[str, Any]]  # name: what Describe* said when the step succeeded
    property_files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # step: {name: S3 URI}
    read_json: Callable[[str], Any] = lambda uri: None


def resolve(value: Any, context: Context) -> Any:
    """Return `value` with every reference and function replaced. Raises ResolutionError."""
    if isinstance(value, list):
        return [resolve(item, context) for item in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"Get": str(path), **rest} if not rest:
            return _get(path, context)
        case {"Std:Join": dict(join), **rest} if not rest:
            return _join(join, context)
        case {"Std:JsonGet": dict(query), **rest} if not rest:
            return _json_get(query, context)
    return {key: resolve(item, context) for key, item in value.items()}


def references(value: Any) -> Iterator[str]:
    """Yield the path of every `Get` inside `value`."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        if set(value) == {"Get"} and isinstance(value["Get"], str):
            yield value["Get"]
        else:
            for item in value.values():
                yield from references(item)


def functions(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield (name, argument) of every `Std:...` inside `value`."""
    if isinstance(value, list):
        for item in value:
            yield from functions(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key.startswith("Std:"):
                yield key, item
            yield from functions(item)


def as_text(value: Any) -> str:
    """Return a scalar as Std:Join writes it: true, 3, 0.5, text."""
    return value if isinstance(value, str) else json.dumps(value)


def _get(path: str, context: Context) -> Any:
    try:
        root, *keys = paths.parse(path)
    except ValueError as error:
        raise ResolutionError(str(error)) from None
    if root == "Parameters":
        return paths.walk(context.parameters, tuple(keys), path)
    if root == "Execution":
        return paths.walk(context.execution, tuple(keys), path)
    if root == "Steps":
        return paths.walk(context.steps, tuple(keys), path)
    raise ResolutionError(f"{path!r} starts with neither Parameters, Execution nor Steps")


def _join(join: Mapping[str, Any], context: Context) -> str:
    parts = [resolve(part, context) for part in join["Values"]]
    for part in parts:
        if isinstance(part, (dict, list)) or part is None:
            raise ResolutionError("Std:Join takes strings, numbers and booleans only")
    return as_text(resolve(join.get("On", ""), context)).join(as_text(part) for part in parts)


def _json_get(query: Mapping[str, Any], context: Context) -> Any:
    path = resolve(query["Path"], context)
    uri = _property_file(query["PropertyFile"], context) if "PropertyFile" in query else None
    uri = uri or resolve(query.get("S3Uri"), context)
    try:
        keys = paths.parse(path)
    except ValueError as error:
        raise ResolutionError(str(error)) from None
    return paths.walk(context.read_json(uri), keys, f"{path} in {uri}")


def _property_file(reference: Any, context: Context) -> str:
    """Return the URI behind {"Get": "Steps.N.PropertyFiles.F"}."""
    match paths.parse(reference["Get"]) if isinstance(reference, dict) else ():
        case ("Steps", str(step), "PropertyFiles", str(name)):
            return paths.walk(context.property_files, (step, name), reference["Get"])
    raise ResolutionError(f"{reference!r} is not a reference to a property file")
