"""New data: what lies in the bucket and not in data.lock, locked here so that a commit can bring it in.

In:   the bucket below the lock's prefix, where whoever makes the data puts Parquet files; data.lock
Out:  the files in the working tree, data.lock moved, and what has changed in counts: no value of any row
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from sagemaker_gitops import arrivals, data, fetching
from sagemaker_gitops.arrivals import Difference
from sagemaker_gitops.aws import Aws
from sagemaker_gitops.data import Lock
from sagemaker_gitops.github import api, proposal
from sagemaker_gitops.run import Run
from sagemaker_gitops.story import counted


def propose(run: Run, root: Path = Path(), environ: Mapping[str, str] = os.environ) -> str:
    """Bring what is new in the bucket into data.lock and a pull request; return what was done, in words."""
    path, aws, bucket = root / run.settings.data.lock, run.aws, run.stack.bucket
    before, repository = data.read_lock(path), api.repository(environ)
    with run.story.step("data") as step:
        difference = arrivals.look(aws, bucket, before, root)
        for key in difference.held:
            held = "git holds" if key in data.tracked(root, before) else "here lies"
            run.story.say(f"  ! {held} {key}, the bucket has other bytes: a release overwrites them")
        if not difference:
            step.verdict, step.note = "reused", f"nothing new below {before.prefix}"
            missed = [] if repository else fetching.complete(aws, bucket, before, root, path, step)
            text = nothing_new(aws, bucket, before, root, difference)
            return f"{text}; {len(missed)} locked files were not here: fetched" if missed else text
        after = fetching.bring(aws, bucket, before, root, path, difference, step)
    if repository is None:
        return (
            f"{path} has moved: look at it, commit it and nothing else, open a pull request. The new files in"
            f" {before.prefix} are for you to look at: their place is the bucket, git holds the sample"
        )
    title = f"New data: {counted(after.rows, 'row')}, {after.rows - before.rows:+,}"
    # One branch: what is newer replaces what nobody has merged.
    text = path.read_text("utf-8")
    return proposal.files(
        repository, "data/new", title, told(before, after, difference), {run.settings.data.lock: text}
    ).note


def nothing_new(aws: Aws, bucket: str, lock: Lock, root: Path, difference: Difference) -> str:
    """Say how the bucket stands to the lock where nothing in it is new."""
    there, address = arrivals.listed(aws, bucket, lock.prefix), f"s3://{bucket}/{lock.prefix}"
    lacking = [file.key for file in lock.files if file.key not in there]
    if not lacking:
        return f"{address} has nothing new" if difference.held else "data.lock is as the bucket is"
    text = f"{address} has nothing new, and {len(lacking)} of the {len(lock.files)} locked files not yet"
    lost = [key for key in lacking if not (root / lock.prefix / key).is_file()]
    if lost:
        return f"{text}; {len(lost)} of them are not here either: put {lost[0]} and the like into the bucket"
    return f"{text}: a release uploads them"


def told(before: Lock, after: Lock, difference: Difference) -> str:
    """Return a pull request's body: files and counts."""
    lines = ["| | main | this pull request |", "| --- | ---: | ---: |"]
    lines.append(f"| rows | {before.rows:,} | {after.rows:,} |")
    lines.append(f"| files | {len(before.files):,} | {len(after.files):,} |")
    size = [sum(file.size for file in lock.files) for lock in (before, after)]
    lines.append(f"| bytes | {size[0]:,} | {size[1]:,} |")
    lines += ["", f"In s3://.../{after.prefix}: {difference}.", ""]
    lines.append(
        "Merging this trains on the new rows: data checks, gate and rollout judge them as any change."
    )
    return "\n".join(lines) + "\n"
