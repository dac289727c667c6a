"""Great Expectations over DuckDB: judge the view `data` in two passes, without loading it.

The first pass asks for booleans only, which Great Expectations bundles into a handful of queries. Rules that
fail are asked again, for counts and row keys. Values never leave this module: it answers counts and keys.
"""

# ruff: noqa: S608  (SQL is put together here; names and texts go through files.name and files.text)

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any

import duckdb

from data_checks import dialect, files, gx_import
from data_checks.contract import Expectation, Outcome

KEYS_SHOWN = 3
_KEYS_FETCHED = 20  # duplicates come in pairs and more: enough of them to show three different keys
_NAME = "data_checks"
# A quantile holds its column in memory, 8 bytes a row: of more rows it is that of about so many of them, the
# same ones each time, at most 0.1 % of all rows off. All other rules see every row, whatever their number.
HELD = 10_000_000
_HOLDING = ("expect_column_quantile_values_to_be_between",)
_SOME = "some_of_data"
_SQL_RULES = ("unexpected_rows_expectation", "label_balance")  # built here, and select nothing but the key


class RuleError(Exception):
    """A rule could not be evaluated: a misspelt name or setting, SQL that does not run, or torn files."""


def judge(
    connection: duckdb.DuckDBPyConnection, rules: Sequence[Expectation], key: str, label: str
) -> list[Outcome]:
    """Check all rules on the view `data` and return how each one went, in the order of `rules`.

    Raises:
        RuleError: a rule that cannot be built or evaluated, named by rule and column, without values.
    """
    gx, outcomes = gx_import.great_expectations(), {}
    try:
        for view, numbers in views(connection, rules, key):
            batch, asked = open_batch(gx, connection, view), [rules[n] for n in numbers]
            outcomes |= zip(numbers, judge_view(gx, batch, asked, key, label), strict=True)
    finally:
        dialect.forget(_NAME)
    return [outcomes[n] for n in range(len(rules))]


def views(
    connection: duckdb.DuckDBPyConnection, rules: Sequence[Expectation], key: str
) -> Iterator[tuple[str, list[int]]]:
    """Yield the views to ask, each with the numbers of its rules: all rows, but for quantiles of too many."""
    holding = [n for n, rule in enumerate(rules) if rule.rule in _HOLDING]
    (rows,) = connection.execute(f"SELECT count(*) FROM {files.VIEW}").fetchall()[0] if holding else (0,)
    if rows <= HELD:
        yield files.VIEW, list(range(len(rules)))
        return
    some = files.some(key, rows, HELD)
    connection.execute(f"CREATE OR REPLACE VIEW {_SOME} AS {some}")
    yield _SOME, holding
    yield files.VIEW, [n for n in range(len(rules)) if n not in holding]


def judge_view(gx: Any, batch: Any, rules: Sequence[Expectation], key: str, label: str) -> list[Outcome]:
    """Return how each rule went on one view.

    Raises:
        RuleError: as judge does.
    """
    booleans = validate(gx, batch, [build(gx, rule, key, label) for rule in rules], "BOOLEAN_ONLY")
    failed = [n for n, result in enumerate(booleans) if not result.success]
    for n in failed:
        refuse_exceptions(rules[n], booleans[n])
    outcomes = [Outcome(rule, True) for rule in rules]
    for n, result in explain(gx, batch, rules, failed, key, label).items():
        outcomes[n] = Outcome(rules[n], False, *counted(result, key))
    return outcomes


def open_batch(gx: Any, connection: duckdb.DuckDBPyConnection, view: str = files.VIEW) -> Any:
    """Return a view as a batch, in a context that leaves no files behind."""
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_sql(_NAME, connection_string=dialect.share(_NAME, connection))
    return source.add_table_asset(view).add_batch_definition_whole_table("all").get_batch()


def build(gx: Any, rule: Expectation, key: str, label: str) -> Any:
    """Return a rule as Great Expectations' own object.

    Raises:
        RuleError: it knows no such rule, or not with these settings.
    """
    kind, settings = rule.rule, dict(rule.settings)
    if kind == "label_balance":
        kind, settings = _SQL_RULES[0], {"unexpected_rows_query": balance_query(label, **settings)}
    elif "condition" in settings:
        settings["unexpected_rows_query"] = condition_query(key, settings.pop("condition"))
    if rule.column is not None:
        settings["column"] = rule.column
    named = {name.lower(): getattr(gx.expectations, name) for name in dir(gx.expectations)}
    known = {name: what for name, what in named.items() if hasattr(what, "expectation_type")}
    try:
        return known[kind.replace("_", "")](severity=rule.severity, **settings)
    except KeyError:
        near = difflib.get_close_matches(kind.replace("_", ""), known, 1, 0.85)
        meant = f"; did you mean '{known[near[0]].expectation_type}'?" if near else ""
        raise RuleError(f"suite.py: Great Expectations has no {rule.rule}{meant}") from None
    except Exception:  # pydantic's own errors quote what they were given
        raise RuleError(f"suite.py: wrong settings for {subject(rule)}") from None


def condition_query(key: str, condition: str) -> str:
    """Return SQL for the keys of the rows that a condition finds.

    Great Expectations fills in {batch} and SQLAlchemy reads `:word` as a parameter: the user means neither.
    """
    for mark, literal in (("{", "{" * 2), ("}", "}" * 2), (":", "\\:")):
        condition = condition.replace(mark, literal)
    return f"SELECT {files.name(key)} FROM " + "{batch}" + f" WHERE ({condition})"


def balance_query(label: str, minimum_share: float) -> str:
    """Return SQL with one row when the rarest class has too small a share, else none."""
    column = files.name(label)
    classes = "SELECT count(*) AS n FROM {batch}" + f" WHERE {column} IS NOT NULL GROUP BY {column}"
    return f"SELECT NULL FROM ({classes}) AS classes HAVING min(n) < {float(minimum_share)!r} * sum(n)"


def validate(gx: Any, batch: Any, expectations: Sequence[Any], result_format: Any) -> list[Any]:
    """Return Great Expectations' results, in the order of the expectations.

    Through Batch.validate: checkpoints write results as JSON, and 1.24 fails there on the numpy.bool that
    quantiles return. Results come back in another order, hence the numbers.
    """
    for n, expectation in enumerate(expectations):
        expectation.meta = {"n": n}
    suite = gx.ExpectationSuite(_NAME, expectations=list(expectations))
    results = batch.validate(suite, result_format=result_format).results
    return sorted(results, key=lambda result: result.expectation_config.meta["n"])


def refuse_exceptions(rule: Expectation, result: Any) -> None:
    """Raise RuleError when a result is no verdict but a failure to reach one."""
    info = result.exception_info or {}
    metrics = [info] if "raised_exception" in info else info.values()
    if any(metric.get("raised_exception") for metric in metrics):
        raise RuleError(f"suite.py: {subject(rule)} could not be evaluated")


def explain(
    gx: Any, batch: Any, rules: Sequence[Expectation], failed: Sequence[int], key: str, label: str
) -> dict[int, Any]:
    """Run the failed rules again for counts and row keys.

    COMPLETE returns the rows of our own SQL, which are keys, 200 at most. Of any other rule it would fetch
    every unexpected value there is, so those get SUMMARY.
    """
    details: dict[int, Any] = {}
    for own, level in ((False, "SUMMARY"), (True, "COMPLETE")):
        numbers = [n for n in failed if (rules[n].rule in _SQL_RULES) == own]
        if numbers:
            wanted = {
                "result_format": level,
                "unexpected_index_column_names": [key],
                "partial_unexpected_count": _KEYS_FETCHED,
            }
            again = [build(gx, rules[n], key, label) for n in numbers]
            details |= zip(numbers, validate(gx, batch, again, wanted), strict=True)
    return details


def counted(result: Any, key: str) -> tuple[int, tuple[Any, ...]]:
    """Return how many rows a failed rule concerns and the first of their keys, different and not null."""
    found = result.result or {}
    own = (found.get("details") or {}).get("unexpected_rows")
    rows = found.get("partial_unexpected_index_list") or own or []
    keys = [row[key] for row in rows if row.get(key) is not None]
    count = found.get("unexpected_count", found.get("observed_value") if own and key in own[0] else 0)
    return int(count or 0), tuple(dict.fromkeys(keys))[:KEYS_SHOWN]


def subject(rule: Expectation) -> str:
    """Return how a message names a rule."""
    return f"{rule.rule} on {rule.column or rule.title or 'the table'}"
