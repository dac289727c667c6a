"""The suite as it stands, on the data as it is committed."""

import json
import shutil
import subprocess
import sys
from math import sqrt

import duckdb
import pytest

from data_checks import files, lock, suite, validate
from tests.data_checks.makers import OWN, ROOT, as_words

SAMPLE = ROOT / "sample.lock"  # what is in git, whatever data.lock names by now
ARGUMENTS = as_words(OWN)


@pytest.fixture
def sample(tmp_path, monkeypatch):
    """Return a job folder with the committed data and its lock."""
    committed = lock.read(SAMPLE)
    shutil.copytree(ROOT / committed.prefix, tmp_path / "processing/input/data")
    (tmp_path / "processing/input/lock").mkdir()
    shutil.copy(SAMPLE, tmp_path / "processing/input/lock/data.lock")
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    return tmp_path / "processing"


def test_the_committed_data_is_the_samples():
    committed = lock.read(SAMPLE)
    again = f"python -m data_checks.lock FOLDER --key {OWN['key']} --lock sample.lock"
    assert list(lock.problems(committed, ROOT / committed.prefix)) == [], f"lock what git has: {again}"
    assert lock.make(ROOT / committed.prefix, committed.key, committed.prefix) == committed, again


def test_the_committed_data_is_accepted_and_split(sample):
    assert validate.main(ARGUMENTS) == 0
    report = json.loads((sample / "output/report/validation.json").read_text())
    assert report["verdict"]["reasons"] == []
    rows, share = lock.read(SAMPLE).rows, float(OWN["splits"].split(",")[0])
    assert report["rows"] == sum(report["splits"].values()) == rows
    chance = 5 * sqrt(share * (1 - share) / rows)  # a hash is a fair draw
    assert report["splits"]["train"] / rows == pytest.approx(share, abs=chance)


def test_a_column_that_is_lost_on_the_way_is_refused(sample):
    files_of = lock.read(SAMPLE).files
    path = sample / "input/data" / files_of[0].key
    lost = next(column for column in files.inspect(path).types if column != OWN["key"])
    with duckdb.connect() as connection:
        rows = f"read_parquet('{path}', hive_partitioning=false)"
        connection.execute(f"CREATE TABLE t AS SELECT * EXCLUDE ({files.name(lost)}) FROM {rows}")
        connection.execute(f"COPY t TO '{path}' (FORMAT parquet)")
    content = json.loads((sample / "input/lock/data.lock").read_text())
    content["files"][0] |= {"size": path.stat().st_size, "sha256": lock.sha256(path)}
    (sample / "input/lock/data.lock").write_text(json.dumps(content))
    assert validate.main(ARGUMENTS) == 0
    (reason,) = json.loads((sample / "output/report/validation.json").read_text())["verdict"]["reasons"]
    told = f"Column {lost} is missing in 1 of {len(files_of)} files."
    assert (reason["code"], reason["message"]) == ("E202", told)


def test_the_suite_declares_the_columns_of_the_lock():
    locked, declared = lock.read(ROOT / "data.lock"), {column.name: column.type for column in suite.COLUMNS}
    of_files = {item["name"]: item["type"] for item in locked.schema}
    of_folders = {name for file in locked.files for name in files.layout(file.key)} - of_files.keys()
    assert {name: kind for name, kind in declared.items() if name not in of_folders} == of_files


def test_reading_a_suite_costs_no_import_of_the_engine():
    look = "import sys, data_checks.suite, data_checks.lock; print(*sys.modules)"
    imported = subprocess.check_output([sys.executable, "-c", look], cwd=ROOT, text=True).split()
    assert "data_checks.suite" in imported
    assert not {"duckdb", "great_expectations"} & {*imported}
