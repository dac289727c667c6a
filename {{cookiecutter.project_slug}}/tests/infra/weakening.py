"""How a template is weakened: one condition, claim, action, statement or property changed or taken away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.infra.reading import Infra

GITHUB = "token.actions.githubusercontent.com"
DEPLOY, PIPELINE, LOOK, INFRA = "DeployRole", "PipelineRole", "PullRequestRole", "InfraRole"
Edit = Callable[[Infra], Any]
Table = dict[Callable[[Infra], Iterator[str]], dict[str, Edit]]  # by rule, by words


def statement(infra: Infra, template: str, owner: str, sid: str) -> dict[str, Any]:
    """Return one statement as it is written, to be changed."""
    return next(each for each in nested(infra.resource(template, owner)) if each.get("Sid") == sid)


def nested(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every dict in a value."""
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nested(each)


def condition(template: str, owner: str, sid: str, operator: str, key: str, value: Any = None) -> Edit:
    """Return what changes one condition, or takes it away."""

    def edit(infra: Infra) -> None:
        told = statement(infra, template, owner, sid)["Condition"][operator]
        if value is None:
            del told[key]
        else:
            told[key] = value

    return edit


def claim(owner: str, sid: str, name: str, value: Any = None, template: str = "github") -> Edit:
    """Return what changes one claim that a trust wants, or takes it away."""
    return condition(template, owner, sid, "StringEquals", f"{GITHUB}:{name}", value)


def member(template: str, owner: str, sid: str, key: str, value: Any = None) -> Edit:
    """Return what changes one member of a statement, or takes it away."""

    def edit(infra: Infra) -> None:
        told = statement(infra, template, owner, sid)
        if value is None:
            del told[key]
        else:
            told[key] = value

    return edit


def operator(owner: str, sid: str, new: str) -> Edit:
    """Return what puts another operator in the place of StringEquals."""

    def edit(infra: Infra) -> None:
        told = statement(infra, "github", owner, sid)["Condition"]
        told[new] = told.pop("StringEquals")

    return edit


def more(template: str, owner: str, sid: str, *actions: str) -> Edit:
    """Return what adds actions to a statement."""

    def edit(infra: Infra) -> None:
        told = statement(infra, template, owner, sid)
        before = told["Action"] if isinstance(told["Action"], list) else [told["Action"]]
        told["Action"] = [*before, *actions]

    return edit


def fewer(template: str, owner: str, sid: str, *actions: str) -> Edit:
    """Return what takes actions out of a statement."""

    def edit(infra: Infra) -> None:
        told = statement(infra, template, owner, sid)
        told["Action"] = [each for each in told["Action"] if each not in actions]

    return edit


def without(template: str, owner: str, sid: str) -> Edit:
    """Return what takes a statement away."""

    def edit(infra: Infra) -> None:
        for each in nested(infra.resource(template, owner)):
            if isinstance(each.get("Statement"), list):
                each["Statement"] = [told for told in each["Statement"] if not _named(told, sid)]

    return edit


def _named(told: dict[str, Any], sid: str) -> bool:
    """Say whether a statement, or what stands in its place where there are two accounts, has this Sid."""
    return sid in (told.get("Sid"), told.get("Fn::If", [None, {}])[1].get("Sid"))


def always(template: str, owner: str, sid: str) -> Edit:
    """Return what lets a statement stand that asks whether there are two accounts, without asking."""

    def edit(infra: Infra) -> None:
        for each in nested(infra.resource(template, owner)):
            if isinstance(each.get("Statement"), list):
                told = each["Statement"]
                each["Statement"] = [item["Fn::If"][1] if _named(item, sid) else item for item in told]

    return edit


def placed(template: str, owner: str, *path: str, value: Any = None) -> Edit:
    """Return what changes a member of a resource, or takes it away."""

    def edit(infra: Infra) -> None:
        told = infra.resource(template, owner)
        for name in path[:-1]:
            told = told[name]
        if value is None:
            del told[path[-1]]
        else:
            told[path[-1]] = value

    return edit


def added(template: str, name: str, kind: str, **properties: Any) -> Edit:
    """Return what adds a resource."""

    def edit(infra: Infra) -> None:
        infra.templates[template]["Resources"][name] = {"Type": kind, "Properties": properties}

    return edit


def inline(owner: str, template: str = "github", **told: Any) -> Edit:
    """Return what adds a statement to a role."""

    def edit(infra: Infra) -> None:
        policies = infra.resource(template, owner)["Properties"]["Policies"]
        policies[0]["PolicyDocument"]["Statement"].append(
            {"Sid": "OneStatementMore", "Effect": "Allow", **told}
        )

    return edit
