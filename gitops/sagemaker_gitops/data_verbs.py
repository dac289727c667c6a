"""The verbs about data: `python -m pipelines data VERB`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sagemaker_gitops import (
    added,
    adding,
    datadocs,
    newdata,
)
from sagemaker_gitops import data as locked
from sagemaker_gitops.run import Run

data = typer.Typer(no_args_is_help=True, help="The data that data.lock names.")
Sources = Annotated[
    list[str],
    typer.Argument(help="Parquet or CSV: a file, a folder, s3://bucket/prefix", metavar="SOURCE..."),
]
Folder = Annotated[str, typer.Option("--name", help="folder of the new rows, such as batch=5; else the next")]
Dry = Annotated[bool, typer.Option("--dry-run", help="check and show; write nothing")]


@data.command("push")
def push_data(context: typer.Context) -> None:
    """Upload the locked files that the bucket lacks; each sha256 is checked."""
    run: Run = context.obj
    with run.shown("data push"):
        lock = locked.read_lock(Path(run.settings.data.lock))
        with run.story.step("data") as step:
            locked.push(run.aws, run.stack.bucket, lock, Path(), step)


@data.command("add")
def add_data(context: typer.Context, sources: Sources, name: Folder = "", dry: Dry = False) -> None:
    """Check new rows, write them beside the data, move data.lock, show what they change."""
    run: Run = context.obj
    before = locked.read_lock(Path(run.settings.data.lock))
    run.story.say(f"{run.project}: data add {' '.join(sources)}")
    with run.story.shown():  # AWS is asked only for what lies there
        told = adding.add(run, sources, name, dry=dry)
    added.show(run.story.console, told)
    for line in [] if dry else added.following(before, run.settings.data.lock, Path(), told):
        run.story.say(f"  {line}")


@data.command("propose")
def propose_data(context: typer.Context) -> None:
    """Lock what is new in the bucket; in a workflow, as a pull request that moves data.lock."""
    run: Run = context.obj
    with run.shown("data propose"):
        run.story.say(f"  {newdata.propose(run)}")


@data.command("docs")
def write_data_docs(context: typer.Context) -> None:
    """Write build/data_docs.html: Great Expectations' own page about the rows here, with values."""
    run: Run = context.obj
    run.story.say(datadocs.write(run.settings))
