"""Read Parquet through Arrow: whole columns to numpy, no row touched by Python.

In:   a channel's folder of Parquet files
Out:  an Arrow table; its columns as float64 with NaN for null, or as indices into their distinct values
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from inference.encode import Coded
from training.errors import DataError


def read_split(folder: Path, columns: Sequence[str]) -> pa.Table:
    """Read these columns of all Parquet files of a channel, in the order of the files' names.

    Raises:
        DataError: no file, no row, a column that is not there, or a file that is no Parquet.
    """
    files = sorted(folder.rglob("*.parquet"))
    if not files:
        raise DataError(f"channel {folder.name} holds no Parquet file")
    table = pa.concat_tables([_read(file, columns) for file in files])
    if not table.num_rows:
        raise DataError(f"channel {folder.name} holds no rows")
    return table


def floats(column: pa.ChunkedArray, name: str) -> np.ndarray:
    """Return a number column as float64, NaN where null. Raises DataError where it holds something else."""
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise DataError(f"column {name} is of type {kind}; expected numbers")
    return pc.cast(column, pa.float64(), safe=False).to_numpy()


def coded(column: pa.ChunkedArray, name: str) -> Coded:
    """Return a column as indices into its distinct values, -1 where null. Raises DataError for lists."""
    if pa.types.is_nested(column.type):
        raise DataError(f"column {name} is of type {column.type}; expected single values")
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    whole = column.unify_dictionaries().combine_chunks()
    indices = whole.indices.fill_null(-1).to_numpy().astype(np.int64)
    return Coded(indices, whole.dictionary.to_pylist())


def word(value: Any) -> str:
    """Return a category or class as model.json writes it: true, not True; 1, not 1.0."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _read(file: Path, columns: Sequence[str]) -> pa.Table:
    try:
        missing = set(columns) - set(pq.read_schema(file).names)
        if missing:
            raise DataError(f"{file.parent.name}/{file.name} lacks the columns {', '.join(sorted(missing))}")
        return pq.read_table(file, columns=list(columns))
    except (pa.ArrowException, OSError):
        raise DataError(f"{file.parent.name}/{file.name} is damaged or no Parquet file") from None
