"""The evaluation job: both models by their own artifacts, one verdict, no traceback where it could judge."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from inference.predictor import Predictor, prove
from tests.tiny_models import AGE, GAIN, JOB, add_hashes, make_model
from tests.training.evaluations import ROWS, SERVING, WORSE, make_table, read, run_job, write_archive
from training import evaluate
from training.archive import pack, unpack


def verdict(base: Path) -> dict[str, Any]:
    """Return the verdict."""
    return read(base)["verdict"]


def message(base: Path) -> str:
    """Return what a failed job left."""
    return (base / "output" / "message").read_text()


def test_a_first_release_over_the_bar_is_accepted_and_says_that_it_is_one(tmp_path):
    assert run_job(tmp_path) == 0
    evaluation = read(tmp_path)
    assert evaluation["verdict"]["accepted"]
    assert evaluation["verdict"]["first_release"]
    assert evaluation["champion"] is None
    assert evaluation["rows"] == evaluation["candidate"]["metrics"]["auc"]["n"] == ROWS
    assert [(part["column"], part["gated"]) for part in evaluation["slices"]] == [("sex", True)] * 2
    assert sum(part["n"] for part in evaluation["slices"]) == ROWS
    assert not (tmp_path / "output" / "message").exists()


def with_slices(sizes: list[int]) -> pa.Table:
    """Return test rows whose slice column holds one value for each size."""
    table = make_table(rows=sum(sizes))
    values = np.random.default_rng(1).permutation(np.repeat([f"v{n}" for n in range(len(sizes))], sizes))
    return table.set_column(table.column_names.index("sex"), "sex", pa.array(values))


def test_a_slice_that_is_large_enough_is_gated_whatever_its_rank(tmp_path):
    table = with_slices([*range(60, 85), 10, 11])  # the 25 largest are gated, two are too small
    assert run_job(tmp_path, table=table, champion={}, slice_min_rows=60, slice_min_positives=1) == 0
    evaluation = read(tmp_path)
    assert [part["n"] for part in evaluation["slices"]] == sorted(range(60, 85), reverse=True)
    assert all(part["gated"] for part in evaluation["slices"])
    assert evaluation["slices_not_shown"] == {"sex": 2}


def test_small_slices_beyond_the_20_most_frequent_are_counted_in_the_report(tmp_path):
    assert run_job(tmp_path, table=with_slices([30] * 33)) == 0
    assert len(read(tmp_path)["slices"]) == 20
    page = (tmp_path / "processing/output/evaluation/model_report.html").read_text()
    assert "Not shown: 13 more values of sex, none of them gated." in page


def test_the_artifact_is_what_the_server_takes_and_proves(tmp_path):
    assert run_job(tmp_path) == 0
    model = unpack(tmp_path / "processing/output/artifact/model.tar.gz", tmp_path / "unpacked")
    assert {path.name for path in model.iterdir()} == {
        "model.json",
        "model.onnx",
        "golden.json",
        "hashes.json",
    }
    assert prove(Predictor.load(model), model / "golden.json") == 9
    assert json.loads((model / "hashes.json").read_text()) == read(tmp_path)["artifact"]["files"]
    evaluated = tmp_path / "processing/output/evaluation/golden.json"
    assert (model / "golden.json").read_bytes() == evaluated.read_bytes()


def test_the_run_that_recorded_the_training_is_told_and_not_served(tmp_path):
    told = {"state": "done", "uri": "sqlite:///runs.db", "experiment": "training", "run": "r" * 32}

    def recorded(inputs: Path) -> None:
        archive = inputs / "model" / "model.tar.gz"
        files = {path.name: path.read_bytes() for path in unpack(archive, tmp_path / "as-trained").iterdir()}
        pack(files | {"tracking.json": json.dumps(told).encode()}, archive)

    assert run_job(tmp_path) == 0
    plain = read(tmp_path)
    assert plain["tracking"] == {"state": "off", "uri": "", "experiment": "", "run": ""}
    assert run_job(tmp_path, before=recorded) == 0
    assert read(tmp_path)["tracking"] == told
    assert read(tmp_path)["artifact"] == plain["artifact"]


def test_the_same_models_and_rows_give_the_same_bytes(tmp_path):
    outputs = []
    for _ in range(2):
        assert run_job(tmp_path, champion={"weights": WORSE}) == 0
        files = sorted((tmp_path / "processing/output").rglob("*.*"))
        outputs.append({path.name: path.read_bytes() for path in files})
    assert outputs[0].keys() == {"evaluation.json", "golden.json", "model_report.html", "model.tar.gz"}
    assert outputs[0] == outputs[1]


def test_the_order_and_number_of_files_do_not_matter(tmp_path):
    def shuffle(inputs: Path) -> None:
        path = inputs / "test" / "part-0.parquet"
        rows = pq.read_table(path)
        pq.write_table(rows.slice(0, 900), inputs / "test" / "part-1.parquet")
        pq.write_table(rows.slice(900), path)

    assert run_job(tmp_path, champion={"weights": WORSE}) == 0
    whole = read(tmp_path)
    assert run_job(tmp_path, champion={"weights": WORSE}, before=shuffle) == 0
    assert read(tmp_path) == whole


def test_an_identical_champion_is_a_tie_and_passes(tmp_path):
    assert run_job(tmp_path, champion={}) == 0
    evaluation = read(tmp_path)
    assert evaluation["verdict"]["accepted"]
    assert not evaluation["verdict"]["first_release"]
    assert evaluation["difference"]["auc"] == {"value": 0.0, "low": 0.0, "high": 0.0, "n": ROWS}
    assert evaluation["champion"]["package"] == "arn:package/3"
    assert evaluation["champion"]["release_id"] == SERVING


def test_a_better_candidate_is_accepted_with_an_interval_above_zero(tmp_path):
    assert run_job(tmp_path, champion={"weights": WORSE}) == 0
    assert verdict(tmp_path)["accepted"]
    assert read(tmp_path)["difference"]["auc"]["low"] > 0


def test_a_worse_candidate_is_refused_and_the_job_still_ends_well(tmp_path):
    assert run_job(tmp_path, candidate={"weights": WORSE}, champion={}, minimum=0.5) == 0
    assert not verdict(tmp_path)["accepted"]
    assert any("clearly worse" in reason for reason in verdict(tmp_path)["reasons"])


def test_a_candidate_that_answers_nan_is_refused_without_a_traceback(tmp_path):
    assert run_job(tmp_path, candidate={"bias": float("nan")}, champion={}) == 0
    assert not verdict(tmp_path)["accepted"]
    assert read(tmp_path)["candidate"]["metrics"]["auc"]["value"] is None
    assert verdict(tmp_path)["reasons"][0] == "auc has no value or no interval; at least 0.6 is needed."
    assert "refused" in (tmp_path / "processing/output/evaluation/model_report.html").read_text()


def damage(inputs: Path) -> None:
    """Cut the champion's archive short."""
    archive = inputs / "champion" / "model.tar.gz"
    archive.write_bytes(archive.read_bytes()[:200])


def swap(inputs: Path) -> None:
    """Put another graph into the champion's archive, under the old hashes."""
    folder = unpack(inputs / "champion" / "model.tar.gz", inputs / "swap")
    make_model(inputs / "other", weights=WORSE)
    shutil.copy(inputs / "other" / "model.onnx", folder)
    write_archive(folder, inputs / "champion" / "model.tar.gz")


def strip(inputs: Path) -> None:
    """Take the hashes out of the champion's archive."""
    folder = unpack(inputs / "champion" / "model.tar.gz", inputs / "strip")
    (folder / "hashes.json").unlink()
    write_archive(folder, inputs / "champion" / "model.tar.gz")


def lose(inputs: Path) -> None:
    """Remove the champion's archive."""
    (inputs / "champion" / "model.tar.gz").unlink()


DAMAGED = [
    pytest.param(damage, "model.tar.gz cannot be read", id="a damaged archive"),
    pytest.param(swap, "model.onnx is not the file that was evaluated", id="a swapped graph"),
    pytest.param(strip, "hashes.json is missing", id="no hashes"),
    pytest.param(lose, "model.tar.gz is missing", id="no archive"),
]


def waiver(days: int = 10) -> dict[str, str]:
    """Return a waiver about the champion that ends in so many days."""
    until = datetime.now(UTC).date() + timedelta(days)
    return {"champion": SERVING[:12], "until": until.isoformat(), "reason": "height is recorded no more"}


@pytest.mark.parametrize(("before", "words"), DAMAGED)
def test_a_champion_that_cannot_be_trusted_refuses_the_candidate(tmp_path, before, words):
    assert run_job(tmp_path, champion={}, before=before) == 0
    assert not verdict(tmp_path)["accepted"]
    assert not verdict(tmp_path)["first_release"]
    assert any(words in reason for reason in verdict(tmp_path)["reasons"])
    assert read(tmp_path)["champion"]["metrics"] is None


@pytest.mark.parametrize(("before", "words"), DAMAGED)
def test_no_waiver_covers_an_archive_that_cannot_be_trusted(tmp_path, before, words):
    assert run_job(tmp_path, champion={}, before=before, waiver=waiver()) == 0
    found = verdict(tmp_path)
    assert (found["accepted"], found["waived"], found["waiver_line"]) == (False, None, None)
    assert any(words in reason for reason in found["reasons"])


def rewritten(inputs: Path, change: Callable[[Path], object]) -> None:
    """Change files of the champion's archive, and its hashes with them: it is sound, and of another time."""
    folder = unpack(inputs / "champion" / "model.tar.gz", inputs / "rewritten")
    change(folder)
    write_archive(add_hashes(folder), inputs / "champion" / "model.tar.gz")


def of_tomorrow(folder: Path) -> None:
    """Write a graph that this ONNX Runtime cannot load."""
    (folder / "model.onnx").write_bytes(b"a graph of tomorrow")


def told(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """Return a change of model.json."""

    def change_it(folder: Path) -> None:
        content = json.loads((folder / "model.json").read_bytes())
        change(content)
        (folder / "model.json").write_text(json.dumps(content))

    return change_it


OTHER_VERSIONS = [
    pytest.param(told(lambda it: it.update(schema_version=0)), "(ValueError)", id="another schema version"),
    pytest.param(
        told(lambda it: it.update(offset=1)), "(TypeError)", id="a field that the contract has lost"
    ),
    pytest.param(
        told(lambda it: it["features"][0].update(unit="years")), "(TypeError)", id="one of its features has"
    ),
    pytest.param(of_tomorrow, "model.onnx cannot be loaded", id="a graph for another ONNX Runtime"),
]


@pytest.mark.parametrize(("change", "words"), OTHER_VERSIONS)
def test_a_sound_champion_that_todays_code_cannot_load_may_be_waived(tmp_path, change, words):
    def before(inputs: Path) -> None:
        rewritten(inputs, change)

    assert run_job(tmp_path, champion={}, before=before) == 0
    found = verdict(tmp_path)
    [reason] = found["reasons"]
    assert "this version of the code cannot load it: model." in reason
    assert words in reason
    assert not found["accepted"]
    assert f'waiver = {{ champion = "{SERVING[:12]}"' in found["waiver_line"]
    shutil.rmtree(tmp_path / "processing")
    assert run_job(tmp_path, champion={}, before=before, waiver=waiver()) == 0
    assert verdict(tmp_path)["accepted"]
    assert "absolute bar alone decides" in " ".join(verdict(tmp_path)["reasons"])


def test_a_champion_of_other_features_is_scored_by_its_own_contract(tmp_path):
    assert run_job(tmp_path, champion={"features": [JOB, AGE], "weights": (0.5, 0.08)}) == 0
    assert verdict(tmp_path)["accepted"]
    assert read(tmp_path)["difference"]["auc"]["value"] > 0


def test_a_champion_whose_column_is_gone_refuses_and_names_the_column(tmp_path):
    height = GAIN | {"name": "height"}
    assert run_job(tmp_path, champion={"features": [AGE, height], "weights": (0.08, 0.1)}) == 0
    assert not verdict(tmp_path)["accepted"]
    assert any("height" in reason for reason in verdict(tmp_path)["reasons"])
    assert verdict(tmp_path)["waiver_line"].endswith('reason = "the rows lack the columns height" }')


def test_a_champion_whose_column_holds_something_else_may_be_waived_too(tmp_path):
    text = {"name": "job", "kind": "number", "type": "number", "nullable": True}
    changed = {"features": [AGE, text], "weights": (0.08, 0.1)}
    assert run_job(tmp_path, champion=changed) == 0
    assert not verdict(tmp_path)["accepted"]
    assert run_job(tmp_path, champion=changed, waiver=waiver()) == 0
    assert verdict(tmp_path)["accepted"]


@pytest.mark.parametrize(
    ("days", "accepted"),
    [
        pytest.param(0, True, id="on its last day"),
        pytest.param(-1, False, id="the day after"),
    ],
)
def test_a_waiver_lets_the_bar_decide_until_its_day_is_over(tmp_path, days, accepted):
    gone = {"features": [AGE, GAIN | {"name": "height"}], "weights": (0.08, 0.1)}
    assert run_job(tmp_path, champion=gone, waiver=waiver(days)) == 0
    found = verdict(tmp_path)
    assert (found["accepted"], bool(found["waived"]), bool(found["waiver_line"])) == (
        accepted,
        accepted,
        not accepted,
    )
    assert "height is recorded no more" in " ".join(found["reasons"]) or not accepted


def test_under_a_waiver_the_bar_still_stands(tmp_path):
    gone = {"features": [AGE, GAIN | {"name": "height"}], "weights": (0.08, 0.1)}
    assert run_job(tmp_path, champion=gone, waiver=waiver(), minimum=0.99) == 0
    found = verdict(tmp_path)
    assert [rule["rule"] for rule in found["rules"] if not rule["passed"]] == ["bar"]


def test_a_champion_that_predicts_other_classes_cannot_be_compared_and_a_waiver_lets_the_bar_decide(tmp_path):
    others = {"classes": ["yes", "no"]}
    assert run_job(tmp_path / "without", champion=others) == 0
    found = verdict(tmp_path / "without")
    assert any("its classes are others" in reason for reason in found["reasons"])
    assert not found["accepted"]
    assert run_job(tmp_path / "with", champion=others, waiver=waiver()) == 0
    assert verdict(tmp_path / "with")["accepted"]


def test_a_multiclass_champion_may_list_its_classes_in_another_order(tmp_path):
    shuffled = {"classes": ["c", "b", "a"]}
    assert run_job(tmp_path, champion=shuffled, task="multiclass", metric="accuracy", minimum=0.1) == 0
    assert read(tmp_path)["champion"]["error"] is None
    assert read(tmp_path)["difference"]["accuracy"]["value"] != 0


def test_a_regression_is_judged_by_a_maximum(tmp_path):
    table = make_table(task="regression")
    policy = {"metric": "rmse", "minimum": ..., "maximum": 2.0, "max_regression": 0.1}
    assert run_job(tmp_path, table=table, task="regression", champion={"bias": -8.0}, **policy) == 0
    assert verdict(tmp_path)["accepted"]
    assert read(tmp_path)["difference"]["rmse"]["high"] < 0
    assert read(tmp_path)["slices"][0]["positives"] is None


def test_no_test_rows_are_a_refusal(tmp_path):
    def empty(inputs: Path) -> None:
        shutil.rmtree(inputs / "test")
        (inputs / "test").mkdir()
        (inputs / "test" / "EMPTY").touch()

    assert run_job(tmp_path, champion={}, before=empty) == 0
    assert verdict(tmp_path)["reasons"] == ["There are no test rows to judge by."]


def test_a_metric_that_the_task_has_not_is_a_refusal(tmp_path):
    assert run_job(tmp_path, metric="rmse") == 0
    assert verdict(tmp_path)["reasons"] == [
        "The gate's metric rmse is not one of auc, average_precision, log_loss, brier, accuracy."
    ]


@pytest.mark.parametrize(
    ("before", "policy", "words"),
    [
        pytest.param(
            lambda at: (at / "model/model.tar.gz").write_bytes(b"x"),
            {},
            "the candidate cannot be",
            id="model",
        ),
        pytest.param(
            lambda at: (at / "model/model.tar.gz").unlink(), {}, "model.tar.gz is missing", id="no model"
        ),
        pytest.param(
            lambda at: (at / "champion/champion.json").unlink(), {}, "champion.json is", id="champion.json"
        ),
        pytest.param(
            lambda at: (at / "test/part-0.parquet").write_bytes(b"x"), {}, "test split cannot be", id="rows"
        ),
        pytest.param(lambda at: None, {"minimun": 0.9}, "gate.minimun: expected no such key", id="policy"),
    ],
)
def test_what_cannot_be_judged_fails_with_one_line_that_says_why(tmp_path, before, policy, words):
    assert run_job(tmp_path, before=before, **policy) == 1
    assert words in message(tmp_path)
    assert message(tmp_path).count("\n") == 1
    assert not (tmp_path / "processing/output/artifact").exists()


def test_a_candidate_of_another_task_than_asked_for_is_not_judged(tmp_path):
    assert run_job(tmp_path, candidate={"task": "regression"}) == 1
    assert message(tmp_path) == "the candidate's task is not the one that is to be judged\n"


def test_labels_that_the_model_does_not_know_are_counted_and_not_quoted(tmp_path):
    table = make_table(rows=300)
    strange = np.array(table["label"].to_pylist(), dtype=object)
    strange[:3] = "SECRET"
    assert (
        run_job(
            tmp_path, table=table.set_column(table.column_names.index("label"), "label", pa.array(strange))
        )
        == 1
    )
    assert "3 of 300 rows" in message(tmp_path)
    assert "SECRET" not in message(tmp_path)


def test_the_log_says_why_it_failed_and_repeats_no_foreign_words(tmp_path, monkeypatch, caplog):
    def broken(*_):
        raise RuntimeError("row 17 has age=4711")

    assert run_job(tmp_path, before=lambda inputs: (inputs / "champion/champion.json").unlink()) == 1
    assert "reason='champion.json is missing or unreadable'" in caplog.text
    monkeypatch.setattr(evaluate, "load_champion", broken)
    assert run_job(tmp_path) == 1
    assert message(tmp_path).startswith("RuntimeError at training/evaluate.py:")
    assert "4711" not in message(tmp_path) + caplog.text


def test_a_missing_argument_becomes_the_message(tmp_path, monkeypatch):
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    assert evaluate.main(["--task", "binary"]) == 1
    assert "arguments: the following arguments are required: --label" in message(tmp_path)
