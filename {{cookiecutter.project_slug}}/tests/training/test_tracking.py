"""Recording to MLflow: what arrives there, and that a lost server costs one warning."""

import errno
import json
import socket
import sqlite3
import time
from pathlib import Path

import pytest

from training import tracking
from training.tracking import Tracker

EPOCHS = [{"epoch": 1, "validation_auc": 0.8}, {"epoch": 2, "validation_auc": 0.9}]


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """MLflow's first start on a busy machine may take longer than a training waits for it."""
    monkeypatch.setattr(tracking, "PATIENCE_SECONDS", 300)


def record(uri, finish=True):
    """Record two epochs."""
    tracker = Tracker.start(uri, "training", {"epochs": 2, "hidden": 8}, {"release_id": "r1", "commit": "c1"})
    for epoch in EPOCHS:
        tracker.epoch(epoch)
    if finish:
        tracker.finish(EPOCHS[-1])
    return tracker


def rows(database, query):
    """Return the rows of a query as a list."""
    with sqlite3.connect(database) as connection:
        return connection.execute(query).fetchall()


def test_without_an_address_nothing_is_recorded_and_it_says_so(caplog):
    caplog.set_level("INFO")
    tracker = record("")
    tracker.close()
    assert caplog.messages == ["tracking=none note='tracking-uri is empty'"]
    assert tracker.told == {"state": "off", "uri": "", "experiment": "", "run": ""}


def test_a_run_holds_parameters_tags_and_the_figures_of_each_epoch(tmp_path, caplog):
    caplog.set_level("INFO")
    address = f"sqlite:///{tmp_path}/runs.db"
    tracker = record(address)
    tracker.close()
    database = tmp_path / "runs.db"
    (run,) = rows(database, "select run_uuid, status from runs")
    tracker.leave(tmp_path)
    told = {"state": "done", "uri": address, "experiment": "training", "run": run[0]}
    assert tracking.told((tmp_path / "tracking.json").read_bytes()) == told
    assert run[1] == "FINISHED"
    assert caplog.messages == [f"tracking=done run={run[0]}"]
    metrics = rows(database, "select step, value from metrics where key = 'validation_auc' order by step")
    assert metrics == [(1, 0.8), (2, 0.9)]
    assert rows(database, "select value from metrics where key = 'best_validation_auc'") == [(0.9,)]
    assert set(rows(database, "select key, value from params")) == {("epochs", "2"), ("hidden", "8")}
    assert {("release_id", "r1"), ("commit", "c1")} <= set(rows(database, "select key, value from tags"))


def test_a_full_disk_costs_the_note_of_a_run_and_not_the_training(tmp_path, caplog, monkeypatch):
    def full(self, text, encoding=None):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    Tracker().leave(tmp_path)
    (warning,) = caplog.messages
    assert warning == "tracking=untold reason='No space left on device' note='training goes on without it'"


def lost(uri, caplog):
    """Record to a server that is not there; return the seconds it cost at the end and the warnings."""
    tracker = record(uri, finish=False)
    started = time.monotonic()
    tracker.finish(EPOCHS[-1])
    tracker.close()
    return time.monotonic() - started, [
        line.getMessage() for line in caplog.records if line.levelname == "WARNING"
    ]


@pytest.fixture
def silent_server():
    """Yield the port of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_server_that_never_answers_costs_one_warning_and_a_few_seconds(caplog, monkeypatch, silent_server):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    seconds, warnings = lost(f"http://user:secret@127.0.0.1:{silent_server}", caplog)
    assert len(warnings) == 1
    assert warnings[0].startswith("tracking=lost reason='MlflowException from the tracking server'")
    assert "secret" not in warnings[0]
    assert seconds < 25  # mostly MLflow's own import, on a busy machine


def test_a_recording_process_that_is_gone_costs_one_warning(caplog):
    tracker = record("sqlite://", finish=False)
    tracker._process.kill()
    tracker._process.wait()
    for epoch in EPOCHS:
        tracker.epoch(epoch)
    tracker.finish(EPOCHS[-1])
    tracker.close()
    assert [line.split(" ")[0] for line in caplog.messages] == ["tracking=lost"]


def test_a_run_that_was_lost_is_told_as_one(tmp_path):
    tracker = record("sqlite://", finish=False)
    tracker.close()
    tracker.leave(tmp_path)
    assert json.loads((tmp_path / "tracking.json").read_text())["state"] == "lost"


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("https://me:hunter2@mlflow.example.com/base", "https://mlflow.example.com/base"),
        ("https://me:a/b@c@mlflow.example.com", "https://mlflow.example.com"),
        ("https://mlflow.example.com?token=hunter2", "https://mlflow.example.com"),
        ("arn:aws:sagemaker:eu-west-1:1:mlflow-app/a", "arn:aws:sagemaker:eu-west-1:1:mlflow-app/a"),
    ],
)
def test_an_address_is_told_without_what_could_be_a_password(uri, shown):
    assert tracking.address(uri) == shown


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"state": "else"}', b"\xff"])
def test_what_is_no_record_of_a_run_is_told_as_none(text):
    assert tracking.told(text) == {"state": "off", "uri": "", "experiment": "", "run": ""}


def test_a_training_that_ends_early_leaves_no_process_and_no_half_made_store(tmp_path):
    tracker = record(f"sqlite:///{tmp_path}/runs.db", finish=False)
    process = tracker._process
    tracker.close()
    assert process.returncode == 1  # it ended by itself
    assert list(tmp_path.iterdir()) == []


def test_a_training_that_fails_later_is_recorded_as_failed(tmp_path):
    database = tmp_path / "runs.db"
    tracker = record(f"sqlite:///{database}", finish=False)
    wait_for(
        lambda: database.exists() and rows(database, "select name from sqlite_master where name = 'runs'")
    )
    wait_for(lambda: rows(database, "select * from runs"))
    tracker.close()
    assert rows(database, "select status from runs") == [("FAILED",)]


def wait_for(condition, seconds=60):
    """Wait until something holds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)
