"""Golden requests: they reach far, are the same each time, and hold the endpoint's own answers."""

from __future__ import annotations

import json

import numpy as np
import orjson
import pyarrow as pa
import pytest

from inference.contract import Feature
from inference.predictor import Predictor
from tests.tiny_models import AGE, GAIN, JOB, MEMBER, make_model
from tests.training.evaluations import make_table
from training.golden import ROWS, choose, golden, sweep


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
    assert sizes == [1, 1, 1, 1, 2, 3, 5, 10, 4]
    assert sum(sizes[:-1]) == ROWS
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


def test_values_that_no_test_row_has_are_asked_for_too(tmp_path):
    names = [f"job {number}" for number in range(60)]
    features = [AGE, GAIN, {**JOB, "nullable": False, "vocabulary": ["clerk", *names]}, MEMBER]
    table = make_table(rows=50)
    table = table.set_column(table.column_names.index("job"), "job", pa.array(["clerk"] * 50))
    content = golden(make_predictor(tmp_path, features=features), table)
    assert {row["job"] for row in all_rows(content)} == {"clerk", *names}
    assert len(content["cases"][-1]["body"]["instances"]) == 61


@pytest.mark.parametrize("change", [{"open": True}, {"vocabulary": [f"job {n}" for n in range(900)]}])
def test_the_sweep_stays_small_and_leaves_open_columns_alone(change):
    features = [Feature(**{**JOB, **change})]
    assert len(sweep(features, [{"job": "clerk"}])) == (0 if "open" in change else 200)
    assert sweep(features, []) == []


def test_fewer_rows_than_asked_for_are_all_taken_once(tmp_path):
    predictor = make_predictor(tmp_path)
    assert sorted(choose(predictor.contract, make_table(rows=5))) == [0, 1, 2, 3, 4]
    assert len(all_rows(golden(predictor, make_table(rows=5)))) == 5 + 4


def test_a_model_that_answers_nan_is_recorded_as_null(tmp_path):
    content = golden(make_predictor(tmp_path, bias=float("nan")), make_table(rows=5))
    assert content["cases"][0]["predictions"] == [None]
    json.dumps(content, allow_nan=False)
