"""May this candidate replace the champion? A pure function from policy and metrics to a verdict with reasons.

The rules, all of which must hold; "at least" and "at most" include the threshold itself:

bar            The metric is at least `minimum` (at most `maximum` where lower is better).
champion       The champion, if there is one, could be scored on the same rows. Where they do not hold what it
               needs, a waiver (waiver.py) about this champion, not expired, lets the bar alone decide.
loss           Refused when the metric lost more than `max_regression` against the champion *and* the 95 %
               interval of the paired difference lies wholly on the worse side. A loss within the tolerance
               is a tie; a larger one that chance explains is not held against the candidate by this rule,
possible_loss  but by this one: the interval must rule out a loss above `max_possible_regression` (unless
               told, ten times the tolerance). `loss` alone would wave all through on a handful of rows.
slice_loss     `loss` with `slice_max_regression`, in every slice of at least `slice_min_rows` rows with
               `slice_min_positives` of the rarer class. Smaller slices say little and are only shown.

How fine that is: on 4,949 rows of Adult, trainings that differ by their seed alone differ by 0.0001 to 0.0004
in AUC with a half-width of 0.002, and tie; each AUC by itself is known to 0.007.

A first release meets the bar alone, and says so. It fails closed: a metric without value or interval, an
unknown name, a bar of the wrong direction or no rows at all is a refusal with a reason, never an exception.
What it cannot stop: many small losses in a row, each within the tolerance. The bar is where that slide ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any

from training.figures import figure, interval, number, spread
from training.policy import Policy
from training.waiver import Excuse, Waiver, excuse, unscored

SLACK = 1e-9  # 0.91 - 0.912 is not exactly -0.002 in binary; a threshold must not hang on that
Document = Mapping[str, Any]  # evaluation.json, or a part of it


@dataclass(frozen=True)
class Rule:
    """One thing that was looked at, what it showed, and what was needed."""

    rule: str
    metric: str
    value: float | None
    needs: str
    passed: bool
    message: str  # a sentence fit for a pull-request comment


@dataclass(frozen=True)
class Verdict:
    """The decision and the rules that led to it; accepted when every rule passed."""

    rules: tuple[Rule, ...]
    first_release: bool
    waived: str = ""  # until when and why the champion was not compared with
    waiver_line: str = ""  # of [gate] in mlops.toml: what would let the absolute bar decide

    @property
    def accepted(self) -> bool:
        """No rule at all is no acceptance."""
        return bool(self.rules) and all(rule.passed for rule in self.rules)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return why it was refused, or else what each rule found."""
        return tuple(rule.message for rule in self.rules if self.accepted or not rule.passed)

    def document(self) -> dict[str, Any]:
        """Return the "verdict" of evaluation.json."""
        rules = [asdict(rule) for rule in self.rules]
        known = {"accepted": self.accepted, "first_release": self.first_release}
        known |= {"waived": self.waived or None, "waiver_line": self.waiver_line or None}
        return known | {"reasons": list(self.reasons), "rules": rules}


def decide(
    policy: Policy,
    evaluation: Document,
    directions: Mapping[str, bool],
    today: date,
    waiver: Waiver | None = None,
) -> Verdict:
    """Judge what evaluation.json holds, given each metric's direction (True: higher is better)."""
    champion = evaluation.get("champion")
    found = excuse(champion, today, waiver)
    rules = tuple(_rules(policy, evaluation, directions, found))
    others = [rule for rule in rules if not rule.passed and rule.rule != "champion"]
    line = "" if others else found.line  # it would not help
    return Verdict(rules, champion is None, str(found.waiver or ""), line)


def why_not_gated(policy: Policy, rows: int, positives: int | None) -> str:
    """Return why a slice is shown only, or nothing when it is large enough to gate on."""
    if rows < policy.slice_min_rows:
        return f"fewer than {policy.slice_min_rows} rows"
    if positives is not None and min(positives, rows - positives) < policy.slice_min_positives:
        return f"fewer than {policy.slice_min_positives} rows of the rarer class"
    return ""


def _rules(
    policy: Policy, evaluation: Document, directions: Mapping[str, bool], excused: Excuse
) -> Iterator[Rule]:
    metric, champion = policy.metric, evaluation.get("champion")
    if metric not in directions:
        needs = f"one of {', '.join(directions)}"
        yield Rule("metric", metric, None, needs, False, f"The gate's metric {metric} is not {needs}.")
        return
    if not evaluation.get("rows"):
        yield Rule("rows", metric, 0, "at least 1", False, "There are no test rows to judge by.")
        return
    yield _bar(policy, _entry(evaluation.get("candidate"), "metrics", metric), directions[metric])
    if champion is None:
        message = "First release: there is no champion to compare with, so the absolute bar alone decides."
        yield Rule("champion", metric, None, "none yet", True, message)
    elif why := unscored(champion):
        yield _champion(metric, why, excused)
    else:
        better = 1.0 if directions[metric] else -1.0
        difference = _entry(evaluation, "difference", metric)
        loss = _loss("loss", metric, policy.max_regression, difference, better)
        yield loss
        if loss.passed:  # a loss that is clear need not be possible as well
            yield _possible_loss(policy, difference, better)
        yield _slices(policy, evaluation["slices"], better)


def _champion(metric: str, why: str, excused: Excuse) -> Rule:
    """Refuse a champion without scores, unless that is waived."""
    needs, waiver = "a scored champion", excused.waiver
    if waiver:
        message = f"The champion could not be scored on these rows ({why}), so the absolute bar alone decides"
        needs += f", waived until {waiver.until}"
        return Rule("champion", metric, None, needs, True, f"{message}: {waiver}.")
    message = f"The champion could not be scored on these rows, so nothing can be compared: {why}."
    return Rule("champion", metric, None, needs, False, f"{message}{excused.told}")


def _bar(policy: Policy, entry: Document, higher: bool) -> Rule:
    metric, value, ends = policy.metric, number(entry.get("value")), interval(entry)
    way, key, most = ("higher", "minimum", "least") if higher else ("lower", "maximum", "most")
    bound, wrong = (policy.minimum, policy.maximum)[:: 1 if higher else -1]
    if bound is None or wrong is not None:
        message = f"Of {metric}, {way} is better: the gate needs a {key}, and only that, as its absolute bar."
        return Rule("bar", metric, value, f"gate.{key}", False, message)
    needs = f"at {most} {figure(bound)}"
    if value is None or ends is None:
        message = f"{metric} has no value or no interval; {needs} is needed."
        return Rule("bar", metric, None, needs, False, message)
    passed = value >= bound - SLACK if higher else value <= bound + SLACK
    measured = f"{metric} is {figure(value, bound, pad=True)} ({spread(*ends)}, {entry['n']:,} rows)"
    return Rule("bar", metric, value, needs, passed, f"{measured}; {needs} is needed.")


def _loss(
    rule: str, metric: str, allowed: float, difference: Document, better: float, where: str = ""
) -> Rule:
    """Refuse a loss that is larger than allowed and that chance does not explain."""
    value, ends = number(difference.get("value")), interval(difference)
    needs = f"a loss of at most {figure(allowed)}"
    if value is None or ends is None:
        why = "the difference has no value or no interval"
        message = f"{metric}{where} cannot be compared with the champion's: {why}."
        return Rule(rule, metric, None, needs, False, message)
    too_much = -better * value > allowed + SLACK
    clear = max(better * end for end in ends) < 0
    told = f"; at most {figure(allowed)} may be lost."
    if too_much and clear:
        told = f": clearly worse, and at most {figure(allowed)} may be lost."
    elif too_much:
        told = f": more than {figure(allowed)} lost, but no more than chance explains."
    change = f"{figure(value, allowed, sign=True, pad=True)} ({spread(*ends, sign=True)})"
    message = f"{metric}{where} differs from the champion's by {change}{told}"
    return Rule(rule, metric, value, needs, not (too_much and clear), message)


def _possible_loss(policy: Policy, difference: Document, better: float) -> Rule:
    """Refuse when the test rows leave a large loss possible, whatever the difference is."""
    metric, limit = policy.metric, policy.possible_regression
    worst = max(0.0, *(-better * end for end in interval(difference) or ()))  # `loss` has seen the interval
    needs, passed = f"a possible loss of at most {figure(limit)}", worst <= limit + SLACK
    amount = figure(worst, limit, pad=True)
    if not passed:
        message = (
            f"{metric} may be worse by {amount}: too few test rows to rule out more than {figure(limit)}."
        )
    else:
        found = f"worse by {amount} at most" if worst else "not worse"
        message = f"By the interval, {metric} is {found}; more than {figure(limit)} had to be ruled out."
    return Rule("possible_loss", metric, worst, needs, passed, message)


def _slices(policy: Policy, slices: Sequence[Document], better: float) -> Rule:
    """Hold the rule of a loss against every slice that is large enough; tell of the worst one."""
    metric, allowed, rules = policy.metric, policy.slice_max_regression, []
    for part in slices:
        if not why_not_gated(policy, part["n"], part["positives"]):
            # A reader finds the slice by its size in the report: messages carry no value of the data.
            where = f" in the slice of {part['column']} with {part['n']:,} rows"
            difference = _entry(part, "difference", metric)
            rules.append(_loss("slice_loss", metric, allowed, difference, better, where))
    if not rules:
        needs = f"a loss of at most {figure(allowed)}"
        return Rule("slice_loss", metric, None, needs, True, "No slice is large enough to gate on.")
    worst = min(rules, key=lambda rule: (rule.passed, better * (rule.value or 0.0)))
    others = sum(not rule.passed for rule in rules) - 1
    if others > 0:
        return replace(worst, message=f"{worst.message} Slices that fail besides: {others}.")
    return worst


def _entry(container: Any, key: str, metric: str) -> Document:
    """Return {"value", "low", "high"} of a metric, empty where something on the way is missing."""
    return ((container or {}).get(key) or {}).get(metric) or {}
