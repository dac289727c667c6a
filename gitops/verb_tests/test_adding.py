"""`data add`: from a source to a moved lock, and a tree that stays as it is wherever that ends before."""

from __future__ import annotations

import io
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from rich.console import Console

from doubles.aws import Bucket, error, make_run
from doubles.project import ROOT as PROJECT
from sagemaker_gitops import added, adding, beside, data
from sagemaker_gitops.errors import DataRefused, MLOpsError, SettingsError

SUITE = """
from data_checks.contract import Column

COLUMNS = (Column("id", "integer"), Column("age", "integer", minimum=0), Column("rich", "string"))
EXPECTATIONS = ()
"""
CHANGES = {"data.key": "id", "data.label": "rich", "data.slices_only": ()}


def csv(first: int, rows: int = 40) -> str:
    lines = [f"{first + n},{30 + n % 9},{'yes' if n % 3 else 'no'}" for n in range(rows)]
    return "\n".join(["id,age,rich", *lines]) + "\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a small project, made once: two batches of rows, locked, and a suite of its own."""
    root = tmp_path_factory.mktemp("made")
    shutil.copytree(PROJECT / "data_checks", root / "data_checks")
    (root / "data_checks/suite.py").write_text(SUITE)
    import duckdb

    for batch in (1, 2):
        folder = root / f"data/adult/batch={batch}"
        folder.mkdir(parents=True)
        (root / "rows.csv").write_text(csv(batch * 1000, 200))
        with duckdb.connect() as connection:
            rows, place = str(root / "rows.csv"), str(folder / "part-0.parquet")
            connection.execute(
                f"COPY (FROM read_csv('{rows}', types = {{'rich': 'VARCHAR'}})) TO '{place}' (FORMAT parquet)"
            )
    lock = [sys.executable, "-m", "data_checks.lock", "data/adult", "--key", "id"]
    subprocess.run(lock, cwd=root, check=True, capture_output=True)
    (root / "rows.csv").write_text(csv(5000))
    return root


@pytest.fixture
def root(made, tmp_path):
    """Return a copy of it, with 40 new rows in rows.csv."""
    return Path(shutil.copytree(made, tmp_path / "project"))


def files(root: Path) -> dict[str, bytes]:
    """Return what lies in the tree, but for build/, which is none of git's business."""
    listed = (path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(root)): path.read_bytes() for path in listed if "build" not in path.parts}


def add(root: Path, make_settings, *asked: str, bucket: Bucket | None = None, **more):
    run = make_run(make_settings(**CHANGES), s3=bucket or Bucket())
    told = adding.add(run, asked or [str(root / "rows.csv")], root=root, **more)
    return told, {step.name: step.note for step in run.story.steps}


def test_a_csv_becomes_a_batch_and_the_lock_moves_to_it(root, make_settings):
    before = files(root)
    told, notes = add(root, make_settings)
    lock = data.read_lock(root / "data.lock")
    assert (lock.rows, [file.key for file in lock.files][-1]) == (440, "batch=3/part-0.parquet")
    assert set(files(root)) - set(before) == {"data/adult/batch=3/part-0.parquet"}
    assert notes["locked"] == "2 files, all here"
    assert told["rows"] == {"before": 400, "added": 40, "after": 440}
    data.check(lock, root, make_run(make_settings()).story)
    with pytest.raises(DataRefused, match="E206") as again:
        add(root, make_settings)
    assert "nothing is new" in again.value.what
    assert "take those rows out" in again.value.todo


def test_a_dry_run_changes_nothing(root, make_settings):
    before = files(root)
    assert add(root, make_settings, dry=True)[0]["accepted"]
    assert files(root) == before


@pytest.mark.parametrize(
    ("body", "code"),
    [("id,age\n1,2\n", "E202"), (csv(5000, 39) + "1000,3,yes\n", "E206"), (csv(5000) + "9,-1,no\n", "E204")],
)
def test_a_refusal_names_the_source_and_leaves_the_tree(root, make_settings, body, code):
    (root / "rows.csv").write_text(body)
    before = files(root)
    with pytest.raises(DataRefused) as refused:
        add(root, make_settings)
    assert (refused.value.code, refused.value.exit_code) == (code, 2)
    assert refused.value.where == str(root / "rows.csv")
    assert refused.value.todo.endswith("nothing here has changed")
    assert files(root) == before
    assert list((root / "build").iterdir()) == []


def test_a_suite_that_does_not_load_is_no_refusal_of_the_rows(root, make_settings):
    (root / "data_checks/suite.py").write_text("COLUMNS = nothing")
    with pytest.raises(MLOpsError, match="E101") as failed:
        add(root, make_settings)
    assert failed.value.why.startswith("NameError at ")


def on_s3(objects: dict[str, bytes]) -> Bucket:
    bucket = Bucket(objects)
    bucket.answers["list_objects_v2"] = lambda Bucket, Prefix: {
        "Contents": [
            {"Key": key, "Size": len(body)} for key, body in bucket.objects.items() if key.startswith(Prefix)
        ]
    }
    bucket.answers["download_file"] = lambda Bucket, Key, Filename: Path(Filename).write_bytes(
        bucket.objects[Key]
    )
    return bucket


@pytest.mark.parametrize("uri", ["s3://theirs/drop/rows.csv", "s3://theirs/drop", "s3://theirs/drop/"])
def test_rows_come_from_an_object_or_from_all_below_a_prefix(root, make_settings, uri):
    bucket = on_s3({"drop/rows.csv": csv(5000).encode(), "dropped.csv": b"of somebody else"})
    told, notes = add(root, make_settings, uri, bucket=bucket)
    assert told["rows"]["added"] == 40
    assert notes["source"].startswith(f"{uri}: 1 file,")


@pytest.mark.parametrize("uri", ["s3://theirs/nothing", "no/such/file.csv"])
def test_a_source_that_is_not_there_is_named(root, make_settings, uri):
    with pytest.raises(DataRefused, match="E201") as refused:
        add(root, make_settings, uri, bucket=on_s3({}))
    assert refused.value.where == uri


def test_a_bucket_that_is_not_there_is_no_fault_of_aws(root, make_settings):
    bucket = Bucket()
    bucket.answers["list_objects_v2"] = error("NoSuchBucket")
    with pytest.raises(DataRefused, match="E201") as refused:
        add(root, make_settings, "s3://nowhere/x", bucket=bucket)
    assert refused.value.why == "there is no bucket nowhere"


def test_a_key_that_leads_out_of_the_folder_is_refused(root, make_settings):
    bucket = on_s3({"drop/../../../../evil.csv": b"id"})
    with pytest.raises(DataRefused, match="E201"):
        add(root, make_settings, "s3://theirs/drop/", bucket=bucket)
    assert "download_file" not in bucket.operations()


def test_locked_files_that_only_the_bucket_has_are_fetched_for_the_check_and_not_kept(root, make_settings):
    place = root / "data/adult/batch=1/part-0.parquet"
    body, lock = place.read_bytes(), data.read_lock(root / "data.lock")
    bucket = on_s3({"data/adult/batch=1/part-0.parquet": body})
    bucket.metadata["data/adult/batch=1/part-0.parquet"] = {"sha256": lock.files[0].sha256}
    place.unlink()
    (root / "rows.csv").write_text(csv(1000))  # keys of the file that is not here
    with pytest.raises(DataRefused, match="E206"):
        add(root, make_settings, bucket=bucket)
    (root / "rows.csv").write_text(csv(5000))
    notes = add(root, make_settings, bucket=bucket)[1]
    assert notes["locked"] == "2 files, 1 fetched from the bucket for the check, not kept"
    assert not place.exists()
    assert data.read_lock(root / "data.lock").rows == 440


def test_a_locked_file_that_is_nowhere_stops_it(root, make_settings):
    (root / "data/adult/batch=1/part-0.parquet").unlink()
    with pytest.raises(DataRefused, match="E201") as refused:
        add(root, make_settings)
    assert "neither here nor in the bucket" in refused.value.what


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("move", [1, 2])
def test_cut_off_between_files_and_lock_nothing_counts_and_repeating_ends_it(
    root, make_settings, monkeypatch, move
):
    left, real = [move], Path.replace

    def dying(path: Path, target: Path) -> Path:
        left[0] -= 1
        if not left[0]:
            raise Killed
        return real(path, target)

    before = (root / "data.lock").read_bytes()
    with monkeypatch.context() as patched, suppress(Killed):
        patched.setattr(Path, "replace", dying)
        add(root, make_settings)
    assert (root / "data.lock").read_bytes() == before
    add(root, make_settings)
    lock = data.read_lock(root / "data.lock")
    assert (lock.rows, lock.files[-1].key) == (440, "batch=3/part-0.parquet")


def test_a_lock_that_moves_meanwhile_is_not_written_over(root, make_settings, monkeypatch):
    real, path = adding.judged, root / "data.lock"

    def meanwhile(*words):
        told = real(*words)
        path.write_text(path.read_text() + "\n")
        return told

    monkeypatch.setattr(adding, "judged", meanwhile)
    with pytest.raises(DataRefused, match="E201") as refused:
        add(root, make_settings)
    assert "has changed while" in refused.value.what
    assert not (root / "data/adult/batch=3").exists()


def test_what_a_killed_run_left_goes_and_what_a_living_one_holds_stays(root, make_settings):
    for name in ("data-add-dead", "new-data-dead"):
        (root / "build" / name / "out").mkdir(parents=True)
        (root / "build" / name / "out/part-0.parquet").write_bytes(b"gigabytes")
    add(root, make_settings, dry=True)
    assert list((root / "build").iterdir()) == []
    with beside.folder(root, "new-data-") as living:
        add(root, make_settings, dry=True)
        assert list((root / "build").iterdir()) == [living]


def test_of_two_at_once_one_is_told_to_repeat_and_no_row_is_lost(root, make_settings, monkeypatch):
    (root / "other.csv").write_text(csv(7000, 30))
    both, real, told = threading.Barrier(2), (adding.judged, Path.replace), []

    def judged_together(*words):
        found = real[0](*words)
        both.wait(60)
        return found

    def slow(path: Path, target: Path) -> Path:
        time.sleep(0.5)
        return real[1](path, target)

    def one(source: str) -> None:
        try:
            told.append(add(root, make_settings, str(root / source))[0]["rows"]["added"])
        except DataRefused as refused:
            told.append(refused)

    with monkeypatch.context() as patched:
        patched.setattr(adding, "judged", judged_together)
        patched.setattr(Path, "replace", slow)
        threads = [threading.Thread(target=one, args=(name,)) for name in ("rows.csv", "other.csv")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    (rows,), (refused,) = ([each for each in told if isinstance(each, kind)] for kind in (int, DataRefused))
    assert (refused.code, "data.lock has changed" in refused.what) == ("E201", True)
    lock = data.read_lock(root / "data.lock")
    assert lock.rows == 400 + rows
    data.check(lock, root, make_run(make_settings()).story)
    add(root, make_settings, str(root / ("other.csv" if rows == 40 else "rows.csv")))
    assert data.read_lock(root / "data.lock").rows == 470


def test_a_file_that_comes_to_lie_there_meanwhile_is_not_written_over(root, make_settings, monkeypatch):
    real, place = adding.judged, root / "data/adult/batch=3/part-0.parquet"

    def meanwhile(*words):
        told = real(*words)
        place.parent.mkdir()
        place.write_bytes(b"somebody's own")
        return told

    monkeypatch.setattr(adding, "judged", meanwhile)
    before = (root / "data.lock").read_bytes()
    with pytest.raises(DataRefused, match="E201") as refused:
        add(root, make_settings)
    assert refused.value.where == str(place)
    assert (place.read_bytes(), (root / "data.lock").read_bytes()) == (b"somebody's own", before)


@pytest.mark.parametrize("terminal", [True, False])
def test_an_escape_in_a_key_is_shown_and_not_obeyed(root, make_settings, terminal):
    evil = "drop/a\x1b]0;owned\x07\x1b[2J.csv"
    run, screen = make_run(make_settings(**CHANGES), s3=on_s3({evil: csv(5000).encode()})), io.StringIO()
    run.story.console = Console(file=screen, width=120, force_terminal=terminal, color_system=None)
    uri = f"s3://theirs/{evil}"
    run.story.say(f"data add {uri}")
    with run.story.shown():
        adding.add(run, [uri], root=root)
    assert "a\\x1b]0;owned\\x07\\x1b[2J.csv" in screen.getvalue().replace("\n", "")
    assert not any(mark in screen.getvalue() for mark in ("\x1b]", "\x1b[2J", "\x07"))


KILLED = """
import sys
from pathlib import Path
from doubles.aws import make_run
from tests.conftest import make_settings
from sagemaker_gitops import adding
adding.add(make_run(make_settings(**{!r})), ["rows.csv"], root=Path())
"""


SLOW = pytest.mark.slow


@pytest.mark.parametrize("seconds", [0.8, pytest.param(2.0, marks=SLOW), 3.5, pytest.param(5.0, marks=SLOW)])
def test_killed_at_any_time_the_tree_is_as_before_or_whole(root, make_settings, seconds):
    paths = os.pathsep.join(str(path) for path in (PROJECT.parent / "gitops", PROJECT))
    environment = os.environ | {"PYTHONPATH": paths}
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED.format(CHANGES)], cwd=root, env=environment, start_new_session=True
    )
    time.sleep(seconds)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    lock = data.read_lock(root / "data.lock")
    assert lock.rows in (400, 440)
    data.check(lock, root, make_run(make_settings()).story)
    with suppress(DataRefused):  # E206, where it had ended
        add(root, make_settings)
    assert data.read_lock(root / "data.lock").rows == 440
    assert list((root / "build").iterdir()) == []


def told(**changes) -> dict:
    column = {
        "name": "native_country", "type": "string", "missing": {"before": 0.018, "new": 0.02}, "psi": 0.4,
        "chance": 0.01, "mean": None, "categories": 41, "new_categories": 2, "new_share": 0.25,
        "top": {"before": 0.9, "new": 0.7},
    }  # fmt: skip
    number = {"mean": {"before": 189_778.4, "new": 1.5}, "psi": 0.0, "new_share": None, "top": None}
    number |= {"name": "capital_gain_of_a_year", "missing": {"before": 0, "new": 0}}
    number |= dict.fromkeys(("categories", "new_categories"))
    return {
        "rows": {"before": 1000, "added": 10, "after": 1010}, "splits": {"train": 700}, "warnings": [],
        "schema": {"columns": 3, "added": ["c"], "removed": [], "retyped": []},
        "columns": [column | number, column],
        "files": [{"key": "batch=3/part-0.parquet", "size": 10}],
    } | changes  # fmt: skip


@pytest.mark.parametrize("terminal", [True, False])
def test_what_changed_fits_a_terminal_and_the_most_moved_column_stands_first(terminal):
    screen = io.StringIO()
    console = Console(file=screen, width=80, force_terminal=terminal, color_system=None, soft_wrap=True)
    added.show(console, told())
    lines = screen.getvalue().splitlines()
    assert "rows    1,000 + 10 = 1,010" in lines[0]
    assert "added c" in lines[1]
    shown = [line for line in lines if "native" in line or "capital" in line]
    assert [("native" in line, "0.40 much" in line) for line in shown] == [(True, True), (False, False)]
    assert "41, 2 new: 25.0%" in shown[0]
    assert "189,778→1.5" in shown[1]
    assert all(len(line) <= 80 for line in lines) or not terminal


@pytest.mark.parametrize(
    ("tracked", "size", "words"),
    [(2, 10, "git add data.lock data/adult/batch=3"), (1, 10, "data push"), (2, 60 << 20, "data push")],
)
def test_the_next_step_is_where_git_or_the_bucket_keeps_the_data(root, monkeypatch, tracked, size, words):
    monkeypatch.setattr(data, "tracked", lambda *_: set(range(tracked)))
    new = told(files=[{"key": "batch=3/part-0.parquet", "size": size}])
    assert words in added.following(data.read_lock(root / "data.lock"), "data.lock", root, new)[0]


def test_the_next_step_can_be_pasted_whatever_the_names_hold(root, monkeypatch):
    monkeypatch.setattr(data, "tracked", lambda *_: {1, 2})
    new = told(files=[{"key": "city=New York;rm/part-0.parquet", "size": 10}])
    (line,) = added.following(data.read_lock(root / "data.lock"), "locks/my data.lock", root, new)
    words = shlex.split(line)
    assert words[3:5] == ["locks/my data.lock", "data/adult/city=New York;rm/part-0.parquet"]
    monkeypatch.setattr(data, "tracked", lambda *_: set())
    assert (
        "'locks/my data.lock'"
        in added.following(data.read_lock(root / "data.lock"), "locks/my data.lock", root, new)[1]
    )


def test_the_command_that_locks_an_edited_file_can_be_pasted(root, make_settings):
    path, place = root / "data.lock", root / "data/adult/city=New York;rm"
    (root / "data/adult/batch=1").rename(place)
    path.write_text(path.read_text().replace("batch=1/", "city=New York;rm/").replace('"id"', '"my id"'))
    (place / "part-0.parquet").write_bytes(b"edited")
    with pytest.raises(DataRefused, match="E201") as refused:
        data.check(data.read_lock(path), root, make_run(make_settings()).story)
    assert "rm 'data/adult/city=New York;rm/part-0.parquet'; or" in refused.value.todo
    assert refused.value.todo.endswith("--key 'my id'")


@pytest.mark.parametrize("key", ["/etc/evil", "../../evil", "a/./b"])
def test_a_lock_that_names_a_file_outside_of_the_data_is_refused(root, make_settings, key):
    path = root / "data.lock"
    path.write_text(path.read_text().replace("batch=1/part-0.parquet", key))
    with pytest.raises(SettingsError, match="E502") as refused:
        add(root, make_settings)
    assert repr(key) in refused.value.why
