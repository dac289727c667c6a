"""Take away what connect and the releases made: list it, ask for the name, delete, say what stays."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from rich.table import Column, Table

from sagemaker_gitops.account import asking, gh, owned, roles, trust
from sagemaker_gitops.account.owned import Thing
from sagemaker_gitops.errors import SettingsError
from sagemaker_gitops.run import Run


def destroy(run: Run, *, yes: str = "", data: bool = False) -> None:
    """Delete what the project has in its account, once its name was given; with `data` also what it holds.

    Every step looks at what is there: after a failure or an interrupt the verb is repeated.
    Raises SettingsError E511 where nobody can answer, E518 for another name; nothing was deleted then.
    """
    found = owned.things(run)
    going = [thing for thing in found if data or not thing.data]
    commands = [f"  {shlex.join(command)}" for command in on_github(run)]  # before nobody knows which account
    run.story.console.print(table(run, found, data))
    if not going:
        run.story.say("nothing to delete" + (": what is left is data, see --data" if found else ""))
        return
    if len(going) < len(found):
        run.story.say("what is left keeps the name: connect refuses it (E512) until destroy --data")
    _confirm(run, yes)
    with run.shown("destroy"):
        for thing in going:
            with run.story.step(thing.kind) as step:
                step.note = thing.name
                thing.delete(step)
                step.note = thing.name
    run.story.say(left(run, data, commands))


def table(run: Run, found: list[Thing], data: bool) -> Table:
    """Return all that there is, and what becomes of it."""
    columns = ("what", Column("name", overflow="fold"), "is", "destroy would")
    shown = Table(*columns, box=None, title=f"{run.project} in account {run.connection[1]}")
    for thing in found:
        going = "delete it for good" if thing.data else "delete it"
        if thing.kind == "key":
            going = f"delete it in {owned.KEY_DAYS} days"
        shown.add_row(
            thing.kind, thing.name, thing.note, going if data or not thing.data else "leave it: --data"
        )
    return shown


def _confirm(run: Run, yes: str) -> None:
    question = f"This cannot be taken back. Type the project's name, {run.project}: "
    typed = yes or asking.answer(question, f"--yes {run.project}")
    if typed != run.project:
        raise SettingsError(f"""E518 that is not the project's name
            typed: {typed or "nothing"}
            its name is {run.project}
            repeat and type it; nothing was deleted""")


def left(run: Run, data: bool, commands: list[str]) -> str:
    """Return what is still there, and what it costs; `commands` take GitHub's side away."""
    things = [thing for thing in owned.things(run) if thing.kind != "key" or not data]
    lines = [f"  {thing.kind} {thing.name} {thing.note}".rstrip() for thing in things]
    if lines:
        lines = ["what stays, and is paid for by the gigabyte and the key by the month:", *lines]
    lines += [
        "jobs, executions and shared logs (/aws/sagemaker/TrainingJobs, ProcessingJobs) cannot be deleted",
        "GitHub's OIDC provider stays: the account has one, and other projects may trust it",
    ]
    if commands:
        lines += ["GitHub's side stays; to take it away, too:", *commands]
    return "\n".join(lines)


def on_github(run: Run) -> Iterator[gh.Command]:
    """Yield the commands that take away what connect told GitHub."""
    try:
        repository = gh.of(run.settings).repository
    except SettingsError:  # nobody knows it; connect never told it anything from here
        return
    where = roles.account(run.aws, run.project)
    for name in roles.variables(where, run.project):
        yield gh.delete_variable(repository, name)
    for name in trust.NAMED if where.registry == where.number else ():
        yield ["gh", "api", "-X", "DELETE", f"repos/{repository}/environments/{name}"]
