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
from training.bootstrap import calibration, calibration_error, compare
from training.features import encode_label
from training.gate import why_not_gated
from training.metrics import METRICS, Metric
from training.policy import Policy
from training.scored import Candidate, Champion
from training.table import read_slices


def assess(
    policy: Policy,
    rows: pa.Table,
    slices: Sequence[str],
    candidate: Candidate,
    champion: Champion | None,
) -> dict[str, Any]:
    """Return evaluation.json without its verdict. Raises DataError for a label or slice that is not there."""
    task = candidate.contract.task
    truth = read_truth(rows, candidate.contract)
    rival = champion.predictions if champion else None
    whole = compare(METRICS[task], truth, candidate.predictions, rival)
    document: dict[str, Any] = {
        "schema_version": 1,
        "task": task,
        "rows": rows.num_rows,
        "candidate": {"release_id": candidate.contract.release_id, "metrics": whole.candidate},
        "champion": None,
        "difference": whole.difference,
        "slices": [],
    }
    document["candidate"] |= _calibrated(task, truth, candidate.predictions)
    if champion:
        known = {
            "package": champion.package,
            "release_id": champion.release_id,
            "error": champion.error or None,
        }
        document["champion"] = known | {"metrics": whole.champion}
        if rival is not None:
            document["champion"] |= _calibrated(task, truth, rival)
    if rows.num_rows:
        document["slices"] = list(_slices(policy, rows, slices, truth, candidate, rival))
    return document


def read_truth(rows: pa.Table, contract: Contract) -> np.ndarray:
    """Return the label: 0.. in the order of the classes, or values. Raises DataError where it has none."""
    if not rows.num_rows:
        return np.empty(0)
    truth = encode_label(rows, contract)
    return truth.astype(np.float64) if contract.task == "regression" else truth


def _calibrated(task: str, truth: np.ndarray, predictions: np.ndarray) -> dict[str, Any]:
    """Return the calibration of probabilities; a regression has none."""
    bins = [] if task == "regression" else calibration(truth, predictions)
    return {"calibration": bins, "calibration_error": calibration_error(bins)}


def _slices(
    policy: Policy,
    rows: pa.Table,
    columns: Sequence[str],
    truth: np.ndarray,
    candidate: Candidate,
    rival: np.ndarray | None,
) -> Iterator[dict[str, Any]]:
    """Yield the gate's metric for each value of each slice column."""
    task = candidate.contract.task
    for column in columns:
        for value, places in read_slices(rows, column):
            positives = int(truth[places].sum()) if task == "binary" else None
            why = why_not_gated(policy, len(places), positives)
            part = compare(
                _gate_metric(policy, task),
                truth[places],
                candidate.predictions[places],
                None if rival is None else rival[places],
            )
            yield {
                "column": column,
                "value": value,
                "n": len(places),
                "positives": positives,
                "gated": not why,
                "why_not_gated": why or None,
                "metrics": part.candidate,
                "champion": part.champion,
                "difference": part.difference,
            }


def _gate_metric(policy: Policy, task: str) -> list[Metric]:
    """Return the metric that slices are measured by; none when the gate names one that the task has not."""
    return [metric for metric in METRICS[task] if metric.name == policy.metric]
