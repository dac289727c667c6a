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

from inference.contract import Contract
from training import plots
from training.policy import Policy
from training.report_rows import NONE, confusion, feature_row, metric_rows, rule_value, slice_rows
from training.scored import Candidate, Champion

RULES = {
    "metric": "Metric",
    "rows": "Test rows",
    "bar": "Absolute bar",
    "champion": "Champion",
    "loss": "Loss against the champion",
    "possible_loss": "Largest possible loss",
    "slice_loss": "Worst slice",
}
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
    evaluation: Mapping[str, Any],
    policy: Policy,
    truth: np.ndarray,
    candidate: Candidate,
    champion: Champion | None,
) -> str:
    """Return the page."""
    task, contract = evaluation["task"], candidate.contract
    models = {"candidate": candidate.predictions}
    if champion and champion.predictions is not None:
        models["champion"] = champion.predictions
    return TEMPLATES.get_template("report.html").render(
        evaluation=evaluation,
        verdict=evaluation["verdict"],
        headline=headline(evaluation),
        rule_names=RULES,
        rule_value=rule_value,
        policy=policy,
        compared="champion" in models,
        metrics=metric_rows(evaluation),
        slices=slice_rows(evaluation, policy),
        plots=plots.draw(task, plots.Scene(truth, models, contract.classes, evaluation)),
        confusion=confusion(task, truth, candidate.predictions, contract.classes),
        contract=contract,
        features=[feature_row(feature) for feature in contract.features],
        facts=facts(evaluation, contract),
    )


def headline(evaluation: Mapping[str, Any]) -> str:
    """Return what happens to this candidate."""
    verdict = evaluation["verdict"]
    if verdict["accepted"]:
        first = "Accepted: a first release that meets its bar"
        return first if verdict["first_release"] else "Accepted: this model may replace the champion"
    return "Refused: nothing is registered" + ("" if verdict["first_release"] else ", the champion stays")


def facts(evaluation: Mapping[str, Any], contract: Contract) -> list[tuple[str, str]]:
    """Return what identifies model and data."""
    champion, hashes = evaluation["champion"], evaluation["artifact"]
    return [
        ("Predicts", f"{contract.label} ({contract.task})"),
        ("Test rows", f"{evaluation['rows']:,}"),
        ("Release", contract.release_id or NONE),
        ("Commit", contract.commit_sha or NONE),
        ("Champion", champion["package"] if champion else "none: first release"),
        ("Champion's release", champion["release_id"] if champion else NONE),
        ("Artifact", f"sha256 {hashes['sha256']}"),
        *((f"Trained with {name}", version) for name, version in contract.versions.items()),
    ]
