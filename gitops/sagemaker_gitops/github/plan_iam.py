"""What somebody may do in AWS after a merge and could not do before: the statements of infra/*.yml, compared.

A change counts as wider unless it surely is not: what is added to an Allow, or taken from a Deny or from a
condition. An item that another one covers already (`s3:Get*` covers `s3:GetObject`) widens nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from sagemaker_gitops.github.plan_leaves import (
    Change,
    Document,
    compared,
    leaves,
    paired,
)

Dimensions = dict[str, tuple[str, ...]]
SKIPPED = ("Properties", "Statement", "PolicyDocument", "Policies")  # say nothing in a statement's place
WORDS = {"AssumeRolePolicyDocument": "trust", "KeyPolicy": "key policy"}
# What of a role's own properties, and of any resource's, says nothing about rights, or surely does.
HARMLESS = re.compile(
    r"(^|\.)(Type|Description|DependsOn|Tags.*|RoleName|PolicyName|ManagedPolicyName|Version|Path|"
    r"DeletionPolicy|UpdateReplacePolicy)$"
)
OPENING = re.compile(
    r"PolicyDocument|KeyPolicy|PolicyText|PublicAccess|PublicPolicy|PublicAcls|PublicBuckets"
)
LISTED = ("Action", "Resource", "Principal")
POSITIVE = {
    "StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike", "IpAddress", "Bool",
    "NumericEquals", "DateEquals", "BinaryEquals",
}  # fmt: skip
# A template's own parts that a statement can rest on.
SHARED = ("Parameters", "Conditions", "Mappings", "Transform", "Rules")


def iam(before: Mapping[str, Document], after: Mapping[str, Document]) -> list[Change]:
    """Return how rights change, given each template of infra/ by its file name: statement by statement."""
    changes = []
    for name, one, other in paired(statements(before), statements(after)):
        changes += _statement(name, one, other)
    return changes


def others(before: Mapping[str, Document], after: Mapping[str, Document]) -> list[Change]:
    """Return how the rest of the templates changes; wider where a role or a statement rests on it."""
    changes = []
    relied_on = json.dumps([*statements(before), *statements(after)], default=str)
    for file in sorted({*before, *after}):
        old, new = (_without_statements(side.get(file, {})) for side in (before, after))
        kinds = {**_kinds(before.get(file, {})), **_kinds(after.get(file, {}))}
        changes += [_judged(change, kinds, relied_on) for change in compared(file, leaves(old), leaves(new))]
    return changes


def statements(templates: Mapping[str, Document]) -> list[tuple[str, Document]]:
    """Return each statement of each resource's policies, under the words a reader finds it by."""
    return [
        (" · ".join(path), statement)
        for file, template in templates.items()
        for path, statement in _found(template.get("Resources", {}), (file,))
    ]


def _found(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Document]]:
    if isinstance(value, Mapping):
        if "Effect" in value:
            yield (*path, str(value.get("Sid", "statement"))), value
            return
        named = (*path, str(value["PolicyName"])) if "PolicyName" in value else path
        for key, item in value.items():
            yield from _found(item, named if key in SKIPPED else (*named, WORDS.get(key, str(key))))
    elif isinstance(value, list):
        for item in value:
            yield from _found(item, path)


def dimensions(statement: Document) -> Dimensions:
    """Return what a statement speaks of, each as a list of texts; a condition by its operator and key."""
    found: Dimensions = {}
    for key, value in statement.items():
        if key == "Condition" and isinstance(value, Mapping):
            for operator, keys in value.items():
                for name, wanted in keys.items() if isinstance(keys, Mapping) else [("", keys)]:
                    found[f"{operator} {name}"] = _listed(wanted)
        elif key.endswith("Principal") and isinstance(value, Mapping):
            found[key] = tuple(f"{kind}: {who}" for kind, all_of in value.items() for who in _listed(all_of))
        elif key not in ("Effect", "Sid"):
            found[key] = _listed(value)
    return found


def _statement(name: str, before: Document | None, after: Document | None) -> Iterator[Change]:
    """Yield what is new, gone or other in one statement."""
    allows = (after or before or {}).get("Effect") != "Deny"
    old, new = (dimensions(side) if side else {} for side in (before, after))
    effects = [None if side is None else words(side.get("Effect")) for side in (before, after)]
    if effects[0] != effects[1]:
        wider = (after is not None and allows) or effects[0] == "Deny"
        yield Change(name, "Effect", effects[0], effects[1], wider)
    whole = before is None or after is None
    for key in dict.fromkeys([*old, *new]):
        for item, added in _moved(old.get(key, ()), new.get(key, ())):
            wider = not whole and _widens(key, item, added, allows, old, new)
            yield Change(name, key, None if added else item, item if added else None, wider)


def _moved(old: tuple[str, ...], new: tuple[str, ...]) -> list[tuple[str, bool]]:
    """Return (item, whether it was added) of what two lists differ in."""
    return [(item, False) for item in old if item not in new] + [
        (item, True) for item in new if item not in old
    ]


def _widens(key: str, item: str, added: bool, allows: bool, old: Dimensions, new: Dimensions) -> bool:
    """Say whether more is allowed by an item that came or went."""
    grows = _grows(key, old, new)
    if grows is None:  # no telling: an operator that we do not know, Action turned into NotAction
        return True
    if grows == "narrower":  # a condition that came or went as a whole
        return allows != added
    if (added == grows) != allows:
        return False
    rest = old.get(key, ()) if added else new.get(key, ())
    patterns = key.removeprefix("Not") in ("Action", "Resource") or key.split(" ")[0].endswith("Like")
    return not (patterns and any(covers(pattern, item) for pattern in rest))


def _grows(key: str, old: Dimensions, new: Dimensions) -> bool | str | None:
    """Say whether a statement speaks of more when this list grows; None where nobody can tell."""
    bare = key.removeprefix("Not")
    if bare in LISTED:
        return None if (key in old) != (key in new) else key == bare
    if (key in old) != (key in new):
        return "narrower" if " " in key else None
    operator = key.split(" ")[0].split(":")[-1].removesuffix("IfExists")
    if operator in POSITIVE:
        return True
    return False if "Not" in operator else None


def covers(pattern: str, item: str) -> bool:
    """Say whether an action or a resource with wildcards takes in another, that one's wildcards too."""
    parts = {"*": ".*", "?": "[^*]"}
    expression = "".join(parts.get(sign, re.escape(sign)) for sign in pattern)
    return re.fullmatch(expression, item, re.IGNORECASE | re.DOTALL) is not None


def words(value: Any) -> str:
    """Return a value of a template as YAML would show it on one line."""
    if isinstance(value, Mapping) and len(value) == 1:
        (function, given), *_ = value.items()
        short = function.removeprefix("Fn::")
        if function in ("Ref", "Condition") or function.startswith("Fn::"):
            dotted = (
                short == "GetAtt" and isinstance(given, list) and all(isinstance(part, str) for part in given)
            )
            shown = ".".join(given) if dotted else given
            return f"!{short} {shown if isinstance(shown, str) else json.dumps(shown, default=str)}"
    if isinstance(value, str) and not value.startswith("!"):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def _listed(value: Any) -> tuple[str, ...]:
    return tuple(map(words, value)) if isinstance(value, list) else (words(value),)


def _without_statements(value: Any) -> Any:
    """Return a template without its statements: those are told one by one."""
    if isinstance(value, Mapping):
        functions = len(value) == 1 and next(iter(value)).startswith(("Fn::", "Ref"))
        if functions and not any(_found(value, ())):
            return words(value)
        return {key: _without_statements(item) for key, item in value.items() if not _is_statement(item)}
    if isinstance(value, list):
        return [_without_statements(item) for item in value if not _is_statement(item)]
    return value


def _is_statement(value: Any) -> bool:
    return isinstance(value, Mapping) and "Effect" in value


def _kinds(template: Document) -> dict[str, str]:
    """Return the type of each resource."""
    found = template.get("Resources", {})
    return {name: str(made.get("Type")) for name, made in found.items() if isinstance(made, Mapping)}


def _judged(change: Change, kinds: Mapping[str, str], relied_on: str) -> Change:
    """Return a change of a template, marked where it can widen what somebody may do."""
    part, _, rest = change.what.partition(".")
    name, _, inner = rest.partition(".")
    wider = False
    if HARMLESS.search(inner):
        return change
    if part == "Resources":
        lost = inner.startswith(("Properties.PermissionsBoundary", "Condition"))
        of_iam = kinds.get(name, "").startswith("AWS::IAM::") and (change.after is not None or lost)
        # A policy that is written as text cannot be compared statement by statement.
        wider = of_iam or bool(OPENING.search(inner))
    elif part in SHARED:
        wider = part == "Transform" or re.search(rf"\b{re.escape(name)}\b", relied_on) is not None
    return replace(change, wider=wider)
