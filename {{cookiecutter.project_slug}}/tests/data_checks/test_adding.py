"""New rows: what of a CSV or a Parquet file is taken, how it is told, and that no value is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from data_checks import files, lock
from data_checks.adding import __main__ as add
from data_checks.contract import Column
from tests.data_checks.makers import ARGUMENTS, as_words

NEW = """
    SELECT 1000 + i AS id, 20 + i % 50 AS age, (5000.5 + i)::DOUBLE AS pay,
           ['bern', 'oslo', 'rome'][1 + i % 3] AS city, i % 2 = 0 AS member,
           if(i % 3 = 0, 'yes', 'no') AS bought
    FROM range(90) AS rows(i)
"""
HEADER = "id,age,pay,city,member,bought"
GOOD = "1000,30,9.5,bern,true,no"


@pytest.fixture
def added(world, tmp_path, monkeypatch, capsys):
    """Return a function: add files to 300 rows in `batch=1`, and return what is told of it."""
    world.write()
    world.write_lock()

    def run(*sources: Path, name: str = "", code: int = 0) -> dict[str, Any]:
        monkeypatch.setattr("data_checks.suite.COLUMNS", world.columns)
        monkeypatch.setattr("data_checks.suite.EXPECTATIONS", world.expectations)
        out = tmp_path / f"out-{len(list(tmp_path.glob('out-*')))}"
        words = ["--lock", str(world.lock), "--held", str(world.data), "--out", str(out), "--name", name]
        assert add.main([*map(str, sources), *words, *as_words(ARGUMENTS)]) == code
        told = json.loads(capsys.readouterr().out) if not code else {}
        return told | {"out": out}

    return run


def written(path: Path, query: str = NEW, options: str = "") -> Path:
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({query}) TO {files.text(str(path))} {options}")
    return path


def text(path: Path, body: str | bytes) -> Path:
    path.write_bytes(body if isinstance(body, bytes) else body.encode())
    return path


def rows(told: dict[str, Any], key: str = "batch=2/part-0.parquet") -> list[Any]:
    with duckdb.connect() as connection:
        path = str(told["out"] / "data" / key)
        return connection.execute(
            f"FROM read_parquet({files.text(path)}, hive_partitioning = false) ORDER BY id"
        ).fetchall()


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_rows_become_the_next_batch_and_the_lock_names_all(added, tmp_path, world, form):
    told = added(written(tmp_path / f"new.{form}"))
    assert told["rows"] == {"before": 300, "added": 90, "after": 390}
    with duckdb.connect() as connection:
        assert rows(told) == connection.execute(f"{NEW} ORDER BY id").fetchall()
    after = lock.read(told["out"] / "data.lock")
    assert [file.key for file in after.files] == ["batch=1/part-0.parquet", "batch=2/part-0.parquet"]
    assert after.files[0] == lock.read(world.lock).files[0]
    assert after.rows == 390


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_the_same_source_makes_the_same_bytes(added, tmp_path, form):
    source = written(tmp_path / f"new.{form}")
    assert added(source)["files"] == added(source)["files"]


def test_a_folder_of_files_is_one_batch_in_the_order_of_their_names(added, tmp_path):
    folder = tmp_path / "drop"
    folder.mkdir()
    written(folder / "b.parquet", f"SELECT * FROM ({NEW}) WHERE id >= 1045")
    written(folder / "a.csv", f"SELECT * FROM ({NEW}) WHERE id < 1045")
    text(folder / "_SUCCESS", "")
    told = added(folder)
    assert [source["form"] for source in told["sources"]] == ["csv", "parquet"]
    assert [row[0] for row in rows(told)] == list(range(1000, 1090))


def test_what_a_spreadsheet_writes_is_read_as_the_suite_means_it(added, tmp_path):
    first = 'id;age;city; pay;member;bought\r\n1000; 30;"bern";"";TRUE;no\r\n'
    rest = "".join(
        f"{1000 + i};{30 + i % 30}.0;oslo;1e3;False;{'yes' if i % 3 else 'no'}\r\n" for i in range(1, 90)
    )
    told = added(text(tmp_path / "new.csv", b"\xef\xbb\xbf" + (first + rest).encode()))
    assert rows(told)[:2] == [(1000, 30, None, "bern", True, "no"), (1001, 31, 1000.0, "oslo", False, "yes")]


def test_whole_numbers_that_pandas_wrote_as_floats_are_integers_again(added, tmp_path):
    query = f"SELECT * REPLACE (age::DOUBLE AS age, id::UBIGINT AS id) FROM ({NEW})"
    assert rows(added(written(tmp_path / "new.parquet", query)))[0][:2] == (1000, 20)


REFUSED = [
    (f"{HEADER}\n{GOOD}\n1001,x77secret,1,bern,true,no\n", "E202", "row 2 of new.csv, not counting the head"),
    (f"{HEADER}\n1001,1.5,1,bern,true,no\n", "E202", "age is no integer in row 1"),
    (f"{HEADER}\n1001,1_0,1,bern,true,no\n", "E202", "age is no integer in row 1"),
    (f"{HEADER}\n1001,0x1F,1,bern,true,no\n", "E202", "age is no integer in row 1"),
    (f"{HEADER}\n1001,1,1,bern,maybe77secret,no\n", "E202", "member is no boolean in row 1"),
    (f"{HEADER}\n1001,1,inf,bern,true,no\n", "E202", "pay is no number in row 1"),
    (HEADER.replace(",", ";") + "\n1001;30;1,77;bern;true;no\n", "E202", "1 with a comma: write"),
    (f"{HEADER}\n{GOOD}\n1001,30\n", "E201", "has 2 fields in line 3, its header 6"),
    (f"{HEADER}\n{GOOD},77secret\n", "E201", "has 7 fields in line 2, its header 6"),
    (f'{HEADER}\n1001,30,1,"bern77secret,true,no\n{GOOD}\n', "E201", "quotation mark in line 2 that is not"),
    (f"{HEADER}\n{GOOD}\n".encode() + b"1001,30,1,b\xe9rn,true,no\n", "E201", "is not UTF-8 in line 3"),
    (f"{HEADER}\n{GOOD}\n".encode("utf-16"), "E201", "is UTF-16"),
    (f"{HEADER}\n{GOOD}\n\0\n", "E201", "line 3 holds a zero byte"),
    (f"{HEADER}\n{GOOD}\n1,{'9' * (3 << 20)}\n", "E201", "line 3 is longer than 1 MiB"),
    (f'{HEADER}\n1,2,3,"' + "a\n" * (1 << 20) + '",true,no\n', "E201", "longer than 1 MiB, or a quo"),
    ("<!DOCTYPE html><html>77secret</html>", "E201", "is a page (HTML or XML)"),
    ('{"id": 77}', "E201", "is JSON"),
    (b"PK\x03\x04 77secret", "E201", "a spreadsheet (zip, xlsx)"),
    (b"\x1f\x8b 77secret", "E201", "is compressed (gzip)"),
    (b"PAR1 77secret", "E201", "is not a whole Parquet file"),
    (b"", "E201", "is empty"),
    (f"{HEADER}\n", "E201", "holds no rows"),
    ("77secret,30,9.5,bern,true,no\n", "E202", "has no header"),
    ("id,77secret,78secret,79secret\n", "E202", "3 of its 4 columns are not in the suite"),
    (f"{HEADER},extra\n{GOOD},1\n", "E202", "Column extra is in 1 of 1 files but not in the suite"),
    ("id,age,pay,city,member\n1,2,3,bern,true\n", "E202", "Column bought is missing"),
    (f"{HEADER},age\n{GOOD},1\n", "E202", "two columns age"),
    (f"{HEADER}\n1001,30,1,bern77secret,true,no\n", "E205", "Column city is outside its set in 1 row"),
    (f"{HEADER}\n1001,300,1,bern,true,no\n", "E204", "In the new rows: Column age"),
    (f"{HEADER}\n1001,,1,bern,true,no\n", "E203", "Column age has no value in 1 row"),
    (f"{HEADER}\n{GOOD}\n{GOOD}\n", "E206", "In the new rows: Column id is not unique"),
    (f"{HEADER}\n5,30,9.5,bern,true,no\n{GOOD}\n", "E206", "1 of 2 rows have a id that is in the"),
    (f"{HEADER}\n5,30,9.5,bern,true,no\n", "E206", "that is in the data already: nothing is new"),
    (f"{HEADER}\n1001,10,5,bern,true,no\n", "E208", "pay of a child"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "code", "words"), REFUSED, ids=[case[2][:40] for case in REFUSED])
def test_a_source_that_is_not_as_it_must_be_is_refused_without_its_values(added, tmp_path, body, code, words):
    told = added(text(tmp_path / "new.csv", body))
    first = told["reasons"][0]
    assert (told["accepted"], first["code"]) == (False, code)
    assert words in first["message"]
    assert "secret" not in json.dumps(told["reasons"])
    assert "77" not in json.dumps(told["reasons"])


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize(
    "value", ["=cmd()", "@hello", "+HYPERLINK(1)", "-(x) f(y)", "<img src=x>", "a <b> c", "-2+3|cmd"]
)
def test_a_formula_or_markup_in_an_open_text_is_taken_and_told(added, tmp_path, world, value, form):
    world.columns = (*world.columns[:3], Column("city", "string"), *world.columns[4:])
    new = f"SELECT * REPLACE (if(id IN (1001, 1007), {files.text(value)}, city) AS city) FROM ({NEW})"
    told = added(written(tmp_path / f"new.{form}", new))
    assert told["accepted"], told["reasons"]
    assert [row[3] for row in rows(told) if row[0] in (1001, 1007)] == [value, value]
    (warning,) = told["warnings"]
    header = ", not counting the header" if form == "csv" else ""
    place = f"in 2 rows, the first: 2, 8 of new.{form}{header}: taken as it is."
    assert (warning["code"], warning["count"]) == ("E205", 2)
    assert warning["message"] == f"Column city holds a formula or markup {place}"
    assert value not in json.dumps({**told, "out": ""})


@pytest.mark.parametrize("value", ["<=50K", "-", "-5", "+41 79", "a = b", "x@y", "3 < 4 > 2"])
def test_a_text_that_only_looks_a_little_like_one_is_no_warning(added, tmp_path, world, value):
    world.columns = (*world.columns[:3], Column("city", "string"), *world.columns[4:])
    told = added(text(tmp_path / "new.csv", f"{HEADER}\n1000,30,9999,{value},true,no\n"))
    assert (told["accepted"], told["warnings"]) == (True, [])


PATTERNS = ["b*", "b?", "b[12]", "[b]1", "b**"]  # what DuckDB takes for more names than one


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_source_whose_name_is_a_pattern_is_that_file_alone(added, tmp_path, form, name):
    drop = tmp_path / "drop"
    drop.mkdir()
    for other in ("b1", "b2"):
        written(drop / f"{other}.{form}", f"SELECT * REPLACE (id + 5000 AS id) FROM ({NEW})")
    told = added(written(drop / f"{name}.{form}"))
    assert told["rows"]["added"] == 90
    assert [row[0] for row in rows(told)] == list(range(1000, 1090))


@pytest.mark.parametrize("name", PATTERNS)
def test_a_locked_key_that_is_a_pattern_is_that_file_alone(world, monkeypatch, name):
    world.write("DELETE FROM t WHERE id >= 150", name=f"{name}.parquet")
    world.write("DELETE FROM t WHERE id < 150", name="b1.parquet")
    world.write_lock()
    assert world.run(monkeypatch) == 0
    assert (world.reasons(), sum(world.report()["splits"].values())) == ([], 300)


def test_a_csv_of_long_texts_is_taken_in_the_memory_there_is(added, tmp_path, world):
    world.columns = (*world.columns[:3], Column("city", "string"), *world.columns[4:])
    world.expectations = ()
    of_many = NEW.replace("range(90)", "range(140_000)")
    new = f"SELECT * REPLACE (repeat(md5(id::VARCHAR), 80) AS city) FROM ({of_many})"
    told = added(written(tmp_path / "new.csv", new))
    assert told["rows"]["added"] == 140_000


def test_numbers_that_would_lose_something_are_refused(added, tmp_path):
    query = f"SELECT * REPLACE (age + 0.5 AS age) FROM ({NEW})"
    told = added(written(tmp_path / "new.parquet", query.replace("age + 0.5", "(age + 0.5)::DOUBLE")))
    assert (
        "age is no integer without loss in 90 rows, the first: 1, 2, 3 of new.parquet."
        in told["reasons"][0]["message"]
    )


SHEETS = [
    ("rows.xlsx", b"PK\x03\x04 77secret", "rows.xlsx is a spreadsheet: save it as CSV."),
    ("rows.ODS", b"PK\x03\x04 77secret", "rows.ODS is a spreadsheet: save it as CSV."),
    ("rows.xls", b"\xd0\xcf\x11\xe0 77secret", "rows.xls is an old spreadsheet (xls): save it as CSV."),
    (
        "rows.zip",
        b"PK\x03\x04 77secret",
        "is an archive or a spreadsheet (zip, xlsx): unpack it, or save it as",
    ),
    ("rows.xlsx", b"77secret\n1\n", "rows.xlsx is named as a spreadsheet and is none: save it as CSV."),
]


@pytest.mark.parametrize(("name", "body", "words"), SHEETS, ids=[case[2] for case in SHEETS])
def test_a_spreadsheet_is_refused_with_what_to_do(added, tmp_path, name, body, words):
    (reason,) = added(text(tmp_path / name, body))["reasons"]
    assert reason["code"] == "E201"
    assert words in reason["message"]


def test_a_csv_that_is_only_named_as_a_spreadsheet_is_taken(added, tmp_path):
    assert added(written(tmp_path / "new.xls", options="(FORMAT csv)"))["rows"]["added"] == 90


def test_the_table_that_would_be_is_judged_as_a_release_judges_it(added, tmp_path):
    told = added(written(tmp_path / "new.csv", f"SELECT * REPLACE (120 AS age) FROM ({NEW})"))
    assert told["reasons"][0]["code"] == "E207"
    assert told["reasons"][0]["message"].startswith("With the new rows: The mean of column age")


def test_a_batch_may_be_named_and_an_existing_one_is_not_written_into(added, tmp_path):
    source = written(tmp_path / "new.csv")
    assert added(source, name="batch=7")["files"][0]["key"] == "batch=7/part-0.parquet"
    for name, words in (
        ("batch=1", "in data.lock already"),
        ("../x", "not a path below"),
        ("age=5", "age is a column of the suite"),
    ):
        told = added(source, name=name)
        assert (told["reasons"][0]["code"], words in told["reasons"][0]["message"]) == ("E201", True)


def test_a_file_that_lies_there_is_written_over_only_with_its_own_bytes(added, tmp_path, world):
    source = written(tmp_path / "new.csv")
    told = added(source)
    place = world.data / "batch=2" / "part-0.parquet"
    place.parent.mkdir()
    place.write_bytes((told["out"] / "data/batch=2/part-0.parquet").read_bytes())
    assert added(source)["files"][0]["key"] == "batch=2/part-0.parquet"
    place.write_bytes(b"somebody's own")
    assert added(source)["files"][0]["key"] == "batch=2/part-1.parquet"


def test_rows_go_into_the_folders_of_a_column_that_is_laid_out_so(added, tmp_path, world):
    place = world.data / "batch=1" / "part-0.parquet"
    held = f"read_parquet({files.text(str(place))}, hive_partitioning = false)"
    for city in ("bern", "oslo", "rome"):
        path = world.data / f"city={city}" / "part-0.parquet"
        path.parent.mkdir()
        written(path, f"SELECT * EXCLUDE (city) FROM {held} WHERE city = '{city}'")
    place.unlink()
    world.write_lock()
    told = added(written(tmp_path / "new.csv"))
    assert told["accepted"], told["reasons"]
    keys = [f"city={city}/part-1.parquet" for city in ("bern", "oslo", "rome")]
    assert [file["key"] for file in told["files"]] == keys
    assert len(rows(told, keys[0])) == 30


def test_what_changed_is_told_in_shares_and_counts(added, tmp_path, world):
    world.columns = (*world.columns[:3], Column("city", "string"), *world.columns[4:])
    changed = "if(id % 9 = 0, 'elbonia', city) AS city, NULL::DOUBLE AS pay, age + 5 AS age"
    told = added(written(tmp_path / "new.csv", f"SELECT * REPLACE ({changed}) FROM ({NEW})"))
    by_name = {column["name"]: column for column in told["columns"]}
    assert "id" not in by_name
    assert by_name["pay"]["missing"] == {"before": 0.0, "new": 1.0}
    assert by_name["pay"]["psi"] > 1 > by_name["member"]["psi"]
    assert by_name["age"]["mean"]["new"] > by_name["age"]["mean"]["before"] + 2
    assert (by_name["city"]["categories"], by_name["city"]["new_categories"]) == (3, 1)
    assert by_name["city"]["new_share"] == pytest.approx(10 / 90)
    assert not {"elbonia", "bern", "oslo", "rome"} & set(
        json.dumps(told["columns"]).replace('"', " ").split()
    )


def test_long_texts_of_one_folder_alone_make_small_row_groups_there(added, tmp_path, world, monkeypatch):
    world.columns = (*world.columns, Column("note", "string"))
    world.table = f"SELECT *, 'short' AS note FROM ({world.table})"
    for city in ("bern", "oslo", "rome"):
        drop = (f"DELETE FROM t WHERE city <> '{city}'", "ALTER TABLE t DROP city")
        world.write(*drop, name=f"city={city}/part-0.parquet")
    (world.data / "batch=1/part-0.parquet").unlink()
    world.write_lock()
    monkeypatch.setattr(files, "GROUP_ROWS", 30)
    monkeypatch.setattr(files, "GROUP_BYTES", 30 * 500)
    seen, real = {}, files.copy

    def copy(connection, query, path, long):
        seen[path.name] = long
        real(connection, query, path, False)

    monkeypatch.setattr(files, "copy", copy)
    long = f"SELECT *, if(city = 'bern', repeat('x', 1000), 'short') AS note FROM ({NEW})"
    added(written(tmp_path / "new.parquet", long))
    assert [seen[f"group-{number}.parquet"] for number in range(3)] == [True, False, False]


def test_a_file_that_cannot_be_read_again_says_why(added, tmp_path, monkeypatch, capsys):
    def unreadable(*_):
        raise files.UnreadableError("holds 900 MiB: write smaller row groups")

    monkeypatch.setattr(add, "extended", unreadable)
    added(written(tmp_path / "new.csv"), code=1)
    assert capsys.readouterr().err.strip().endswith("holds 900 MiB: write smaller row groups")


def test_where_nothing_can_be_judged_it_says_so(added, tmp_path, world, capsys):
    world.lock.write_text("{}")
    added(written(tmp_path / "new.csv"), code=1)
    assert "schema_version is not 1" in capsys.readouterr().err
