"""The model of a pull request beside the base's, metric by metric, with the gate's bars."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sagemaker_gitops.github import markup
from sagemaker_gitops.github.markup import text as plain
from sagemaker_gitops.github.plan_leaves import Document
from sagemaker_gitops.github.plan_markup import code
from sagemaker_gitops.github.plan_sides import Side
from sagemaker_gitops.github.plan_verdict import count, number, verdict

HEAD = ("metric", "base", "this pull request", "change", "gate")
SLICES, METRICS = 3, 20  # shown at most
ELSEWHERE = "slice_loss"  # the gate's rule about slices; it stands beside the worst one


def table(base: Side, head: Side) -> str:
    """Return the table, and what its numbers are; empty where nothing was judged."""
    evaluation = head.evaluation
    metrics = (evaluation.get("candidate") or {}).get("metrics") or {}
    rules = verdict(evaluation).get("rules") or []
    if not metrics or not rules:
        return ""
    gated = str(rules[0].get("metric"))
    order = sorted(metrics, key=lambda name: name != gated)[:METRICS]
    rows = [
        _metric(name, metrics[name], _before(base, evaluation, name), evaluation, rules) for name in order
    ]
    rows += _slices(evaluation, gated, [rule for rule in rules if rule.get("rule") == ELSEWHERE])
    return f"{markup.table(HEAD, rows)}\n\n{_about(base, evaluation)}"


def _metric(
    name: str, entry: Document, before: Any, evaluation: Document, rules: list[Any]
) -> tuple[str, ...]:
    mine = [rule for rule in rules if rule.get("metric") == name and rule.get("rule") != ELSEWHERE]
    shown = plain(name)
    value = _with_ends(entry)
    change = (evaluation.get("difference") or {}).get(name)
    if not change and isinstance(before, int | float) and isinstance(entry.get("value"), int | float):
        change = {"value": entry["value"] - before}
    return (
        f"**{shown}**" if mine else shown,
        number(before),
        f"**{value}**" if mine else value,
        _with_ends(change or {}, signed=True),
        "<br>".join(map(_rule, mine)) or "not gated",
    )


def _slices(evaluation: Document, metric: str, rules: list[Any]) -> Iterator[tuple[str, ...]]:
    """Yield the worst slices that the gate looks at; the one that its rule speaks of comes first."""
    told = rules[0].get("value") if rules else None
    found = [
        part for part in evaluation.get("slices") or [] if part.get("gated") and _of(part, "metrics", metric)
    ]
    better = -1.0 if any(_lower_is_better(rule) for rule in verdict(evaluation).get("rules", [])) else 1.0

    def rank(part: Document) -> tuple[bool, float]:
        change, value = (
            _of(part, "difference", metric).get("value"),
            _of(part, "metrics", metric).get("value"),
        )
        measured = change if isinstance(change, int | float) else value
        return change is None or change != told, better * (
            measured if isinstance(measured, int | float) else 0.0
        )

    for place, part in enumerate(sorted(found, key=rank)[:SLICES]):
        yield (
            f"{'' if place else 'worst '}slice of {code(part.get('column'))}, {count(part.get('n'))} rows",
            number(_of(part, "champion", metric).get("value")),
            number(_of(part, "metrics", metric).get("value")),
            _with_ends(_of(part, "difference", metric), signed=True),
            "<br>".join(map(_rule, rules)) if rules and not place else "",
        )


def _before(base: Side, evaluation: Document, name: str) -> Any:
    """Return the base's metric on the pull request's rows, or else as the base's own run measured it."""
    found = _of(evaluation.get("champion") or {}, "metrics", name) or _of(
        base.evaluation.get("candidate") or {}, "metrics", name
    )
    return found.get("value")


def _about(base: Side, evaluation: Document) -> str:
    """Say what the numbers are, and what they are not."""
    rows = count(evaluation.get("rows"))
    champion = evaluation.get("champion") or {}
    told = "Both models were trained on the sample in this repository"
    if champion.get("error"):
        told = f"The base's model could not be scored ({plain(champion['error'])})"
    elif not champion and base.evaluation:
        told = "Judged as a first release: the base's model did not serve, its own run's measures stand here"
    elif not champion:
        told = "Judged as a first release: the base's run left no model"
    what = f"measured on {rows} held-out rows, with 95% intervals in brackets"
    return f"{told}; {what}. These are not the numbers of production."


def _rule(rule: Document) -> str:
    return f"{'✅' if rule.get('passed') else '❌'} {plain(rule.get('needs', ''))}"


def _with_ends(entry: Document, signed: bool = False) -> str:
    value = number(entry.get("value"), signed=signed)
    if entry.get("low") is None or entry.get("high") is None:
        return value
    return f"{value} ({number(entry['low'], signed=signed)} to {number(entry['high'], signed=signed)})"


def _of(document: Document, part: str, name: str) -> dict[str, Any]:
    return (document.get(part) or {}).get(name) or {}


def _lower_is_better(rule: Document) -> bool:
    return rule.get("rule") == "bar" and str(rule.get("needs", "")).startswith("at most")
