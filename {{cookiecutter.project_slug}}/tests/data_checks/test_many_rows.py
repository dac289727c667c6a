"""What the checks do with more rows than memory could hold."""

from __future__ import annotations

import pytest

from data_checks import engine, files
from data_checks.contract import expect

ROWS = 4_000_000  # 32 MB of one column, and again as much where it is sorted
MEMORY = "64MB"


@pytest.fixture
def data(tmp_path):
    """Return the view: x is 0 to 99.9, each tenth as often; in the last row y is null."""
    with files.connect(tmp_path, MEMORY) as connection:
        columns = f"i AS id, i % 1000 / 10.0::DOUBLE AS x, nullif(i, {ROWS - 1}) AS y"
        connection.execute(f"CREATE VIEW data AS SELECT {columns} FROM range({ROWS}) AS r(i)")
        yield connection


def median(low, high):
    quantiles = {"quantiles": [0.5], "value_ranges": [[low, high]]}
    return expect("expect_column_quantile_values_to_be_between", "x", quantile_ranges=quantiles)


def test_quantiles_are_judged_in_bounded_memory_and_other_rules_on_every_row(data, monkeypatch):
    monkeypatch.setattr(engine, "HELD", 200_000)
    rules = [median(49, 51), expect("expect_column_values_to_not_be_null", "y"), median(51, 60)]
    found = engine.judge(data, rules, "id", "x")
    assert [(outcome.success, outcome.count) for outcome in found] == [(True, 0), (False, 1), (False, 0)]
