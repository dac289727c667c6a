"""A pull request's plan on its way: made where its code runs, posted by a job that runs none of it.

In:   build/ and build/base/build/ after `make local-test ARGS="--base ..."`; AWS where the job has its role
Out:  the job summary and the output `plan`; then one comment, by $PLAN and $NUMBER
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from pathlib import Path

from sagemaker_gitops import errors, registry, rehearsal, tree
from sagemaker_gitops.errors import SettingsError
from sagemaker_gitops.github import api, comment, plan_cost
from sagemaker_gitops.github.plan_verdict import Live
from sagemaker_gitops.run import Run


def plan(run: Run) -> str:
    """Return the plan of the working tree against its merge base.

    Raises:
        SettingsError: E517, there is no merge base to compare with.
    """
    if not (rehearsal.BASE / "mlops.toml").is_file():
        raise SettingsError(f"""E517 there is no merge base to compare with
            {rehearsal.BASE}
            local-test lays it there and releases it first
            run: make local-test ARGS="--base main"; then repeat""")
    try:
        live, ask = _live(run), plan_cost.asking(run.settings.project.region)
    except errors.TROUBLE:  # a fork, or nobody has connected an account yet
        live, ask = comment.UNKNOWN, plan_cost.not_connected
    return comment.plan(rehearsal.BASE, Path(), live=live, ask=ask)


def _live(run: Run) -> Live:
    """Return what production serves, and how far this tree's release has come already."""
    group = run.stack.group
    serving = run.serving()
    known = registry.find(run.aws, group, tree.read(run.settings).ids.release_id)
    return Live(serving.release_id if serving else "", known.approval if known else "")


def leave(text: str, environ: Mapping[str, str] = os.environ) -> None:
    """Write the plan into the job summary and the job's output, where there are such."""
    if path := environ.get("GITHUB_STEP_SUMMARY"):
        _append(path, text + "\n")
    if path := environ.get("GITHUB_OUTPUT"):
        end = uuid.uuid4().hex  # so that no line of the text can end the value
        _append(path, f"plan<<{end}\n{text}\n{end}\n")


def post(environ: Mapping[str, str] = os.environ) -> str:
    """Post $PLAN as the comment on pull request $NUMBER; return what was done, in words."""
    text, number, repository = environ.get("PLAN", ""), environ.get("NUMBER", ""), api.repository(environ)
    if not text:
        return "there is no plan: its job did not get that far"
    if not number.isdecimal() or repository is None:
        return "no pull request here: the plan stands in the job summary"
    if comment.post(repository, int(number), text):
        return f"the plan is a comment on #{number}"
    return "GitHub lets this job write no comment (a fork): the plan stands in the job summary"


def _append(path: str, text: str) -> None:
    with Path(path).open("a", encoding="utf-8") as stream:
        stream.write(text)
