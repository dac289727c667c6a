"""What a merge would do, decided from how both sides ran: a heading, a sentence, the reasons."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sagemaker_gitops import names
from sagemaker_gitops.github.markup import text as plain
from sagemaker_gitops.github.plan_leaves import Document
from sagemaker_gitops.github.plan_markup import code
from sagemaker_gitops.github.plan_sides import Side

MINUS = "\N{MINUS SIGN}"
# How a broken rule of the gate is said in a heading; its own message stands below.
RULES = {
    "bar": "{metric} {value}, needs {needs}",
    "loss": "{metric} {change} against the base, needs {needs}",
    "possible_loss": "{metric} may be worse by {value}, needs {needs}",
    "slice_loss": "{metric} {change} in a slice, needs {needs}",
}
UNSCORED = "the base's model cannot be scored on these rows"  # the rule "champion"; it has no value
APPROVALS = {
    "gate": "serve it: the gate decides",
    "pull-request": "leave production to a pull request",
    "reviewer": "leave production to a reviewer",
}


@dataclass(frozen=True)
class Live:
    """What AWS says, where it was asked."""

    serving: str = ""  # the release that production serves
    registered: str = ""  # the approval status of this release's own package; empty where there is none


@dataclass(frozen=True)
class Outcome:
    """What becomes of a merge; every text is Markdown already."""

    action: str  # train, reuse, infra, nothing or stop
    heading: str
    would: str  # goes on from "A merge would"
    reasons: tuple[str, ...] = ()


def decide(base: Side, head: Side, approval: str, touched: bool, live: Live) -> Outcome:
    """Decide; `touched` says that infra or the endpoints' machines change."""
    if head.story.get("verdict") != "done":
        return stopped(head)
    release, after = code(names.short(head.release_id)), APPROVALS.get(approval, plain(approval))
    if live.registered == "Rejected":
        heading = f"❌ Release {release} was rejected earlier: a merge would not release it"
        return Outcome("stop", heading, "stop (`E403`): change code or data, or ask for a retry.")
    if head.release_id == base.release_id and head.files != base.files:
        heading = f"✅ New data: {head.rows:,} rows, {head.rows - base.rows:+,}"
        tried = "The bucket alone holds them: what ran here is the committed sample, which is as it was."
        return Outcome("train", heading, f"train on them, judge, prove on staging, then {after}. {tried}")
    if head.release_id and head.release_id in (base.release_id, live.serving):
        whose = "serving" if head.release_id == live.serving else "the base's own"
        heading = f"✅ Nothing to train: this is release {release}, {whose}"
        if touched:
            would = "train nothing, and bring infrastructure or machines to what is listed below."
            return Outcome("infra", f"{heading}; what stands around it changes", would)
        would = "train nothing and serve nothing else: code, data and settings of the jobs are the same."
        return Outcome("nothing", heading, would)
    if live.registered:
        heading = f"✅ Nothing to train: release {release} is registered already"
        return Outcome(
            "reuse", heading, f"reuse its model, prove it on staging where that is due, then {after}."
        )
    heading = "A merge would release this model" if approval == "gate" else "A merge would prepare this model"
    would = f"train on the locked data, judge, register release {release}, prove it on staging, then {after}."
    return Outcome("train", f"✅ {heading}", would)


def stopped(head: Side) -> Outcome:
    """Return the outcome of a run that ended in a refusal or a fault."""
    error = head.story.get("error") or {}
    number, said = str(error.get("code", "")), [str(line).strip(" ✗") for line in error.get("lines") or []]
    told = f"`{number}`" if re.fullmatch(r"E\d{3}", number) else "no code"
    if number.startswith("E2") and (reasons := verdict(head.validation).get("reasons")):
        heading = f"❌ The data is refused: {plain(str(reasons[0].get('message', '')).rstrip('.'))}"
        would = f"stop at the data ({told}): nothing would be trained, what serves goes on."
        return Outcome("stop", heading, would, tuple(map(data_reason, reasons)))
    if number.startswith("E3") and (rules := broken(head.evaluation)):
        would = f"stop at the gate ({told}): nothing would be registered, what serves goes on."
        told_why = (*(plain(rule.get("message", "")) for rule in rules), *waiving(head.evaluation))
        return Outcome("stop", f"❌ The gate would refuse it: {rule_in_words(rules[0])}", would, told_why)
    if not head.story:
        heading, would = "❌ Not known: the run left no `build/local-test.json`", "do what nobody has tried."
        return Outcome("stop", heading, would)
    heading = f"❌ It does not run: {plain(said[0]) if said else 'the run was cut off'}"
    return Outcome("stop", heading, "stop at the same place.", tuple(map(plain, said[1:])))


def verdict(document: Document) -> dict[str, Any]:
    """Return the verdict of validation.json or evaluation.json."""
    found = document.get("verdict")
    return found if isinstance(found, dict) else {}


def broken(evaluation: Document) -> list[dict[str, Any]]:
    """Return the gate's rules that did not pass."""
    return [rule for rule in verdict(evaluation).get("rules", []) if not rule.get("passed")]


def waiving(evaluation: Document) -> list[str]:
    """Return how the absolute bar alone is let decide, where that is for a reviewer to say."""
    line = verdict(evaluation).get("waiver_line")
    how = "To let the absolute bar alone decide, put this as the only waiver below `[gate]` in `mlops.toml`"
    return [f"{how}, then `python -m pipelines definition --write`: {code(line)}"] if line else []


def rule_in_words(rule: Document) -> str:
    """Return a broken rule in a few words."""
    if rule.get("rule") == "champion":
        return UNSCORED
    metric, value, needs = (rule.get(key) for key in ("metric", "value", "needs"))
    if rule.get("rule") not in RULES or not isinstance(value, int | float):
        return plain(str(rule.get("message", "")).rstrip("."))
    bound = re.search(r"\d[\d.,]*", str(needs))
    apart = bound[0] if bound else ""
    shown = {"value": number(value, apart), "change": number(value, apart, signed=True)}
    return RULES[str(rule["rule"])].format(metric=plain(metric), needs=plain(needs), **shown)


def data_reason(reason: Document) -> str:
    """Return why data is refused: the expectation, counts and row keys; never a value."""
    named = reason.get("rule", "") + (f"({reason['column']})" if reason.get("column") else "")
    keys = [code(key) for key in reason.get("row_keys", [])[:5]]
    found = reason.get("count")
    rows = "" if found == 0 else ": 1 row" if found == 1 else f": {count(found)} rows"
    first = f", first row keys: {', '.join(keys)}" if keys else ""
    return f"{code(reason.get('code', ''))} {code(named)}{rows}{first}"


def count(value: Any) -> str:
    """Return a number of rows or checks."""
    return f"{value:,}" if isinstance(value, int) else "unknown"


def number(value: Any, apart: str = "", signed: bool = False) -> str:
    """Return a measure with four digits, or with as many as tell it from the text `apart`."""
    if not isinstance(value, int | float) or value != value:
        return "–"
    bound = (
        float(apart.replace(",", "").rstrip(".") or "nan")
        if re.fullmatch(r"[\d.,]+", apart)
        else float("nan")
    )
    shown = ""
    for digits in (4, 6, 9):
        shown = f"{abs(value):,.{digits if abs(value) < 1000 else 2}f}"
        if abs(value) == bound or float(shown.replace(",", "")) != bound:
            break
    sign = MINUS if value < 0 else "+" if signed else ""
    return f"{sign}{shown}"
