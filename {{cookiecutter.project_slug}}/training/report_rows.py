"""The rows of the report's tables: evaluation.json in words and figures, ready to print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from inference.contract import Feature
from training import charts, curves
from training.figures import figure, interval, number
from training.metrics import directions
from training.policy import Policy
from training.resampled import labels

NONE = "–"


def rule_value(rule: Mapping[str, Any]) -> str:
    """Return what a rule found: with a sign where it is a difference."""
    return value(rule, sign=rule["rule"] in ("loss", "slice_loss"))


def metric_rows(evaluation: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the metrics table: both models, their difference, and whether it can be told from chance."""
    higher = directions(evaluation["task"])
    champion = (evaluation["champion"] or {}).get("metrics") or {}
    difference = evaluation["difference"] or {}
    return [
        {
            "name": name,
            "direction": "higher is better" if higher[name] else "lower is better",
            "candidate": value(entry),
            "candidate_spread": ends(entry),
            "champion": value(champion.get(name, {})),
            "champion_spread": ends(champion.get(name, {})),
            "difference": value(difference.get(name, {}), sign=True),
            "difference_spread": ends(difference.get(name, {}), sign=True),
            "meaning": meaning(difference.get(name, {}), higher[name]),
        }
        for name, entry in evaluation["candidate"]["metrics"].items()
    ]


def slice_rows(evaluation: Mapping[str, Any], policy: Policy) -> list[dict[str, Any]]:
    """Return the slices table, all test rows first, with a forest plot of what the gate looks at."""
    compared = evaluation["difference"] is not None
    parts = [_all_rows(evaluation), *evaluation["slices"]]
    shown = [(part["difference"] if compared else part["metrics"]).get(policy.metric, {}) for part in parts]
    lines = _lines(evaluation, policy, shown[0])
    gated = [entry for part, entry in zip(parts, shown, strict=True) if part["gated"]]
    reach = [end for entry in gated for end in interval(entry) or ()] + [at for at, _ in lines] or [0.0, 1.0]
    air = 0.4 * (max(reach) - min(reach))
    across = min(reach) - air, max(reach) + air  # small slices reach beyond it and end in an arrow
    return [
        part
        | {
            "metric": value(part["metrics"].get(policy.metric, {})),
            "shown": value(entry, sign=compared),
            "spread": ends(entry, sign=compared),
            "forest": forest(entry, across, lines, part["gated"]),
        }
        for part, entry in zip(parts, shown, strict=True)
    ]


def _all_rows(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """Return the whole test split in the form of a slice."""
    known = {"column": "", "value": "all test rows", "n": evaluation["rows"], "positives": None}
    found = {"metrics": evaluation["candidate"]["metrics"], "difference": evaluation["difference"]}
    return known | found | {"gated": True, "why_not_gated": None}


def _lines(
    evaluation: Mapping[str, Any], policy: Policy, whole: Mapping[str, Any]
) -> list[tuple[float, str]]:
    """Return what to hold intervals against: no difference and the loss allowed, or the value of all rows."""
    if evaluation["difference"] is not None:
        worse = -1.0 if directions(evaluation["task"]).get(policy.metric, True) else 1.0
        return [(worse * policy.slice_max_regression, "limit"), (0.0, "zero")]
    middle = number(whole.get("value"))
    return [] if middle is None else [(middle, "zero")]


def forest(
    entry: Mapping[str, Any], across: tuple[float, float], lines: Sequence[tuple[float, str]], gated: bool
) -> Markup | str:
    """Return an interval as a drawing, or a dash where there is none."""
    middle, both = number(entry.get("value")), interval(entry)
    if middle is None or both is None:
        return NONE
    return charts.whisker(middle, *both, across, lines, "candidate" if gated else "faint")


def meaning(entry: Mapping[str, Any], higher_is_better: bool) -> str:
    """Return whether a difference can be told from chance."""
    both = interval(entry)
    if both is None:
        return ""
    if both == (0.0, 0.0):
        return "the same"
    if both[0] <= 0.0 <= both[1]:
        return "cannot be told apart"
    return "better" if (both[0] > 0.0) == higher_is_better else "worse"


def confusion(
    task: str, truth: np.ndarray, predictions: np.ndarray, classes: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the confusion matrix, a row for each true class with its share of each answer."""
    if task == "regression" or not len(truth) or not np.isfinite(predictions).all():
        return []
    counts = curves.confusion(truth, labels(predictions), len(classes))
    return [
        {"name": name, "cells": [{"n": int(n), "share": float(n) / max(1, int(row.sum()))} for n in row]}
        for name, row in zip(classes, counts, strict=True)
    ]


def feature_row(feature: Feature) -> dict[str, str]:
    """Return what the model expects of one column; of categories only how many there are."""
    if feature.kind == "number":
        low = NONE if feature.minimum is None else figure(feature.minimum)
        high = NONE if feature.maximum is None else figure(feature.maximum)
        takes = "any number" if low == high == NONE else f"{low} to {high}"
    else:
        takes = f"{len(feature.vocabulary)} categories" + (", others too" if feature.open else "")
    missing = number(feature.statistics.get("missing"))
    return {
        "name": feature.name,
        "type": feature.type,
        "takes": takes,
        "null": "allowed" if feature.nullable else "refused",
        "missing": NONE if missing is None else f"{missing:.1%}",
    }


def value(entry: Mapping[str, Any], sign: bool = False) -> str:
    """Return an entry's value, or a dash."""
    found = number(entry.get("value"))
    return NONE if found is None else figure(found, sign=sign, pad=True)


def ends(entry: Mapping[str, Any], sign: bool = False) -> str:
    """Return an entry's interval, or nothing."""
    both = interval(entry)
    return " to ".join(figure(end, sign=sign, pad=True) for end in both) if both else ""
