"""Learn from the training rows what encoding needs to know, and encode whole tables with it.

In:   Arrow tables, the suite's COLUMNS
Out:  the contract's features and classes (they become model.json), arrays for the network, bins of numbers
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from inference.encode import Coded, Contract, Feature, encode_columns
from training.arrow import coded, floats, word
from training.errors import DataError

if TYPE_CHECKING:
    from data_checks.contract import Column

DECILES = np.linspace(0, 1, 11)
DRIFT_BINS = 10
PYTHON_TYPES = {"string": str, "boolean": bool}


def feature_columns(columns: Sequence[Column], without: Sequence[str]) -> list[Column]:
    """Return the columns that the model may see: not the label, the key or the slices.

    Raises:
        DataError: one to leave out is not in the suite (a typo would let it in), or nothing is left.
    """
    foreign = sorted(set(without) - {column.name for column in columns})
    if foreign:
        raise DataError(f"data_checks/suite.py has no column {', '.join(foreign)}")
    seen = [column for column in columns if column.name not in without]
    if not seen:
        raise DataError("data_checks/suite.py has no column left for the model to learn from")
    return seen


def learn_features(table: pa.Table, columns: Sequence[Column], max_categories: int) -> tuple[Feature, ...]:
    """Return the model's inputs in the suite's order, with vocabularies and statistics of these rows."""
    return tuple(
        _number(table[column.name], column)
        if column.type in ("integer", "number")
        else _category(table[column.name], column, max_categories)
        for column in columns
    )


def learn_classes(table: pa.Table, label: Column, task: str) -> tuple[str, ...]:
    """Return the label's classes, in the suite's order where it has one; for binary the last is positive.

    Raises:
        DataError: these rows do not hold two classes, or there are more than two for binary.
    """
    if task == "regression":
        return ()
    found = sorted(table[label.name].drop_null().unique().to_pylist())
    classes = label.values or tuple(map(word, found))
    if len(found) < 2 or (task == "binary" and len(classes) != 2):
        wanted = "2" if task == "binary" else "at least 2"
        raise DataError(
            f"label {label.name}: {task} needs {wanted} classes, the training rows hold {len(found)}"
        )
    return tuple(classes)


def encode_table(
    table: pa.Table, contract: Contract, unknown: dict[str, int] | None = None
) -> dict[str, np.ndarray]:
    """Return the arrays of the graph's inputs; `unknown` is filled with the count of unknown categories.

    Raises:
        DataError: a column is missing, or of another type than the contract's.
    """
    missing = sorted(set(contract.names) - set(table.column_names))
    if missing:
        raise DataError(f"the rows lack the columns {', '.join(missing)}")
    columns: dict[str, np.ndarray | Coded] = {}
    for feature in contract.features:
        if feature.kind == "number":
            columns[feature.name] = floats(table[feature.name], feature.name)
        else:
            columns[feature.name] = _typed(table[feature.name], feature.name, feature.type)
    return encode_columns(contract, columns, unknown)


def encode_label(table: pa.Table, contract: Contract) -> np.ndarray:
    """Return class numbers (int64) or values (float32).

    Raises:
        DataError: a label is null, not finite, or of no known class; says how many.
    """
    column = table[contract.label]
    if contract.task == "regression":
        target = floats(column, contract.label).astype(np.float32)
        bad = int((~np.isfinite(target)).sum())
    else:
        found = coded(column, contract.label)
        numbers = {name: number for number, name in enumerate(contract.classes)}
        places = np.array([numbers.get(word(value), -1) for value in found.values] + [-1], dtype=np.int64)
        target = places[found.indices]  # index -1, null, picks the -1 at the end
        bad = int((target < 0).sum())
    if bad:
        raise DataError(f"label {contract.label}: {bad} of {len(target)} rows have no usable label")
    return target


def bin_edges(numbers: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Return each number's rising bin edges (columns, bins + 1 at most), padded, and its median.

    Half of the edges are quantiles of the rows, half are quantiles of the distinct values: the first follow
    the crowd, the second give a long tail (a column that is 0 nine times of ten) bins of its own.
    """
    edges, medians = [], []
    for column in numbers.T:
        known = column[~np.isnan(column)]
        known = known if len(known) else np.zeros(1, dtype=np.float32)
        edges.append(_edges(known, bins))
        medians.append(np.median(known))
    width = max([2, *map(len, edges)])
    padded = [np.pad(row, (0, width - len(row)), mode="edge") for row in edges]
    return np.array(padded, dtype=np.float32).reshape(-1, width), np.array(medians, dtype=np.float32)


def _edges(known: np.ndarray, bins: int) -> np.ndarray:
    """Return the rising bin edges of one column's values."""
    distinct = np.unique(known)
    if len(distinct) <= bins + 1:
        return distinct
    half = bins // 2
    crowd = np.quantile(known, np.linspace(0, 1, half + 1), method="nearest")
    spread = np.quantile(distinct, np.linspace(0, 1, bins - half + 1), method="nearest")
    return np.union1d(crowd, spread)


def _number(column: pa.ChunkedArray, spec: Column) -> Feature:
    """Return a number feature. Raises DataError where the rows hold an infinity."""
    values = floats(column, spec.name)
    endless = int(np.isinf(values.astype(np.float32)).sum())
    if endless:
        raise DataError(f"column {spec.name}: {endless} of {len(values)} values are infinite")
    known = values[~np.isnan(values)]
    statistics: dict[str, Any] = {"rows": len(values), "missing": 1 - len(known) / len(values)}
    if len(known):
        quantiles = np.quantile(known, DECILES).tolist()
        statistics |= {"mean": float(known.mean()), "std": float(known.std()), "quantiles": quantiles}
        statistics |= _histogram(known, len(values))
    limits = {"minimum": spec.minimum, "maximum": spec.maximum}
    return Feature(spec.name, "number", spec.type, spec.nullable, **limits, statistics=statistics)


def _histogram(known: np.ndarray, rows: int) -> dict[str, list[float]]:
    """Return bins and the share of all rows in each, which a later release's data is held against (E212).

    The first bin ends at the smallest value; the last one, beyond the largest, is empty.
    """
    edges = _edges(known, DRIFT_BINS)
    counts = np.bincount(np.searchsorted(edges, known), minlength=len(edges) + 1)
    return {"edges": edges.tolist(), "shares": (counts / rows).tolist()}


def _category(column: pa.ChunkedArray, spec: Column, max_categories: int) -> Feature:
    """Return a category feature; without a set in the suite, the vocabulary is learned and stays open."""
    found = _typed(column, spec.name, spec.type)
    counts = np.bincount(found.indices + 1, minlength=len(found.values) + 1).tolist()  # the first: missing
    seen = dict(zip(map(word, found.values), counts[1:], strict=True))
    known = spec.values or (("false", "true") if spec.type == "boolean" else None)
    frequent = sorted(seen, key=lambda name: (-seen[name], name))[:max_categories]
    vocabulary = known or tuple(sorted(frequent))
    rows = len(found.indices)
    return Feature(
        spec.name,
        "category",
        spec.type,
        spec.nullable,
        vocabulary=vocabulary,
        open=known is None,
        statistics={
            "rows": rows,
            "missing": counts[0] / rows,
            "frequencies": [seen.get(name, 0) / rows for name in vocabulary],
        },
    )


def _typed(column: pa.ChunkedArray, name: str, wanted: str) -> Coded:
    """Return a category column's values. Raises DataError where they are not what the suite says."""
    found = coded(column, name)
    if any(type(value) is not PYTHON_TYPES[wanted] for value in found.values):
        raise DataError(f"column {name} is of type {column.type}; expected {wanted}")
    return found
