"""Data Docs: one page about the rows, which loads nothing from anywhere."""

from __future__ import annotations

import re

import pytest

from data_checks import docs, lock, suite


@pytest.fixture
def project(world, tmp_path, monkeypatch):
    """Return a tree with locked rows and the suite that the makers know."""
    world.write()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(suite, "COLUMNS", world.columns)
    monkeypatch.setattr(suite, "EXPECTATIONS", ())
    prefix = str(world.data.relative_to(tmp_path))
    lock.write(lock.make(world.data, "id", prefix), tmp_path / "data.lock")
    return world


WORDS = ["--key", "id", "--label", "bought", "--task", "binary"]


def test_the_page_tells_of_each_column_and_loads_nothing_from_elsewhere(project, capsys):
    assert docs.main(WORDS) == 0
    page = docs.TARGET.read_text("utf-8")
    assert all(column.name in page for column in project.columns)
    assert re.findall(r"""(?:src|href)=["']https?:|url\(['"]?https?:|<script""", page) == []
    assert "this machine only" in capsys.readouterr().out


def test_of_a_rule_that_fails_it_shows_the_values(project):
    project.write("UPDATE t SET age = 777 WHERE id = 3")
    lock.write(
        lock.make(project.data, "id", str(project.data.relative_to(project.base))), docs.Path("data.lock")
    )
    assert docs.main(WORDS) == 0
    assert "777" in docs.TARGET.read_text("utf-8")


def test_rows_that_are_not_here_are_named(project, capsys):
    for path in project.data.rglob("*.parquet"):
        path.unlink()
    assert docs.main(WORDS) == 1
    assert "is not here" in capsys.readouterr().err
    assert not docs.TARGET.exists()
