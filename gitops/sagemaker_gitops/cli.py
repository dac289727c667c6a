"""The verbs: `python -m pipelines VERB`. Make targets and workflows call these and hold no logic.

Exit codes: 0 done, 2 data refused, 3 gate refused, 4 rolled back or not proven, 5 settings, 6 AWS access,
130 interrupted, 1 anything else.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from sagemaker_gitops import data as locked
from sagemaker_gitops import definition as definitions
from sagemaker_gitops import (
    delivery,
    errors,
    explained,
    images,
    live,
    network,
    promotion,
    proof,
    prune,
    reading,
    rehearsal,
    standing,
    status,
    tree,
)
from sagemaker_gitops import explain as explaining
from sagemaker_gitops import release as releases
from sagemaker_gitops import rollback as rollbacks
from sagemaker_gitops import settings as facts
from sagemaker_gitops.account_verbs import account
from sagemaker_gitops.data_verbs import data
from sagemaker_gitops.errors import MLOpsError
from sagemaker_gitops.github import after, planned
from sagemaker_gitops.run import Run
from sagemaker_gitops.story import Story, in_actions, inert, make_console, typed

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(data, name="data")
app.add_typer(account)
# Production is put back before a verb ends; a pipeline's execution is not stopped.
STAYS = "what the steps above show as put back or untouched serves; a pipeline that was started runs on"
ENDED = "the emulator stops what it runs"
USAGE = 1  # typer's own 2 means "data refused" here
SettingsFile = Annotated[Path, typer.Option("--settings", envvar="MLOPS_SETTINGS", help="settings file")]
Environment = Annotated[str, typer.Option("--env", help="staging or production")]
Retry = Annotated[bool, typer.Option(help="judge again what was refused or rejected earlier")]
Keep = Annotated[bool, typer.Option("--keep-staging", help="leave staging's endpoint: it costs while idle")]
Yes = Annotated[bool, typer.Option("--yes", help="delete what is shown")]
ReleaseId = Annotated[str, typer.Argument(help="its id, 12 digits do; let in by hand")]
Release = Annotated[str, typer.Argument(help="id or commit, 6 digits do; version; else what serves")]
Json = Annotated[bool, typer.Option("--json", help="the same as JSON")]
Write = Annotated[bool, typer.Option("--write", help="write pipelines/definition.json")]
PullRequest = Annotated[bool, typer.Option("--pull-request", help="against the merge base, in Markdown")]
Minutes = Annotated[float, typer.Option(help="wait no longer for the pipeline (E106): it runs on")]
Heal = Annotated[bool, typer.Option("--heal", help="mend what needs no person")]
Base = Annotated[str, typer.Option(help="a commit; where HEAD left it is released first, as the champion")]
Check = Annotated[bool, typer.Option("--check", help="refuse a golden file that differs")]


@dataclass(frozen=True)
class Project:
    """What a project brings to the verbs: its settings, and what builds its pipeline's definition."""

    settings: type[facts.Settings]
    compiled: definitions.Compile
    asked: tuple[str, ...] = ()  # the words of the command line


@app.callback()
def read_settings(context: typer.Context, path: SettingsFile = Path("mlops.toml")) -> None:
    """Read the settings once, before any verb."""
    project: Project = context.obj
    context.meta["project"] = project
    context.obj = Run(reading.load(path, project.settings), Story(), project.asked)


@app.command()
def plan(context: typer.Context, pull_request: PullRequest = False) -> None:
    """Show what a release of the working tree would do; change nothing."""
    run: Run = context.obj
    if pull_request:
        text = planned.plan(run)
        planned.leave(text)
        print(inert(text) if in_actions() else text)  # noqa: T201 - what was asked for
        return
    work = tree.to_release(run.settings)
    locked.check(work.lock, work.root, run.story)
    run.story.console.print(status.plan(run, work))


@app.command("stack")
def apply_stack(context: typer.Context) -> None:
    """Create or update the CloudFormation stack from infra/."""
    run: Run = context.obj
    with run.shown("stack"), run.story.step("stack") as step:
        network.apply(run, step)


@app.command()
def image(context: typer.Context) -> None:
    """Build and push the images that ECR lacks (command: DOCKER, else docker)."""
    run: Run = context.obj
    with run.shown("image"):
        work = tree.read(run.settings)
        with run.story.step("image") as step:
            images.publish(run.aws, run.stack, work.ids.code_id, step)


@app.command()
def release(context: typer.Context, retry: Retry = False, keep: Keep = False) -> None:
    """Bring the working tree to production: data, pipeline, gate, staging, approval, proof."""
    run: Run = context.obj
    with run.shown("release"):
        releases.release(run, tree.to_release(run.settings), retry=retry, keep=keep)


@app.command()
def pipeline(context: typer.Context, retry: Retry = False, minutes: Minutes = math.inf) -> None:
    """The first third of a release: data, validation, training, evaluation, gate, registry."""
    run: Run = context.obj
    with run.shown("pipeline"):
        releases.registered(run, tree.to_release(run.settings), retry=retry, minutes=minutes)


@app.command()
def stage(context: typer.Context, keep: Keep = False) -> None:
    """The second third: prove the registered release on staging; approve it where the gate decides."""
    run: Run = context.obj
    with run.shown("stage"):
        releases.stage(run, releases.of(run, tree.read(run.settings)), keep=keep)


@app.command()
def promote(context: typer.Context, release_id: ReleaseId = "") -> None:
    """The last third: bring to production what staging has proven and the settings let in; or RELEASE_ID."""
    run: Run = context.obj
    if release_id:
        delivery.check_id(release_id)
    with run.shown("promote"):
        work = tree.read(run.settings)
        if release_id:
            delivery.promote(run, release_id, commit=work.ids.commit_sha)
        else:
            promotion.promote(run, work, releases.of(run, work))


@app.command()
def rollback(context: typer.Context, environment: Environment = "production") -> None:
    """Bring production back to the proven release before this one, with the same rollout and proof."""
    run: Run = context.obj
    rollbacks.check_environment(run, environment)
    with run.shown("rollback"):
        rollbacks.rollback(run)


@app.command("comment")
def post_plan(context: typer.Context) -> None:
    """Post a pull request's plan as its one comment (PLAN, NUMBER, GITHUB_TOKEN)."""
    run: Run = context.obj
    run.story.say(planned.post())


@app.command("outcome")
def tell_outcome(context: typer.Context) -> None:
    """The last job of a release: record how it ended, show it, open what main needs (NEEDS, GITHUB_TOKEN)."""
    run: Run = context.obj
    after.require_run()
    ended = after.conclude(run, after.with_stories(run))
    run.story.say(f"{run.project}: {ended.kind}")


@app.command("reconcile")
def compare_with_git(context: typer.Context, heal: Heal = False) -> None:
    """Compare main's history with what is live; --heal mends it (reconcile.yml: reconcile.heal)."""
    run: Run = context.obj
    if heal:
        run.only_here("reconcile --heal")
    with run.shown("reconcile"):
        live.compare(run, tree.read(run.settings), heal)


@app.command("prune")
def prune_leftovers(context: typer.Context, yes: Yes = False) -> None:
    """Show models, endpoint configs and alarms that nothing needs any more; delete them with --yes."""
    run: Run = context.obj
    found = prune.prune(run, yes)
    run.story.console.print(found if found.row_count else "nothing to delete: all that is there is needed")


@app.command("status")
def show_status(context: typer.Context) -> None:
    """Show what is live, the last packages, and what runs, with how to stop it."""
    run: Run = context.obj
    run.story.console.print(status.status(run))
    for line in [*standing.next_step(run), *status.running(run)]:
        run.story.say(line)


@app.command("explain")
def explain_release(context: typer.Context, release: Release = "", as_json: Json = False) -> None:
    """Show one release's whole story: code, data, training, verdict, proof, rollouts, what became of it."""
    run: Run = context.obj
    run.only_here("explain")
    told = explaining.explain(run, release)
    if as_json:
        text = json.dumps(told, indent=2, sort_keys=True)
        print(inert(text) if in_actions() else text)  # noqa: T201 - what was asked for
    else:
        explained.show(run.story.console, told)


@app.command("report")
def show_report(context: typer.Context) -> None:
    """Write build/report.html again for the release of the working tree, from what lies on S3."""
    run: Run = context.obj
    with run.shown("report"):
        releases.retell(run, tree.read(run.settings))


@app.command("request")
def send_request(context: typer.Context, environment: Environment = "production") -> None:
    """Send one golden row to an endpoint; print its answer and the release that gave it."""
    run: Run = context.obj
    run.settings.environment(environment)
    run.only_here(f"request --env {environment}")
    print(json.dumps(proof.request(run, environment)))  # noqa: T201 - what was asked for


@app.command()
def definition(context: typer.Context, write: Write = False, check: Check = False) -> None:
    """Build the pipeline's definition with the SageMaker SDK; print it, write it, or check the file."""
    run: Run = context.obj
    project: Project = context.meta["project"]
    text = definitions.build(run.settings, project.compiled)
    if write:
        before = definitions.GOLDEN.read_text("utf-8") if definitions.GOLDEN.exists() else ""
        definitions.GOLDEN.write_text(text, encoding="utf-8")
        run.story.say(definitions.difference(before, text) or f"{definitions.GOLDEN} is as it was")
    elif check:
        definitions.check(text)
    else:
        print(text, end="")  # noqa: T201 - what was asked for


@app.command("local-test")
def local_test(context: typer.Context, base: Base = "") -> None:
    """Run stack, image, release and request against AWS_ENDPOINT_URL; leave build/local-test.json."""
    run: Run = context.obj
    rehearsal.refuse_aws()
    with run.shown("local-test"):
        rehearsal.rehearse(run, base)
    for line in rehearsal.look():
        run.story.say(line)


def main(project: Project, argv: list[str] | None = None) -> int:
    """Run a verb of a project; turn whatever stops it into four lines and an exit code."""
    console = make_console(stderr=True)
    arguments = sys.argv[1:] if argv is None else argv
    try:
        app(
            arguments or ["--help"],
            prog_name="python -m pipelines",
            obj=replace(project, asked=tuple(arguments)),
        )
    except SystemExit as stop:
        if stop.code == errors.INTERRUPTED:
            for text in interrupted(arguments):
                console.print(typed(text), markup=False)
        return USAGE if stop.code == 2 else int(stop.code or 0)
    except Exception as error:
        known = errors.translate(error)
        if known is None:
            raise
        tell(known, console)
        return known.exit_code
    return 0


def interrupted(arguments: list[str]) -> list[str]:
    """Return the four lines of a verb that was interrupted."""
    verb = " ".join(arguments)
    local = "local-test" in arguments
    return [
        f"■ interrupted: {ENDED if local else 'nothing further is asked of AWS'}",
        f"  {verb}; a step marked ■ above was running",
        "  Ctrl-C, or a signal that ends this program" + ("" if local else f": {STAYS}"),
        "  begin again: make local-test"
        if local
        else f"  see what is: python -m pipelines status; then again: {verb}",
    ]


def tell(error: MLOpsError, console: Console) -> None:
    """Print the end of the log where there is one, then the four lines; annotate in GitHub Actions."""
    for text in error.detail:
        console.print(f"    {errors.harmless(text)}", markup=False, style="dim")
    for text in error.lines():
        console.print(typed(text), markup=False)
    if note := errors.annotation(error):
        print(note)  # noqa: T201 - a workflow command is a line on stdout
