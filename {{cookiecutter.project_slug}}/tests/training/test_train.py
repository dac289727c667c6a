"""The whole job: what it leaves, and how it fails."""

import json
import re

import numpy as np
import onnxruntime
import pyarrow.parquet as pq
import pytest
from safetensors import safe_open

from inference.encode import Contract, encode_rows
from tests.training.makers import COLUMNS, FEATURES, make_job, make_rows
from training import train as job
from training.errors import DataError
from training.train import run

CLEAN = re.compile(r"[a-z_]+=\S+( [a-z_]+=(\S+|'[^']*'))*")


def test_a_job_leaves_the_models_three_files_and_what_became_of_its_run(trained):
    names = sorted(path.name for path in trained.model.iterdir())
    assert names == ["model.json", "model.onnx", "model.safetensors", "tracking.json"]
    assert not (trained.base / "output" / "failure").exists()


def test_model_json_says_what_the_model_takes_and_answers(trained):
    document = json.loads((trained.model / "model.json").read_text())
    assert document["schema_version"] == 1
    assert (document["task"], document["label"], document["classes"]) == ("binary", "rich", ["no", "yes"])
    assert [feature["name"] for feature in document["features"]] == list(FEATURES)
    assert (document["release_id"], document["commit_sha"]) == ("r" * 64, "c1")
    assert {"python", "torch", "onnx", "onnxruntime"} <= document["versions"].keys()
    age, _, job_title, town, _ = document["features"]
    assert age.keys() == {"name", "kind", "type", "nullable", "minimum", "maximum", "statistics"}
    assert job_title.keys() == {"name", "kind", "type", "nullable", "vocabulary", "open", "statistics"}
    assert (job_title["open"], town["open"]) == (False, True)


def test_the_graph_answers_requests_that_the_contract_encodes(trained):
    contract = Contract.read(trained.model / "model.json")
    session = onnxruntime.InferenceSession(trained.model / "model.onnx")
    table = make_rows(200, seed=9)
    inputs = encode_rows(contract, table.select(FEATURES).to_pylist())
    answers = session.run(["predictions"], inputs)[0]
    rich = np.array(table["rich"].to_pylist()) == "yes"
    assert answers.shape == (200,)
    assert answers[rich].mean() > answers[~rich].mean() + 0.2


def test_slices_and_the_key_have_no_say(trained):
    assert b"sex" not in (trained.model / "model.json").read_bytes()
    assert b"sex" not in (trained.model / "model.onnx").read_bytes()


def test_the_weights_say_how_to_build_their_network_again(trained):
    with safe_open(trained.model / "model.safetensors", framework="numpy") as weights:
        network = json.loads(weights.metadata()["network"])
    assert network == {"task": "binary", "hidden": 8, "embedding": 2, "bins": 6, "dropout": 0.1}


def test_progress_is_one_event_a_line(trained):
    assert trained.lines[0] == "rows=300 validation_rows=300 features=5"
    assert trained.lines[1] == "tracking=none note='tracking-uri is empty'"
    assert sum(line.startswith("epoch=") for line in trained.lines) == 3
    assert "export=again" not in "".join(trained.lines)  # the graph drawn during the training was good
    assert [line for line in trained.lines if not CLEAN.fullmatch(line)] == []


def failure_of(base):
    """Run a job that must fail; return what it leaves for SageMaker to report."""
    assert run(base, COLUMNS) == 1
    assert not (base / "model").exists()
    return (base / "output" / "failure").read_text()


@pytest.mark.parametrize(
    ("hyperparameters", "words"),
    [
        ({"epohcs": "3"}, "hyperparameter epohcs is '3'; expected no such name"),
        ({"key": "row"}, "data_checks/suite.py has no column row"),
        ({"slices-only": "sex,age,gain,job,town,member"}, "has no column left for the model"),
        ({"task": "regression", "label": "job"}, "column job is of type string; expected numbers"),
    ],
    ids=["an unknown setting", "an unknown key", "no feature left", "text as a regression's label"],
)
def test_wrong_settings_end_the_job_with_a_sentence(tmp_path, hyperparameters, words):
    assert words in failure_of(make_job(tmp_path, hyperparameters=hyperparameters))


def test_missing_hyperparameters_end_the_job_with_a_sentence(tmp_path):
    base = make_job(tmp_path)
    (base / "input" / "config" / "hyperparameters.json").unlink()
    assert failure_of(base) == "input/config/hyperparameters.json is missing or is not JSON"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (make_rows().drop_columns(["age"]), "train/part-0.parquet lacks the columns age"),
        (make_rows(rich=["yes"] * 300), "label rich: binary needs 2 classes, the training rows hold 1"),
        (make_rows(0), "channel train holds no rows"),
    ],
    ids=["a missing column", "one class", "no rows"],
)
def test_rows_that_cannot_be_learned_from_end_the_job_with_a_sentence(tmp_path, rows, words):
    assert failure_of(make_job(tmp_path, train=rows)) == words


def test_a_class_that_only_validation_holds_is_counted_and_not_quoted(tmp_path):
    reason = failure_of(make_job(tmp_path, validation=make_rows(rich=["yes", "no", "unheard"] * 100)))
    assert reason == "label rich: 100 of 300 rows have no usable label"


@pytest.mark.parametrize("kind", [RuntimeError, ValueError, KeyError, OSError, Exception])
def test_an_error_from_elsewhere_is_told_by_type_and_place_without_its_words(
    tmp_path, monkeypatch, caplog, kind
):
    def broken(*_):
        raise kind("row 17 has age=4711")

    monkeypatch.setattr(job, "network_shape", broken)
    reason = failure_of(make_job(tmp_path))
    place = r"training/train\.py:\d+ in train"
    assert re.fullmatch(rf"{kind.__name__} at {place}; its text is left out, it may quote the data", reason)
    assert "4711" not in caplog.text


def test_a_failure_file_is_no_longer_than_what_sagemaker_shows(tmp_path, monkeypatch):
    def broken(*_):
        raise DataError("x" * 5000)

    monkeypatch.setattr(job, "network_shape", broken)
    assert len(failure_of(make_job(tmp_path))) == 1024


def test_the_job_reads_only_the_columns_it_needs(tmp_path):
    rows = make_rows()
    extra = rows.append_column("note", [["text"] * 300])
    base = make_job(tmp_path, train=extra)
    assert pq.read_schema(base / "input/data/train/part-0.parquet").names[-1] == "note"
    contract, train_rows, _ = job.read_rows(base / "input" / "data", job.read_settings(base), COLUMNS)
    assert contract.names == FEATURES
    assert len(train_rows.target) == 300
