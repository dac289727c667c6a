"""What two checkouts differ in, by meaning and not by line: each function takes two documents.

definition   the pipeline: step by step, argument by argument
suite        what the data must look like: columns and expectations
settings     mlops.toml, key by key
pins         packages of requirements/*.txt
plan_iam.py does the same for infra/, where a change can widen what somebody may do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sagemaker_gitops.github.plan_leaves import (
    Change,
    Document,
    Leaves,
    compared,
    leaves,
    paired,
    text,
    within,
)
from sagemaker_gitops.settings import names_user

BRANCHES = {"IfSteps": "if accepted", "ElseSteps": "else"}
GONE_ON = ("Metadata", "Steps")  # of a definition: the settings' hash says nothing, steps are told one by one
NOT_SHOWN = "(holds a user or a password: not shown)"


def lines(changes: Iterable[Change]) -> list[str]:
    """Return changes as lines of a diff, under their subjects."""
    shown, subject = [], None
    for change in changes:
        if change.what and change.subject != subject:
            shown.append(f"  {change.subject}")
        subject = change.subject
        indent, name = ("  ", f"{change.what}: ") if change.what else ("", f"{change.subject}: ")
        mark = "(wider) " if change.wider else ""
        if change.before is not None:
            shown.append(f"- {indent}{mark if change.after is None else ''}{name}{change.before}")
        if change.after is not None:
            shown.append(f"+ {indent}{mark}{name}{change.after}")
    return shown


def definition(before: Document, after: Document) -> list[Change]:
    """Return how the pipeline changes."""
    old, new = ({key: value for key, value in made.items() if key not in GONE_ON} for made in (before, after))
    changes = list(compared("pipeline", leaves(old), leaves(new)))
    for name, one, other in paired(steps(before.get("Steps", [])), steps(after.get("Steps", []))):
        changes += _whole(f"step {name}", one, other, "Type")
    return _shorter(changes, "Arguments.")


def suite(before: Document, after: Document) -> list[Change]:
    """Return how columns and expectations change; documents as plan_sides.suite returns them."""
    changes = []
    for name, one, other in paired(
        [(column["name"], _without(column, "name")) for column in before["columns"]],
        [(column["name"], _without(column, "name")) for column in after["columns"]],
    ):
        changes += _whole(f"column {name}", one, other, "type")
    for name, one, other in paired(_rules(before["expectations"]), _rules(after["expectations"])):
        changes += _whole(name, one, other, "severity")
    return _shorter(changes, "settings.")


def settings(before: Document, after: Document) -> list[Change]:
    """Return how mlops.toml changes, key by key."""
    found = []
    for table in dict.fromkeys([*before, *after]):
        old, new = (_told(side[table]) if table in side else {} for side in (before, after))
        found += compared(f"[{table}]", old, new)
    return [replace(change, before=_hidden(change.before), after=_hidden(change.after)) for change in found]


def waiver(gate: Document) -> str:
    """Return the waiver of [gate] as a reader would say it; nothing where there is none."""
    told = within(gate, "waiver")
    champion, until, reason = (text(told.get(key, "missing")) for key in ("champion", "until", "reason"))
    until = until.strip('"')
    return f"champion {champion} need not be compared with until {until}: {reason}" if told else ""


def pins(before: Mapping[str, str], after: Mapping[str, str]) -> list[Change]:
    """Return how pins change, given the text of each file of requirements/."""
    changed: dict[tuple[str, str | None, str | None], list[str]] = {}
    for file in sorted({*before, *after}):
        old, new = pinned(before.get(file, "")), pinned(after.get(file, ""))
        for name in sorted({*old, *new}):
            one, other = old.get(name), new.get(name)
            if one and other and one[0] == other[0] and one[1] != other[1]:
                one, other = (f"{one[0]}, other hashes", ""), (f"{other[0]}, as listed now", "")
            if one != other:
                key = (name, one[0] if one else None, other[0] if other else None)
                changed.setdefault(key, []).append(file)
    return [
        Change(f"{name} ({', '.join(files)})", "", old, new) for (name, old, new), files in changed.items()
    ]


def pinned(text: str) -> dict[str, tuple[str, str]]:
    """Return version and hashes of each package of a requirements file."""
    found = {}
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        wanted, *hashes = re.sub(r"(^|\s)#.*", "", line).split("--hash=")
        name, _, version = wanted.strip().partition("==")
        if name:
            found[name.lower()] = (version.strip() or "there", " ".join(sorted(map(str.strip, hashes))))
    return found


def steps(listed: Sequence[Document], parent: str = "") -> Iterator[tuple[str, Document]]:
    """Yield each step by its name, those of branches too; a step says which branch it stands in."""
    for step in listed:
        arguments = step.get("Arguments") or {}
        own = {key: value for key, value in arguments.items() if key not in BRANCHES}
        place = {"Branch": parent} if parent else {}
        yield str(step.get("Name")), {**step, "Arguments": own, **place}
        for branch, words in BRANCHES.items():
            yield from steps(arguments.get(branch, []), f"{step.get('Name')}, {words}")


def _whole(subject: str, before: Any, after: Any, kind: str) -> Iterator[Change]:
    """Yield a subject that is new or gone with all it says, or else its arguments that differ."""
    if before is None or after is None:
        word = text((before or after or {}).get(kind, "there"))
        yield Change(subject, "", word if after is None else None, word if before is None else None)
    skipped = ("Name", kind) if before is None or after is None else ("Name",)
    old, new = (leaves(_without(side, *skipped)) if side else {} for side in (before, after))
    yield from compared(subject, old, new)


def _shorter(changes: Iterable[Change], prefix: str) -> list[Change]:
    """Return changes without what every argument's path begins with."""
    return [replace(change, what=change.what.removeprefix(prefix)) for change in changes]


def _rules(listed: Sequence[Document]) -> list[tuple[str, Document]]:
    """Return each expectation under the words that stay when its arguments change."""
    found: list[tuple[str, Document]] = []
    for rule in listed:
        named = f"{rule['rule']}({rule.get('column') or ''})" + (
            f" {rule['title']}" if rule.get("title") else ""
        )
        found.append((named, _without(rule, "rule", "column", "title")))
    return found


def _without(document: Document, *names: str) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in names}


def _told(table: Any) -> Leaves:
    """Return a table's keys; a waiver is one thing, whichever way TOML writes it."""
    if not isinstance(table, Mapping) or not (words := waiver(table)):
        return leaves(table)
    return leaves(_without(table, "waiver")) | {"waiver": words}


def _hidden(value: str | None) -> str | None:
    try:
        return NOT_SHOWN if value and names_user(value) else value
    except ValueError:  # no address at all
        return value
