"""The validation job: is this the locked data, does it look as the suite says, and which row goes where?

In:   BASE/processing/input/lock/data.lock, and BASE/processing/input/data/ with the files that it names;
      BASE/processing/input/champion/ as evaluation gets it: what the data is compared with, if it is there
Out:  BASE/processing/output/{train,validation,test}/part-0.parquet and .../output/report/validation.json
Exit: 0 whenever the data could be judged, refused or not; else 1, and BASE/output/message says why
Run:  python -m data_checks.validate --key row_id --label income --task binary --slices-only sex,race
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import duckdb

from data_checks import drift, engine, files, intake, leakage, lock, reference, rules, split
from data_checks.contract import Column, Expectation
from data_checks.report import Report

KNOWN = (
    lock.LockError,
    rules.SuiteError,
    engine.RuleError,
    split.SharesError,
)
NO_MEMORY = (
    "the checks need more memory than they take: rows of tens of kB, or row groups of hundreds of MB;"
    " shorten such texts, or write smaller row groups"
)
MESSAGE_CHARACTERS = 1000  # SageMaker shows the first KB as ExitMessage

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """What one run is asked to do."""

    base: Path  # BASE/processing
    key: str
    label: str
    task: str
    splitter: split.Splitter
    columns: Sequence[Column]
    expectations: Sequence[Expectation]
    slices: Sequence[str] = ()  # never given to the model
    memory: str = files.MEMORY  # that DuckDB may hold

    @property
    def features(self) -> list[str]:
        """Return the columns that the model may see."""
        others = (self.key, self.label, *self.slices)
        return [column.name for column in self.columns if column.name not in others]

    def table_rules(self) -> list[Expectation]:
        """Return the rules that Great Expectations judges."""
        return rules.expand(self.columns, self.expectations, self.key, self.label, self.task)

    def feature_rules(self) -> list[Expectation]:
        """Return the rules about what the model may see."""
        return list(rules.of_features(self.expectations, self.features))

    def split_rules(self) -> list[Expectation]:
        """Return the rules about the splits."""
        return list(rules.of_splits(self.expectations, self.label, self.task))


def main(argv: Sequence[str] | None = None) -> int:
    """Judge the data of one job and return the exit code."""
    logging.basicConfig(format="%(message)s", stream=sys.stdout)
    log.setLevel(logging.INFO)
    base = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
    try:
        report = run(job_of(base / "processing", parse(argv)))
    except KNOWN as error:
        return fail(base, str(error))
    except (MemoryError, duckdb.OutOfMemoryException):
        return fail(base, NO_MEMORY)
    except Exception as error:  # texts from below may quote values
        return fail(base, untold(error))
    for reason in report.reasons:
        named = (reason.code, reason.rule, reason.count, reason.message)
        log.info("refused code=%s rule=%s count=%d message=%r", *named)
    figures = (report.accepted, report.rows, *report.splits.values())
    log.info("accepted=%s rows=%d train=%d validation=%d test=%d", *figures)
    return 0


class Parser(argparse.ArgumentParser):
    """Says what is wrong with the arguments where every other message goes, too."""

    def error(self, message: str) -> NoReturn:
        """Raise SuiteError instead of leaving with exit code 2."""
        raise rules.SuiteError(message)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the arguments; the pipeline's definition holds them."""
    parser = Parser(prog="python -m data_checks.validate", description=__doc__.splitlines()[0])
    add_roles(parser)
    return parser.parse_args(argv)


def add_roles(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say what the columns are for, and how rows are split."""
    parser.add_argument("--key", required=True, help="column that identifies a row")
    parser.add_argument("--label", required=True, help="column that is predicted")
    parser.add_argument("--task", required=True, help=", ".join(rules.TASKS))
    parser.add_argument("--slices-only", default="", help="columns for slices, comma between them")
    parser.add_argument("--splits", default="0.7,0.15,0.15", help="shares of train, validation and test")
    parser.add_argument("--split-salt", default="", help="another text gives other splits")


def job_of(base: Path, args: argparse.Namespace) -> Job:
    """Hold the arguments against the suite and return what to do."""
    from data_checks import suite  # here: a suite that does not even load is a message, too

    slices = [name for name in args.slices_only.split(",") if name]
    rules.check_suite(suite.COLUMNS, args.key, args.label, slices, args.task)
    splitter = split.Splitter.parse(args.key, args.splits, args.split_salt)
    return Job(base, args.key, args.label, args.task, splitter, suite.COLUMNS, suite.EXPECTATIONS, slices)


def run(job: Job) -> Report:
    """Take the files in, judge what they hold, split it: each only when nothing before it was refused.

    Raises:
        LockError: the lock cannot be read, or is about rows by another key.
    """
    locked = lock.read(job.base / "input" / "lock" / "data.lock")
    if locked.key != job.key:
        raise lock.LockError(
            f"data.lock is about rows by {locked.key!r}, but the key asked for is {job.key!r}"
        )
    report, output = Report(expected=expected(job)), job.base / "output"
    taken = intake.take(locked, job.base / "input" / "data", job.columns)
    report.note_intake(taken)
    if report.accepted:
        try:
            with files.open_view(taken.paths, job.columns, job.base / "scratch", job.memory) as data:
                judge(job, data, report)
        except (engine.RuleError, duckdb.Error):
            torn = list(files.torn(taken.paths))
            if not torn:
                raise
            report.refuse_files(torn)
    if not report.accepted:
        split.clear(output)
        report.splits, report.positives = dict.fromkeys(split.NAMES, 0), None
    report.write(output / "report" / "validation.json")
    return report


def expected(job: Job) -> int:
    """Return how many rules there are: about the files, the table, the features and the splits."""
    return len(intake.RULES) + len(job.table_rules()) + len(job.feature_rules()) + len(job.split_rules())


def judge(job: Job, data: duckdb.DuckDBPyConnection, report: Report) -> None:
    """Check the table; when it is accepted the features, and then the splits: each is written and checked."""
    report.note(engine.judge(data, job.table_rules(), job.key, job.label))
    if not report.accepted:
        return
    judge_features(job, data, report)
    if not report.accepted:
        return
    output = job.base / "output"
    report.splits = split.write(data, output, job.splitter, job.columns)
    names = [column.name for column in job.columns]
    report.note(split.judge(data, output, job.split_rules(), job.key, names))
    if job.task == "binary":
        label = next(column for column in job.columns if column.name == job.label)
        report.positives = split.positives(data, output, label)


def judge_features(job: Job, data: duckdb.DuckDBPyConnection, report: Report) -> None:
    """Hold the features against the label, and against what the champion was trained with."""
    asked, some = job.feature_rules(), files.sampled(data, job.key, report.rows)
    telltale = [rule for rule in asked if rule.rule == "no_target_leakage"]
    report.note(leakage.judge(some, telltale, job.columns, job.label, job.task))
    if moved := [rule for rule in asked if rule.rule == "no_drift"]:
        report.note(drift.judge(some, moved, job.columns, champion_of(job, report)))


def champion_of(job: Job, report: Report) -> reference.Reference | None:
    """Return what drift is measured against, and note whose it is, or that it cannot be read.

    That refuses no data: evaluation looks at the champion itself, and the gate decides.
    """
    try:
        champion = reference.read(job.base / "input" / "champion")
    except reference.ChampionError as error:
        report.unmeasured(str(error))
        return None
    report.compared_with(champion)
    return champion


def untold(error: Exception) -> str:
    """Return what an error is and where it broke, without what it says, which may quote the data."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    where = ", ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
    return f"{type(error).__name__} at {where}; its text is left out, it may quote the data"


def fail(base: Path, message: str) -> int:
    """Leave a message where SageMaker reads it, and in the log; return the exit code."""
    log.error("failed message=%r", message)
    (base / "output").mkdir(parents=True, exist_ok=True)
    (base / "output" / "message").write_text(message[:MESSAGE_CHARACTERS] + "\n", encoding="utf-8")
    return 1


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)  # all is written; to take 2,000 modules of Great Expectations apart takes another second
