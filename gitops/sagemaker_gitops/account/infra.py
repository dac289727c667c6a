"""Bring a merged change of infra/ to AWS: change sets of both stacks, shown before they are executed."""

from __future__ import annotations

from rich.table import Table

from sagemaker_gitops import stack
from sagemaker_gitops.account import changes
from sagemaker_gitops.account.changes import ChangeSet
from sagemaker_gitops.run import Run


def infra(run: Run, *, yes: bool = False) -> None:
    """Show what the templates would change in the stacks that are there, ask, change it.

    Raises:
        SettingsError: E504, there is no stack yet, or a change failed; E511, nobody here to answer.
    """
    sets = proposed(run)
    shown = Table("stack", "is", "would", box=None, title=f"infra/ of {run.project}")
    for item in sets:
        shown.add_row(item.wanted.name, item.state, str(item))
    run.story.console.print(shown)
    if not any(item.arn for item in sets):
        run.story.say("nothing to change")
        return
    if not (yes or changes.agreed(run.aws, sets)):
        run.story.say("nothing was changed")
        return
    with run.shown("infra"):
        for item in sets:
            with run.story.step("infra") as step:
                changes.execute(run.aws, item, step)


def proposed(run: Run) -> list[ChangeSet]:
    """Return the change sets; connect alone makes a stack that is not there."""
    stack.outputs(run.aws, run.project)  # E504
    run.only_here("infra")
    email = {"AlarmEmail": run.settings.project.alarm_email}
    wanted = [stack.of_project(run.project, parameters=email)]
    if stack.describe(run.aws, stack.github_name(run.project)):
        wanted.append(stack.of_github(run.project, {}))
    return [changes.propose(run.aws, each) for each in wanted]
