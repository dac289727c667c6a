"""Data is written by others: whatever it holds, it is judged in bounded memory and told in harmless words."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from data_checks import files, lock, validate
from data_checks.contract import CODES, Column
from tests.data_checks.makers import ARGUMENTS, COLUMNS, World

MOST_BYTES = 1 << 30  # of memory that a job may hold: data of any size is streamed
PROJECT = Path(validate.__file__).parents[1]
JOB = """
import re, sys
from data_checks import suite, validate
from tests.data_checks import makers
suite.COLUMNS, suite.EXPECTATIONS = makers.COLUMNS, makers.EXPECTATIONS
code = validate.main(sys.argv[1:])
told = open("/proc/self/status").read()
print("peak", int(re.search(r"VmHWM:\\s+(\\d+) kB", told)[1]) * 1024)
sys.exit(code)
"""
PRINTABLE = re.compile(r"[ -~–…☃é]*")


def put(world: World, name: str, column: pa.Array) -> Path:
    """Write the world's table with one column replaced or added."""
    path = world.write()
    table = pq.ParquetFile(path).read()
    at = table.schema.get_field_index(name)
    table = table.append_column(name, column) if at < 0 else table.set_column(at, name, column)
    pq.write_table(table, path)
    return path


def ten_thousand_times_the_rows(world: World) -> None:
    world.table = world.table.replace("range(300)", "range(3_000_000)")
    world.write()


def ten_thousand_columns(world: World) -> None:
    added = ", ".join(f"1 AS c{n}" for n in range(10_000))
    world.table = f"SELECT *, {added} FROM ({world.table})"
    world.write()


def one_value_of_600_mb(world: World) -> None:
    world.table = (
        f"SELECT * REPLACE (if(id = 7, repeat('x', 600_000_000), city) AS city) FROM ({world.table})"
    )
    world.write()


def a_small_file_of_200_gb(world: World) -> None:
    """Two million times the same text of 100 kB: Parquet writes it once."""
    again = pa.DictionaryArray.from_arrays(pa.array([0] * 2_000_000, pa.int32()), pa.array(["x" * 100_000]))
    world.table = world.table.replace("range(300)", "range(2_000_000)")
    path = put(world, "city", again)
    assert path.stat().st_size < 40_000_000


SLOW = pytest.mark.slow


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from Linux's /proc")
@pytest.mark.parametrize(
    ("make", "codes"),
    [
        pytest.param(ten_thousand_times_the_rows, {"E207"}, id="ten thousand times the rows", marks=SLOW),
        pytest.param(ten_thousand_columns, {"E202"}, id="10,000 columns"),
        pytest.param(one_value_of_600_mb, {"E201"}, id="a value of 600 MB"),
        pytest.param(a_small_file_of_200_gb, {"E205"}, id="a bomb in Parquet's own terms", marks=SLOW),
    ],
)
def test_a_file_too_large_for_anyone_is_refused_in_bounded_memory(world, make, codes):
    make(world)
    world.write_lock()
    arguments = [word for name, value in ARGUMENTS.items() for word in (f"--{name}", value)]
    done = subprocess.run(
        [sys.executable, "-c", JOB, *arguments], cwd=PROJECT, capture_output=True, text=True, timeout=300,
        env=os.environ | {"SAGEMAKER_BASE_DIR": str(world.base)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert codes <= {code for code, _ in world.reasons()}
    assert int(done.stdout.split("peak ")[1]) < MOST_BYTES
    assert len(json.dumps(world.report())) < 1_000_000


def test_so_many_columns_are_counted_and_the_first_are_named(world, monkeypatch):
    world.write(*(f"ALTER TABLE t ADD COLUMN c{n} INTEGER" for n in range(30)))
    world.write_lock()
    world.run(monkeypatch)
    (reason,) = world.report()["verdict"]["reasons"]
    told = "30 columns are in some file but not in the suite, the first: c0, c1, c10."
    assert (reason["code"], reason["message"]) == ("E202", told)


@pytest.mark.parametrize("error", [MemoryError(), duckdb.OutOfMemoryException("7 rows")])
def test_without_enough_memory_the_job_says_what_to_do(world, monkeypatch, error):
    def full(*_):
        raise error

    world.write()
    world.write_lock()
    monkeypatch.setattr("data_checks.engine.judge", full)
    assert world.run(monkeypatch) == 1
    assert world.message.read_text() == validate.NO_MEMORY + "\n"


ENCODINGS = [
    pytest.param("age", pa.array(["1,5"] * 300), ("E202", "age"), id="decimal commas"),
    pytest.param("age", pa.array(["20"] * 299 + ["n/a"]), ("E202", "age"), id="numbers and words"),
    pytest.param("city", pa.array(["oslo"] * 299 + ["oslo\r"]), ("E205", "city"), id="CRLF"),
    pytest.param("city", pa.array(["\ufeffoslo"] + ["oslo"] * 299), ("E205", "city"), id="a byte order mark"),
    pytest.param("\ufeffid", pa.array(range(300)), ("E202", "\\ufeffid"), id="one in the header"),
    pytest.param("city", pa.array([b"oslo"] * 300), ("E202", "city"), id="bytes"),
]


@pytest.mark.parametrize(("name", "column", "wanted"), ENCODINGS)
def test_what_a_spreadsheet_makes_of_a_table_is_refused_by_column(world, monkeypatch, name, column, wanted):
    put(world, name, column)
    world.write_lock()
    assert world.run(monkeypatch) == 0
    assert wanted in world.reasons()


def test_text_that_is_not_utf_8_is_refused_by_file(world, monkeypatch):
    texts = pa.array([b"oslo"] * 299 + [b"\xff\xfeo"])
    put(world, "city", pa.StringArray.from_buffers(300, texts.buffers()[1], texts.buffers()[2]))
    world.write_lock()
    assert world.run(monkeypatch) == 0
    assert world.reasons() == [("E201", None)]
    assert "batch=1/part-0.parquet cannot be read to its end." in str(world.report()["verdict"])


def test_a_csv_is_refused_when_it_is_locked_and_says_how_to_convert_it(tmp_path, capsys):
    (tmp_path / "people.csv").write_text("id;age\r\n1;2,5\r\n")
    assert lock.main([str(tmp_path), "--key", "id", "--lock", str(tmp_path / "data.lock")]) == 1
    told = capsys.readouterr().err
    assert f"{tmp_path} holds no Parquet files but 'people.csv': no other format is read" in told
    assert "COPY (FROM read_csv('a.csv')) TO 'a.parquet'" in told
    assert not (tmp_path / "data.lock").exists()


def test_a_csv_under_another_name_is_no_parquet_file(tmp_path, capsys):
    (tmp_path / "people.parquet").write_text("id,age\n" * 100)
    assert lock.main([str(tmp_path), "--key", "id", "--lock", str(tmp_path / "data.lock")]) == 1
    assert "people.parquet is not a whole Parquet file" in capsys.readouterr().err


@pytest.mark.parametrize("at", [5, 1000, -5], ids=["in the head", "in a page", "in the footer"])
def test_a_flipped_bit_is_refused_by_the_locked_sha256(world, monkeypatch, at):
    path = world.write()
    world.write_lock()
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    assert world.run(monkeypatch) == 0
    (reason,) = world.report()["verdict"]["reasons"]
    assert reason["code"] == "E201"
    assert reason["message"].endswith("has another sha256 than data.lock says.")


def test_the_order_of_the_columns_does_not_matter(world, monkeypatch):
    world.table = f"SELECT bought, member, city, pay, age, id FROM ({world.table})"
    world.write()
    world.write_lock()
    assert world.run(monkeypatch) == 0
    assert world.reasons() == []
    assert {row[-1] for row in world.split("train")} == {"no", "yes"}


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_next_to_no_rows_are_refused_with_a_reason(judged, rows):
    reasons = judged(f"DELETE FROM t WHERE id >= {rows}")
    assert (("E201", None) if rows == 0 else ("E207", None)) in reasons


NUMBERS = st.floats() | st.sampled_from([1e308, -1e308, 3.5e38, 5e-324, -0.0, math.nan, math.inf, 2.0**63])


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=NUMBERS, age=st.integers(-(2**63), 2**63 - 1))
@example(number=math.nan, age=30)
@example(number=1e308, age=30)
@example(number=0.0, age=-1)
def test_any_number_is_accepted_or_refused_by_its_bounds_and_never_a_traceback(tmp_path_factory, number, age):
    world = World(tmp_path_factory.mktemp("numbers"), expectations=())
    with pytest.MonkeyPatch.context() as patch:
        ages = pa.array([20 + n % 50 for n in range(299)] + [age], pa.int64())
        path = put(world, "age", ages)
        table = pq.ParquetFile(path).read()
        pays = pa.array([float(n) for n in range(299)] + [number], pa.float64())
        pq.write_table(table.set_column(2, "pay", pays), path)
        world.write_lock()
        assert world.run(patch) == 0
    wanted = set()
    if not 0 <= age <= 120:
        wanted.add(("E204", "age"))
    if not abs(number) < 3.4028235e38:  # what the model could not take either
        wanted.add(("E204", "pay"))
    assert set(world.reasons()) == wanted


def test_a_date_is_no_number_whatever_year_it_is(judged):
    assert judged("ALTER TABLE t ALTER age TYPE DATE USING DATE '2999-01-01'") == [("E202", "age")]


HOSTILE = [
    "=cmd()", "=HYPERLINK(\"http://evil\")", "@SUM(1)", "<script>alert(1)</script>", "../../etc/passwd",
    "$(rm -rf .)", "a\x1b[31mb", "a\nb", "a\x00b", "'; DROP TABLE data; --", "{{7*7}}", "::error::x",
    "x" * 5000, "\u202eevil",
]  # fmt: skip
TEXTS = st.sampled_from(HOSTILE) | st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)


KEYS = [text for text in HOSTILE if "\x00" not in text]  # DuckDB's SQL takes no NUL
NAMES = {column.name for column in COLUMNS}


def harmless(text: str) -> bool:
    """Return whether a terminal and a log stay whole: one line, no escapes, no books."""
    return text.isprintable() and max(map(len, re.split(r"[ ,]", text))) <= 110


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=TEXTS.filter(lambda text: "\x00" not in text and text.lower() not in NAMES))
def test_a_columns_name_is_told_in_harmless_words(tmp_path_factory, name):
    world = World(tmp_path_factory.mktemp("names"))
    with pytest.MonkeyPatch.context() as patch:
        put(world, name, pa.array([1] * 300))
        world.write_lock()
        assert world.run(patch) == 0
    for reason in world.report()["verdict"]["reasons"]:
        assert reason["code"] == "E202"
        assert harmless(reason["message"])
        assert harmless(reason["column"] or "")


@pytest.mark.parametrize("key", KEYS, ids=[str(n) for n in range(len(KEYS))])
def test_a_rows_key_is_told_in_harmless_words(world, monkeypatch, key):
    world.columns = (Column("id", "string"), *COLUMNS[1:])
    world.write(
        "ALTER TABLE t ALTER id TYPE VARCHAR",
        f"UPDATE t SET id = {files.text(key)}, city = 'x' WHERE id = '7'",
    )
    world.write_lock()
    assert world.run(monkeypatch) == 0
    (reason,) = world.report()["verdict"]["reasons"]
    assert (reason["code"], len(reason["row_keys"])) == ("E205", 1)
    assert harmless(reason["row_keys"][0])


def test_a_category_that_is_markup_or_a_formula_is_a_word_like_any_other(world, monkeypatch):
    """In an open column all of them are accepted, and reach the splits byte for byte."""
    words = [HOSTILE[n % len(HOSTILE)] for n in range(300)]
    world.columns = (*COLUMNS[:3], Column("city", "string"), *COLUMNS[4:])
    put(world, "city", pa.array(words))
    world.write_lock()
    assert world.run(monkeypatch) == 0
    assert world.reasons() == []
    found = {row[3] for split in ("train", "validation", "test") for row in world.split(split)}
    assert found == set(HOSTILE)


@pytest.mark.parametrize(
    "path", ["../outside.parquet", "/etc/passwd", "a/../../b.parquet", "a\\b.parquet", "a\nb"]
)
def test_a_path_that_leads_out_of_the_data_ends_the_job(world, monkeypatch, path):
    world.write()
    world.write_lock()
    content = json.loads(world.lock.read_text())
    content["files"][0]["key"] = path
    world.lock.write_text(json.dumps(content))
    assert world.run(monkeypatch) == 1
    assert f"data.lock: key {path!r} is not a path below the data folder" in world.message.read_text()


def test_a_link_that_leads_out_of_the_data_is_refused(world, monkeypatch):
    path = world.write()
    world.write_lock()
    outside = world.base / "outside.parquet"
    path.rename(outside)
    path.symlink_to(outside)
    assert world.run(monkeypatch) == 0
    (reason,) = world.report()["verdict"]["reasons"]
    assert (reason["code"], reason["message"]) == (
        "E201",
        "batch=1/part-0.parquet leads out of the data folder.",
    )


def test_every_code_is_one_of_the_suites():
    assert set(CODES.values()) == {f"E2{n:02d}" for n in range(1, 13)}
