"""May this candidate replace the champion? A pure function from policy and metrics to a verdict with reasons.

The rules, all of which must hold; "at least" and "at most" include the threshold itself:

- bar       The metric is at least `minimum` (at most `maximum` where lower is better). Its value decides.
- champion  The champion, if there is one, could be scored on the same rows.
- loss      Not worse than the champion: refused when the metric lost more than `max_regression` *and* the 95 %
            interval of the paired difference lies wholly on the worse side. A loss within the tolerance is a tie;
            a larger one that the test rows cannot tell from chance is not held against the candidate here,
- unknown   but here: the interval must rule out a loss above `max_possible_regression` (10 x the tolerance).
            So a test split too small to judge by refuses, where the rule above alone would wave all through.
- slice     The rule of `loss` with `slice_max_regression`, in every slice of at least `slice_min_rows` rows and
            `slice_min_positives` rows of the rarer class. Smaller slices say nothing and are only shown.

A first release meets the bar only, and says so. It fails closed: a metric without value or interval, an unknown
name, a bar of the wrong direction or no rows at all is a refusal with a reason, never an exception.
Not ruled out: many small losses in a row, each within the tolerance. The bar is what stops that slide.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from training.policy import Policy

SLACK = 1e-9  # 0.91 - 0.912 is not exactly -0.002 in binary; a threshold must not hang on that
Entry = Mapping[str, Any]


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

    @property
    def accepted(self) -> bool:
        """No rule at all is no acceptance."""
        return bool(self.rules) and all(rule.passed for rule in self.rules)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return why it was refused, or why it was not."""
        return tuple(rule.message for rule in self.rules if self.accepted or not rule.passed)

    def document(self) -> dict[str, Any]:
        """Return the "verdict" of evaluation.json."""
        rules = [asdict(rule) for rule in self.rules]
        known = {"accepted": self.accepted, "first_release": self.first_release}
        return known | {"reasons": list(self.reasons), "rules": rules}


def decide(policy: Policy, evaluation: Mapping[str, Any], directions: Mapping[str, bool]) -> Verdict:
    """Judge what evaluation.json holds, given each metric's direction (True: higher is better)."""
    champion = evaluation.get("champion")
    return Verdict(tuple(_rules(policy, evaluation, directions)), first_release=champion is None)


def why_not_gated(policy: Policy, rows: int, positives: int | None) -> str:
    """Return why a slice is shown only, or nothing when it is large enough to gate on."""
    if rows < policy.slice_min_rows:
        return f"fewer than {policy.slice_min_rows} rows"
    if positives is not None and min(positives, rows - positives) < policy.slice_min_positives:
        return f"fewer than {policy.slice_min_positives} rows of the rarer class"
    return ""


def _rules(policy: Policy, evaluation: Mapping[str, Any], directions: Mapping[str, bool]) -> Iterator[Rule]:
    metric = policy.metric
    if metric not in directions:
        known = ", ".join(directions)
        yield Rule("metric", metric, None, f"one of {known}", False, f"The gate's metric is not one of {known}.")
        return
    rows = evaluation.get("rows") or 0
    if rows < 1:
        yield Rule("rows", metric, 0, "at least 1", False, "There are no test rows to judge by.")
        return
    better = 1.0 if directions[metric] else -1.0
    yield _bar(policy, _entry(evaluation.get("candidate"), "metrics", metric), higher=directions[metric])
    champion = evaluation.get("champion")
    if champion is None:
        message = "First release: there is no champion to compare with, so the absolute bar alone decides."
        yield Rule("champion", metric, None, "none yet", True, message)
        return
    if champion.get("error") or not champion.get("metrics"):
        why = champion.get("error") or "it has no metrics"
        message = f"The champion could not be scored on these rows, so nothing can be compared: {why}."
        yield Rule("champion", metric, None, "a scored champion", False, message)
        return
    difference = _entry(evaluation, "difference", metric)
    yield _loss("loss", policy.max_regression, metric, difference, better)
    yield _unknown(policy, difference, better)
    yield from _slices(policy, evaluation.get("slices") or [], better)


def _bar(policy: Policy, entry: Entry, higher: bool) -> Rule:
    metric, value, interval = policy.metric, _number(entry.get("value")), _interval(entry)
    key, bound, other = ("minimum", policy.minimum, policy.maximum)
    if not higher:
        key, bound, other = ("maximum", policy.maximum, policy.minimum)
    if bound is None or other is not None:
        way = "higher" if higher else "lower"
        message = f"Of {metric}, {way} is better: the gate needs a {key}, and only that, as its absolute bar."
        return Rule("bar", metric, value, f"gate.{key}", False, message)
    needs = f"at {'least' if higher else 'most'} {figure(bound)}"
    if value is None or interval is None:
        return Rule("bar", metric, None, needs, False, f"{metric} has no value or no interval; {needs} is needed.")
    passed = value >= bound - SLACK if higher else value <= bound + SLACK
    spread = f"95% interval {figure(interval[0])} to {figure(interval[1])}, {entry.get('n', 0):,} rows"
    message = f"{metric} is {figure(value, bound)} ({spread}); {needs} is needed."
    return Rule("bar", metric, value, needs, passed, message)


def _loss(rule: str, allowed: float, metric: str, difference: Entry, better: float, where: str = "") -> Rule:
    """Refuse a loss that is larger than allowed and that chance does not explain."""
    value, interval = _number(difference.get("value")), _interval(difference)
    needs = f"a loss of at most {figure(allowed)}"
    if value is None or interval is None:
        message = f"{metric}{where} has no difference to the champion's, or no interval of it; {needs} is needed."
        return Rule(rule, metric, None, needs, False, message)
    too_much = -better * value > allowed + SLACK
    clear = max(better * interval[0], better * interval[1]) < 0
    change = f"{metric}{where} differs from the champion's by {figure(value, allowed, sign=True)} ({_spread(interval)})"
    if too_much and clear:
        message = f"{change}: it is clearly worse, and at most {figure(allowed)} may be lost."
    elif too_much:
        message = f"{change}: more than the {figure(allowed)} that may be lost, but no more than chance explains."
    else:
        message = f"{change}; at most {figure(allowed)} may be lost."
    return Rule(rule, metric, value, needs, not (too_much and clear), message)


def _unknown(policy: Policy, difference: Entry, better: float) -> Rule:
    """Refuse when the test rows leave a large loss possible, whatever the value."""
    metric, limit, interval = policy.metric, policy.possible_regression, _interval(difference)
    needs = f"a possible loss of at most {figure(limit)}"
    if interval is None:
        return Rule("unknown", metric, None, needs, False, f"{metric} has no interval of its difference.")
    worst = max(0.0, *(-better * end for end in interval))
    message = f"These rows rule out a loss of {metric} above {figure(worst, limit)}"
    if worst > limit + SLACK:
        message += f", but must rule out one above {figure(limit)} (gate.max_possible_regression)."
        return Rule("unknown", metric, worst, needs, False, message)
    return Rule("unknown", metric, worst, needs, True, f"{message}; one above {figure(limit)} had to be.")


def _slices(policy: Policy, slices: list[Mapping[str, Any]], better: float) -> Iterator[Rule]:
    """Yield a rule for each gated slice that lost too much, or else for the worst one."""
    metric, allowed = policy.metric, policy.slice_max_regression
    rules = []
    for part in slices:
        if not why_not_gated(policy, part.get("n") or 0, part.get("positives")):
            where = f" where {part.get('column')} is {part.get('value')}"
            difference = _entry(part, "difference", metric)
            rules.append(_loss("slice", allowed, metric, difference, better, where))
    failed = [rule for rule in rules if not rule.passed]
    if failed or rules:
        yield from failed or [min(rules, key=lambda rule: better * (rule.value or 0.0))]
    else:
        message = "No slice is large enough to gate on."
        yield Rule("slice", metric, None, f"a loss of at most {figure(allowed)}", True, message)


def _entry(container: Any, key: str, metric: str) -> Entry:
    """Return {"value", "low", "high"} of a metric, empty where something on the way is missing."""
    entry = ((container or {}).get(key) or {}).get(metric)
    return entry if isinstance(entry, Mapping) else {}


def _number(value: Any) -> float | None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    return float(value) if good else None


def _interval(entry: Entry) -> tuple[float, float] | None:
    low, high = _number(entry.get("low")), _number(entry.get("high"))
    return None if low is None or high is None or low > high else (low, high)


def _spread(interval: tuple[float, float]) -> str:
    return f"95% interval {figure(interval[0], sign=True)} to {figure(interval[1], sign=True)}"


def figure(value: float, apart_from: float | None = None, sign: bool = False) -> str:
    """Return a number as people read it, with enough digits to differ in print from what it is held against."""
    plus = "+" if sign and value > 0 else ""
    for digits in (4, 6, 9):
        text = f"{value:,.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"
        if apart_from is None or abs(value) == abs(apart_from) or text.lstrip("-") != f"{apart_from:.{digits}g}":
            break
    return plus + text
