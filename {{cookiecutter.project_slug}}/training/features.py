"""Read a split and turn it into arrays; learn from the training rows what encoding needs to know.

In:   Parquet files of a channel, the suite's COLUMNS
Out:  Contract (becomes model.json), arrays by inference.encode, the target, the bins of each number

Whole columns go from Arrow to numpy; no row is touched by Python.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from inference.encode import Coded, Contract, Feature, encode_columns
from training.errors import DataError

if TYPE_CHECKING:
    from data_checks.contract import Column

DECILES = np.linspace(0, 1, 11)


def read_split(folder: Path, columns: Sequence[str]) -> pa.Table:
    """Read these columns of all Parquet files of a channel, in the order of the files' names.

    Raises:
        DataError: no file, no row, or a column that is not there.
    """
    files = sorted(folder.rglob("*.parquet"))
    if not files:
        raise DataError(f"channel {folder.name} holds no Parquet file")
    for file in files:
        missing = set(columns) - set(pq.read_schema(file).names)
        if missing:
            raise DataError(f"channel {folder.name}: {file.name} lacks {', '.join(sorted(missing))}")
    # partitioning=None: a folder named "a=b" must not become a column.
    table = pa.concat_tables(
        [pq.read_table(file, columns=list(columns), partitioning=None) for file in files]
    )
    if not table.num_rows:
        raise DataError(f"channel {folder.name} holds no rows")
    return table


def feature_columns(columns: Sequence[Column], without: Sequence[str]) -> list[Column]:
    """Return the suite's columns that the model may see: not the label, the key or the slices."""
    foreign = set(without) - {column.name for column in columns}
    if foreign:
        raise DataError(f"the suite has no column {', '.join(sorted(foreign))}")
    return [column for column in columns if column.name not in without]


def learn_features(table: pa.Table, columns: Sequence[Column], max_categories: int) -> tuple[Feature, ...]:
    """Return the model's inputs: vocabularies and statistics come from these training rows."""
    kinds = {"integer": _number, "number": _number, "string": _category, "boolean": _category}
    return tuple(kinds[column.type](table[column.name], column, max_categories) for column in columns)


def learn_classes(table: pa.Table, label: Column, task: str) -> tuple[str, ...]:
    """Return the label's classes, in the suite's order where it has one; for binary the last is positive.

    Raises:
        DataError: the training rows do not hold two classes, or more than two for binary.
    """
    if task == "regression":
        return ()
    found = pc.unique(table[label.name].drop_null()).to_pylist()
    present = {_word(value) for value in found}
    classes = label.values or tuple(_word(value) for value in sorted(found))
    if len(present & set(classes)) < 2 or (task == "binary" and len(classes) != 2):
        wanted = "2" if task == "binary" else "at least 2"
        raise DataError(
            f"label {label.name}: task {task} needs {wanted} classes, the training rows hold {len(present)}"
        )
    return tuple(classes)


def encode_table(
    table: pa.Table, contract: Contract, unknown: dict[str, int] | None = None
) -> dict[str, np.ndarray]:
    """Return the arrays of the graph's inputs; `unknown` is filled with the count of unknown categories.

    Raises:
        DataError: a column is missing or of another type than the contract's.
    """
    columns: dict[str, Any] = {}
    for feature in contract.features:
        if feature.name not in table.column_names:
            raise DataError(f"column {feature.name} is missing")
        read = _floats if feature.kind == "number" else _coded
        columns[feature.name] = read(table[feature.name], feature.name)
    return encode_columns(contract, columns, unknown)


def encode_label(table: pa.Table, contract: Contract) -> np.ndarray:
    """Return class numbers (int64) or values (float32).

    Raises:
        DataError: a label is null, not finite, or of no known class; says how many.
    """
    column = table[contract.label]
    if contract.task == "regression":
        target: np.ndarray = _floats(column, contract.label).astype(np.float32)
        bad = int((~np.isfinite(target)).sum())
    else:
        coded = _coded(column, contract.label)
        numbers = {word: number for number, word in enumerate(contract.classes)}
        codes = np.array([numbers.get(_word(value), -1) for value in coded.values] + [-1], dtype=np.int64)
        target = codes[coded.indices]
        bad = int((target < 0).sum())
    if bad:
        raise DataError(f"label {contract.label}: {bad} of {len(target)} rows have no usable label")
    return target


def bin_edges(numbers: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Return each number's rising bin edges (columns, bins + 1), padded with the last one, and its median.

    Half of the edges are quantiles of the rows, half are quantiles of the distinct values: the first follow the crowd,
    the second give a long tail (a column that is 0 nine times of ten) bins of its own.
    """
    edges, medians = [], []
    for column in numbers.T:
        known = column[~np.isnan(column)]
        known = known if len(known) else np.zeros(1, dtype=np.float32)
        distinct = np.unique(known)
        if len(distinct) > bins + 1:
            half = bins // 2
            crowd = np.quantile(known, np.linspace(0, 1, half + 1), method="nearest")
            distinct = np.union1d(
                crowd, np.quantile(distinct, np.linspace(0, 1, bins - half + 1), method="nearest")
            )
        edges.append(distinct)
        medians.append(np.median(known))
    width = max([2, *map(len, edges)])
    padded = [np.pad(row, (0, width - len(row)), mode="edge") for row in edges]
    return np.array(padded, dtype=np.float32).reshape(-1, width), np.array(medians, dtype=np.float32)


def _number(column: pa.ChunkedArray, spec: Column, _: int) -> Feature:
    """Return a number feature; raise where the training rows hold an infinity."""
    values = _floats(column, spec.name)
    endless = int(np.isinf(values).sum())
    if endless:
        raise DataError(f"column {spec.name}: {endless} values are infinite")
    known = values[~np.isnan(values)]
    statistics = {"missing": 1 - len(known) / len(values)}
    if len(known):
        statistics |= {"mean": float(known.mean()), "std": float(known.std())}
        statistics["quantiles"] = np.quantile(known, DECILES).tolist()
    return Feature(
        spec.name, "number", spec.type, spec.nullable, spec.minimum, spec.maximum, statistics=statistics
    )


def _category(column: pa.ChunkedArray, spec: Column, max_categories: int) -> Feature:
    """Return a category feature; without a set in the suite its vocabulary is learned and stays open."""
    coded = _coded(column, spec.name)
    counts = np.bincount(coded.indices + 1, minlength=len(coded.values) + 1)  # place 0: missing
    seen = {_word(value): int(count) for value, count in zip(coded.values, counts[1:], strict=True)}
    known = spec.values or (("false", "true") if spec.type == "boolean" else None)
    words = known or sorted(sorted(seen, key=lambda word: (-seen[word], word))[:max_categories])
    rows = len(coded.indices)
    statistics: Mapping[str, Any] = {
        "frequencies": [seen.get(word, 0) / rows for word in words],
        "missing": int(counts[0]) / rows,
    }
    return Feature(
        spec.name,
        "category",
        spec.type,
        spec.nullable,
        vocabulary=tuple(words),
        open=known is None,
        statistics=statistics,
    )


def _floats(column: pa.ChunkedArray, name: str) -> np.ndarray:
    """Return a number column as float64, NaN where null."""
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise DataError(f"column {name} is {kind}; expected numbers")
    return pc.cast(column, pa.float64(), safe=False).to_numpy()


def _coded(column: pa.ChunkedArray, name: str) -> Coded:
    """Return a column as indices into its distinct values, -1 where null."""
    if pa.types.is_nested(column.type):
        raise DataError(f"column {name} is {column.type}; expected text or true and false")
    if not pa.types.is_dictionary(column.type):
        column = pc.dictionary_encode(column)
    whole = column.unify_dictionaries().combine_chunks()
    whole = whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole
    return Coded(whole.indices.fill_null(-1).to_numpy().astype(np.int64), whole.dictionary.to_pylist())


def _word(value: Any) -> str:
    """Return a category or class as it is written in model.json."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return str(int(value))
    return str(value)
