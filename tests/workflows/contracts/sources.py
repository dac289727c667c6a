"""What runs: whose actions, which commands, with which values."""

from __future__ import annotations

import re
from collections.abc import Iterator

from workflows.reading import LOCAL, Project

ROLES = ("PULL_REQUEST", "PIPELINE", "DEPLOY", "INFRA", "PRODUCTION")
VARIABLES = {"AWS_REGION"} | {f"AWS_{role}_ROLE" for role in ROLES}
ARGUMENT = r'(?:[\w./:=-]+|(?:[A-Z]+=)?"(?:[\w./:= -]|\$[A-Z_]+)+")'
COMMAND = re.compile(
    rf"(?:make (?P<target>[a-z-]+)|\.venv/bin/python -m pipelines (?P<verb>[a-z-]+))(?: {ARGUMENT})*"
)
# One compares the results of the others; before the other, which does nothing, a reviewer is asked.
SHELL = {"pull_request.yml: ready", "deploy.yml: approve"}


def an_action_is_pinned_by_commit(project: Project) -> Iterator[str]:
    """A tag can be moved to other code, a commit cannot; Dependabot and people read the comment."""
    everything = "\n".join(project.texts.values())
    for where, used in project.uses:
        if not used.startswith((LOCAL, "./")):
            pinned = re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", used)
            behind = re.findall(rf"{re.escape(used)}(.*)", everything)
            if not pinned or any(not re.fullmatch(r" # v\d+\.\d+\.\d+", comment) for comment in behind):
                yield f"{where} uses {used} without a commit and its version as a comment"


def what_is_local_is_of_the_commit_that_runs(project: Project) -> Iterator[str]:
    """`$/` is this repository at the running commit, also where a step has changed the checkout."""
    local = {f"$/{folder}" for folder in project.actions}
    local |= {f"$/.github/workflows/{file}" for file in project.workflows}
    for where, used in project.uses:
        if used.startswith("./"):
            yield f"{where} uses {used} instead of $/"
        elif used.startswith(LOCAL) and used not in local:
            yield f"{where} uses {used}, which is not there"


def a_checkout_keeps_no_credentials(project: Project) -> Iterator[str]:
    """By default every later step, and every artifact of the folder, has the job's token."""
    for where, step in project.steps:
        checkout = step.get("uses", "").startswith("actions/checkout@")
        if checkout and (step.get("with") or {}).get("persist-credentials") is not False:
            yield f"{where}: the checkout keeps its credentials"


def a_step_runs_a_target_or_a_verb(project: Project) -> Iterator[str]:
    """What a workflow does can be done on a laptop, and is tested there; a script in YAML is neither."""
    known = {"target": project.facts.targets, "verb": project.facts.verbs}
    for where, step in project.steps:
        if "run" not in step or where in SHELL:
            continue
        for line in step["run"].strip().splitlines():
            command = COMMAND.fullmatch(line.strip())
            if command is None:
                yield f"{where} runs `{line.strip()}`, no make target and no verb"
                continue
            for kind, name in command.groupdict().items():
                if name and name not in known[kind]:
                    yield f"{where} runs `{line.strip()}`: there is no {kind} {name}"


def no_expression_is_written_into_a_script(project: Project) -> Iterator[str]:
    """A branch's name or an input becomes shell code there; through `env` it stays a value."""
    for where, step in project.steps:
        for expression in re.findall(r"\$\{\{.*?\}\}", step.get("run", "")):
            yield f"{where} writes {expression} into its script"


def make_is_given_no_free_text(project: Project) -> Iterator[str]:
    """make writes what ARGS holds into its recipe: a branch's name would be shell code there."""
    for where, step in project.steps:
        for name in re.findall(r"^make .*\$([A-Z_]+)", step.get("run", ""), re.MULTILINE):
            value = str((step.get("env") or {}).get(name, ""))
            for source in re.findall(r"[\w.]+", "".join(re.findall(r"\$\{\{(.*?)\}\}", value))):
                if not source.endswith(("sha", ".number", ".run_id")):
                    yield f"{where} gives make {source} as ${name}"


def an_action_declares_what_it_reads(project: Project) -> Iterator[str]:
    """An input that nobody declared is the empty string, and no tool says so of an action."""
    for folder, action in project.actions.items():
        text = project.texts[f"{folder.removeprefix('.github/')}/action.yml"]
        for name in sorted(set(re.findall(r"\binputs\.([\w-]+)", text)) - set(action.get("inputs") or ())):
            yield f"{folder} reads the input {name}, which it does not declare"


def a_variable_is_known(project: Project) -> Iterator[str]:
    """A variable that nobody sets is the empty string: no error, and a job without region or role."""
    for file, text in project.texts.items():
        for name in sorted(set(re.findall(r"\bvars\b[.\[]*'?(\w*)", text)) - VARIABLES):
            yield f"{file} reads the variable {name!r}"


RULES = (
    an_action_is_pinned_by_commit,
    what_is_local_is_of_the_commit_that_runs,
    a_checkout_keeps_no_credentials,
    a_step_runs_a_target_or_a_verb,
    no_expression_is_written_into_a_script,
    make_is_given_no_free_text,
    an_action_declares_what_it_reads,
    a_variable_is_known,
)
