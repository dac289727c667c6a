"""New rows from a file, a folder or S3: judged, written and locked beside the tree, which changes at the end.

In:   Parquet or CSV; data.lock and the files that it names, from the bucket where they are not here
Out:  the rows as files of their own below the lock's prefix, data.lock moved, and what the rows change

The project's own job code does it, data_checks.adding, in a process of its own. The files come first, the
lock last: cut off before that, nothing here counts, and the same command ends it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sagemaker_gitops import beside, data, fetching, results, sources
from sagemaker_gitops.data import Lock, LockedFile
from sagemaker_gitops.errors import DataRefused, MLOpsError
from sagemaker_gitops.run import Run
from sagemaker_gitops.story import Step, counted

WAYS_OUT = {
    "E201": "correct the source, then repeat",
    "E206": "take those rows out of the source; to correct rows that are there, write their file anew and"
    " lock it: {lock_it}",
    "E210": "take the repeated rows out of the source, or correct the rule in data_checks/suite.py",
}
WAY_OUT = "correct the source, or the suite, data_checks/suite.py; then repeat"


def add(
    run: Run, asked: Sequence[str], name: str = "", *, dry: bool = False, root: Path = Path()
) -> dict[str, Any]:
    """Add the rows that are asked for to the data; return what they change, as data_checks.adding tells it.

    Raises:
        DataRefused: E2xx, the rows or what is here already; nothing here has changed.
        MLOpsError: E101, nothing could be judged.
    """
    path = root / run.settings.data.lock
    lock = data.read_lock(path)
    data.check(lock, root, run.story)
    with beside.folder(root, "data-add-") as folder:
        with run.story.step("source") as step:
            given = [sources.here(run, text, folder / f"source-{n}", step) for n, text in enumerate(asked)]
        with run.story.step("locked") as step:
            hold(run, lock, root, folder / "held", step)
        with run.story.step("check") as step:
            told = judged(run, lock, root, folder, given, asked, name)
            rows = told["rows"]
            step.note = f"{told['rules']} rules hold on the {rows['after']:,} rows that there would be"
        with run.story.step("data.lock") as step:
            if dry:
                step.verdict, step.note = "reused", "as it was: --dry-run"
            else:
                take(lock, root, path, folder / "out", told)
                step.note = (
                    f"moved: {', '.join(file['key'] for file in told['files'][:2])}, {rows['added']:,} rows"
                )
    return told


def hold(run: Run, lock: Lock, root: Path, folder: Path, step: Step) -> None:
    """Give the check all locked files: those that are here, and copies of the others from the bucket.

    The copies go again afterwards. Without them no key could be found to be there already.

    Raises:
        DataRefused: E201, one is neither here nor, as it is locked, in the bucket.
    """
    fetched = 0
    for file in lock.files:
        here, target = root / lock.prefix / file.key, folder / file.key
        target.parent.mkdir(parents=True, exist_ok=True)
        if here.is_file():
            target.symlink_to(here.resolve())
            continue
        fetched += 1
        step.note = f"fetch {file.key}"
        if not data.holds(run.aws, run.stack.bucket, lock, file):
            raise DataRefused(f"""E201 {file.key}, as it is locked, is neither here nor in the bucket
                s3://{run.stack.bucket}/{lock.prefix}/{file.key}
                new rows are judged together with all that data.lock names
                put it here, or lock what the bucket has: python -m pipelines data propose""")
        fetching.fetch(run.aws, run.stack.bucket, f"{lock.prefix}/{file.key}", target)
    step.note = f"{counted(len(lock.files), 'file')}, all here"
    if fetched:
        step.note = (
            f"{counted(len(lock.files), 'file')}, {fetched} fetched from the bucket for the check, not kept"
        )


def judged(
    run: Run, lock: Lock, root: Path, folder: Path, given: list[Path], asked: Sequence[str], name: str
) -> dict[str, Any]:
    """Run data_checks.adding; return what it tells of rows that it takes.

    Raises:
        DataRefused: it does not take them.
        MLOpsError: E101, it could not judge them.
    """
    facts = run.settings.data
    words = [*map(str, given), "--held", str(folder / "held"), "--out", str(folder / "out")]
    words += ["--lock", str((root / facts.lock).resolve()), "--tree", str((root / lock.prefix).resolve())]
    words += [f"--name={name}", f"--key={facts.key}", f"--label={facts.label}"]
    words += [f"--task={run.settings.training.task}", f"--slices-only={','.join(facts.slices_only)}"]
    words += [f"--splits={','.join(map(str, facts.splits))}"]
    command = [sys.executable, "-m", "data_checks.adding", *words]
    quiet = os.environ | {"GX_ANALYTICS_ENABLED": "false"}
    done = subprocess.run(command, cwd=root, env=quiet, capture_output=True, text=True, check=False)
    if done.returncode:
        why = (done.stderr.strip().splitlines() or [f"the process ended with {done.returncode}"])[-1]
        raise MLOpsError(f"""E101 the new rows could not be judged
            {", ".join(asked)}
            {why}
            correct that, then repeat: nothing here has changed""")
    told = json.loads(done.stdout.splitlines()[-1])
    if not told["accepted"]:
        raise refused(told["reasons"], lock, asked)
    return told


def refused(reasons: Sequence[dict[str, Any]], lock: Lock, asked: Sequence[str]) -> DataRefused:
    """Return the refusal of new rows: the first reason in full, others by code and column."""
    first, *others = reasons
    todo = WAYS_OUT.get(first["code"], WAY_OUT).format(lock_it=data.lock_it(lock))
    return DataRefused(f"""{first["code"]} new rows refused: {" ".join(first["message"].split())}
        {", ".join(asked)}
        {results.rules_broken(first, others)}
        {todo}; nothing here has changed""")


def take(lock: Lock, root: Path, path: Path, out: Path, told: dict[str, Any]) -> None:
    """Move the new files into the tree, and then the lock, which alone makes them count.

    Raises:
        DataRefused: E201, data.lock has moved meanwhile, or another file lies where a new one belongs.
    """
    folder = root / lock.prefix
    moves = {folder / file["key"]: out / "data" / file["key"] for file in told["files"]}
    with beside.unmoved(root, lock, path):
        for file in told["files"]:
            new = LockedFile(file["key"], file["size"], file["sha256"])
            beside.refuse_foreign(folder / new.key, [new])
        with beside.laid({**moves, path: out / "data.lock"}) as near:
            for target in (*moves, path):
                near[target].replace(target)
