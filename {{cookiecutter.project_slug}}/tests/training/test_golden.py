"""Golden requests: they reach far, are the same each time, and hold the endpoint's own answers."""

from __future__ import annotations

import json

import numpy as np
import orjson
import pyarrow as pa
import pytest

from inference.predictor import Predictor
from tests.tiny_models import make_model
from tests.training.evaluations import make_table
from training.golden import ROWS, choose, golden


def make_predictor(folder, **changes) -> Predictor:
    """Return a loaded tiny model."""
    return Predictor.load(make_model(folder, **changes))


def all_rows(content) -> list[dict]:
    """Return the rows of all requests."""
    return [row for case in content["cases"] for row in case["body"]["instances"]]


def test_they_cover_categories_nulls_and_extremes(tmp_path):
    table = make_table()
    rows = all_rows(golden(make_predictor(tmp_path), table))
    assert {row["job"] for row in rows} == {"clerk", "cook", "smith", None}
    assert {row["member"] for row in rows} == {True, False}
    ages = table["age"].to_pylist()
    assert {min(ages), max(ages)} <= {row["age"] for row in rows}
    gains = [gain for gain in table["gain"].to_pylist() if gain is not None]
    assert {None, min(gains), max(gains)} <= {row["gain"] for row in rows}


def test_there_are_single_and_multi_row_requests_by_name(tmp_path):
    content = golden(make_predictor(tmp_path), make_table())
    sizes = [len(case["body"]["instances"]) for case in content["cases"]]
    assert sizes == [1, 1, 1, 1, 2, 3, 5, 10]
    assert sum(sizes) == ROWS
    assert [len(case["predictions"]) for case in content["cases"]] == sizes
    assert all(list(row) == ["age", "gain", "job", "member"] for row in all_rows(content))


def test_they_are_the_same_for_the_same_rows(tmp_path):
    predictor = make_predictor(tmp_path)
    assert golden(predictor, make_table()) == golden(predictor, make_table())


def test_their_answers_are_those_of_the_endpoint(tmp_path):
    predictor = make_predictor(tmp_path)
    for case in golden(predictor, make_table())["cases"]:
        answer = predictor.answer("application/json", orjson.dumps(case["body"]))
        assert answer.tolist() == pytest.approx(case["predictions"])


def test_a_rare_category_is_found_among_many_rows(tmp_path):
    table = make_table(rows=5000)
    jobs = np.full(5000, "clerk", dtype=object)
    jobs[4321] = "smith"
    table = table.set_column(table.column_names.index("job"), "job", pa.array(jobs))
    assert "smith" in {row["job"] for row in all_rows(golden(make_predictor(tmp_path), table))}


def test_fewer_rows_than_asked_for_are_all_taken_once(tmp_path):
    predictor = make_predictor(tmp_path)
    assert sorted(choose(predictor.contract, make_table(rows=5))) == [0, 1, 2, 3, 4]
    assert len(all_rows(golden(predictor, make_table(rows=5)))) == 5


def test_a_model_that_answers_nan_is_recorded_as_null(tmp_path):
    content = golden(make_predictor(tmp_path, bias=float("nan")), make_table(rows=5))
    assert content["cases"][0]["predictions"] == [None]
    json.dumps(content, allow_nan=False)
