"""A pipeline definition as values: parameters and a flat list of steps in the order of the document.

`read` refuses, by name, what has not the shape of a definition; `checks.parse` goes on from there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sagemaker_emulator.executor import parameters, steps
from sagemaker_emulator.executor.errors import DefinitionError
from sagemaker_emulator.executor.parameters import Parameter

VERSION = "2020-12-01"
TRIGGERS = ("Completed", "Failed", "Stopped", "Any")

_NAME = re.compile(r"[A-Za-z0-9\-_]{1,64}")
_MEMBERS = frozenset({"Name", "Type", "Arguments", "DependsOn", "DisplayName", "Description"})
_TOP_MEMBERS = frozenset({"Version", "Metadata", "Parameters", "PipelineExperimentConfig", "Steps"})


@dataclass(frozen=True)
class Branch:
    """Where a step lies: in the If or Else branch of a Condition step."""

    condition: str
    outcome: bool


@dataclass(frozen=True)
class Step:
    """One step; those in branches know their branch."""

    name: str
    type: str
    arguments: Mapping[str, Any]
    depends_on: Mapping[str, str] = field(default_factory=dict)  # step name: trigger
    branch: Branch | None = None
    display_name: str | None = None
    description: str | None = None
    property_files: tuple[Mapping[str, str], ...] = ()

    def calls(self) -> steps.Kind | None:
        """Return what this step calls, or None for Condition and Fail."""
        return steps.KINDS.get(self.type)


@dataclass(frozen=True)
class Definition:
    """A checked pipeline definition."""

    parameters: Mapping[str, Parameter]
    steps: tuple[Step, ...]

    def step(self, name: str) -> Step:
        """Return the step of that name."""
        return next(step for step in self.steps if step.name == name)


def read(text: str) -> Definition:
    """Return the definition in `text`, its structure checked. Raises DefinitionError."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise DefinitionError(f"The pipeline definition is not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise DefinitionError("The pipeline definition is not a JSON object")
    document = _without_null_members(document)
    if document.get("Version") != VERSION:
        raise DefinitionError(f"The definition has Version {document.get('Version')!r}; expected {VERSION!r}")
    _refuse_unknown("The definition", document, _TOP_MEMBERS)
    declared = parameters.declare(_list(document.get("Parameters"), "Parameters"))
    found = tuple(_steps(_list(document.get("Steps"), "Steps"), None))
    if not found:
        raise DefinitionError("The definition has no steps")
    names = [step.name for step in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DefinitionError(f"Step names must be unique; used more than once: {twice}")
    return Definition(declared, found)


def _steps(raw: list[Any], branch: Branch | None) -> Iterator[Step]:
    """Yield the steps of one list and, behind each Condition, those of its branches."""
    for item in raw:
        step = _step(item, branch)
        yield step
        if step.type == steps.CONDITION:
            for member, outcome in (("IfSteps", True), ("ElseSteps", False)):
                inner = _list(step.arguments.get(member), f"{member} of step {step.name!r}")
                yield from _steps(inner, Branch(step.name, outcome))


def _step(item: Any, branch: Branch | None) -> Step:
    if not isinstance(item, dict) or not isinstance(item.get("Name"), str):
        raise DefinitionError("Every step needs a Name")
    item = _without_null_members(item)
    name, kind = item["Name"], item.get("Type")
    if not _NAME.fullmatch(name):
        raise DefinitionError(f"Step name {name!r} must have 1 to 64 of A-Z, a-z, 0-9, - and _")
    if kind not in steps.OFFERED:
        raise DefinitionError(
            f"Step {name!r} has the type {kind!r}, which sagemaker-emulator does not run; "
            f"it runs {list(steps.OFFERED)}"
        )
    _refuse_unknown(f"Step {name!r}", item, _MEMBERS | steps.EXTRA_MEMBERS.get(kind, frozenset()))
    arguments = item.get("Arguments")
    if not isinstance(arguments, dict):
        raise DefinitionError(f"Step {name!r} needs Arguments")
    return Step(
        name,
        kind,
        without_nulls(arguments),
        _depends_on(name, item.get("DependsOn")),
        branch,
        item.get("DisplayName"),
        item.get("Description"),
        _property_files(name, item.get("PropertyFiles")),
    )


def _depends_on(name: str, raw: Any) -> dict[str, str]:
    """Return {step: trigger}; a plain name means that the step must have succeeded."""
    found = {}
    for item in _list(raw, f"DependsOn of step {name!r}"):
        entry = {"Step": item, "Trigger": "Completed"} if isinstance(item, str) else item
        if (
            not isinstance(entry, dict)
            or set(entry) != {"Step", "Trigger"}
            or entry["Trigger"] not in TRIGGERS
        ):
            raise DefinitionError(f"DependsOn of step {name!r} holds {item!r}; expected a step name")
        found[entry["Step"]] = entry["Trigger"]
    return found


def _property_files(name: str, raw: Any) -> tuple[Mapping[str, str], ...]:
    files = _list(raw, f"PropertyFiles of step {name!r}")
    for item in files:
        if not isinstance(item, dict) or set(item) != {"PropertyFileName", "OutputName", "FilePath"}:
            raise DefinitionError(
                f"PropertyFiles of step {name!r}: each needs PropertyFileName, OutputName and FilePath"
            )
    return tuple(files)


def without_nulls(value: Any) -> Any:
    """Return `value` without null members: the SDK writes them where it means absent."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def _without_null_members(item: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if value is not None}


def _list(value: Any, what: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise DefinitionError(f"{what} must be a list")
    return value


def _refuse_unknown(what: str, item: Mapping[str, Any], known: frozenset[str]) -> None:
    if unknown := sorted(set(item) - known):
        raise DefinitionError(f"{what} has members that sagemaker-emulator does not know: {unknown}")
