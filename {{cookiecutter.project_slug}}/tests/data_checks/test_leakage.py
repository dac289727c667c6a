"""A feature that is the label under another name is found, and what only knows a lot about it is not."""

from __future__ import annotations

import pytest

from data_checks.contract import Column, no_target_leakage
from tests.data_checks.makers import COLUMNS, ROWS, TABLE

# As the makers' table, but for the city: there it is the label in other words.
PLAIN = f"SELECT * REPLACE (['bern', 'oslo', 'rome'][1 + id // 7 % 3] AS city) FROM ({TABLE})"
COPIES = [
    pytest.param("string", "bought", id="word for word"),
    pytest.param("string", "if(bought = 'yes', 'x', NULL)", id="a value where it is positive, else null"),
    pytest.param("boolean", "bought = 'yes'", id="as a boolean"),
    pytest.param("integer", "if(bought = 'yes', 3, 7)::BIGINT", id="as a code"),
    pytest.param("number", "if(bought = 'yes', 1, 0) + id / 1000.0", id="as a score that never repeats"),
    pytest.param("number", "if(bought = 'yes', NULL, id)::DOUBLE", id="by what is missing"),
    pytest.param("number", "if(bought = 'yes' OR id = 7, 1, 0)::DOUBLE", id="but for one row"),
]
HONEST = [
    pytest.param("string", "'r' || id", id="a word that never repeats"),
    pytest.param("string", "'r' || (id // 2)", id="a word that stands twice"),
    pytest.param("number", "(id * 7919 % 300)::DOUBLE", id="a number that never repeats"),
    pytest.param("integer", "1::BIGINT", id="always the same"),
    pytest.param("string", "NULL::VARCHAR", id="nothing"),
    pytest.param("number", "if(bought = 'yes' OR id % 7 = 0, 1, 0)::DOUBLE", id="right for six of seven"),
]


@pytest.fixture
def with_extra(world, judged):
    """Return a function: judge the table with one more column, of this type and SQL."""

    world.table = PLAIN

    def judge(kind, sql, **allowed):
        world.columns = (*COLUMNS, Column("extra", kind, nullable=True))
        world.expectations = (no_target_leakage(**allowed),)
        world.table = f"SELECT *, {sql} AS extra FROM ({world.table})"
        return judged()

    return judge


@pytest.mark.parametrize(("kind", "sql"), COPIES)
def test_a_copy_of_the_label_is_refused_by_name(with_extra, world, kind, sql):
    assert with_extra(kind, sql) == [("E211", "extra")]
    (reason,) = world.report()["verdict"]["reasons"]
    assert reason["message"].startswith("Column extra alone tells ")
    assert reason["message"].endswith("%; at most 95.0% of the label is allowed.")
    assert world.report()["splits"] == {"train": 0, "validation": 0, "test": 0}


@pytest.mark.parametrize(("kind", "sql"), HONEST)
def test_what_knows_the_label_by_heart_or_a_little_is_no_copy(with_extra, world, kind, sql):
    assert with_extra(kind, sql) == []
    measured = {entry["column"]: entry["measured"] for entry in told(world)}
    assert measured["extra"] < 0.95
    assert set(measured) == {"age", "pay", "city", "member", "extra"}  # neither the key nor the label


def told(world):
    return [entry for entry in world.report()["expectations"] if entry["rule"] == "no_target_leakage"]


def test_a_rare_class_does_not_make_every_feature_a_copy(with_extra, world):
    world.table = f"SELECT * REPLACE (if(id % 20 = 0, 'yes', 'no') AS bought) FROM ({PLAIN})"
    assert with_extra("integer", "(id % 9)::BIGINT") == []
    assert len(told(world)) == 5
    assert {entry["success"] for entry in told(world)} == {True}


@pytest.mark.parametrize("kind", ["allowed by name", "under a higher bound", "not asked for"])
def test_a_column_that_honestly_knows_it_all_can_be_allowed(with_extra, world, judged, kind):
    changes = {"allowed by name": {"allowed": ("extra",)}, "under a higher bound": {"maximum": 1.0}}
    if kind == "not asked for":
        world.expectations = ()
        assert judged() == []
    else:
        assert with_extra("string", "bought", **changes[kind]) == []


def test_a_slice_that_the_model_never_sees_may_tell_what_it_likes(with_extra, world, monkeypatch):
    with_extra("string", "bought")
    assert world.run(monkeypatch, **{"slices-only": "extra"}) == 0
    assert world.reasons() == []


def test_allowing_a_column_that_is_no_feature_is_a_typo(world, monkeypatch):
    world.expectations = (no_target_leakage(allowed=("extar",)),)
    world.write()
    world.write_lock()
    assert world.run(monkeypatch) == 1
    words = "suite.py: no_target_leakage allows extar, which is no feature"
    assert world.message.read_text() == words + "\n"


@pytest.mark.parametrize(
    ("kind", "sql", "found"),
    [
        ("number", "pay * 1.19", ["extra"]),
        ("number", "-pay + id % 2", ["extra"]),
        ("string", "floor(pay / 20)::VARCHAR", ["extra"]),
        ("string", "'r' || id", []),
        ("number", "(id * 7919 % 300)::DOUBLE", []),
    ],
    ids=["with tax", "with noise", "in bands", "a word that never repeats", "a number at random"],
)
def test_a_regressions_label_is_told_by_what_follows_its_values(with_extra, world, judged, kind, sql, found):
    world.arguments |= {"label": "pay", "task": "regression"}
    assert with_extra(kind, sql) == [("E211", column) for column in found]
    assert len(told(world)) == len(COLUMNS) - 1  # key and label are out, extra is in


def test_rows_that_stand_in_two_splits_under_other_keys_are_found(judged, world):
    reasons = judged(f"INSERT INTO t SELECT id + {ROWS}, * EXCLUDE id FROM t WHERE id < 60")
    assert reasons == [("E210", None)]
    (reason,) = world.report()["verdict"]["reasons"]
    assert reason["count"] > 5
    assert len(reason["row_keys"]) == 3
    assert world.report()["splits"] == {"train": 0, "validation": 0, "test": 0}


@pytest.mark.parametrize(("kind", "sql", "refused"), [(*COPIES[0].values, True), (*HONEST[-1].values, False)])
def test_of_many_rows_some_tell_as_much_and_always_the_same_ones(
    with_extra, world, monkeypatch, kind, sql, refused
):
    assert bool(with_extra(kind, sql)) is refused
    whole, world.table = told(world), PLAIN
    monkeypatch.setattr("data_checks.files.SAMPLE", ROWS // 2)
    assert bool(with_extra(kind, sql)) is refused
    some, world.table = told(world), PLAIN
    assert some != whole  # measured on other rows
    with_extra(kind, sql)
    assert told(world) == some
