"""What moved since the champion was trained is measured against the statistics that its training left."""

from __future__ import annotations

import gzip
import json
import tarfile

import duckdb
import pytest

from data_checks.contract import Column, no_drift
from inference.contract import Contract
from tests.data_checks.makers import COLUMNS, TABLE, World
from training.archive import pack
from training.features import learn_features

ROWS = 3000
PLAIN = f"""
    SELECT * REPLACE (20 + id * 7919 % 50 AS age, if(id % 9 = 0, NULL, (id * 7717 % 1000)::DOUBLE) AS pay,
                      ['bern', 'oslo', 'rome'][1 + id * 31 % 7 % 3] AS city)
    FROM ({TABLE.replace("300", str(ROWS))})
"""
SEEN = [column for column in COLUMNS if column.name not in ("id", "bought")]


def model_json(table: str = PLAIN, columns=SEEN) -> dict:
    """Return model.json as training leaves it, of a table."""
    with duckdb.connect() as connection:
        rows = connection.execute(table).to_arrow_table()
    features = learn_features(rows, columns, max_categories=100)
    return Contract("binary", "bought", ("no", "yes"), features, release_id="r1").document()


def champion(world: World, document: dict | None = None, package: str | None = "arn:1") -> None:
    """Lay a champion out for the job, as the release does for evaluation."""
    folder = world.base / "processing" / "input" / "champion"
    folder.mkdir(parents=True)
    (folder / "champion.json").write_text(json.dumps({"package": package, "release_id": "r1"}))
    if package:
        content = json.dumps(document or model_json()).encode()
        pack({"model.json": content, "model.onnx": b"graph"}, folder / "model.tar.gz")


def psis(world: World) -> dict[str, float]:
    """Return what was measured, by column."""
    told = world.report()["expectations"]
    return {e["column"]: e["measured"] for e in told if e["rule"] == "no_drift" and "measured" in e}


@pytest.fixture
def world(world):
    """The same, with one rule: that nothing has moved."""
    world.table, world.expectations = PLAIN, (no_drift(0.25),)
    return world


SHIFTS = [
    pytest.param("age", "UPDATE t SET age = age + 20", id="a number that grew"),
    pytest.param("pay", "UPDATE t SET pay = pay * 100", id="a number in another unit"),
    pytest.param("pay", "UPDATE t SET pay = NULL WHERE id % 2 = 0", id="values that went missing"),
    pytest.param("city", "UPDATE t SET city = 'rome' WHERE id % 2 = 0", id="a category that grew"),
    pytest.param("member", "UPDATE t SET member = true", id="a boolean that stands still"),
]


@pytest.mark.parametrize(("column", "shift"), SHIFTS)
def test_a_feature_that_moved_is_refused_by_name_and_the_others_are_told(judged, world, column, shift):
    champion(world)
    assert judged(shift) == [("E212", column)]
    (reason,) = world.report()["verdict"]["reasons"]
    assert reason["message"].startswith(f"Column {column} moved since the champion was trained: PSI ")
    assert reason["message"].endswith("; at most 0.25 is allowed.")
    measured = psis(world)
    assert measured.pop(column) > 0.25
    assert set(measured) == {c.name for c in SEEN} - {column}
    assert max(measured.values()) < 0.01
    assert world.report()["compared_with"] == {"package": "arn:1", "release_id": "r1"}
    assert world.report()["splits"] == {"train": 0, "validation": 0, "test": 0}


def test_the_champions_own_rows_have_not_moved(judged, world):
    champion(world)
    assert judged() == []
    assert psis(world) == {c.name: pytest.approx(0, abs=1e-6) for c in SEEN}


def test_fewer_rows_of_the_same_kind_have_not_moved_either(judged, world):
    champion(world)
    world.expectations = (no_drift(0.0),)  # nothing but chance is allowed
    assert judged("DELETE FROM t WHERE hash(id) % 20 > 0") == []
    assert 0.001 < max(psis(world).values()) < 1


def test_a_warning_is_told_and_a_higher_bound_refuses(judged, world):
    champion(world)
    world.expectations = (no_drift(0.25, severity="warning"), no_drift(5.0))
    assert judged("UPDATE t SET city = 'rome' WHERE id % 2 = 0") == []
    (warning,) = world.report()["verdict"]["warnings"]
    assert (warning["code"], warning["column"]) == ("E212", "city")


def test_what_moved_on_purpose_can_be_allowed(judged, world):
    champion(world)
    world.expectations = (no_drift(0.25, allowed=("age",)),)
    assert judged("UPDATE t SET age = age + 20") == []
    assert "age" not in psis(world)


def test_of_many_rows_some_show_what_moved(judged, world, monkeypatch):
    champion(world)
    assert judged("UPDATE t SET age = age + 20") == [("E212", "age")]
    whole = psis(world)
    monkeypatch.setattr("data_checks.files.SAMPLE", ROWS // 2)
    assert judged("UPDATE t SET age = age + 20") == [("E212", "age")]
    assert psis(world) != whole


@pytest.mark.parametrize("given", ["no folder", "no champion"])
def test_a_first_release_has_nothing_to_be_compared_with(judged, world, given):
    if given == "no champion":
        champion(world, package=None)
    assert judged("UPDATE t SET age = age + 20") == []
    assert psis(world) == {}
    assert world.report()["compared_with"] is None
    assert world.report()["not_judged"] == 0


def test_words_that_the_champion_never_saw_count_as_others(judged, world):
    world.columns = (*COLUMNS[:3], Column("city", "string", nullable=True), *COLUMNS[4:])
    champion(world, model_json(columns=[world.columns[3]]))
    assert judged("UPDATE t SET city = '=cmd()' || id WHERE id % 2 = 0") == [("E212", "city")]


def test_an_empty_word_is_a_word(judged, world):
    world.columns = (*COLUMNS[:3], Column("city", "string", nullable=True), *COLUMNS[4:])
    world.table = f"SELECT * REPLACE (if(id % 3 = 0, '', city) AS city) FROM ({PLAIN})"
    champion(world, model_json(world.table, columns=[world.columns[3]]))
    assert judged() == []
    assert judged("UPDATE t SET city = '' WHERE id % 2 = 0") == [("E212", "city")]


def test_a_column_that_was_empty_and_is_not_has_moved(judged, world):
    nothing = f"SELECT * REPLACE (NULL::DOUBLE AS pay) FROM ({PLAIN})"
    champion(world, model_json(nothing))
    assert judged() == [("E212", "pay")]


def test_a_column_that_the_champion_did_not_know_passes_unmeasured(judged, world):
    champion(world, model_json(columns=SEEN[:1]))
    assert judged("UPDATE t SET city = 'rome'") == []
    assert set(psis(world)) == {"age"}


def test_a_champion_of_an_earlier_version_passes_unmeasured(judged, world):
    document = model_json()
    for feature in document["features"]:
        del feature["statistics"]["rows"]
    champion(world, document)
    assert judged("UPDATE t SET age = age + 20") == []
    assert psis(world) == {}


CANNOT = "the champion cannot be compared with: model.tar.gz"


def bomb(folder):
    """Zeros where model.json should be: 200 MB in less than one."""
    with gzip.open(folder / "model.tar.gz", "wb", compresslevel=1) as stream:
        info = tarfile.TarInfo("model.json")
        info.size = 200_000_000
        stream.write(info.tobuf())
        for _ in range(200):
            stream.write(bytes(1_000_000))


def not_an_archive(folder):
    (folder / "model.tar.gz").write_bytes(b"\x80\x04cos\nsystem\n")


def another_form(folder):
    pack({"model.json": b'{"inputs": []}'}, folder / "model.tar.gz")


def deeply_nested(folder):
    pack({"model.json": b"[" * 200_000}, folder / "model.tar.gz")


def no_about(folder):
    (folder / "champion.json").unlink()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        pytest.param(bomb, f"{CANNOT} holds model.json with more than 67,108,864 bytes", id="a bomb"),
        pytest.param(not_an_archive, f"{CANNOT} cannot be read (BadGzipFile)", id="no archive"),
        pytest.param(another_form, "the champion's model.json is missing or unreadable", id="another form"),
        pytest.param(deeply_nested, "the champion's model.json is missing or unreadable", id="nested"),
        pytest.param(no_about, "champion.json is missing or unreadable", id="no champion.json"),
    ],
)
def test_a_champion_that_cannot_be_read_leaves_drift_unmeasured_and_says_so(judged, world, damage, words):
    champion(world)
    damage(world.base / "processing" / "input" / "champion")
    assert judged("UPDATE t SET age = age + 20") == []
    (warning,) = world.report()["verdict"]["warnings"]
    assert (warning["code"], warning["rule"], warning["column"]) == ("E212", "no_drift", None)
    assert warning["message"] == f"Nobody knows whether the data moved: {words}."
    assert psis(world) == {}
    assert world.report()["compared_with"] is None


@pytest.mark.parametrize("damage", [bomb, not_an_archive, another_form, no_about])
def test_a_suite_without_a_rule_about_drift_never_looks_at_the_champion(judged, world, damage):
    world.expectations = ()
    champion(world)
    damage(world.base / "processing" / "input" / "champion")
    assert judged() == []
    assert world.report()["verdict"]["warnings"] == []


ODD = [
    pytest.param(lambda it: it["shares"].__setitem__(0, float("nan")), id="NaN"),
    pytest.param(lambda it: it.update(rows=0), id="no rows"),
    pytest.param(lambda it: it.update(rows=float("inf")), id="1e999 rows"),
    pytest.param(lambda it: it.update(rows=10**400), id="more rows than a float can tell"),
    pytest.param(lambda it: it.update(rows="many"), id="rows in words"),
    pytest.param(lambda it: it.pop("missing"), id="nothing about what is missing"),
    pytest.param(lambda it: it["edges"].reverse(), id="edges that fall"),
    pytest.param(lambda it: it["edges"].pop(), id="an edge too few"),
    pytest.param(lambda it: it.update(shares={}), id="shares of another form"),
]


@pytest.mark.parametrize("change", ODD)
def test_a_feature_whose_statistics_are_odd_is_left_out_and_the_others_are_measured(judged, world, change):
    document = model_json()
    (age,) = [feature for feature in document["features"] if feature["name"] == "age"]
    change(age["statistics"])
    champion(world, document)
    assert judged("UPDATE t SET age = age + 20, city = 'rome' WHERE id % 2 = 0") == [("E212", "city")]
    assert "age" not in psis(world)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda it: it["statistics"].pop("frequencies"), id="rows and no frequencies"),
        pytest.param(lambda it: it.pop("vocabulary"), id="no words"),
        pytest.param(lambda it: it.update(kind="text"), id="another kind"),
        pytest.param(lambda it: it.update(statistics=[1]), id="a list"),
        pytest.param(lambda it: it.pop("kind"), id="no kind"),
        pytest.param(lambda it: it.pop("name"), id="no name"),
        pytest.param(lambda it: it.update(name=["city"]), id="a list for a name"),
    ],
)
def test_a_category_of_another_time_is_left_out_and_the_others_are_measured(judged, world, change):
    document = model_json()
    (city,) = [feature for feature in document["features"] if feature["name"] == "city"]
    change(city)
    champion(world, document)
    assert judged("UPDATE t SET age = age + 20, city = 'rome' WHERE id % 2 = 0") == [("E212", "age")]
    assert "city" not in psis(world)
