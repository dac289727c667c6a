"""Data Docs: one page about the rows, which loads nothing from anywhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import duckdb
import pytest

from data_checks import docs, engine, files, lock, suite
from data_checks.contract import expect
from tests.data_checks.test_untrusted import HOSTILE


@pytest.fixture
def project(world, tmp_path, monkeypatch):
    """Return a tree with locked rows and the suite that the makers know."""
    world.write()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(suite, "COLUMNS", world.columns)
    monkeypatch.setattr(suite, "EXPECTATIONS", ())
    locked(world)
    return world


def locked(world):
    """Lock the rows that lie there now."""
    made = lock.make(world.data, "id", str(world.data.relative_to(world.base)))
    lock.write(made, world.base / "data.lock")


def test_a_lock_in_a_folder_of_its_own_names_files_below_the_root(project):
    (project.base / "locks").mkdir()
    (project.base / "data.lock").rename(project.base / "locks/data.lock")
    assert docs.main([*WORDS, "--lock", "locks/data.lock"]) == 0


WORDS = ["--key", "id", "--label", "bought", "--task", "binary"]


def test_the_page_tells_of_each_column_and_loads_nothing_from_elsewhere(project, capsys):
    assert docs.main(WORDS) == 0
    page = docs.TARGET.read_text("utf-8")
    assert all(column.name in page for column in project.columns)
    assert re.findall(r"""(?:src|href)=["']https?:|url\(['"]?https?:|<script""", page) == []
    assert "this machine only" in capsys.readouterr().out


def test_of_a_rule_that_fails_it_shows_the_values(project):
    project.write("UPDATE t SET age = 777 WHERE id = 3")
    locked(project)
    assert docs.main(WORDS) == 0
    assert "777" in docs.TARGET.read_text("utf-8")


class Found(HTMLParser):
    """What a browser would make of a page: its tags, its attributes, its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags, self.attributes, self.text = set(), set(), ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.text += data


MARKUP = ["<img src=x onerror=alert(1)>", "</script><svg onload=alert(2)>", "</td><iframe srcdoc=x>", "<b>x"]


def test_values_are_words_on_the_page_and_none_of_them_is_markup(project, monkeypatch):
    values = [value for value in (*MARKUP, *HOSTILE) if value.isprintable() and len(value) < 100]
    listed = ", ".join(map(files.text, values))
    project.write(f"UPDATE t SET city = ([{listed}])[1 + id % {len(values)}]")
    monkeypatch.setattr(
        suite,
        "EXPECTATIONS",
        (
            expect("expect_column_values_to_match_regex", "city", regex="^[a-z]+$"),
            expect("expect_column_value_lengths_to_be_between", "city", max_value=2),
            expect("expect_column_distinct_values_to_be_in_set", "city", value_set=["bern"]),
            expect("expect_column_distinct_values_to_equal_set", "city", value_set=["bern"]),
            expect("expect_column_most_common_value_to_be_in_set", "city", value_set=["bern"]),
            expect("expect_column_pair_values_to_be_equal", column_A="city", column_B="bought"),
            expect("expect_compound_columns_to_be_unique", column_list=["city", "bought"]),
            expect("expect_column_values_to_be_unique", "city"),
        ),
    )
    locked(project)
    assert docs.main(WORDS) == 0
    page = docs.TARGET.read_text("utf-8")
    found = Found(page)
    assert found.tags & {"script", "img", "svg", "iframe", "b"} == set()
    assert found.attributes & {"onerror", "onload", "srcdoc"} == set()
    assert [value for value in values if value not in found.text] == []
    assert "default-src 'none'" in page.split("<style")[0]


def test_a_file_that_is_not_as_locked_is_not_shown(project, capsys):
    project.write("UPDATE t SET age = 777 WHERE id = 3")
    assert docs.main(WORDS) == 1
    assert "batch=1/part-0.parquet has" in capsys.readouterr().err
    assert not docs.TARGET.exists()


def test_what_duckdb_says_of_values_is_not_repeated_and_the_page_before_stays(project, monkeypatch, capsys):
    assert docs.main(WORDS) == 0
    before = docs.TARGET.read_text("utf-8")

    def quoting(*_):
        raise duckdb.ConversionException("Could not convert string 'secret77' to INT64")

    monkeypatch.setattr(engine, "open_batch", quoting)
    assert docs.main(WORDS) == 1
    told = capsys.readouterr().err
    assert told.startswith("no Data Docs: ConversionException at docs.py:")
    assert "secret77" not in told
    assert docs.TARGET.read_text("utf-8") == before


def test_a_page_that_breaks_off_is_none(project, monkeypatch):
    monkeypatch.setattr(docs, "page", lambda *_: "\ud800")  # cannot be written
    assert docs.main(WORDS) == 1
    assert not docs.TARGET.exists()


def test_rows_that_are_not_here_are_named(project, capsys):
    for path in project.data.rglob("*.parquet"):
        path.unlink()
    assert docs.main(WORDS) == 1
    assert "is missing" in capsys.readouterr().err
    assert not docs.TARGET.exists()
