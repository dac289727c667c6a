"""Parameters: what a definition declares, and the values that one execution gets. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sagemaker_emulator.executor.errors import DefinitionError, ParameterError

TYPES: dict[str, type | tuple[type, ...]] = {
    "String": str,
    "Integer": int,
    "Float": (int, float),
    "Boolean": bool,
}


@dataclass(frozen=True)
class Parameter:
    """One declared parameter; `default` is None where a value must be given."""

    name: str
    type: str
    default: Any = None
    values: tuple[Any, ...] | None = None


def declare(raw: Sequence[Any]) -> dict[str, Parameter]:
    """Return the declared parameters by name. Raises DefinitionError."""
    declared: dict[str, Parameter] = {}
    for item in raw:
        parameter = _declare_one(item)
        if parameter.name in declared:
            raise DefinitionError(f"Parameter {parameter.name!r} is declared twice")
        declared[parameter.name] = parameter
    return declared


def values(declared: Mapping[str, Parameter], given: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Return the typed value of every parameter: what was given, else the default. Raises ParameterError."""
    texts = {item["Name"]: item["Value"] for item in given}
    if len(texts) < len(given):
        raise ParameterError("A pipeline parameter is given twice")
    if unknown := sorted(set(texts) - set(declared)):
        raise ParameterError(f"Unknown pipeline parameters: {unknown}. The pipeline has {sorted(declared)}")
    missing = sorted(name for name, p in declared.items() if p.default is None and name not in texts)
    if missing:
        raise ParameterError(f"Pipeline parameters without a default need a value: {missing}")
    return {name: _value(p, texts[name]) if name in texts else p.default for name, p in declared.items()}


def _declare_one(item: Any) -> Parameter:
    if not isinstance(item, dict) or not isinstance(item.get("Name"), str):
        raise DefinitionError("Every parameter needs a Name")
    name, kind = item["Name"], item.get("Type")
    if kind not in TYPES:
        raise DefinitionError(f"Parameter {name!r} has the type {kind!r}; expected one of {list(TYPES)}")
    if unknown := sorted(set(item) - {"Name", "Type", "DefaultValue", "EnumValues"}):
        raise DefinitionError(f"Parameter {name!r} has unknown members: {unknown}")
    default, allowed = item.get("DefaultValue"), item.get("EnumValues")
    if default is not None and not _fits(default, kind):
        raise DefinitionError(f"The default of parameter {name!r} is not of type {kind}")
    if default is not None and allowed is not None and default not in allowed:
        raise DefinitionError(f"The default of parameter {name!r} is not in its EnumValues")
    return Parameter(name, kind, default, None if allowed is None else tuple(allowed))


def _fits(value: Any, kind: str) -> bool:
    return isinstance(value, TYPES[kind]) and (kind == "Boolean" or not isinstance(value, bool))


def _value(parameter: Parameter, text: str) -> Any:
    try:
        value = _convert(parameter.type, text)
    except ValueError:
        raise ParameterError(
            f"Pipeline parameter {parameter.name!r} must be of type {parameter.type}"
        ) from None
    if parameter.values is not None and value not in parameter.values:
        raise ParameterError(f"Pipeline parameter {parameter.name!r} must be one of {list(parameter.values)}")
    return value


def _convert(kind: str, text: str) -> Any:
    if kind == "Integer":
        return int(text)
    if kind == "Float":
        return float(text)
    if kind == "Boolean":
        if text.lower() not in ("true", "false"):
            raise ValueError(text)
        return text.lower() == "true"
    return text
