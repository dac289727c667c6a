"""Golden requests: test rows that reach far into the data, with the answers the artifact gave.

They are replayed by the server before it is ready, by the release after it is live, and by the prober while a
new version takes traffic. So they must cover what a broken encoding would get wrong: every category
there is room for, the smallest and largest number of each column, and nulls. One more request takes every
value that a closed column may have through the model, also those that no test row happens to have.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from inference.contract import Contract, Feature
from inference.payload import JSON
from inference.predictor import Predictor
from training.features import encode_table

ROWS = 24
SIZES = (1, 1, 1, 1, 2, 3, 5, 10)  # rows of each request, ROWS in all
SWEEP = 200  # rows of the last request at most: the values of the longest vocabulary
CANDIDATES = 20_000  # rows to choose from
TOLERANCE = 1e-4  # machines differ in the last digits of a float32, wrong encodings in the first


def golden(predictor: Predictor, rows: pa.Table) -> dict[str, Any]:
    """Return golden.json: requests by name, and what the artifact answers through the endpoint's own code."""
    if rows.num_rows:
        rows = rows.take(np.arange(0, rows.num_rows, -(-rows.num_rows // CANDIDATES)))  # evenly spread
        rows = rows.take(choose(predictor.contract, rows))
    features = predictor.contract.features
    instances = [{f.name: _plain(f, row[f.name]) for f in features} for row in rows.to_pylist()]
    parts = [instances[end - size : end] for size, end in zip(SIZES, accumulate(SIZES), strict=True)]
    parts.append(sweep(features, instances))
    cases = [
        {"body": {"instances": part}, "predictions": _answers(predictor, part)} for part in parts if part
    ]
    return {"schema_version": 1, "content_type": JSON, "tolerance": TOLERANCE, "cases": cases}


def sweep(features: Sequence[Feature], instances: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows in which every closed column has each of its values once or more, null too where it may."""
    values = {f.name: list(f.codes) for f in features if f.kind == "category" and not f.open}
    length = min(SWEEP, max(map(len, values.values()), default=0)) if instances else 0
    return [
        instances[row % len(instances)] | {name: all_of[row % len(all_of)] for name, all_of in values.items()}
        for row in range(length)
    ]


def choose(contract: Contract, rows: pa.Table, count: int = ROWS) -> list[int]:
    """Return the places of rows that cover most traits, the same ones for the same rows.

    A trait is a category, a missing value, or the smallest or largest number of a column. Rows are taken
    greedily, each for the traits it adds, the first among equals; room that is left is filled evenly.
    """
    inputs = encode_table(rows, contract)
    traits = np.column_stack([column for matrix in inputs.values() for column in map(_traits, matrix.T)])
    chosen: list[int] = []
    while len(chosen) < min(count, len(traits)):
        gains = traits.sum(axis=1)
        best = int(gains.argmax())
        if not gains[best]:
            break
        chosen.append(best)
        traits = traits[:, ~traits[best]]
    spread = np.linspace(0, len(traits) - 1, num=2 * count).astype(int).tolist()
    filling = [row for row in dict.fromkeys(spread) if row not in chosen]
    return chosen + filling[: min(count, len(traits)) - len(chosen)]


def _answers(predictor: Predictor, instances: list[dict[str, Any]]) -> list[Any]:
    """Return predictions as the endpoint prints them; null where the model gave no number."""
    predictions = predictor.answer(JSON, orjson.dumps({"instances": instances}))
    return orjson.loads(orjson.dumps(predictions, option=orjson.OPT_SERIALIZE_NUMPY))


def _traits(column: np.ndarray) -> np.ndarray:
    """Return which row (rows) has which trait (columns) of one encoded feature."""
    if column.dtype.kind == "i":
        return column[:, None] == np.unique(column)  # 0 is a trait too: missing, or not in the vocabulary
    missing = np.isnan(column)
    if missing.all():
        return missing[:, None]
    return np.column_stack([missing, column == np.nanmin(column), column == np.nanmax(column)])


def _plain(feature: Feature, value: Any) -> Any:
    """Return a value of a column as JSON has it."""
    if value is None or (feature.kind == "number" and np.isnan(float(value))):
        return None
    return {"integer": int, "number": float, "string": str, "boolean": bool}[feature.type](value)
