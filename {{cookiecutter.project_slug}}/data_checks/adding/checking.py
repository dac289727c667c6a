"""Are new rows what the suite says, alone and together with all others?

First every rule about single rows, on the new ones alone; then their keys against those that are there; then
the release's own first job, on the whole table that would be.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from data_checks import engine, files, lock, rules, validate
from data_checks.adding import change
from data_checks.adding.incoming import Refused
from data_checks.contract import Expectation, Reason
from data_checks.report import Report

UNIQUE = "expect_column_values_to_be_unique"


def judge(job: validate.Job, new: Mapping[str, Path], scratch: Path) -> None:
    """Hold the new rows against every rule about single rows: what is wrong there is theirs.

    Raises:
        Refused: E203 to E206, E208.
    """
    asked = [rule for rule in job.table_rules() if of_rows(rule)]
    with files.open_view(new, job.columns, scratch, job.memory) as data:
        outcomes = engine.judge(data, asked, job.key, job.label)
    wrong = [rules.reason(o) for o in outcomes if not o.success and o.rule.severity == "critical"]
    if wrong:
        raise Refused(replace(reason, message=f"In the new rows: {reason.message}") for reason in wrong)


def of_rows(rule: Expectation) -> bool:
    """Say whether a rule judges each row by itself, or the key."""
    whole = "mostly" in rule.settings or rule.own_code
    return not whole and (
        rule.rule.startswith("expect_column_values_") or rule.rule == "unexpected_rows_expectation"
    )


def refuse_repeated(
    job: validate.Job, before: Mapping[str, Path], new: Mapping[str, Path], scratch: Path
) -> None:
    """Raise Refused E206 for rows whose key is there already."""
    count, keys = change.repeated(before, new, job.columns, job.key, scratch, job.memory)
    if not count:
        return
    of_all = sum(files.inspect(path).rows for path in new.values())
    told = f"{count:,} of {of_all:,} rows have a {job.key} that is in the data already"
    told += ": nothing is new." if count == of_all else "."
    shown = tuple(rules.harmless(key) for key in keys)
    raise Refused([Reason("E206", job.key, UNIQUE, count, shown, told)])


def judge_whole(job: validate.Job, paths: Mapping[str, Path], after: lock.Lock) -> Report:
    """Run the release's own first job on the whole table that would be; return its report.

    Raises:
        Refused: whatever a release would refuse.
    """
    given = job.base / "input"
    for key, path in paths.items():
        (given / "data" / key).parent.mkdir(parents=True, exist_ok=True)
        link(path, given / "data" / key)
    (given / "lock").mkdir()
    lock.write(after, given / "lock" / "data.lock")
    report = validate.run(job)
    shutil.rmtree(job.base)
    if not report.accepted:
        raise Refused(replace(r, message=f"With the new rows: {r.message}") for r in report.reasons)
    return report


def link(path: Path, target: Path) -> None:
    """Give a file a second place; a copy where the file system has no such links."""
    try:
        target.hardlink_to(path.resolve())
    except OSError:
        shutil.copyfile(path, target)
