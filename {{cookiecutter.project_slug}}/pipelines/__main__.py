"""The verbs: `python -m pipelines VERB`. Make targets and workflows call these and hold no logic.

Exit codes: 0 done, 2 data refused, 3 gate refused, 4 rolled back or not proven, 5 settings, 6 AWS access,
130 interrupted, 1 anything else.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pipelines import aws as door
from pipelines import data as locked
from pipelines import definition as definitions
from pipelines import delivery, errors, images, proof, report, stack, status, tree
from pipelines import release as releases
from pipelines import settings as facts
from pipelines.aws import Aws
from pipelines.errors import MLOpsError, SettingsError
from pipelines.settings import Settings
from pipelines.story import Story, make_console

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
data = typer.Typer(no_args_is_help=True, help="The data that data.lock names.")
app.add_typer(data, name="data")
TOLD = ("release", "promote", "rollback", "report", "local-test")
GOES_ON = ("■ interrupted: what runs in AWS goes on", "  follow it again: python -m pipelines release")
ENDED = ("■ interrupted: the emulator stops what it runs", "  begin again: make local-test")
USAGE = 1  # typer's own 2 means "data refused" here
SettingsFile = Annotated[Path, typer.Option("--settings", envvar="MLOPS_SETTINGS", help="settings file")]
Environment = Annotated[str, typer.Option("--env", help="staging or production")]
Retry = Annotated[bool, typer.Option(help="judge again what was refused or rejected earlier")]
ReleaseId = Annotated[str, typer.Argument(help="its id, 12 digits do")]
Write = Annotated[bool, typer.Option("--write", help="write pipelines/definition.json")]
Check = Annotated[bool, typer.Option("--check", help="refuse a golden file that differs")]


@dataclass
class Run:
    """What every verb gets."""

    settings: Settings
    story: Story

    @property
    def project(self) -> str:
        """The project's slug."""
        return self.settings.project.slug

    def connect(self) -> tuple[Aws, str]:
        """Return the clients and the account, or raise what keeps us out."""
        return door.connect(self.settings.project.region)

    @contextmanager
    def shown(self, verb: str) -> Iterator[Aws]:
        """Run a verb with its steps shown; one that tells a release's story leaves build/report.html."""
        aws, account = self.connect()
        where = os.environ.get("AWS_ENDPOINT_URL") or f"AWS account {account}"
        self.story.say(f"{self.project}: {verb} in {self.settings.project.region}, {where}")
        ended: BaseException | None = None
        try:
            with self.story.shown():
                yield aws
        except BaseException as error:
            ended = errors.translate(error) or error
            raise
        finally:
            if verb in TOLD:
                page = report.write(self.story, self.settings, verb, ended)
                self.story.say(f"  report: {page}   {self.story.seconds():.1f} s")

    def make_stack(self, aws: Aws) -> None:
        """Bring the stack to what infra/ says."""
        with self.story.step("stack") as step:
            stack.apply(aws, self.project, step)

    def make_images(self, aws: Aws, work: tree.Tree) -> None:
        """Build and push what ECR lacks."""
        with self.story.step("image") as step:
            images.publish(aws, stack.outputs(aws, self.project), work.ids.code_id, step)


@app.callback()
def read_settings(context: typer.Context, path: SettingsFile = Path("mlops.toml")) -> None:
    """Read the settings once, before any verb."""
    context.obj = Run(facts.load(path), Story())


@app.command()
def plan(context: typer.Context) -> None:
    """Show what a release of the working tree would do; change nothing."""
    run: Run = context.obj
    work = tree.read(run.settings)
    locked.check(work.lock, work.root, run.story)
    run.story.console.print(status.plan(*run.connect(), work))


@app.command("stack")
def apply_stack(context: typer.Context) -> None:
    """Create or update the CloudFormation stack from infra/."""
    run: Run = context.obj
    with run.shown("stack") as aws:
        run.make_stack(aws)


@app.command()
def image(context: typer.Context) -> None:
    """Build and push the images that ECR lacks (command: DOCKER, else docker)."""
    run: Run = context.obj
    work = tree.read(run.settings)
    with run.shown("image") as aws:
        run.make_images(aws, work)


@app.command()
def release(context: typer.Context, retry: Retry = False) -> None:
    """Bring the working tree to production: data, pipeline, gate, staging, approval, proof."""
    run: Run = context.obj
    with run.shown("release") as aws:
        releases.release(aws, tree.read(run.settings), run.story, retry=retry)


@app.command()
def promote(context: typer.Context, release_id: ReleaseId) -> None:
    """Approve a release that waits, and bring it to production."""
    run: Run = context.obj
    with run.shown("promote") as aws:
        delivery.promote(aws, run.settings, run.story, release_id)


@app.command()
def rollback(context: typer.Context) -> None:
    """Bring production back to the approved release before this one, with the same proof."""
    run: Run = context.obj
    with run.shown("rollback") as aws:
        delivery.rollback(aws, run.settings, run.story)


@app.command("status")
def show_status(context: typer.Context) -> None:
    """Show what is live and the last packages."""
    run: Run = context.obj
    run.story.console.print(status.status(run.connect()[0], run.settings))


@app.command("report")
def show_report(context: typer.Context) -> None:
    """Write build/report.html again for the release of the working tree, from what lies on S3."""
    run: Run = context.obj
    work = tree.read(run.settings)
    with run.shown("report") as aws:
        releases.retell(aws, work, run.story)


@app.command("request")
def send_request(context: typer.Context, environment: Environment = "production") -> None:
    """Send one golden row to an endpoint; print its answer and the release that gave it."""
    run: Run = context.obj
    run.settings.environment(environment)
    told = proof.request(run.connect()[0], run.project, environment, run.story)
    print(json.dumps(told))  # noqa: T201 - what was asked for


@app.command()
def definition(context: typer.Context, write: Write = False, check: Check = False) -> None:
    """Build the pipeline's definition with the SageMaker SDK; print it, write it, or check the file."""
    run: Run = context.obj
    text = definitions.build(run.settings)
    if write:
        definitions.GOLDEN.write_text(text, encoding="utf-8")
    elif check:
        definitions.check(text)
    else:
        print(text, end="")  # noqa: T201 - what was asked for


@data.command("push")
def push_data(context: typer.Context) -> None:
    """Upload the locked files that the bucket lacks; each sha256 is checked."""
    run: Run = context.obj
    lock = locked.read_lock(Path(run.settings.data.lock))
    with run.shown("data") as aws, run.story.step("data") as step:
        locked.push(aws, stack.outputs(aws, run.project).bucket, lock, Path(), step)


@app.command("local-test")
def local_test(context: typer.Context) -> None:
    """Run stack, image, release and request against AWS_ENDPOINT_URL; leave build/local-test.json."""
    run: Run = context.obj
    if not os.environ.get("AWS_ENDPOINT_URL"):  # nobody does this to a real account by accident
        raise SettingsError("""E507 local-test runs against an emulator only
            the variable AWS_ENDPOINT_URL
            it is empty: this would create and change things in an AWS account
            run: make local-test""")
    with run.shown("local-test") as aws:
        work = tree.read(run.settings)
        locked.check(work.lock, work.root, Story(Console(quiet=True)))
        run.make_stack(aws)
        run.make_images(aws, work)
        releases.release(aws, work, run.story)
        if run.settings.project.approval == "gate":  # else nothing serves yet: promote is somebody's decision
            proof.request(aws, run.project, "production", run.story)


def main(argv: list[str] | None = None) -> int:
    """Run a verb; turn whatever stops it into four lines and an exit code."""
    console = make_console(stderr=True)
    arguments = sys.argv[1:] if argv is None else argv
    try:
        app(arguments or ["--help"], prog_name="python -m pipelines")
    except SystemExit as stop:
        if stop.code == errors.INTERRUPTED:
            for text in ENDED if "local-test" in arguments else GOES_ON:
                console.print(text, markup=False)
        return USAGE if stop.code == 2 else int(stop.code or 0)
    except Exception as error:
        known = errors.translate(error)
        if known is None:
            raise
        tell(known, console)
        return known.exit_code
    return 0


def tell(error: MLOpsError, console: Console) -> None:
    """Print the end of the log where there is one, then the four lines; annotate in GitHub Actions."""
    for text in error.detail:
        console.print(f"    {text}", markup=False, style="dim")
    for text in error.lines():
        console.print(text, markup=False)
    if note := errors.annotation(error):
        print(note)  # noqa: T201 - a workflow command is a line on stdout


if __name__ == "__main__":
    sys.exit(main())
