"""Everything that can be told about a definition before it runs, as refusals that name the culprit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagemaker_emulator.executor import conditions, definition, paths, plan, shapes, steps, values
from sagemaker_emulator.executor.definition import Definition, Step
from sagemaker_emulator.executor.errors import DefinitionError


def parse(text: str) -> Definition:
    """Return the definition in `text`, checked as a whole. Raises DefinitionError."""
    found = definition.read(text)
    for step in found.steps:
        _check_step(found, step)
    plan.refuse_cycles(found)
    return found


def _check_step(found: Definition, step: Step) -> None:
    names = {each.name for each in found.steps}
    if unknown := sorted(set(step.depends_on) - names):
        raise DefinitionError(f"Step {step.name!r} depends on unknown steps: {unknown}")
    for name in _around(found, step):
        if step.depends_on.get(name, "Completed") != "Completed":
            raise DefinitionError(
                f"Step {step.name!r} lies in a branch of {name!r} and waits for it not to succeed"
            )
    if step.type == steps.CONDITION:
        _check_condition_step(step)
    elif step.type == steps.FAIL:
        _check_members(f"Step {step.name!r}", step.arguments, frozenset({"ErrorMessage"}))
    own = {key: value for key, value in step.arguments.items() if key not in ("IfSteps", "ElseSteps")}
    _check_functions(step, own)
    for path in values.references(own):
        _check_reference(found, step, path)
    if kind := step.calls():
        for problem in shapes.wrong_arguments(kind.create, dict(own), kind.name_member):
            raise DefinitionError(f"Step {step.name!r}: {problem} ({kind.create})")
        _check_property_files(step)


def _around(found: Definition, step: Step) -> list[str]:
    """Return the Condition steps in whose branches a step lies, innermost first."""
    names = []
    while step.branch is not None:
        names.append(step.branch.condition)
        step = found.step(step.branch.condition)
    return names


def _check_condition_step(step: Step) -> None:
    what = f"Step {step.name!r}"
    _check_members(what, step.arguments, frozenset({"Conditions", "IfSteps", "ElseSteps"}))
    listed = step.arguments.get("Conditions")
    if not isinstance(listed, list) or not listed:
        raise DefinitionError(f"{what} needs Conditions")
    for condition in listed:
        _check_condition(what, condition)


def _check_condition(what: str, condition: Any) -> None:
    kind = condition.get("Type") if isinstance(condition, dict) else None
    if kind not in conditions.MEMBERS:
        raise DefinitionError(
            f"{what} has a condition of type {kind!r}; sagemaker-emulator knows {list(conditions.MEMBERS)}"
        )
    expected = conditions.MEMBERS[kind]
    if set(condition) - {"Type"} != expected:
        raise DefinitionError(f"{what}: a condition of type {kind!r} needs {sorted(expected)}")
    inner = [condition["Condition"]] if kind == "Not" else condition["Conditions"] if kind == "Or" else []
    for each in inner:
        _check_condition(what, each)


def _check_functions(step: Step, own: Mapping[str, Any]) -> None:
    for name, argument in values.functions(own):
        if name not in values.FUNCTIONS:
            raise DefinitionError(
                f"Step {step.name!r} uses {name}; sagemaker-emulator knows {values.FUNCTIONS}"
            )
        if not isinstance(argument, dict):
            raise DefinitionError(f"Step {step.name!r}: {name} needs an object")
        if name == "Std:Join" and not isinstance(argument.get("Values"), list):
            raise DefinitionError(f"Step {step.name!r}: Std:Join needs a list of Values")
        if name == "Std:JsonGet":
            _check_json_get(step, argument)


def _check_json_get(step: Step, argument: Mapping[str, Any]) -> None:
    if step.type != steps.CONDITION:
        # AWS documents JsonGet for Condition steps only ("Property files and JsonGet").
        raise DefinitionError(f"Step {step.name!r}: Std:JsonGet stands in Condition steps only")
    if "Path" not in argument or ("PropertyFile" in argument) == ("S3Uri" in argument):
        raise DefinitionError(f"Step {step.name!r}: Std:JsonGet needs Path and one of PropertyFile and S3Uri")


def _check_reference(found: Definition, step: Step, path: str) -> None:
    try:
        root, *rest = paths.parse(path)
    except ValueError as error:
        raise DefinitionError(f"Step {step.name!r}: {error}") from None
    keys = tuple(rest)
    if root == "Parameters" and len(keys) == 1:
        if keys[0] not in found.parameters:
            raise DefinitionError(f"Step {step.name!r} refers to the unknown parameter {keys[0]!r}")
    elif root == "Execution" and len(keys) == 1:
        if keys[0] not in steps.EXECUTION_VARIABLES:
            raise DefinitionError(f"Step {step.name!r} refers to the unknown variable {path!r}")
    elif root == "Steps" and len(keys) >= 2:
        _check_step_reference(found, step, path, keys)
    else:
        raise DefinitionError(
            f"Step {step.name!r} has the reference {path!r}, which sagemaker-emulator does not know"
        )


def _check_step_reference(found: Definition, step: Step, path: str, keys: tuple[paths.Key, ...]) -> None:
    target = next((each for each in found.steps if each.name == keys[0]), None)
    if target is None:
        raise DefinitionError(f"Step {step.name!r} refers to the unknown step {keys[0]!r}")
    if target is step:
        raise DefinitionError(f"Step {step.name!r} refers to itself")
    if keys[1] == "PropertyFiles":
        known = {each["PropertyFileName"] for each in target.property_files}
        right = len(keys) == 3 and keys[2] in known
    elif kind := target.calls():
        right = shapes.leads_somewhere(kind.describe, keys[1:])
    else:
        right = len(keys) == 2 and keys[1] in steps.OWN_PROPERTIES[target.type]
    if not right:
        raise DefinitionError(
            f"Step {step.name!r} has the reference {path!r}: {target.type} steps have no such property"
        )


def _check_property_files(step: Step) -> None:
    """A property file must name an output of its own step; one that is computed cannot be told yet."""
    outputs = step.arguments.get("ProcessingOutputConfig", {}).get("Outputs", [])
    known = [output.get("OutputName") for output in outputs if isinstance(output, dict)]
    for item in step.property_files:
        if item["OutputName"] not in known:
            name = item["PropertyFileName"]
            raise DefinitionError(f"Step {step.name!r}: property file {name!r} names an unknown output")


def _check_members(what: str, arguments: Mapping[str, Any], known: frozenset[str]) -> None:
    if unknown := sorted(set(arguments) - known):
        raise DefinitionError(f"{what} has arguments that sagemaker-emulator does not know: {unknown}")
