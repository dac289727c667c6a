"""Encoding: what a request may hold, how it becomes arrays, and how a refusal names its place."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.encode import (
    Coded,
    Contract,
    EncodeError,
    Feature,
    encode_columns,
    encode_matrix,
    encode_rows,
)

AGE = Feature("age", "number", "integer", minimum=0, maximum=120)
GAIN = Feature("gain", "number", "number", nullable=True)
JOB = Feature("job", "category", "string", nullable=True, vocabulary=("clerk", "cook"))
TOWN = Feature("town", "category", "string", vocabulary=("Bath", "Cork"), open=True)
MEMBER = Feature("member", "category", "boolean", vocabulary=("false", "true"))
GOOD = {"age": 30, "job": "cook", "gain": 1.5, "town": "Cork", "member": True}


def make_contract(*features):
    """Return a contract of these features, or of one of each kind."""
    return Contract("binary", "rich", ("no", "yes"), features or (AGE, JOB, GAIN, TOWN, MEMBER))


def make_row(**changes):
    """Return a good row except for what is named."""
    return GOOD | changes


def refusal(rows, *features):
    """Return the error that these rows end in."""
    with pytest.raises(EncodeError) as refused:
        encode_rows(make_contract(*features), rows)
    return refused.value


def test_numbers_and_categories_become_two_arrays_each_in_feature_order():
    arrays = encode_rows(make_contract(), [make_row(), make_row(age=31, job="clerk", member=False)])
    assert arrays["numbers"].dtype == np.float32
    assert arrays["numbers"].tolist() == [[30, 1.5], [31, 1.5]]
    assert arrays["categories"].dtype == np.int64
    assert arrays["categories"].tolist() == [[2, 2, 2], [1, 2, 1]]


def test_rows_by_position_are_rows_by_name():
    contract = make_contract()
    by_name = encode_rows(contract, [make_row()])
    by_position = encode_rows(contract, [[30, "cook", 1.5, "Cork", True]])
    assert all((by_name[name] == by_position[name]).all() for name in ("numbers", "categories"))


def test_the_order_of_names_in_a_row_does_not_matter():
    backwards = dict(reversed(GOOD.items()))
    assert encode_rows(make_contract(), [backwards])["numbers"].tolist() == [[30, 1.5]]


def test_null_is_nan_or_code_0_where_the_contract_allows_it():
    arrays = encode_rows(make_contract(), [make_row(gain=None, job=None), make_row()])
    assert np.isnan(arrays["numbers"]).tolist() == [[False, True], [False, False]]
    assert arrays["categories"][:, 0].tolist() == [0, 2]


def test_an_open_vocabulary_takes_any_word_as_code_0():
    assert encode_rows(make_contract(), [make_row(town="Oslo")])["categories"][0, 1] == 0


def test_an_input_without_features_is_absent():
    assert encode_rows(make_contract(AGE), [{"age": 3}]).keys() == {"numbers"}
    assert encode_rows(make_contract(JOB), [["cook"]]).keys() == {"categories"}


def test_a_whole_number_may_be_written_with_a_point():
    assert encode_rows(make_contract(AGE), [[30.0]])["numbers"].tolist() == [[30]]


@pytest.mark.parametrize(
    ("changes", "code", "column", "words"),
    [
        pytest.param({"age": "30"}, "wrong_type", "age", "expected an integer", id="a number as text"),
        pytest.param({"age": True}, "wrong_type", "age", "expected an integer", id="true for a number"),
        pytest.param({"age": 30.5}, "wrong_type", "age", "expected an integer", id="half a year"),
        pytest.param({"age": None}, "null", "age", "null is not allowed here", id="null"),
        pytest.param({"age": 121}, "out_of_range", "age", "expected 0 to 120", id="above the range"),
        pytest.param({"age": -1}, "out_of_range", "age", "expected 0 to 120", id="below the range"),
        pytest.param({"age": 10**400}, "not_finite", "age", "expected a finite number", id="a huge integer"),
        pytest.param({"gain": math.nan}, "not_finite", "gain", "expected a finite number", id="NaN"),
        pytest.param({"gain": -math.inf}, "not_finite", "gain", "expected a finite number", id="infinity"),
        pytest.param({"gain": 1e39}, "not_finite", "gain", "expected a finite number", id="beyond float32"),
        pytest.param({"gain": -1e39}, "not_finite", "gain", "a finite number", id="far below float32"),
        pytest.param({"gain": [1]}, "wrong_type", "gain", "expected a number", id="a list"),
        pytest.param({"job": 1}, "wrong_type", "job", "expected a text", id="a number for text"),
        pytest.param({"job": {"a": 1}}, "wrong_type", "job", "expected a text", id="an object"),
        pytest.param({"job": "pilot"}, "unknown_category", "job", "not in the vocabulary", id="unknown"),
        pytest.param({"town": None}, "null", "town", "null is not allowed here", id="null in an open column"),
        pytest.param({"member": 1}, "wrong_type", "member", "expected true or false", id="1 for true"),
        pytest.param({"member": "true"}, "wrong_type", "member", "true or false", id="true as text"),
    ],
)
def test_a_wrong_value_is_named_by_row_and_column_and_not_quoted(changes, code, column, words):
    error = refusal([make_row(), make_row(), make_row(**changes)])
    assert (error.code, error.row, error.column) == (code, 2, column)
    assert error.message.startswith(f"row 2, column {column!r}: ")
    assert words in error.message
    assert (
        str(next(iter(changes.values())))
        not in error.message.removesuffix("true or false").partition(": ")[2]
    )


@pytest.mark.parametrize(
    ("rows", "code", "row", "column"),
    [
        pytest.param([], "empty", None, None, id="no rows"),
        pytest.param([GOOD, {"age": 3}], "missing_column", 1, "job", id="a missing column"),
        pytest.param([GOOD, GOOD | {"height": 1}], "extra_column", 1, "height", id="a column too many"),
        pytest.param(
            [{"agee" if name == "age" else name: value for name, value in GOOD.items()}],
            "missing_column", 0, "age", id="a misspelt column",
        ),
        pytest.param([list(GOOD.values())[:-1]], "wrong_length", 0, None, id="too few values"),
        pytest.param([[30, "cook", 1.5, "Cork", True, 1]], "wrong_length", 0, None, id="too many values"),
        pytest.param([GOOD, list(GOOD.values())], "wrong_row", None, None, id="objects and lists mixed"),
        pytest.param([GOOD, 7], "wrong_row", 1, None, id="a row that is a number"),
        pytest.param(["abcde"], "wrong_row", 0, None, id="a row that is text of the right length"),
    ],
)  # fmt: skip
def test_a_row_of_the_wrong_form_is_named(rows, code, row, column):
    error = refusal(rows)
    assert (error.code, error.row, error.column) == (code, row, column)


def test_a_foreign_name_is_cut_so_that_an_error_stays_small():
    error = refusal([GOOD | {"x" * 5000: 1}])
    assert len(error.message) < 200


def test_a_single_feature_is_no_special_case():
    assert encode_rows(make_contract(AGE), [{"age": 3}, {"age": 4}])["numbers"].tolist() == [[3], [4]]
    assert refusal([{"name": 3}], AGE).code == "missing_column"


json_values = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers())
json_rows = st.lists(json_values, max_size=7) | st.dictionaries(st.sampled_from([*GOOD, "x"]), json_values)


@settings(max_examples=60, deadline=None)
@given(st.lists(json_rows | st.just(GOOD) | json_values, max_size=4))
def test_whatever_json_arrives_ends_in_arrays_or_in_a_named_refusal(rows):
    try:
        arrays = encode_rows(make_contract(), rows)
    except EncodeError as refused:
        named = refused.row
    else:
        named = None
        check_arrays(arrays)
    assert named in (None, *range(len(rows)))


def check_arrays(arrays):
    """Assert that arrays hold only what the graph may see."""
    assert np.isfinite(arrays["numbers"][:, 0]).all()
    assert not np.isinf(arrays["numbers"]).any()
    assert (arrays["categories"] >= 0).all()
    assert (arrays["categories"] <= 2).all()


def test_columns_are_encoded_leniently_and_unknown_categories_counted():
    columns = {
        "age": np.array([200, 30]),
        "gain": np.array([np.nan, 1.0]),
        "job": Coded(np.array([1, -1]), ["cook", "pilot"]),
        "town": Coded(np.array([0, -1]), ["Cork"]),
        "member": Coded(np.array([0, 1]), [True, False]),
    }
    unknown = {}
    arrays = encode_columns(make_contract(), columns, unknown)
    assert arrays["numbers"][:, 0].tolist() == [200, 30]
    assert arrays["categories"].tolist() == [[0, 2, 2], [0, 0, 1]]
    assert unknown == {"job": 1, "town": 0, "member": 0}


@pytest.mark.parametrize(
    ("columns", "code", "column"),
    [
        ({"age": np.array([3])}, "missing_column", "job"),
        ({"age": np.array(["30"]), "job": Coded(np.array([0]), ["cook"])}, "wrong_type", "age"),
        ({"age": np.array([3]), "job": np.array([1])}, "wrong_type", "job"),
    ],
    ids=["a missing column", "text for numbers", "numbers for categories"],
)
def test_columns_that_cannot_be_encoded_are_named(columns, code, column):
    with pytest.raises(EncodeError) as refused:
        encode_columns(make_contract(AGE, JOB), columns)
    assert (refused.value.code, refused.value.row, refused.value.column) == (code, None, column)


def test_a_matrix_is_encoded_where_all_features_are_numbers():
    arrays = encode_matrix(make_contract(AGE, GAIN), np.array([[30, np.nan], [31, 2]]))
    np.testing.assert_array_equal(arrays["numbers"], np.array([[30, np.nan], [31, 2]], np.float32))


@pytest.mark.parametrize(
    ("matrix", "code", "row", "column"),
    [
        pytest.param([[30.0, 1.0], [np.nan, 1.0]], "null", 1, "age", id="NaN where null is not allowed"),
        pytest.param([[30.0, np.inf]], "not_finite", 0, "gain", id="infinity"),
        pytest.param([[30.0]], "wrong_length", 0, None, id="too few columns"),
        pytest.param([30.0, 1.0], "wrong_type", None, None, id="one dimension"),
        pytest.param([["30", "1"]], "wrong_type", None, None, id="text"),
        pytest.param(np.empty((0, 2)), "empty", None, None, id="no rows"),
    ],
)
def test_a_matrix_out_of_contract_is_refused(matrix, code, row, column):
    with pytest.raises(EncodeError) as refused:
        encode_matrix(make_contract(AGE, GAIN), np.array(matrix))
    assert (refused.value.code, refused.value.row, refused.value.column) == (code, row, column)


def test_a_matrix_for_a_model_with_categories_is_refused():
    with pytest.raises(EncodeError, match="the model takes categories"):
        encode_matrix(make_contract(), np.zeros((1, 5)))


def test_a_contract_survives_model_json(tmp_path):
    contract = make_contract()
    (tmp_path / "model.json").write_text(json.dumps(contract.document()))
    assert Contract.read(tmp_path / "model.json") == contract


def test_a_contract_of_another_version_is_refused(tmp_path):
    (tmp_path / "model.json").write_text(json.dumps(make_contract().document() | {"schema_version": 2}))
    with pytest.raises(ValueError, match=r"model\.json: schema_version is 2; expected 1"):
        Contract.read(tmp_path / "model.json")
