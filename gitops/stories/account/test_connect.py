"""Connect on an emulator: a plan, a question, two stacks, GitHub's side; then again, and half done."""

from __future__ import annotations

import io
from typing import Any

import pytest

from doubles.account import ACCOUNT, REPOSITORY, Project, connect
from sagemaker_gitops import stack
from sagemaker_gitops.account import connect as connecting
from sagemaker_gitops.account import gh, roles
from sagemaker_gitops.account import shown as shown_plan
from sagemaker_gitops.account.changes import Change, ChangeSet
from sagemaker_gitops.account.gh import Identity
from sagemaker_gitops.errors import AccessError, SettingsError
from tests.conftest import make_settings

pytestmark = pytest.mark.slow  # test_connected.py is the quick one
PROVIDER = "token.actions.githubusercontent.com"


def answers(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def trusted(project: Project) -> dict[str, Any]:
    """Return what the pull request's role wants of a token."""
    role = project.aws["iam"].get_role(RoleName=f"{project.slug}-eu-west-1-pull-request")["Role"]
    [statement] = role["AssumeRolePolicyDocument"]["Statement"]
    wanted = statement["Condition"]["StringEquals"]
    return {key.removeprefix(f"{PROVIDER}:"): value for key, value in wanted.items()}


def test_it_makes_both_stacks_and_tells_github(project: Project):
    connect(project)
    assert project.stacks() == project.both()
    role = f"arn:aws:iam::{ACCOUNT}:role/{project.slug}-eu-west-1"
    assert project.github.variables == {"AWS_REGION": "eu-west-1"} | {
        f"AWS_{kind.upper().replace('-', '_')}_ROLE": f"{role}-{kind}" for kind in roles.roles()
    }
    made = project.github.environments
    assert {name: item["branches"] for name, item in made.items()} == {
        "staging": ["main"],
        "production": ["main"],
        "infrastructure": ["main"],
    }


def test_every_variable_names_a_role_that_is_there(project: Project):
    connect(project)
    named = [arn.rsplit("/", 1)[1] for name, arn in project.github.variables.items() if name != "AWS_REGION"]
    there = stack.resources(project.run().aws, f"{project.slug}-github", "AWS::IAM::Role")
    assert sorted(named) == sorted(there.values())


def test_the_roles_trust_the_repository_by_its_numbers_and_both_forms_of_its_name(project: Project):
    connect(project)
    wanted = trusted(project)
    assert wanted["repository_id"] == "345"
    assert wanted["sub"] == [
        "repo:acme/income-model:pull_request",
        "repo:acme@12/income-model@345:pull_request",
    ]


def test_the_plan_names_each_resource_and_what_costs_money_while_idle(project: Project):
    shown = connect(project)
    for words in (
        "make Key, KeyAlias, Bucket, ",
        ", PullRequestRole, ",
        "set AWS_REGION",
        "make staging",
        "a fixed price a month",
    ):
        assert words in shown
    assert "production: 1 x ml.m5.large, price unknown" in shown


def test_a_second_time_there_is_nothing_to_change(project: Project):
    connect(project)
    project.github.change(calls=[])
    assert "nothing to change" in connect(project)
    assert project.github.writes() == []
    assert project.stacks() == project.both()


@pytest.mark.parametrize("typed", ["n\n", "\n", "income-model\n"], ids=["no", "silence", "another word"])
def test_whatever_is_not_yes_leaves_nothing_behind(project: Project, monkeypatch, typed):
    answers(monkeypatch, typed)
    connecting.connect(project.run())
    assert "nothing was changed" in project.text()
    assert project.stacks() == {}
    assert project.github.writes() == []


def test_yes_typed_is_enough(project: Project, monkeypatch):
    answers(monkeypatch, "y\n")
    connecting.connect(project.run())
    assert project.stacks() == project.both()


def test_where_nobody_can_answer_nothing_is_left_behind(project: Project, monkeypatch):
    answers(monkeypatch, "")
    with pytest.raises(SettingsError, match="E511") as stopped:
        connecting.connect(project.run())
    assert "--yes" in stopped.value.todo
    assert project.stacks() == {}


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        pytest.param("AWS_DEPLOY_ROLE", "arn:aws:iam::999999999999:role/x", "account", id="another account"),
        pytest.param("AWS_REGION", "us-east-1", "region", id="another region"),
    ],
)
@pytest.mark.parametrize("environment", ["", "production"])
def test_a_repository_of_another_account_is_refused_before_anything_is_written(
    project: Project, name, value, what, environment
):
    if environment:
        project.github.change(environments={environment: {"name": environment, "variables": {name: value}}})
    else:
        project.github.change(variables={name: value})
    with pytest.raises(AccessError, match=f"E606 .* is connected to another {what}") as stopped:
        connect(project)
    assert value in stopped.value.where
    assert project.stacks() == {}
    assert project.github.writes() == []


def test_what_github_refused_half_way_is_done_the_next_time(project: Project):
    project.github.change(refuse={"environments/production": "gh: Must have admin rights (HTTP 422)"})
    with pytest.raises(AccessError, match="E605") as stopped:
        connect(project)
    assert "Must have admin rights" in stopped.value.why
    project.github.change(refuse={}, calls=[])
    connect(project)
    assert [call for call in project.github.writes() if "variable" in call or "staging" in call] == []
    assert set(project.github.environments) == {"staging", "production", "infrastructure"}


def test_an_environment_that_was_left_without_its_branch_gets_it(project: Project):
    project.github.change(refuse={"environments/staging/deployment-branch-policies": "gh: broken (HTTP 500)"})
    with pytest.raises(AccessError, match="E605"):
        connect(project)
    project.github.change(refuse={})
    connect(project)
    assert project.github.environments["staging"]["branches"] == ["main"]


def test_an_environment_that_is_there_keeps_its_own_rules(project: Project):
    own = {"name": "production", "deployment_branch_policy": {"protected_branches": True}}
    project.github.change(environments={"production": own})
    connect(project)
    assert project.github.environments["production"] == own


def test_a_stack_that_was_made_by_hand_is_taken_as_it_is(project: Project):
    run = project.run()
    stack.apply(run.aws, project.slug, run.story.begin("stack"))
    assert "Bucket" not in connect(project)
    assert project.stacks() == project.both()


def test_a_stack_that_was_only_looked_at_is_no_obstacle(project: Project):
    run = project.run()
    connecting.changes.propose(run.aws, stack.of_project(project.slug))
    assert project.stacks() == {project.slug: "REVIEW_IN_PROGRESS"}
    connect(project)
    assert project.stacks() == project.both()


def test_the_accounts_own_provider_is_used_and_stays_so(project: Project):
    project.aws["iam"].create_open_id_connect_provider(
        Url=f"https://{PROVIDER}", ClientIDList=["sts.amazonaws.com"]
    )
    connect(project)
    assert "nothing to change" in connect(project)
    assert stack.resources(project.run().aws, f"{project.slug}-github", roles.PROVIDER) == {}


def test_a_provider_without_our_audience_is_refused_with_the_command_that_adds_it(project: Project):
    project.aws["iam"].create_open_id_connect_provider(Url=f"https://{PROVIDER}", ClientIDList=["other"])
    with pytest.raises(SettingsError, match="E513") as stopped:
        connect(project)
    assert "add-client-id-to-open-id-connect-provider" in stopped.value.todo


def test_a_repository_that_was_made_anew_is_trusted_by_its_new_number(project: Project):
    connect(project)
    project.github.change(repository=project.github.repository | {"id": 999})
    connect(project)
    assert trusted(project)["repository_id"] == "999"


def test_data_of_an_earlier_project_is_not_taken_over_silently(project: Project):
    connect(project)
    project.aws["cloudformation"].delete_stack(StackName=project.slug)
    with pytest.raises(SettingsError, match="E512") as stopped:
        connect(project)
    assert f"bucket {project.slug}-{ACCOUNT}-eu-west-1" in stopped.value.where
    assert "destroy --data" in stopped.value.todo


def test_an_approval_by_a_reviewer_names_whoever_is_logged_in(project: Project):
    connecting.connect(project.run(project={"approval": "reviewer"}), yes=True)
    [production] = [call for call in project.github.writes() if "-X PUT" in call and "production" in call]
    assert "reviewers[][id]=7" in production
    assert project.github.environments["staging"]["protection_rules"] == []


def test_a_login_that_is_no_person_cannot_be_the_reviewer(project: Project):
    project.github.change(refuse={"api user": "gh: Resource not accessible by integration (HTTP 403)"})
    with pytest.raises(AccessError, match="E605 GitHub does not say who is logged in") as stopped:
        connecting.connect(project.run(project={"approval": "reviewer"}), yes=True)
    assert "gh auth login" in stopped.value.todo
    assert project.stacks() == {}


def made_so(project: Project, name: str) -> str:
    """Return the call that made an environment last."""
    return [
        call for call in project.github.writes() if f"-X PUT repos/{REPOSITORY}/environments/{name}" in call
    ][-1]


def test_changes_of_the_infrastructure_wait_for_whoever_is_logged_in(project: Project):
    shown = connect(project)
    assert "make staging, production, infrastructure, for main only; you review infrastructure" in shown
    assert "reviewers[][type]=User" in made_so(project, "infrastructure")
    assert "reviewers[][id]=7" in made_so(project, "infrastructure")
    assert "reviewers" not in made_so(project, "staging") + made_so(project, "production")
    assert shown_plan.UNREVIEWED not in shown


NO_REVIEWERS = {"reviewers": "gh: Failed to create the environment protection rule (HTTP 422)"}


def test_where_the_plan_has_no_reviewers_infrastructure_is_made_without_and_that_is_said(project: Project):
    project.github.change(repository=project.github.repository | {"private": True}, refuse=NO_REVIEWERS)
    shown = connect(project)
    assert shown_plan.UNREVIEWED in shown
    assert "reviewers" not in made_so(project, "infrastructure")
    assert {name: item["branches"] for name, item in project.github.environments.items()} == {
        name: ["main"] for name in ("staging", "production", "infrastructure")
    }
    assert "nothing to change" in connect(project)


def test_a_reviewer_whom_a_public_repository_refuses_is_an_error(project: Project):
    project.github.change(refuse=NO_REVIEWERS)
    with pytest.raises(AccessError, match="E605 GitHub refused gh api -X PUT") as stopped:
        connect(project)
    assert "environments/infrastructure" in stopped.value.where


def test_a_login_that_is_no_person_reviews_no_infrastructure_and_that_is_said(project: Project):
    project.github.change(refuse={"api user": "gh: Resource not accessible by integration (HTTP 403)"})
    shown = connect(project)
    assert shown_plan.UNREVIEWED in shown
    assert "you review" not in shown
    assert "reviewers" not in made_so(project, "infrastructure")


REFUSALS = [
    pytest.param("gh: Upgrade to GitHub Pro or make this repository public (HTTP 403)", id="403"),
    pytest.param("gh: Not Found (HTTP 404)", id="404"),
    pytest.param("gh: Failed ... ensure the billing plan supports ... (HTTP 422)", id="422"),
]


def private(project: Project, said: str, **facts: Any) -> None:
    """Make the repository private, and let GitHub refuse its environments."""
    repository = project.github.repository | {"private": True} | facts
    project.github.change(repository=repository, refuse={"-X PUT": said})


@pytest.mark.parametrize("said", REFUSALS)
def test_environments_that_githubs_plan_lacks_are_a_warning(project: Project, said):
    private(project, said)
    shown = connect(project)
    assert "in a private repository they need GitHub Pro, Team or Enterprise" in shown
    assert project.stacks() == project.both()
    assert len(project.github.variables) == 5


@pytest.mark.parametrize("said", REFUSALS)
def test_where_a_reviewer_must_let_in_the_plan_is_an_error_that_names_the_one_needed(project: Project, said):
    private(project, said)
    with pytest.raises(AccessError, match="E605 GitHub's plan has no required reviewers") as stopped:
        connecting.connect(project.run(project={"approval": "reviewer"}), yes=True)
    assert said in stopped.value.why
    assert "GitHub Enterprise" in stopped.value.why


@pytest.mark.parametrize(
    ("said", "facts"),
    [
        pytest.param("gh: Server Error (HTTP 500)", {}, id="GitHub is broken"),
        pytest.param("gh: Not Found (HTTP 404)", {"private": False}, id="a public repository"),
        pytest.param("gh: Not Found (HTTP 404)", {"permissions": {"admin": False}}, id="no administrator"),
    ],
)
def test_any_other_refusal_of_an_environment_is_an_error(project: Project, said, facts):
    private(project, said, **facts)
    with pytest.raises(AccessError, match="E605 GitHub refused gh api -X PUT"):
        connect(project)


def test_without_gh_it_asks_for_the_two_numbers(project: Project):
    project.github.change(login=None)
    with pytest.raises(SettingsError, match="E509") as stopped:
        connect(project)
    assert "gh is not logged in" in stopped.value.where
    assert f"gh api repos/{REPOSITORY} --jq '.owner.id, .id'" in stopped.value.why
    assert project.stacks() == {}


@pytest.mark.parametrize("logged_in", [True, False])
@pytest.mark.parametrize(
    ("option", "number"), [("owner_id", "abc"), ("repository_id", "1 2"), ("owner_id", "²")]
)
def test_what_is_no_number_is_said_whether_it_is_needed_or_not(project: Project, option, number, logged_in):
    if not logged_in:
        project.github.change(login=None)
    given: dict[str, Any] = {"owner_id": "12", "repository_id": "345", option: number}
    with pytest.raises(SettingsError, match=f"E501 {number!r} is no number") as stopped:
        connecting.connect(project.run(), yes=True, **given)
    assert stopped.value.where == f"the option --{option.replace('_', '-')}"
    assert project.stacks() == {}


@pytest.mark.parametrize(
    ("given", "missing"),
    [({"owner_id": "12"}, "--repository-id"), ({"repository_id": "345"}, "--owner-id")],
)
def test_of_the_two_numbers_the_one_that_is_missing_is_named(project: Project, given, missing):
    project.github.change(login=None)
    with pytest.raises(SettingsError, match="E509") as stopped:
        connecting.connect(project.run(), yes=True, **given)
    assert stopped.value.where.endswith(f"; {missing} is missing")


def test_where_there_is_no_gh_it_is_to_be_installed_first(project: Project, monkeypatch):
    monkeypatch.setattr(gh.shutil, "which", lambda _: None)
    with pytest.raises(SettingsError, match="E509") as stopped:
        connect(project)
    assert stopped.value.where.startswith("gh is not installed")
    assert stopped.value.todo.startswith("install gh (https://cli.github.com), then gh auth login")


def test_without_gh_the_numbers_are_enough_and_the_commands_are_printed(project: Project):
    project.github.change(login=None)
    connecting.connect(project.run(), yes=True, owner_id="12", repository_id="345")
    shown = project.text()
    assert project.stacks() == project.both()
    assert f"gh variable set AWS_REGION --body eu-west-1 --repo {REPOSITORY}" in shown
    assert f"gh api -X PUT repos/{REPOSITORY}/environments/production" in shown
    [infrastructure] = [line for line in shown.splitlines() if "environments/infrastructure -F" in line]
    assert f"reviewers[][id]={connecting.NOBODY}" in infrastructure
    assert f"{connecting.NOBODY}: the reviewer's, by that login: gh api user --jq .id" in shown
    assert shown.index("gh variable set") < shown.index("next:")
    assert project.github.writes() == []
    assert "nothing to change" in connect(project)  # the numbers are those of the last time


def test_a_repository_that_this_login_cannot_see_is_named(project: Project):
    project.github.change(repository=project.github.repository | {"full_name": "acme/another"})
    with pytest.raises(AccessError, match=f"E605 GitHub shows no repository {REPOSITORY}"):
        connect(project)


@pytest.mark.parametrize(
    "remote",
    [
        "git@github.com:acme/income-model.git",
        "https://github.com/acme/income-model",
        "https://token@github.com/acme/income-model.git/",
        "ssh://git@github.example.com:22/acme/income-model.git",
    ],
)
def test_the_repository_is_where_git_pushes(monkeypatch, remote):
    monkeypatch.setattr(gh, "git", lambda *_: remote)
    assert gh.of(make_settings()).repository == "acme/income-model"


def test_without_a_remote_nobody_knows_the_repository(monkeypatch):
    monkeypatch.setattr(gh, "git", lambda *_: "")
    with pytest.raises(SettingsError, match="E509") as stopped:
        gh.of(make_settings())
    assert "git remote add origin" in stopped.value.todo


def test_a_change_set_is_told_by_what_happens_and_what_is_made_anew_is_said():
    kind = "AWS::S3::Bucket"
    changed = Change("Modify", "B", kind), Change("Add", "A", kind), Change("Modify", "C", kind, "True")
    shown = ChangeSet(stack.of_project("x"), "CREATE_COMPLETE", "arn", changed)
    assert str(shown) == "change B, C (anew); make A"


def test_the_immutable_name_is_githubs():
    assert Identity("octocat/my-repo", "123456", "456789").immutable_name == "octocat@123456/my-repo@456789"
