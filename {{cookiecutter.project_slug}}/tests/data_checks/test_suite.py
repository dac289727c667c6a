"""The suite as it stands, on the data as it is committed."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from data_checks import lock, suite, validate
from data_checks.contract import CODES

ROOT = Path(validate.__file__).parents[1]
SAMPLE = ROOT / "sample.lock"  # what is in git, whatever data.lock names by now
ARGUMENTS = ["--key", "row_id", "--label", "income", "--task", "binary", "--slices-only", "sex,race"]


@pytest.fixture
def adult(tmp_path, monkeypatch):
    """Return a job folder with the committed data and its lock."""
    committed = lock.read(SAMPLE)
    shutil.copytree(ROOT / committed.prefix, tmp_path / "processing/input/data")
    (tmp_path / "processing/input/lock").mkdir()
    shutil.copy(SAMPLE, tmp_path / "processing/input/lock/data.lock")
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    return tmp_path / "processing"


def test_the_committed_data_is_the_samples():
    committed = lock.read(SAMPLE)
    assert list(lock.problems(committed, ROOT / committed.prefix)) == []
    assert lock.make(ROOT / committed.prefix, committed.key, committed.prefix) == committed


def test_the_committed_data_is_accepted_and_split(adult):
    assert validate.main(ARGUMENTS) == 0
    report = json.loads((adult / "output/report/validation.json").read_text())
    assert report["verdict"] == {"accepted": True, "reasons": [], "warnings": []}
    assert report["rows"] == sum(report["splits"].values()) == 32_561
    assert sum(report["positives"].values()) == 7_841
    assert report["splits"]["train"] / 32_561 == pytest.approx(0.7, abs=0.01)


def test_a_column_that_is_lost_on_the_way_is_refused(adult):
    path = adult / "input/data/batch=1/part-0.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            f"CREATE TABLE t AS SELECT * EXCLUDE (age) FROM read_parquet('{path}', hive_partitioning=false)"
        )
        connection.execute(f"COPY t TO '{path}' (FORMAT parquet)")
    content = json.loads((adult / "input/lock/data.lock").read_text())
    content["files"][0] |= {"size": path.stat().st_size, "sha256": lock.sha256(path)}
    (adult / "input/lock/data.lock").write_text(json.dumps(content))
    assert validate.main(ARGUMENTS) == 0
    (reason,) = json.loads((adult / "output/report/validation.json").read_text())["verdict"]["reasons"]
    assert (reason["code"], reason["message"]) == ("E202", "Column age is missing in 1 of 4 files.")


def test_the_suite_declares_the_columns_of_the_lock():
    declared = [{"name": column.name, "type": column.type} for column in suite.COLUMNS]
    assert declared == list(lock.read(ROOT / "data.lock").schema)


def test_reading_a_suite_costs_no_import_of_the_engine():
    look = "import sys, data_checks.suite, data_checks.lock; print(*sys.modules)"
    imported = subprocess.check_output([sys.executable, "-c", look], cwd=ROOT, text=True).split()
    assert "data_checks.suite" in imported
    assert not {"duckdb", "great_expectations"} & {*imported}


def test_every_rule_of_the_suite_has_a_code_of_its_own():
    assert {rule.rule for rule in suite.EXPECTATIONS} <= set(CODES)
