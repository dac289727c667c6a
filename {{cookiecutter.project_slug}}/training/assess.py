"""From predictions to evaluation.json: metrics of both models, their difference, calibration, slices.

In:   the truth and the predictions of both models on the same rows
Out:  the document that the gate judges and the report shows, without its verdict; JSON all through, never NaN
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from inference.contract import Contract
from training.arrow import coded, word
from training.bootstrap import calibration, calibration_error, compare
from training.errors import DataError
from training.features import encode_label
from training.gate import why_not_gated
from training.metrics import METRICS
from training.policy import Policy
from training.scored import Candidate, Champion

SHOWN_SLICES = 20  # values of one column that are shown beside those that the gate looks at
MISSING = "(missing)"


def assess(
    policy: Policy,
    rows: pa.Table,
    slices: Sequence[str],
    truth: np.ndarray,
    candidate: Candidate,
    champion: Champion | None,
) -> dict[str, Any]:
    """Return evaluation.json without its verdict. Raises DataError for a slice that is not there."""
    task, predictions = candidate.contract.task, candidate.predictions
    rival = champion.predictions if champion else None
    whole = compare(METRICS[task], truth, predictions, rival)
    known = {"release_id": candidate.contract.release_id, "metrics": whole.candidate}
    document: dict[str, Any] = {
        "schema_version": 1,
        "task": task,
        "rows": rows.num_rows,
        "candidate": known | _calibrated(task, truth, predictions),
        "champion": None,
        "difference": whole.difference,
        "slices": [],
        "slices_not_shown": {},  # column: how many values, all of them smaller than the gate looks at
    }
    if champion:
        known = {"package": champion.package, "release_id": champion.release_id}
        known |= {"error": champion.error or None, "incomparable": champion.incomparable}
        known |= {"metrics": whole.champion}
        document["champion"] = known | ({} if rival is None else _calibrated(task, truth, rival))
    for column in slices if rows.num_rows else ():
        parts, left = read_slices(rows, column, policy.slice_min_rows)
        if left:
            document["slices_not_shown"][column] = left
        for value, places in parts:
            theirs = None if rival is None else rival[places]
            found = _slice(policy, task, truth[places], predictions[places], theirs)
            document["slices"].append({"column": column, "value": value} | found)
    return document


def read_truth(rows: pa.Table, contract: Contract) -> np.ndarray:
    """Return the label: 0.. in the order of the classes, or values. Raises DataError where it has none."""
    if not rows.num_rows:
        return np.empty(0)
    truth = encode_label(rows, contract)
    return truth.astype(np.float64) if contract.task == "regression" else truth


def read_slices(rows: pa.Table, column: str, gated_rows: int) -> tuple[Iterator[tuple[str, np.ndarray]], int]:
    """Return each value of a column, the most frequent first, with the places of its rows; and how many not.

    Every value of at least `gated_rows` rows is among them: what the gate looks at must not depend on rank.

    Raises:
        DataError: there is no such column.
    """
    if column not in rows.column_names:
        raise DataError(f"the test split has no column {column}, a slice")
    found = coded(rows[column], column)
    names = [*map(word, found.values), MISSING]
    places = found.indices % len(names)  # -1, missing, is the last one
    counts = np.bincount(places, minlength=len(names))
    order = [place for place in np.argsort(-counts, kind="stable") if counts[place]]
    taken = order[: max(SHOWN_SLICES, int((counts >= gated_rows).sum()))]
    parts = ((names[place], np.flatnonzero(places == place)) for place in taken)
    return parts, len(order) - len(taken)


def _slice(
    policy: Policy, task: str, truth: np.ndarray, candidate: np.ndarray, champion: np.ndarray | None
) -> dict[str, Any]:
    """Return the gate's metric on some of the rows; none when the gate names one that the task has not."""
    metrics = [metric for metric in METRICS[task] if metric.name == policy.metric]
    part = compare(metrics, truth, candidate, champion)
    positives = int(truth.sum()) if task == "binary" else None
    why = why_not_gated(policy, len(truth), positives)
    known = {"n": len(truth), "positives": positives, "gated": not why, "why_not_gated": why or None}
    return known | {"metrics": part.candidate, "champion": part.champion, "difference": part.difference}


def _calibrated(task: str, truth: np.ndarray, predictions: np.ndarray) -> dict[str, Any]:
    """Return the calibration of probabilities; a regression has none."""
    bins = [] if task == "regression" else calibration(truth, predictions)
    return {"calibration": bins, "calibration_error": calibration_error(bins)}
