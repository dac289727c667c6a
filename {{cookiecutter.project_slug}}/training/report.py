"""model_report.html: the verdict and what led to it, on one page that needs nothing else.

In:   evaluation.json as a value, the policy, and the predictions behind it
Out:  HTML with its styles and plots inside: no scripts, nothing fetched; for screens, dark rooms and paper
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from sklearn.metrics import confusion_matrix

from training import plots
from training.figures import figure, interval, number
from training.metrics import directions
from training.policy import Policy
from training.resampled import labels
from training.scored import Candidate, Champion

Document = Mapping[str, Any]  # evaluation.json, or a part of it
# Other marks than Jinja's usual ones: this file may lie in a template that is itself rendered by Jinja.
TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    block_start_string="[%",
    block_end_string="%]",
    variable_start_string="[[",
    variable_end_string="]]",
    comment_start_string="[#",
    comment_end_string="#]",
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(
    evaluation: Document, policy: Policy, truth: np.ndarray, candidate: Candidate, champion: Champion | None
) -> str:
    """Return the page."""
    contract, predictions = candidate.contract, candidate.predictions
    models = {"candidate": predictions}
    if champion and champion.predictions is not None:
        models = {"champion": champion.predictions, "candidate": predictions}  # the last is drawn on top
    return TEMPLATES.get_template("report.html").render(
        evaluation=evaluation,
        policy=policy,
        contract=contract,
        higher=directions(contract.task),
        forest=forest(evaluation, policy),
        plots=plots.draw(plots.Scene(truth, models, contract.classes, evaluation)),
        confusion=confusion(truth, predictions, len(contract.classes)),
    )


def forest(evaluation: Document, policy: Policy) -> dict[str, Any]:
    """Return all test rows and the slices, and how their intervals are drawn beside each other.

    What an interval is held against: no difference and the loss allowed, or the value of all rows.
    """
    compared = evaluation["difference"] is not None
    whole = {"column": "", "value": "all test rows", "n": evaluation["rows"], "positives": None}
    found = {"metrics": evaluation["candidate"]["metrics"], "difference": evaluation["difference"]}
    parts: list[dict[str, Any]] = [whole | found | {"gated": True}, *evaluation["slices"]]
    key = "difference" if compared else "metrics"
    parts = [part | {"shown": part[key].get(policy.metric, {})} for part in parts]
    if compared:
        worse = -1.0 if directions(evaluation["task"]).get(policy.metric, True) else 1.0
        lines = {"limit": worse * policy.slice_max_regression, "zero": 0.0}
    else:
        lines = {"zero": number(parts[0]["shown"].get("value")) or 0.0}
    reach = [end for part in parts if part["gated"] for end in interval(part["shown"]) or ()]
    reach.extend(lines.values())
    low, high = min(reach), max(reach)
    unit = 100 / (high - low or 1.0)  # the gate's slices fill the middle; smaller ones may reach beyond
    return {"parts": parts, "lines": lines, "x": lambda at: f"{50 + (at - low) * unit:.1f}"}


def confusion(truth: np.ndarray, predictions: np.ndarray, classes: int) -> list[list[int]]:
    """Return the confusion matrix, a row for each true class; none without classes, rows or answers."""
    if not classes or not len(truth) or not np.isfinite(predictions).all():
        return []
    return confusion_matrix(truth, labels(predictions), labels=range(classes)).tolist()


def meaning(difference: Document, higher_is_better: bool) -> str:
    """Return whether a difference can be told from chance."""
    ends = interval(difference)
    if ends is None:
        return ""
    if ends == (0.0, 0.0):
        return "the same"
    if ends[0] <= 0.0 <= ends[1]:
        return "cannot be told apart"
    return "better" if (ends[0] > 0.0) == higher_is_better else "worse"


def value(entry: Document, sign: bool = False) -> str:
    """Return an entry's value, or a dash."""
    found = number(entry.get("value"))
    return "–" if found is None else figure(found, sign=sign, pad=True)


def ends(entry: Document, sign: bool = False) -> str:
    """Return an entry's interval, or nothing."""
    return " to ".join(figure(end, sign=sign, pad=True) for end in interval(entry) or ())


TEMPLATES.filters |= {"value": value, "ends": ends, "figure": figure, "meaning": meaning}
