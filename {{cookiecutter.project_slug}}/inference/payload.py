"""Turn the body of a request into the model's inputs: JSON, CSV or a NumPy matrix.

In:   the bytes of a request and its content type
Out:  what `encode.py` makes of them; what the client got wrong is an EncodeError that names row and column

`training/evaluate.py` answers its golden requests through this door too, so that they prove the whole way.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import orjson

from inference.contract import Contract, Feature
from inference.encode import EncodeError, encode_matrix, encode_rows

JSON, CSV, NPY = "application/json", "text/csv", "application/x-npy"
Inputs = dict[str, np.ndarray]


class UnsupportedMediaType(ValueError):
    """The content type is not one that this model takes."""


def decode(contract: Contract, content_type: str, body: bytes) -> Inputs:
    """Return the model's inputs.

    Raises:
        UnsupportedMediaType: the content type is unknown, or is npy for a model that takes categories.
        EncodeError: the body is malformed or breaks the model's contract.
    """
    kind = content_type.partition(";")[0].strip().lower()
    decoder = DECODERS.get(kind)
    if decoder is None or (kind == NPY and contract.categories):
        offered = [name for name in DECODERS if name != NPY or not contract.categories]
        raise UnsupportedMediaType(f"expected content type {', '.join(offered)}")
    return decoder(contract, body)


def decode_json(contract: Contract, body: bytes) -> Inputs:
    """Read {"instances": [...]}, each a list in the features' order or an object by name.

    Raises:
        EncodeError: it is not such an object, or a row does not fit the contract.
    """
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise EncodeError("malformed_json", "the body is not JSON (NaN and Infinity are not JSON)") from None
    if (
        not isinstance(content, dict)
        or content.keys() != {"instances"}
        or type(content["instances"]) is not list
    ):
        raise EncodeError("no_instances", 'expected {"instances": [...]} and nothing else')
    return encode_rows(contract, content["instances"])


def decode_csv(contract: Contract, body: bytes) -> Inputs:
    """Read lines without a header, fields in the features' order; an empty field is null.

    Raises:
        EncodeError: it is no text, holds no rows, or a row does not fit the contract.
    """
    try:
        text = body.decode("utf-8")
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except UnicodeDecodeError:
        raise EncodeError("malformed_csv", "the body is not UTF-8") from None
    except csv.Error:
        raise EncodeError("malformed_csv", "a quote is not closed, or a field is too long") from None
    width = len(contract.names)
    for index, row in enumerate(rows):
        if len(row) != width:
            raise EncodeError("wrong_length", f"expected {width} fields, got {len(row)}", index)
    fields = zip(*rows, strict=True) if rows else ()
    columns = [_typed(feature, column) for feature, column in zip(contract.features, fields, strict=False)]
    return encode_rows(contract, [list(row) for row in zip(*columns, strict=True)])


def decode_npy(contract: Contract, body: bytes) -> Inputs:
    """Read one matrix (rows, features) of numbers; NaN is null.

    Not by `np.load`, which allocates what the header claims before it looks at what was sent.

    Raises:
        EncodeError: it is no such matrix, or the model takes more than numbers.
    """
    stream = io.BytesIO(body)
    try:
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, fortran, dtype = readers[np.lib.format.read_magic(stream)](stream)
    except Exception:  # whatever a header can do wrong: the parser raises half a dozen types
        raise EncodeError("malformed_npy", "the body is not a .npy file of format 1.0 or 2.0") from None
    if dtype.kind not in "iuf" or len(shape) != 2:
        raise EncodeError("wrong_type", "expected a matrix of numbers")
    # Sides are looked at one by one: (-2, -2) and (0, 10**30) have a fitting product, too.
    sides_fit = all(0 <= side <= len(body) for side in shape)
    if not sides_fit or math.prod(shape) * dtype.itemsize != len(body) - stream.tell():
        raise EncodeError("malformed_npy", "the body is shorter or longer than its header says")
    flat = np.frombuffer(body, dtype=dtype, offset=stream.tell())
    return encode_matrix(contract, flat.reshape(shape, order="F" if fortran else "C"))


def _typed(feature: Feature, fields: tuple[str, ...]) -> list[Any]:
    """Return a column of CSV fields as the types that JSON would have had."""
    if feature.type == "string":
        return [field or None for field in fields]
    read = _boolean if feature.type == "boolean" else _number
    values: list[Any] = []
    for index, field in enumerate(fields):
        try:
            values.append(read(field) if field else None)
        except (ValueError, KeyError):
            message = "expected true or false" if feature.type == "boolean" else "expected a number"
            raise EncodeError("wrong_type", message, index, feature.name) from None
    return values


def _number(field: str) -> float:
    if "_" in field:  # Python reads 1_000 as a number; nobody else does
        raise ValueError
    return float(field)


def _boolean(field: str) -> bool:
    return {"true": True, "false": False}[field.lower()]


DECODERS: Mapping[str, Callable[[Contract, bytes], Inputs]] = {
    JSON: decode_json,
    CSV: decode_csv,
    NPY: decode_npy,
}
