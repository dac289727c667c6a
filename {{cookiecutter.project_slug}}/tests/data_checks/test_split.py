"""Which row goes where, and that it stays there."""

import hashlib

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_checks import files, lock
from data_checks.contract import Column
from data_checks.split import NAMES, SharesError, Splitter
from tests.data_checks.makers import COLUMNS, ROWS, TABLE, World


def keys(world, split):
    return {row[0] for row in world.split(split)}


def test_every_row_is_in_exactly_one_split(judged, world):
    judged()
    splits = [keys(world, split) for split in NAMES]
    assert sum(map(len, splits)) == len(set.union(*splits)) == ROWS


def test_a_row_goes_where_the_md5_of_its_key_says(judged, world):
    judged()
    expected = {key for key in range(ROWS) if hashlib.md5(str(key).encode()).hexdigest()[:8] < "b3333333"}
    assert keys(world, "train") == expected


def test_two_runs_write_the_same_bytes(tmp_path, monkeypatch):
    written = []
    for name in ("first", "second"):
        world = World(tmp_path / name)
        world.write()
        world.write_lock()
        world.run(monkeypatch)
        written.append([(world.output / split / "part-0.parquet").read_bytes() for split in NAMES])
    assert written[0] == written[1]


LONG = f"""
    SELECT * REPLACE (repeat(md5(id::VARCHAR), 80) AS city)
    FROM ({TABLE.replace(f"range({ROWS})", "range(200_000)")})
"""


def test_rows_of_long_texts_are_released_in_the_memory_there_is_as_the_same_bytes(tmp_path, monkeypatch):
    """2.5 kB in each of 200,000 rows: more than DuckDB may hold, in row groups of its own size."""
    columns = (*COLUMNS[:3], Column("city", "string"), *COLUMNS[4:])
    world = World(tmp_path, columns=columns, expectations=(), table=LONG)
    path = world.data / "part-0.parquet"
    path.parent.mkdir(parents=True)
    with duckdb.connect() as connection:
        place = files.text(str(path))
        connection.execute(f"COPY ({LONG}) TO {place} (FORMAT parquet, ROW_GROUP_SIZE 8192)")
    world.write_lock()
    written = []
    for _ in range(2):
        assert world.run(monkeypatch) == 0, world.message.read_text()
        assert sum(world.report()["splits"].values()) == 200_000
        written.append([lock.sha256(world.output / split / "part-0.parquet") for split in NAMES])
    assert written[0] == written[1]


def test_a_row_stays_in_its_split_when_data_is_added_and_files_change(judged, world, monkeypatch):
    judged("DELETE FROM t WHERE id >= 200")
    before = {split: keys(world, split) for split in NAMES}
    world.write("DELETE FROM t WHERE id >= 200", name="batch=1/part-0.parquet")
    world.write("DELETE FROM t WHERE id < 200", name="batch=2/part-0.parquet")
    world.write_lock()
    world.run(monkeypatch)
    assert all(before[split] <= keys(world, split) for split in NAMES)


def test_another_salt_gives_other_splits(judged, world, monkeypatch):
    judged()
    before = keys(world, "test")
    world.run(monkeypatch, **{"split-salt": "2"})
    assert keys(world, "test") != before


def test_rows_keep_the_order_of_the_data(judged, world):
    judged()
    drawn = [row[0] for row in world.split("train")]
    assert drawn == sorted(drawn)


def test_so_little_data_that_a_split_is_empty_is_refused(judged, world):
    world.expectations = ()
    assert ("E207", None) in judged("DELETE FROM t WHERE id >= 3")


def test_a_split_of_one_class_is_refused(judged, world):
    world.expectations = ()
    assert judged("UPDATE t SET bought = if(id = 0, 'yes', 'no')") == [("E209", "bought")]


def test_repeated_rows_are_tolerated_up_to_the_share_that_the_suite_names(judged, world):
    repeat = "INSERT INTO t SELECT id + 1000, * EXCLUDE id FROM t WHERE id < 10"
    assert judged(repeat) == [("E210", None)]
    (reason,) = world.report()["verdict"]["reasons"]
    assert 0 < reason["count"] <= 20
    assert len(reason["row_keys"]) == 3
    world.expectations = (
        *world.expectations[:-1],
        type(world.expectations[-1])("no_row_in_two_splits", None, {"maximum_share": 0.2}),
    )
    assert judged(repeat) == []


@settings(max_examples=50, deadline=None)
@given(st.floats(0.001, 0.997), st.floats(0.001, 0.997))
def test_shares_are_kept_exactly(train, validation):
    words = f"{train!r},{validation!r},{1 - train - validation!r}"
    if 1 - train - validation < 0.001:
        with pytest.raises(SharesError, match="expected three shares that make 1"):
            Splitter.parse("id", words)
    else:
        conditions = [Splitter.parse("id", words).condition(split) for split in NAMES]
        first, second = conditions[0][-9:-1], conditions[2][-9:-1]
        assert first < second
        assert abs(int(first, 16) / 16**8 - train) < 1e-9
        assert abs(int(second, 16) / 16**8 - train - validation) < 1e-9
        assert conditions[1].endswith(f">= '{first}' AND {conditions[0].partition(' <')[0]} < '{second}'")
