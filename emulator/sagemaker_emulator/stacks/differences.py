"""What an update adds, changes and removes: both templates compared with everything that is known filled in.

Moto compares the text of resources and the parameters that a Ref names. A parameter can also stand in a
Fn::Sub, decide a condition, choose from a mapping; a condition decides whether a resource is there at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from moto.cloudformation.parsing import ResourceMap

from sagemaker_emulator import seams

NAME = re.compile(r"\$\{([^!}]+)\}")
ORDER_ONLY = ("Condition", "DependsOn")


@dataclass(frozen=True)
class Known:
    """What a template's functions can be resolved with before anything is made."""

    parameters: dict[str, Any]
    conditions: dict[str, bool]
    mappings: dict[str, Any]

    def filled(self, part: Any) -> Any:
        """Return a part of a template with parameters, conditions and mappings filled in."""
        if isinstance(part, list):
            return [self.filled(item) for item in part]
        if not isinstance(part, dict):
            return part
        if len(part) == 1:
            (function, value), *_ = part.items()
            if function == "Ref" and value in self.parameters:
                return self.parameters[value]
            if function == "Fn::If" and value[0] in self.conditions:
                return self.filled(value[1] if self.conditions[value[0]] else value[2])
            if function == "Fn::Sub":
                return self._substituted(value)
            if function == "Fn::FindInMap":
                return self._found(self.filled(value))
        return {key: self.filled(value) for key, value in part.items()}

    def _substituted(self, value: Any) -> dict[str, Any]:
        text, names = value if isinstance(value, list) else (value, {})
        names = self.filled(names)
        known = {**self.parameters, **{key: given for key, given in names.items() if isinstance(given, str)}}
        text = NAME.sub(lambda found: str(known.get(found[1].strip(), found[0])), text)
        return {"Fn::Sub": [text, names]}

    def _found(self, keys: Any) -> Any:
        try:
            return self.mappings[keys[0]][keys[1]][keys[2]]
        except (KeyError, TypeError):
            return {"Fn::FindInMap": keys}


@seams.wrap("moto.cloudformation.parsing", "ResourceMap.build_resource_diff")
def build_resource_diff(
    original: Any, resources: ResourceMap, template: dict[str, Any], parameters: dict[str, Any] | None = None
) -> dict[str, list[str]]:
    """Return the names of the resources that are added, changed and removed."""
    before = {name: resources._resource_json_map[name] for name in made(resources)}
    now = _known(resources)
    then = _known(planned(resources, template, parameters))
    after = {
        name: document
        for name, document in template["Resources"].items()
        if then.conditions.get(document.get("Condition", ""), True)
    }
    return {
        "Add": [name for name in after if name not in before],
        "Modify": [
            name
            for name in after
            if name in before and _what(now.filled(before[name])) != _what(then.filled(after[name]))
        ],
        "Remove": [name for name in before if name not in after],
    }


@seams.wrap("moto.cloudformation.parsing", "ResourceMap.build_change_set_actions")
def build_change_set_actions(
    original: Any, resources: ResourceMap, template: dict[str, Any], parameters: dict[str, Any] | None = None
) -> dict[str, dict[str, dict[str, str]]]:
    """Return the same as a change set tells it."""
    types = {**resources._resource_json_map, **template["Resources"]}
    return {
        action: {name: {"LogicalResourceId": name, "ResourceType": types[name]["Type"]} for name in names}
        for action, names in resources.build_resource_diff(template, parameters).items()
    }


@seams.wrap("moto.cloudformation.models", "ChangeSet.diff")
def diff(original: Any, change_set: Any) -> Any:
    """Return a change set's changes; moto forgets its parameters."""
    resources = change_set.stack.resource_map
    with_parameters = resources.build_change_set_actions
    resources.build_change_set_actions = lambda template: with_parameters(template, change_set.parameters)
    try:
        return original(change_set)
    finally:
        del resources.build_change_set_actions


@seams.wrap("moto.cloudformation.parsing", "ResourceMap.__iter__")
def iterate(original: Any, resources: ResourceMap) -> Any:
    """Yield the resources that are there: moto also lists those whose condition is false."""
    return iter(made(resources))


@seams.wrap("moto.cloudformation.parsing", "ResourceMap.update")
def update(
    original: Any, resources: ResourceMap, template: dict[str, Any], parameters: dict[str, Any] | None = None
) -> None:
    """Take away what is gone, unless it is to be retained, and forget it; then change and add the rest."""
    going = resources.build_resource_diff(template, parameters)["Remove"]
    while going:
        left = [name for name in going if not _removed(resources, name, last=len(going) == 1)]
        if left == going:
            _removed(resources, left[0], last=True)
        going = left
    original(resources, template, parameters)


def _removed(resources: ResourceMap, name: str, last: bool) -> bool:
    """Remove a resource; False where something else still needs it, which is an error for the last one."""
    document = resources._resource_json_map[name]
    try:
        if document.get("DeletionPolicy") != "Retain":
            resources._delete_resource(resources._parsed_resources[name], document)
    except Exception:
        if last:
            raise
        return False
    del resources._parsed_resources[name]
    return True


def made(resources: ResourceMap) -> list[str]:
    """Return the names of the resources that were made, as the template orders them."""
    parsed = resources._parsed_resources
    return [name for name in resources._resource_json_map if parsed.get(name) is not None]


def planned(
    resources: ResourceMap, template: dict[str, Any], parameters: dict[str, Any] | None
) -> ResourceMap:
    """Return the stack as it is to be, of which nothing is made."""
    fresh = ResourceMap(
        resources.stack_id,
        resources["AWS::StackName"],  # type: ignore[arg-type]
        parameters or resources.input_parameters,
        resources.tags,
        resources._region_name,
        resources._account_id,
        template,
        resources.cross_stack_resources,
    )
    fresh.load_mapping()
    fresh.load_parameters()
    fresh.load_conditions()
    return fresh


def _known(resources: ResourceMap) -> Known:
    conditions = {name: bool(resources.lazy_condition_map[name]) for name in resources.lazy_condition_map}
    return Known(resources.resolved_parameters, conditions, resources._template.get("Mappings", {}))


def _what(document: dict[str, Any]) -> dict[str, Any]:
    return {"Properties": {}} | {key: value for key, value in document.items() if key not in ORDER_ONLY}
