"""Who may do what: permissions on GitHub, roles in AWS, and what a pull request gets."""

from __future__ import annotations

import re
from collections.abc import Iterator

from workflows.reading import Project

LEVELS = ("none", "read", "write")
EVERYWHERE = {"contents", "issues", "pull-requests"}
# What a verb writes on GitHub. Whatever else a job runs, it reads.
WRITERS = {
    "outcome": EVERYWHERE,
    "reconcile": EVERYWHERE,
    "comment": {"pull-requests"},
    "data": {"contents", "pull-requests"},
}
PRODUCTION = "${{ vars.AWS_PRODUCTION_ROLE || vars.AWS_DEPLOY_ROLE }}"  # its own account's, where it has one
CHANGES = {"promote", "rollback"}  # what production serves
INFRASTRUCTURE = "infrastructure"  # the environment whose reviewer lets a change of infra/ be applied
OURS = "github.event.pull_request.head.repo.full_name == github.repository"


def a_workflow_starts_without_rights(project: Project) -> Iterator[str]:
    """A job that forgets its permissions has none then, instead of the repository's default."""
    for file, workflow in project.workflows.items():
        if workflow.get("permissions") != {}:
            yield f"{file}: at the top stands {workflow.get('permissions')!r} instead of {{}}"


def a_job_lists_its_permissions(project: Project) -> Iterator[str]:
    """Whoever reads a job sees its rights; `read-all` and `write-all` grow with GitHub."""
    for job in project.jobs:
        if not isinstance(job.body.get("permissions"), dict):
            yield f"{job} lists no permissions"


def a_token_goes_with_a_role(project: Project) -> Iterator[str]:
    """Without the token AWS refuses the role; without a role the token is a right for nothing."""
    for job in project.jobs:
        token = job.permissions.get("id-token") == "write"
        role = any(inner.arns for inner in project.inside(job))
        if token != role:
            yield f"{job}: {'id-token: write without a role' if token else 'a role without id-token: write'}"


def a_caller_grants_what_is_called(project: Project) -> Iterator[str]:
    """GitHub gives a called job no more than its caller has, and refuses the file when it asks for more."""
    for job in project.jobs:
        for inner in project.inside(job) if job.calls else ():
            for scope, level in inner.permissions.items():
                if LEVELS.index(level) > LEVELS.index(job.permissions.get(scope, "none")):
                    yield f"{job} lacks {scope}: {level}, which {inner} needs"


def only_those_that_write_may_write(project: Project) -> Iterator[str]:
    """A token that can write is stolen by whatever runs beside it; only the verbs that write get one."""
    for job in project.jobs:
        verbs = {verb for inner in project.inside(job) for verb in inner.verbs}
        may = {"id-token"}.union(*(WRITERS.get(verb, set()) for verb in verbs))
        for scope, level in job.permissions.items():
            if level == "write" and scope not in may:
                yield f"{job} has {scope}: write, which none of {', '.join(sorted(verbs)) or 'nothing'} needs"


def a_fork_gets_no_role(project: Project) -> Iterator[str]:
    """A fork gets no token. Asked by its name: a merge queue's event has no `fork` to negate."""
    guarded = re.compile(rf"{re.escape(OURS)}(?:(?!\|\|).)*&& vars\.AWS_\w+_ROLE")
    for job in project.jobs:
        if "pull_request" in project.triggers(job.file):
            for inner in project.inside(job):
                for arn in inner.arns:
                    if not guarded.search(arn):
                        yield f"{inner} takes {arn} without asking `{OURS} &&` first"


def a_pull_request_takes_its_own_role(project: Project) -> Iterator[str]:
    """It may rewrite its workflow, so its role only looks. The others run what was merged."""
    for job in project.jobs:
        on_pull_request = "pull_request" in project.triggers(job.file)
        for role in sorted({role for inner in project.inside(job) for role in inner.roles}):
            if on_pull_request != (role == "PULL_REQUEST"):
                yield f"{job} takes AWS_{role}_ROLE"


def a_role_is_taken_where_its_trust_says(project: Project) -> Iterator[str]:
    """The trust names the file that the job stands in; from any other, AWS refuses the role."""
    trusts = project.facts.trusts
    for job in project.jobs:
        for role in sorted(job.takes):
            if role not in trusts:
                yield f"{job} takes AWS_{role}_ROLE, which infra/ does not make"
            elif trusts[role] and job.file not in trusts[role]:
                yield f"{job} takes AWS_{role}_ROLE, whose trust names {', '.join(sorted(trusts[role]))}"
    for role, files in trusts.items():
        for file in sorted(files - set(project.workflows)):
            yield f"the trust of AWS_{role}_ROLE names {file}, which is no workflow"


def production_is_changed_in_its_own_account(project: Project) -> Iterator[str]:
    """What serves is there; the registry's account refuses such a verb, and staging belongs to that one."""
    for job in project.jobs:
        changes = bool(job.verbs & CHANGES)
        if changes and job.body.get("env", {}).get("AWS_ROLE_ARN") != PRODUCTION:
            yield f"{job} does not take {PRODUCTION}"
        if "PRODUCTION" in job.takes and not changes and "reconcile" not in job.verbs:
            yield f"{job} takes AWS_PRODUCTION_ROLE and neither changes nor compares what serves"
    for heals, does in ((False, "compares git with"), (True, "mends")):
        own = [job for job in project.jobs if "reconcile" in job.verbs and job.takes == {"PRODUCTION"}]
        if not any(job.heals == heals for job in own):
            yield f"no job {does} what is live in production's own account"


def staging_stands_in_another_file_than_production(project: Project) -> Iterator[str]:
    """Without environments the file alone tells the two: production's role must not trust staging's."""
    for job in project.jobs:
        if "stage" in job.verbs and job.file in project.facts.trusts.get("PRODUCTION", ()):
            yield f"{job}: the role of production's own account trusts {job.file}"


def infra_stands_alone_in_its_file(project: Project) -> Iterator[str]:
    """Without environments the file alone tells its job: another one there could take the role unasked."""
    for job in project.jobs:
        if job.file in project.facts.trusts.get("INFRA", ()):
            if job.verbs != {"infra"}:
                yield f"{job}: the infra role trusts {job.file}, for `infra` alone"
            if job.environment != INFRASTRUCTURE:
                yield f"{job} asks no reviewer of the environment {INFRASTRUCTURE}"


def nothing_runs_with_rights_on_a_strangers_code(project: Project) -> Iterator[str]:
    """Both events run with the repository's rights, and secrets, on what a stranger's branch brings."""
    for file in project.workflows:
        for event in sorted({"pull_request_target", "workflow_run"} & set(project.triggers(file))):
            yield f"{file} starts on {event}"


def no_secret_is_needed(project: Project) -> Iterator[str]:
    """AWS is reached by OIDC, GitHub by the job's own token; `inherit` would hand on every secret."""
    for job in project.jobs:
        if "secrets" in job.body:
            yield f"{job} hands on secrets: {job.body['secrets']}"
    for file, text in project.texts.items():
        for name in re.findall(r"\$\{\{[^}]*\bsecrets\b[.\[]*'?(\w*)", text):
            yield f"{file} reads the secret {name}"


RULES = (
    a_workflow_starts_without_rights,
    a_job_lists_its_permissions,
    a_token_goes_with_a_role,
    a_caller_grants_what_is_called,
    only_those_that_write_may_write,
    a_fork_gets_no_role,
    a_pull_request_takes_its_own_role,
    a_role_is_taken_where_its_trust_says,
    production_is_changed_in_its_own_account,
    staging_stands_in_another_file_than_production,
    infra_stands_alone_in_its_file,
    nothing_runs_with_rights_on_a_strangers_code,
    no_secret_is_needed,
)
