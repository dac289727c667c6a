"""New rows for the data that data.lock names: read, cast, judged as a release judges them, written, locked.

In:   files or folders, Parquet or CSV; data.lock; --held, a folder with the files that it names
Out:  OUT/data/KEY, the new files in the layout of those that are there, and OUT/data.lock, which names all of
      them; on stdout one line of JSON: accepted or why not, rows, schema, what changed in each column
Exit: 0 whenever the rows could be judged, refused or not; else 1, and stderr says why
Run:  python -m data_checks.adding new.csv --held data/adult --out new --key row_id --label income \
          --task binary

The same source makes the same bytes. Values of the data are in none of the texts.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from data_checks import files, lock, validate
from data_checks.adding import casting, change, checking, incoming, partitions
from data_checks.adding.incoming import Refused
from data_checks.contract import Reason

MEMORY = "400MB"  # that DuckDB may hold at once; what does not fit goes to a file


@dataclass(frozen=True)
class Task:
    """What one run is asked to do."""

    given: Sequence[Path]
    lock: Path
    held: Path  # a folder with the locked files
    tree: Path  # where new files will lie: what lies there is not written over
    out: Path
    folder: str  # below the prefix, such as batch=5; empty: the next one
    job: validate.Job


def main(argv: Sequence[str] | None = None) -> int:
    """Judge the new rows, print what came of it, and return the exit code."""
    logging.basicConfig(stream=sys.stderr, level=logging.ERROR)  # stdout is for the JSON
    try:
        line = told(task_of(parse(argv)))
    except files.UnreadableError as error:
        return fail(f"a file of the new rows {error}")
    except validate.KNOWN as error:
        return fail(str(error))
    except (MemoryError, duckdb.OutOfMemoryException):
        return fail(validate.NO_MEMORY)
    except Exception as error:  # texts from below may quote values
        return fail(validate.untold(error))
    sys.stdout.write(f"{line}\n")
    return 0


def told(task: Task) -> str:
    """Return what came of the new rows, as JSON."""
    try:
        found = add(task)
    except Refused as refused:
        found = {"accepted": False, "reasons": [asdict(reason) for reason in refused.reasons]}
    return json.dumps(found, allow_nan=False)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the arguments."""
    parser = validate.Parser(prog="python -m data_checks.adding", description=__doc__.splitlines()[0])
    parser.add_argument("sources", type=Path, nargs="+", help="files or folders, Parquet or CSV")
    parser.add_argument("--lock", type=Path, default=Path("data.lock"))
    parser.add_argument("--held", type=Path, required=True, help="folder with the files of the lock")
    parser.add_argument("--tree", type=Path, help="folder where new files will lie, else that of --held")
    parser.add_argument("--out", type=Path, required=True, help="empty folder for what is made")
    parser.add_argument(
        "--name", default="", help="folder below the prefix, such as batch=5; else the next one"
    )
    validate.add_roles(parser)
    return parser.parse_args(argv)


def task_of(args: argparse.Namespace) -> Task:
    """Hold the arguments against the suite and return what to do."""
    job = replace(validate.job_of(args.out / "processing", args), memory=MEMORY)
    return Task(args.sources, args.lock, args.held, args.tree or args.held, args.out, args.name, job)


def add(task: Task) -> dict[str, Any]:
    """Return what the new rows change, with their files and the lock that names them in OUT.

    Raises:
        Refused: they are not taken; nothing in OUT counts.
        LockError: the lock is about rows by another key.
    """
    job, locked = task.job, lock.read(task.lock)
    if locked.key != job.key:
        raise lock.LockError(f"{task.lock.name} is about rows by {locked.key!r}, not by {job.key!r}")
    scratch = task.out / "scratch"
    scratch.mkdir(parents=True)
    given = incoming.sources(task.given, job.columns)
    new, noticed = write(task, locked, given)
    before = {file.key: task.held / file.key for file in locked.files}
    if lacking := next((key for key, path in before.items() if not path.is_file()), ""):
        incoming.refuse(
            "E201", f"{lacking} is not in {task.held.name}: the new rows are judged with all others."
        )
    checking.judge(job, new, scratch)
    checking.refuse_repeated(job, before, new, scratch)
    after = extended(locked, new)
    lock.write(after, task.out / "data.lock")
    report = checking.judge_whole(job, {**before, **new}, after)
    seen = [column for column in job.columns if column.name != job.key]
    spreads = change.spreads(before, new, seen, scratch, MEMORY)
    added = [file for file in after.files if file.key in new]
    return {
        "accepted": True,
        "reasons": [],
        "warnings": [asdict(reason) for reason in (*noticed, *report.warnings)],
        "sources": [{"name": source.name, "form": source.form} for source in given],
        "files": [asdict(file) for file in added],
        "rows": {"before": locked.rows, "added": after.rows - locked.rows, "after": after.rows},
        "splits": report.splits,
        "rules": len(report.outcomes),
        "schema": change.schema(locked.schema, after.schema),
        "columns": [asdict(spread) for spread in spreads],
    }


def write(
    task: Task, locked: lock.Lock, given: Sequence[incoming.Source]
) -> tuple[dict[str, Path], list[Reason]]:
    """Write all rows as Parquet files; return them by the keys that they will have, and what to warn of.

    Raises:
        Refused: E201, E202.
    """
    scratch, columns, new, noticed = task.out / "scratch", task.job.columns, {}, []
    with files.connect(scratch, MEMORY) as connection:
        parts = [scratch / f"source-{number}.parquet" for number in range(len(given))]
        rows = 0
        for source, part in zip(given, parts, strict=True):
            rows += casting.stage(connection, source, columns, part)
            noticed += casting.runnable(connection, part, columns, source)
        if not rows:
            incoming.refuse("E201", f"{given[0].name} holds no rows.")
        staged = parts[0]
        if len(parts) > 1:
            staged = scratch / "staged.parquet"
            every = f"read_parquet([{', '.join(map(files.place, parts))}])"
            long = files.long_rows(connection, every, columns)
            files.copy(connection, f"FROM {every}", staged, long)
        for folder, path in partitions.spread(connection, staged, locked, columns, task.folder):
            key = partitions.free(folder, locked, task.tree, lock.sha256(path))
            target = task.out / "data" / key
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
            new[key] = target
    for part in parts:
        part.unlink(missing_ok=True)
    return new, noticed


def extended(locked: lock.Lock, new: Mapping[str, Path]) -> lock.Lock:
    """Return the lock with the new files in it; what it says of the others stays, their versions too."""
    found = {key: files.inspect(path) for key, path in new.items()}
    added = [
        lock.LockFile(key, path.stat().st_size, found[key].rows, lock.sha256(path))
        for key, path in new.items()
    ]
    every = sorted((*locked.files, *added), key=lambda file: Path(file.key))  # as lock.make has them
    types = next(iter(found.values())).types
    # In the order of the lock, so that its diff shows new files and nothing else.
    order = [item["name"] for item in locked.schema if item["name"] in types]
    order += [column for column in types if column not in order]
    schema = tuple({"name": column, "type": types[column]} for column in order)
    return replace(locked, rows=sum(f.rows for f in every), schema=schema, files=tuple(every))


def fail(message: str) -> int:
    """Say why nothing could be judged; return the exit code."""
    sys.stderr.write(f"{message}\n")
    return 1


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # as validate ends: taking apart Great Expectations would take another second
