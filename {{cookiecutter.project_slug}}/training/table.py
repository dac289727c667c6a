"""The test split as evaluation reads it: rows in the order of their key, and the rows of each slice.

In:   a folder of Parquet files (none: no rows)
Out:  an Arrow table, for training/features.py to encode; rows by the values of a slice column
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from training.arrow import coded, word
from training.errors import DataError

MAX_SLICES = 20  # values of one column that are reported, the most frequent ones
MISSING = "(missing)"


def read_rows(folder: Path, key: str) -> pa.Table:
    """Read all rows, ordered by key: the same data then gives the same resamples and golden requests.

    Raises:
        DataError: a file cannot be read, or there are rows without a key column.
    """
    try:
        # partitioning=None: a folder named "a=b" must not become a column.
        parts = [pq.read_table(path, partitioning=None) for path in sorted(folder.rglob("*.parquet"))]
        rows = pa.concat_tables(parts) if parts else pa.table({})
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"the {folder.name} split cannot be read ({type(error).__name__})") from error
    if rows.num_rows and key not in rows.column_names:
        raise DataError(f"the {folder.name} split has no column {key}, the key")
    return rows.sort_by(key) if rows.num_rows else rows


def read_slices(rows: pa.Table, column: str) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each value of a column, the most frequent first, with the places of its rows.

    Raises:
        DataError: there is no such column.
    """
    if column not in rows.column_names:
        raise DataError(f"the test split has no column {column}, a slice")
    found = coded(rows[column], column)
    names = [*map(word, found.values), MISSING]
    places = found.indices % len(names)  # -1, missing, is the last one
    counts = np.bincount(places, minlength=len(names))
    for place in np.argsort(-counts, kind="stable")[:MAX_SLICES]:
        if counts[place]:
            yield names[place], np.flatnonzero(places == place)


def sample(rows: pa.Table, most: int) -> pa.Table:
    """Return at most that many rows, evenly spread."""
    step = max(1, -(-rows.num_rows // most))
    return rows.take(np.arange(0, rows.num_rows, step)) if step > 1 else rows
