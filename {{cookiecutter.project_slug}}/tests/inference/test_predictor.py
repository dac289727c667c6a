"""Loading a model directory: what is broken is refused with one sentence, what is whole answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from inference import predictor as module
from inference.predictor import ModelError, Predictor, matches, prove, verify_hashes
from tests.tiny_models import AGE, FEATURES, GAIN, JOB, add_golden, add_hashes, make_graph, make_model

ROW = [30, None, "cook", True]
ANSWER = 0.75026


def make_served(folder: Path) -> Path:
    """Write a whole served model directory."""
    return add_golden(make_model(folder), [ROW], [ANSWER])


def edit(name: str, change: Callable[[dict], object]) -> Callable[[Path], object]:
    """Return a function that changes a JSON file of a model directory."""

    def apply(folder: Path) -> None:
        content = json.loads((folder / name).read_text())
        change(content)
        (folder / name).write_text(json.dumps(content))

    return apply


def cut(name: str) -> Callable[[Path], object]:
    """Return a function that cuts a file in half."""

    def apply(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return apply


def other_graph(**changes) -> Callable[[Path], object]:
    """Return a function that puts another graph into a model directory."""
    return lambda folder: (folder / "model.onnx").write_bytes(make_graph(**changes))


def test_a_whole_directory_loads_and_proves_itself(tmp_path):
    folder = make_served(tmp_path)
    predictor = Predictor.load(folder)
    assert prove(predictor, folder / "golden.json") == 1
    assert predictor.answer("text/csv", b"30,,cook,true\n") == pytest.approx([ANSWER], abs=1e-5)


@pytest.mark.parametrize(
    ("task", "shape"),
    [
        pytest.param("binary", (2,), id="binary: one probability"),
        pytest.param("multiclass", (2, 3), id="multiclass: one for each class"),
        pytest.param("regression", (2,), id="regression: one number"),
    ],
)
def test_each_task_answers_in_its_shape(tmp_path, task, shape):
    predictor = Predictor.load(make_model(tmp_path, task=task))
    assert predictor.answer("text/csv", b"30,,cook,true\n1,1,,true\n").shape == shape


@pytest.mark.parametrize(
    ("features", "body"),
    [
        pytest.param([AGE, GAIN], b"30,1\n", id="numbers only"),
        pytest.param([JOB, JOB | {"name": "second"}], b"cook,\n", id="categories only"),
    ],
)
def test_a_model_may_have_one_kind_of_feature(tmp_path, features, body):
    predictor = Predictor.load(make_model(tmp_path, features, weights=(0.1, 0.2)))
    assert predictor.answer("text/csv", body).shape == (1,)


def test_a_large_request_is_answered_in_parts_with_the_same_numbers(tmp_path, monkeypatch):
    predictor = Predictor.load(make_model(tmp_path))
    body = "".join(f"{age},,cook,true\n" for age in range(100)).encode()
    whole = predictor.answer("text/csv", body)
    monkeypatch.setattr(module, "BATCH_ROWS", 7)
    assert predictor.answer("text/csv", body) == pytest.approx(whole, abs=1e-6)
    assert (np.diff(whole) > 0).all()


@pytest.mark.parametrize(
    ("breaking", "words"),
    [
        pytest.param(
            lambda folder: (folder / "model.json").unlink(), r"model\.json is missing", id="no model.json"
        ),
        pytest.param(
            lambda folder: (folder / "model.onnx").unlink(), r"model\.onnx is missing", id="no graph"
        ),
        pytest.param(cut("model.json"), r"model\.json is not a contract", id="half a model.json"),
        pytest.param(cut("model.onnx"), r"model\.onnx cannot be loaded", id="half a graph"),
        pytest.param(
            lambda folder: (folder / "model.onnx").write_bytes(b""),
            r"model\.onnx cannot be",
            id="empty graph",
        ),
        pytest.param(
            edit("model.json", lambda c: c.pop("task")), r"model\.json is not a contract", id="no task"
        ),
        pytest.param(
            edit("model.json", lambda c: c.update(schema_version=9)), r"model\.json is not", id="newer schema"
        ),
        pytest.param(
            edit("model.json", lambda c: c["features"].pop()), "does not take the inputs", id="a feature less"
        ),
        pytest.param(
            other_graph(features=FEATURES[:2], weights=(1, 1)), "does not take the inputs", id="foreign graph"
        ),
        pytest.param(
            other_graph(task="multiclass"),
            r"answers in shape \(1, 3\) for 1 rows",
            id="a graph of another task",
        ),
    ],
)
def test_a_broken_directory_is_refused_in_one_sentence(tmp_path, breaking, words):
    folder = make_model(tmp_path)
    breaking(folder)
    with pytest.raises(ModelError, match=words) as caught:
        Predictor.load(folder)
    assert "\n" not in str(caught.value)


def test_a_file_that_was_altered_after_evaluation_is_refused(tmp_path):
    folder = make_served(tmp_path)
    other_graph(bias=-2.0001)(folder)
    with pytest.raises(ModelError, match=r"model\.onnx is not the file that was evaluated"):
        Predictor.load(folder)


def test_hashes_may_be_required(tmp_path):
    folder = make_model(tmp_path)
    verify_hashes(folder)
    with pytest.raises(ModelError, match=r"hashes\.json is missing"):
        verify_hashes(folder, required=["model.onnx"])
    (folder / "hashes.json").write_text("{}")
    with pytest.raises(ModelError, match=r"hashes\.json does not name model\.onnx"):
        verify_hashes(folder, required=["model.onnx"])
    (folder / "hashes.json").write_text("[1]")
    with pytest.raises(ModelError, match=r"hashes\.json is not readable"):
        verify_hashes(folder)


def test_a_hash_cannot_make_it_read_outside_the_directory(tmp_path):
    folder = make_model(tmp_path / "model")
    (tmp_path / "outside").write_text("x")
    (folder / "hashes.json").write_text('{"../outside": "0"}')
    with pytest.raises(ModelError, match=r"\.\./outside is missing"):
        verify_hashes(folder)


@pytest.mark.parametrize(
    ("breaking", "words"),
    [
        pytest.param(
            lambda folder: (folder / "golden.json").unlink(), r"golden\.json is missing", id="none recorded"
        ),
        pytest.param(cut("golden.json"), r"golden\.json is not readable", id="half a file"),
        pytest.param(
            edit("golden.json", lambda c: c["cases"].clear()), "has no request", id="no request in it"
        ),
        pytest.param(
            edit("golden.json", lambda c: c["cases"][0].pop("body")), "is not readable", id="no body"
        ),
        pytest.param(
            edit("golden.json", lambda c: c["cases"][0].update(predictions=[0.76])),
            "another answer",
            id="other answer",
        ),
        pytest.param(
            edit("golden.json", lambda c: c["cases"][0].update(predictions=[None])),
            "another answer",
            id="null recorded",
        ),
        pytest.param(
            edit("golden.json", lambda c: c["cases"][0].update(predictions=[])),
            "another answer",
            id="too few answers",
        ),
        pytest.param(
            edit("golden.json", lambda c: c["cases"][0]["body"].update(instances=[[1]])),
            "was refused",
            id="refused",
        ),
        pytest.param(other_graph(bias=-2.01), "another answer", id="a graph that answers otherwise"),
        pytest.param(other_graph(bias=float("nan")), "another answer", id="a graph that answers NaN"),
    ],
)
def test_a_model_that_cannot_repeat_its_golden_answers_is_not_ready(tmp_path, breaking, words):
    folder = make_served(tmp_path)
    breaking(folder)
    add_hashes(folder)
    with pytest.raises(ModelError, match=words):
        prove(Predictor.load(folder), folder / "golden.json")


def test_answers_match_within_the_tolerance_and_never_when_one_is_nan():
    assert matches(np.array([0.50009]), np.array([0.5]), 1e-4)
    assert not matches(np.array([0.5003]), np.array([0.5]), 1e-4)
    assert matches(np.array([100_005.0]), np.array([100_000.0]), 1e-4)
    assert not matches(np.array([np.nan]), np.array([np.nan]), 1e-4)
    assert not matches(np.array([[0.5]]), np.array([0.5]), 1e-4)
