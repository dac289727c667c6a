"""The verbs of an administrator: they connect a project to an account and to GitHub, and look at both."""

from __future__ import annotations

from typing import Annotated

import typer

from sagemaker_gitops.account import connect, destroy, doctor, infra, logs
from sagemaker_gitops.account import production as serving
from sagemaker_gitops.run import Run

account = typer.Typer()
Agreed = Annotated[bool, typer.Option("--yes", help="do what is shown, without asking")]
Owner = Annotated[str, typer.Option(help="GitHub's number of the repository's owner, where gh cannot tell")]
Repository = Annotated[str, typer.Option(help="GitHub's number of the repository, where gh cannot tell")]
Serving = Annotated[
    str, typer.Option("--production-account", help="let this account serve; its own: one again")
]
Switch = Annotated[bool, typer.Option("--switch", help="its stack is there: from now on it serves")]
Registry = Annotated[
    str, typer.Option("--registry", help="serve here; the ARN of the registry account's key")
]
Where = Annotated[str, typer.Option("--env", help="staging or production: its endpoint's log")]
Whole = Annotated[bool, typer.Option("--whole", help="what libraries wrote, too")]
Name = Annotated[str, typer.Option("--yes", help="the project's name: delete without asking")]
Data = Annotated[bool, typer.Option("--data", help="bucket, key, images and registry, too")]


@account.command("connect")
def connect_account(
    context: typer.Context,
    yes: Agreed = False,
    owner_id: Owner = "",
    repository_id: Repository = "",
    production: Serving = "",
    switch: Switch = False,
    registry: Registry = "",
) -> None:
    """Make stacks, roles, variables and environments in AWS and GitHub; show the plan, ask first."""
    run: Run = context.obj
    if production or switch:
        run.only_here("connect --production-account")
    if registry or serving.is_here(run):
        serving.connect(run, registry, yes=yes, owner_id=owner_id, repository_id=repository_id)
    else:
        numbers = {"owner_id": owner_id, "repository_id": repository_id}
        connect.connect(run, yes=yes, production=production, switch=switch, **numbers)


@account.command("infra")
def change_infra(context: typer.Context, yes: Agreed = False) -> None:
    """Bring a change of infra/ to the stacks that are there; show it, ask first."""
    infra.infra(context.obj, yes=yes)


@account.command("doctor")
def examine(context: typer.Context) -> None:
    """Look at credentials, trust, quotas, stacks, versions and GitHub; each finding with its fix."""
    doctor.doctor(context.obj)


@account.command("logs")
def show_logs(context: typer.Context, environment: Where = "", whole: Whole = False) -> None:
    """Show the end of the log of the last failed job, or of an environment's endpoint."""
    logs.logs(context.obj, environment, whole=whole)


@account.command("destroy")
def destroy_project(context: typer.Context, yes: Name = "", data: Data = False) -> None:
    """List all that the project has in the account, ask, delete it; data stays unless --data."""
    destroy.destroy(context.obj, yes=yes, data=data)
