"""The validation job: is this the locked data, does it look as the suite says, and which row goes where?

In:   BASE/processing/input/lock/data.lock, BASE/processing/input/data/<the files it names>
Out:  BASE/processing/output/{train,validation,test}/part-0.parquet, BASE/processing/output/report/validation.json
Exit: 0 whenever the data could be judged, refused or not; else 1, and BASE/processing/output/message says why
Run:  python -m data_checks.validate --key row_id --label income --task binary --slices-only sex,race \\
          --splits 0.7,0.15,0.15
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from data_checks import engine, files, lock, rules, split, suite
from data_checks.contract import Column, Expectation, Reason, code_of

SCHEMA_VERSION = 1
KNOWN = (lock.LockError, rules.SuiteError, engine.RuleError, split.ShareError)


@dataclass
class Report:
    """What validation.json will say. Counts, names and row keys only."""

    rows: int = 0
    columns: list[dict[str, str]] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)
    warnings: list[Reason] = field(default_factory=list)
    expectations: list[dict[str, Any]] = field(default_factory=list)
    splits: dict[str, int] = field(default_factory=lambda: dict.fromkeys(split.NAMES, 0))
    positives: dict[str, int] | None = None

    def add(self, rule: Expectation, success: bool, count: int = 0, row_keys: Sequence[Any] = ()) -> None:
        """Note how a rule went; a broken critical one refuses the data."""
        self.expectations.append(
            {
                "rule": rule.rule,
                "column": rule.column,
                "success": success,
                "unexpected_count": count,
                "severity": rule.severity,
            }
        )
        if not success:
            why = rules.reason(rule, count, tuple(row_keys))
            (self.reasons if rule.severity == "critical" else self.warnings).append(why)

    def content(self) -> dict[str, Any]:
        """Return validation.json."""
        return {
            "schema_version": SCHEMA_VERSION,
            "verdict": {
                "accepted": not self.reasons,
                "reasons": [asdict(reason) for reason in self.reasons],
                "warnings": [asdict(reason) for reason in self.warnings],
            },
            "rows": self.rows,
            "columns": self.columns,
            "splits": self.splits,
            "positives": self.positives,
            "expectations": self.expectations,
        }


def main(argv: Sequence[str] | None = None) -> int:
    """Judge the data of one job folder; return the exit code."""
    base = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")) / "processing"
    try:
        args = parse(argv)
        report = run(base, args, suite.COLUMNS, suite.EXPECTATIONS)
    except KNOWN as error:
        return fail(base, [str(error)])
    except Exception as error:  # a text from below may quote values: say where it broke, not what it said
        frames = traceback.extract_tb(error.__traceback__)[-4:]
        lines = [f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in frames]
        return fail(base, [*lines, f"{type(error).__name__} (its text is left out: it may hold values of the data)"])
    for reason in report.reasons:
        print(f"code={reason.code} column={reason.column} rule={reason.rule} count={reason.count} message={reason.message!r}")
    print(f"accepted={str(not report.reasons).lower()} rows={report.rows} " + " ".join(f"{k}={v}" for k, v in report.splits.items()))
    return 0


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the arguments; the pipeline's definition names them all."""
    parser = argparse.ArgumentParser(prog="python -m data_checks.validate", description=__doc__.splitlines()[0])
    parser.add_argument("--key", required=True, help="column that identifies a row")
    parser.add_argument("--label", required=True)
    parser.add_argument("--task", required=True, choices=rules.TASKS)
    parser.add_argument("--slices-only", default="", help="columns for slices, comma between them")
    parser.add_argument("--splits", default="0.7,0.15,0.15", help="shares of train, validation and test")
    parser.add_argument("--split-salt", default="", help="another text gives other splits; keep it for good")
    return parser.parse_args(argv)


def run(base: Path, args: argparse.Namespace, columns: Sequence[Column], expectations: Sequence[Expectation]) -> Report:
    """Judge, split, and write both. Nothing is checked further once the files themselves are wrong."""
    slices = [name for name in args.slices_only.split(",") if name]
    rules.check_suite(columns, args.key, args.label, slices, args.task)
    shares = split.Shares.parse(args.splits)
    output = base / "output"
    report = Report()
    paths = locked_files(base, report, columns)
    if not report.reasons:
        judge(paths, args, columns, expectations, report)
    if not report.reasons:
        place(paths, output, shares, args, columns, expectations, report)
    if report.reasons:
        split.clear(output)
        report.splits, report.positives = dict.fromkeys(split.NAMES, 0), None
    target = output / "report" / "validation.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(report.content(), indent=2, allow_nan=False) + "\n", encoding="utf-8")
    return report


def locked_files(base: Path, report: Report, columns: Sequence[Column]) -> dict[str, Path]:
    """Return the locked files by key after holding them against lock and suite; note what is wrong (E201, E202)."""
    folder = base / "input" / "data"
    locked = lock.read(base / "input" / "lock" / "data.lock")
    complaints = list(lock.problems(locked, folder))
    found: dict[str, files.Found] = {}
    for file in locked.files if not complaints else ():
        seen = files.inspect(folder / file.key)
        if isinstance(seen, str):
            complaints.append((file.key, seen))
        elif seen.rows != file.rows:
            complaints.append((file.key, "has another number of rows than data.lock says"))
        else:
            found[file.key] = seen
    report.rows = sum(file.rows for file in found.values())
    if not complaints and not report.rows:
        complaints.append(("the data", "holds no rows"))
    report.reasons += [unlocked(key, complaint) for key, complaint in complaints]
    report.expectations.append(
        {"rule": "data_lock", "column": None, "success": not complaints, "unexpected_count": 0, "severity": "critical"}
    )
    if not complaints:
        schema(found, columns, report)
    return {file.key: folder / file.key for file in locked.files}


def unlocked(key: str, complaint: str) -> Reason:
    """Return the reason for a file that is not what the lock says."""
    return Reason(code_of("data_lock"), None, "data_lock", 0, (), f"{key} {complaint}.")


def schema(found: Mapping[str, files.Found], columns: Sequence[Column], report: Report) -> None:
    """Hold the columns and types of every file against the suite (E202)."""
    broken = list(files.schema_reasons(found, columns))
    report.reasons += broken
    first = next(iter(found.values())).types
    report.columns = [{"name": name, "type": kind} for name, kind in first.items()]
    for rule in ("expect_table_columns_to_match_set", "expect_column_values_to_be_of_type"):
        wrong = sum(reason.rule == rule for reason in broken)
        report.expectations.append(
            {"rule": rule, "column": None, "success": not wrong, "unexpected_count": wrong, "severity": "critical"}
        )


def judge(
    paths: Mapping[str, Path],
    args: argparse.Namespace,
    columns: Sequence[Column],
    expectations: Sequence[Expectation],
    report: Report,
) -> None:
    """Check every rule but the one about splits, which do not exist yet."""
    wanted = [
        rule
        for rule in rules.expand(columns, expectations, args.key, args.label, args.task)
        if rule.rule != "no_row_in_two_splits"
    ]
    try:
        with files.open_view(paths, columns) as connection:
            for outcome in engine.judge(connection, wanted, args.key, args.label):
                report.add(outcome.rule, outcome.success, outcome.count, outcome.row_keys)
    except (engine.RuleError, duckdb.Error):
        broken = list(files.unreadable(paths))
        if not broken:
            raise
        report.reasons += [unlocked(key, "cannot be read to its end") for key in broken]


def place(
    paths: Mapping[str, Path],
    output: Path,
    shares: split.Shares,
    args: argparse.Namespace,
    columns: Sequence[Column],
    expectations: Sequence[Expectation],
    report: Report,
) -> None:
    """Write the splits and check them: none empty, no class missing, no row in two (E209, E210)."""
    label = next(column for column in columns if column.name == args.label)
    with files.open_view(paths, columns) as connection:
        report.splits = split.write(connection, output, shares, args.key, args.split_salt)
        if args.task == "binary" and label.values:
            report.positives = split.positives(connection, output, label.name, label.values[-1])
        held_out = report.splits["validation"] + report.splits["test"]
        for rule in expectations:
            if rule.rule == "no_row_in_two_splits":
                names = [column.name for column in columns]
                count, keys = split.leaks(connection, output, args.key, names)
                report.add(rule, count <= rule.settings["maximum_share"] * held_out, count, keys)


def fail(base: Path, lines: Sequence[str]) -> int:
    """Leave the last lines that matter where SageMaker reads them, and on stderr."""
    message = "\n".join(lines)[-1000:]
    print(message, file=sys.stderr)
    try:
        (base / "output").mkdir(parents=True, exist_ok=True)
        (base / "output" / "message").write_text(message + "\n", encoding="utf-8")
    except OSError:
        print("the folder for output/message cannot be written", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
