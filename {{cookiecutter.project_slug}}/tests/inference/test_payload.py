"""Bodies of requests: the same inputs in every content type; errors name row and column, never a value."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest

from inference.contract import Contract
from inference.encode import EncodeError
from inference.payload import CSV, JSON, NPY, UnsupportedMediaType, decode
from tests.tiny_models import AGE, FEATURES, GAIN, make_model

JSON_ROWS = b'{"instances": [[30, null, "cook", true], [20, 1.5, null, false]]}'


@pytest.fixture
def contract(tmp_path) -> Contract:
    """Return a contract of two numbers and two categories."""
    return Contract.read(make_model(tmp_path / "mixed", FEATURES) / "model.json")


@pytest.fixture
def numbers(tmp_path) -> Contract:
    """Return a contract of numbers only; the second one may be null."""
    return Contract.read(make_model(tmp_path / "numbers", [AGE, GAIN], weights=(0.1, 0.2)) / "model.json")


def npy(matrix: np.ndarray) -> bytes:
    """Return a matrix as a .npy file."""
    stream = io.BytesIO()
    np.save(stream, matrix)
    return stream.getvalue()


def header(text: bytes, content: bytes = b"") -> bytes:
    """Return a .npy file with a header of one's own."""
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + content


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        pytest.param(JSON, JSON_ROWS, id="lists by position"),
        pytest.param(
            "application/json; charset=utf-8",
            b'{"instances": [{"member": true, "job": "cook", "gain": null, "age": 30},'
            b' {"age": 20.0, "gain": 1.5, "job": null, "member": false}]}',
            id="objects by name, in any order",
        ),
        pytest.param(CSV, b"30,,cook,true\n20,1.5,,false\n", id="CSV"),
        pytest.param(
            "Text/CSV", b'"30","","cook",TRUE\r\n20.0,1.5,,False', id="CSV with quotes and other line ends"
        ),
        pytest.param(CSV, b"30,,cook,true\n\n20,1.5,,false\n\n", id="CSV with empty lines"),
    ],
)
def test_every_content_type_gives_the_same_inputs(contract, kind, body):
    inputs = decode(contract, kind, body)
    assert inputs["numbers"] == pytest.approx(np.array([[30, np.nan], [20, 1.5]]), nan_ok=True)
    assert inputs["categories"].tolist() == [[2, 2], [0, 1]]


@pytest.mark.parametrize(
    "matrix",
    [
        pytest.param(np.array([[30, np.nan], [20, 1.5]]), id="float64"),
        pytest.param(np.array([[30, np.nan], [20, 1.5]], dtype=np.float32), id="float32"),
        pytest.param(np.asfortranarray([[30, np.nan], [20, 1.5]]), id="columns first"),
        pytest.param(np.array([[30, np.nan], [20, 1.5]], dtype=">f8"), id="big endian"),
    ],
)
def test_a_matrix_of_numbers_is_taken_where_all_features_are_numbers(numbers, matrix):
    inputs = decode(numbers, NPY, npy(matrix))
    assert inputs["numbers"].dtype == np.float32
    assert inputs["numbers"] == pytest.approx(np.array([[30, np.nan], [20, 1.5]]), nan_ok=True)


@pytest.mark.parametrize(
    ("kind", "body", "code", "row", "column"),
    [
        pytest.param(JSON, b"", "malformed_json", None, None, id="an empty body"),
        pytest.param(JSON, b'{"instances": [[30', "malformed_json", None, None, id="cut short"),
        pytest.param(
            JSON, b'{"instances": [[NaN, 1, null, true]]}', "malformed_json", None, None, id="NaN in JSON"
        ),
        pytest.param(JSON, b"\xff\xfe{}", "malformed_json", None, None, id="not UTF-8"),
        pytest.param(
            JSON, b"[" * 100_000, "malformed_json", None, None, id="nested a hundred thousand times"
        ),
        pytest.param(JSON, b"[[1, 2]]", "no_instances", None, None, id="no instances"),
        pytest.param(JSON, b'{"instances": {}}', "no_instances", None, None, id="instances that are no list"),
        pytest.param(
            JSON, b'{"instances": [], "x": 1}', "no_instances", None, None, id="keys besides instances"
        ),
        pytest.param(JSON, b'{"instances": []}', "empty", None, None, id="no rows"),
        pytest.param(
            JSON, b'{"instances": [[1, 2, null, true], [1]]}', "wrong_length", 1, None, id="a short row"
        ),
        pytest.param(
            JSON, b'{"instances": [[null, 1, null, true]]}', "null", 0, "age", id="null where none is allowed"
        ),
        pytest.param(CSV, b"", "empty", None, None, id="no lines"),
        pytest.param(CSV, b"1,2,cook,true\n1,2,cook", "wrong_length", 1, None, id="a short line"),
        pytest.param(CSV, b"age,gain,job,member\n", "wrong_type", 0, "age", id="a header"),
        pytest.param(
            CSV, b"1,1_000,cook,true\n", "wrong_type", 0, "gain", id="a number as only Python writes it"
        ),
        pytest.param(CSV, b"1,2,cook,yes\n", "wrong_type", 0, "member", id="a boolean in other words"),
        pytest.param(CSV, b"1,nan,cook,true\n", "not_finite", 0, "gain", id="NaN in CSV"),
        pytest.param(CSV, b"1,2,baker,true\n", "unknown_category", 0, "job", id="an unknown category"),
        pytest.param(CSV, b"1,2,c\xff,true\n", "malformed_csv", None, None, id="CSV that is not UTF-8"),
        pytest.param(CSV, b'1,2,"cook,true\n', "malformed_csv", None, None, id="an open quote"),
        pytest.param(
            CSV, b'1,2,"' + b"x" * 200_000 + b'",true', "malformed_csv", None, None, id="a very long field"
        ),
    ],
)
def test_what_the_client_got_wrong_is_named(contract, kind, body, code, row, column):
    with pytest.raises(EncodeError) as caught:
        decode(contract, kind, body)
    assert (caught.value.code, caught.value.row, caught.value.column) == (code, row, column)


HUGE = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 2), }\n"
NEGATIVE = b"{'descr': '<f8', 'fortran_order': False, 'shape': (-2, -2), }\n"
BOUNDLESS = b"{'descr': '<f8', 'fortran_order': False, 'shape': (0, 1%s), }\n" % (b"0" * 30)
TALL = b"{'descr': '<f8', 'fortran_order': True, 'shape': (1%s, 0), }\n" % (b"0" * 30)
WRAPPING = b"{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387905, 4), }\n"
NO_SIDES = b"{'descr': '<f8', 'fortran_order': False, 'shape': (), }\n"
EMPTY_TYPE = b"{'descr': '|V0', 'fortran_order': False, 'shape': (2, 2), }\n"
PICKLE = b"{'descr': '|O', 'fortran_order': False, 'shape': (1, 2), }\n"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(b"", "malformed_npy", id="an empty body"),
        pytest.param(b"PK\x03\x04" + bytes(50), "malformed_npy", id="a zip"),
        pytest.param(npy(np.ones((2, 2)))[:-8], "malformed_npy", id="shorter than its header says"),
        pytest.param(npy(np.ones((2, 2))) + b"x", "malformed_npy", id="longer than its header says"),
        pytest.param(header(HUGE, bytes(16)), "malformed_npy", id="a header that asks for 16 TB"),
        pytest.param(header(NEGATIVE, bytes(32)), "malformed_npy", id="sides below zero"),
        pytest.param(header(BOUNDLESS), "malformed_npy", id="no rows of boundless length"),
        pytest.param(header(TALL), "malformed_npy", id="boundless rows of no length"),
        pytest.param(header(WRAPPING, bytes(32)), "malformed_npy", id="a size that wraps around in 64 bits"),
        pytest.param(header(NO_SIDES, bytes(8)), "wrong_type", id="a single number"),
        pytest.param(header(EMPTY_TYPE), "wrong_type", id="values of no bytes"),
        pytest.param(header(PICKLE, bytes(16)), "wrong_type", id="pickled objects"),
        pytest.param(
            header(b"__import__('os').system('true')\n"), "malformed_npy", id="code in place of a header"
        ),
        pytest.param(header(b"(" * 5000), "malformed_npy", id="a deeply nested header"),
        pytest.param(npy(np.ones(2)), "wrong_type", id="a vector"),
        pytest.param(npy(np.array([["1", "2"]])), "wrong_type", id="text"),
        pytest.param(npy(np.ones((2, 3))), "wrong_length", id="a column too many"),
        pytest.param(npy(np.ones((0, 2))), "empty", id="no rows"),
        pytest.param(npy(np.array([[np.nan, 1.0]])), "null", id="NaN where null is not allowed"),
        pytest.param(npy(np.array([[1.0, np.inf]])), "not_finite", id="infinity"),
    ],
)
def test_a_hostile_matrix_is_refused_before_memory_is_spent_on_it(numbers, body, code):
    with pytest.raises(EncodeError) as caught:
        decode(numbers, NPY, body)
    assert caught.value.code == code


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-npy", "application/jsonlines"])
def test_a_content_type_that_the_model_does_not_take_is_refused_with_those_it_does(contract, kind):
    with pytest.raises(UnsupportedMediaType, match=r"expected content type application/json, text/csv$"):
        decode(contract, kind, JSON_ROWS)


def test_no_message_repeats_a_value(contract):
    secrets = [
        (JSON, b'{"instances": [["SECRET", 1, null, true]]}'),
        (JSON, b'{"instances": [[1, 1, "SECRET", true]]}'),
        (JSON, b'{"instances": [{"SECRET": 1}]}'),
        (CSV, b"SECRET,1,cook,true\n"),
        (CSV, b"1,1,SECRET,true\n"),
        (JSON, b'{"instances": [[123456789, 1, null, true]]}'),
    ]
    for kind, body in secrets:
        with pytest.raises(EncodeError) as caught:
            decode(contract, kind, body)
        assert "SECRET" not in str(caught.value)
        assert "123456789" not in str(caught.value)
