"""Great Expectations over DuckDB: judge a view against rules in two passes, without loading the data.

The first pass asks for booleans only, which Great Expectations bundles into a handful of queries. Rules that fail
are asked again, for counts and row keys. Values never leave this module: its answers hold counts and keys.
"""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from data_checks import dialect
from data_checks.contract import Expectation
from data_checks.files import VIEW, quote

KEYS_SHOWN = 3
_KEYS_FETCHED = 20  # duplicates come in pairs and more: enough of them to show three different keys
_NAME = "data_checks"


class RuleError(Exception):
    """A rule could not be evaluated: a misspelt name or setting, SQL that does not run, or unreadable pages."""


@dataclass(frozen=True)
class Outcome:
    """One rule and how it went."""

    rule: Expectation
    success: bool
    count: int = 0  # rows concerned; 0 where the rule is about a column or the table as a whole
    row_keys: tuple[Any, ...] = ()


def judge(connection: duckdb.DuckDBPyConnection, rules: Sequence[Expectation], key: str, label: str) -> list[Outcome]:
    """Check all rules on the view `data`, in the order of `rules`.

    Raises:
        RuleError: a rule that cannot be built or evaluated; named by rule and column, without values.
    """
    gx = great_expectations()
    try:
        batch = open_batch(gx, connection)
        first = validate(gx, batch, {n: build(gx, rule, key, label) for n, rule in enumerate(rules)}, "BOOLEAN_ONLY")
        failed = [n for n, result in first.items() if not result.success]
        for n in failed:
            refuse_exceptions(rules[n], first[n])
        details = explain(gx, batch, rules, failed, key, label)
    finally:
        dialect.forget(_NAME)
    return [
        Outcome(rule, n not in details, *counted(details[n], key)) if n in details else Outcome(rule, True)
        for n, rule in enumerate(rules)
    ]


def great_expectations() -> Any:
    """Import Great Expectations: seconds, so only where something is to be judged."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    collecting = gc.isenabled()
    gc.disable()  # thousands of classes are made and none is garbage: a quarter less time
    try:
        import great_expectations as gx
    finally:
        if collecting:
            gc.enable()
    # Its log lines may quote queries and values.
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL + 1)
    return gx


def open_batch(gx: Any, connection: duckdb.DuckDBPyConnection) -> Any:
    """Return the view as a batch of a context that leaves no files behind."""
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_sql(_NAME, connection_string=dialect.share(_NAME, connection))
    return source.add_table_asset(VIEW).add_batch_definition_whole_table("all").get_batch()


def build(gx: Any, rule: Expectation, key: str, label: str) -> Any:
    """Return a rule as Great Expectations' own object."""
    settings = dict(rule.settings)
    name = rule.rule
    if name == "label_balance":
        name, settings = "unexpected_rows_expectation", {"unexpected_rows_query": balance_query(label, **settings)}
    elif "condition" in settings:
        # Great Expectations fills in {batch}; braces of the user's own SQL are doubled for it.
        condition = settings.pop("condition").replace("{", "{" * 2).replace("}", "}" * 2)
        settings["unexpected_rows_query"] = f"SELECT {quote(key)} FROM " + "{batch}" + f" WHERE {condition}"
    if rule.column is not None:
        settings["column"] = rule.column
    try:
        kind = getattr(gx.expectations, "".join(part.capitalize() for part in name.split("_")))
        return kind(severity=rule.severity, **settings)
    except AttributeError:
        raise RuleError(f"{rule.rule} is not an expectation of Great Expectations (a typo in suite.py?)") from None
    except Exception:  # pydantic's own errors, which quote what they were given
        raise RuleError(f"{rule.rule} on {rule.column or 'the table'} has wrong settings in suite.py") from None


def balance_query(label: str, minimum_share: float) -> str:
    """Return SQL with one row when the rarest class has too small a share, else none."""
    counts = f"SELECT count(*) AS n FROM " + "{batch}" + f" WHERE {quote(label)} IS NOT NULL GROUP BY {quote(label)}"
    return f"SELECT NULL FROM ({counts}) AS classes HAVING min(n) < {float(minimum_share)!r} * sum(n)"


def validate(gx: Any, batch: Any, expectations: dict[int, Any], result_format: Any) -> dict[int, Any]:
    """Return Great Expectations' results by the numbers that its expectations were given.

    Through Batch.validate: checkpoints write results as JSON, and 1.24 fails there on the numpy.bool that
    quantiles return. Results come back in another order, hence the numbers.
    """
    suite = gx.ExpectationSuite(_NAME)
    for n, expectation in expectations.items():
        expectation.meta = {"n": n}
        suite.add_expectation(expectation)
    results = batch.validate(suite, result_format=result_format).results
    return {result.expectation_config.meta["n"]: result for result in results}


def refuse_exceptions(rule: Expectation, result: Any) -> None:
    """Raise when a result is no verdict but a failure to reach one."""
    info = result.exception_info or {}
    raised = [info] if "raised_exception" in info else [item for item in info.values() if isinstance(item, dict)]
    if any(item.get("raised_exception") for item in raised):
        raise RuleError(f"{rule.rule} on {rule.column or rule.title or 'the table'} could not be evaluated")


def explain(gx: Any, batch: Any, rules: Sequence[Expectation], failed: list[int], key: str, label: str) -> dict[int, Any]:
    """Run the failed rules again for counts and row keys."""
    own = [n for n in failed if rules[n].rule in ("unexpected_rows_expectation", "label_balance")]
    details: dict[int, Any] = {}
    # COMPLETE returns rows only of rules that select nothing but the key, 200 at most. Of others it would
    # fetch every unexpected value, however many there are.
    for numbers, level in (([n for n in failed if n not in own], "SUMMARY"), (own, "COMPLETE")):
        if numbers:
            wanted = {
                "result_format": level,
                "unexpected_index_column_names": [key],
                "partial_unexpected_count": _KEYS_FETCHED,
            }
            details |= validate(gx, batch, {n: build(gx, rules[n], key, label) for n in numbers}, wanted)
    return details


def counted(result: Any, key: str) -> tuple[int, tuple[Any, ...]]:
    """Return how many rows a failed rule concerns and the first of their keys, different and not null."""
    found = result.result or {}
    rows = found.get("partial_unexpected_index_list") or (found.get("details") or {}).get("unexpected_rows") or []
    keys = [row[key] for row in rows if isinstance(row, dict) and row.get(key) is not None]
    count = found.get("unexpected_count")
    if count is None and (found.get("details") or {}).get("unexpected_rows") is not None and keys:
        count = found.get("observed_value")
    return int(count or 0), tuple(dict.fromkeys(keys))[:KEYS_SHOWN]
