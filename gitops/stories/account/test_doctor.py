"""Doctor on an emulator: well when connected, and what it says of each thing that was spoilt."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from doubles.account import Project
from sagemaker_gitops.account import connect as connecting
from sagemaker_gitops.account import doctor as examining
from sagemaker_gitops.account import findings, quotas, trust
from sagemaker_gitops.account.findings import Finding
from sagemaker_gitops.account.gh import Identity
from sagemaker_gitops.errors import SettingsError
from tests.conftest import make_settings

pytestmark = pytest.mark.slow  # an account is connected and filled for each

ACME = Identity("acme/model", "12", "345")


@contextmanager
def edited(file: Path, change: Callable[[str], str]) -> Iterator[None]:
    before = file.read_text("utf-8")
    try:
        file.write_text(change(before), "utf-8")
        yield
    finally:
        file.write_text(before, "utf-8")


@pytest.fixture
def connected(project: Project) -> Project:
    connecting.connect(project.run(), yes=True)
    return project


def wrong(project: Project, **changes: Any) -> list[Finding]:
    found = examining.examine(project.run(**({"project": changes} if changes else {})))
    return [item for item in found if item.verdict == "bad"]


def test_a_connected_project_is_well(connected: Project):
    assert wrong(connected) == []
    examining.doctor(connected.run())
    assert "as infra/github.yml says" in connected.text()
    assert "infrastructure has required reviewers" in connected.text()


def test_before_connect_it_names_what_is_missing(project: Project):
    assert {"stacks", "trust", "github"} <= {item.about for item in wrong(project)}
    with pytest.raises(SettingsError, match="E510") as stopped:
        examining.doctor(project.run())
    assert stopped.value.exit_code == 5
    assert "python -m pipelines connect" in stopped.value.todo


def test_a_stack_that_is_not_what_git_says_is_bad(connected: Project):
    file = connected.root / "infra" / "github.yml"
    with edited(file, lambda text: text.replace("Description: plan and status;", "Description: status;")):
        [finding] = wrong(connected)
    assert "not as infra/github.yml says" in finding.what


def test_a_comment_alone_is_no_difference_as_it_is_none_to_cloudformation(connected: Project):
    with edited(connected.root / "infra" / "github.yml", lambda text: f"# why\n\n{text}  # a comment\n"):
        assert wrong(connected) == []
        connecting.connect(connected.run(), yes=True)
        assert "nothing to change" in connected.text()


def test_a_trust_policy_of_the_old_form_shows_what_is_sent_and_what_is_wanted(connected: Project):
    name = f"{connected.slug}-eu-west-1-pull-request"
    iam = connected.aws["iam"]
    policy = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    key = f"{trust.ISSUER}:sub"
    policy["Statement"][0]["Condition"]["StringEquals"][key] = "repo:acme/income-model:pull_request"
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(policy))
    [finding] = wrong(connected)
    assert finding.why == (
        "GitHub sends   sub repo:acme@12/income-model@345:pull_request",
        "the role wants sub repo:acme/income-model:pull_request",
    )
    assert "connect" in finding.fix


def test_workflows_that_may_not_open_pull_requests_are_bad(connected: Project):
    paths = connected.github.paths | {
        "/actions/permissions/workflow": {"can_approve_pull_request_reviews": False}
    }
    connected.github.change(paths=paths)
    [finding] = wrong(connected)
    assert "may not create pull requests" in finding.what


def test_lines_of_codeowners_that_count_for_nothing_are_named(connected: Project):
    told = {"errors": [{"line": 8, "kind": "Unknown owner"}, {"line": 9, "kind": "Unknown owner"}]}
    connected.github.change(paths=connected.github.paths | {"/codeowners/errors": told})
    (found,) = [item for item in examining.examine(connected.run()) if "CODEOWNERS" in item.what]
    assert "in line 8, 9: Unknown owner" in found.what
    assert "@acme/ml" in found.fix


def test_a_subject_of_its_own_form_is_bad_with_the_command_that_ends_it(connected: Project):
    paths = connected.github.paths | {"/actions/oidc/customization/sub": {"use_default": False}}
    connected.github.change(paths=paths)
    assert any("use_default=true" in finding.fix for finding in wrong(connected))


def test_a_reviewer_that_nobody_named_is_bad(connected: Project):
    [finding] = wrong(connected, approval="reviewer")
    assert "no required reviewers" in finding.what


def of_infrastructure(project: Project) -> list[Finding]:
    """Return what is found of the environment, beside whom the role trusts."""
    found = examining.examine(project.run())
    return [item for item in found if item.about == "github" and "infrastructure" in item.what]


@pytest.mark.parametrize("private", [True, False])
def test_infrastructure_that_nobody_reviews_is_a_warning(connected: Project, private):
    environments = connected.github.environments
    environments["infrastructure"]["protection_rules"] = [{"type": "branch_policy"}]
    repository = connected.github.repository | {"private": private}
    connected.github.change(environments=environments, repository=repository)
    (found,) = of_infrastructure(connected)
    assert (found.verdict, "no required reviewers" in found.what) == ("warn", True)
    assert "applied unasked" in found.why[0]
    assert ("GitHub Enterprise" in found.why[0]) is private
    assert found.fix.endswith("https://github.com/acme/income-model/settings/environments")


def test_without_the_environment_infrastructure_nobody_is_asked_either(connected: Project):
    connected.github.change(environments={})
    (found,) = of_infrastructure(connected)
    assert (found.verdict, found.what) == ("warn", "there is no environment infrastructure")
    assert found.fix.endswith("python -m pipelines connect")


def test_without_gh_the_rest_is_still_looked_at(connected: Project):
    connected.github.change(login=None)
    found = examining.examine(connected.run())
    assert [item for item in found if item.verdict == "bad"] == []
    assert any("gh is not logged in" in item.what for item in found)


def test_without_credentials_it_says_so_and_looks_at_what_is_here(project: Project, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    found = examining.examine(project.run())
    assert found[0].verdict == "bad"
    assert found[0].what == "E601 there are no AWS credentials"
    assert any(item.about == "packages" for item in found)


def looked_at(project: Project) -> list[Finding]:
    run = project.run()
    return list(quotas.check(run.aws, run.settings))


def test_quotas_that_nobody_tells_are_a_warning_with_what_is_needed(project: Project):
    [finding] = looked_at(project)
    assert finding.verdict == "warn"
    assert "1 ml.m5.xlarge for training job usage" in finding.why[0]
    assert finding.fix.endswith("/servicequotas/home/services/sagemaker/quotas")


def test_a_new_accounts_quota_of_none_is_bad_with_the_link_that_raises_it(project: Project):
    table = project.root / ".emulator" / "quotas.json"
    wanted = quotas.needed(project.run().settings)
    table.write_text(json.dumps(wanted | {"ml.m5.large for endpoint usage": 0}))
    try:
        found = looked_at(project)
    finally:
        table.unlink()
    assert sorted(item.verdict for item in found) == ["bad", "ok", "ok"]
    [finding] = [item for item in found if item.verdict == "bad"]
    assert finding.what == "0 ml.m5.large for endpoint usage, a release needs 2"
    assert re.fullmatch(
        r"ask for 2: https://eu-west-1\.console\.aws\.amazon\.com/servicequotas/home"
        r"/services/sagemaker/quotas/L-[0-9A-F]{8}",
        finding.fix,
    )


def test_pins_of_another_system_are_not_missed():
    windows = "colorama==0.4.6 ; sys_platform == 'win32' \\\n    --hash=sha256:0"
    here = "torch==2.13.0\nboto3==1.43.0 ; python_full_version >= '3.9' \\\n    --hash=sha256:1"
    assert list(examining.pinned(f"{windows}\n{here}\n")) == [("torch", "2.13.0"), ("boto3", "1.43.0")]


def test_a_link_or_a_command_is_never_cut():
    fix = f"ask for 2: https://example.com/{'x' * 200}"
    shown = [line.plain for line in findings.lines([findings.bad("quotas", "none", "why", fix=fix)])]
    assert shown == ["  ✗  quotas  none", "             why", f"             → {fix}"]


def test_a_rollout_needs_both_fleets():
    wanted = quotas.needed(make_settings(**{"environments.production.instance_count": 3}))
    assert wanted["ml.m5.large for endpoint usage"] == 6
    assert wanted["ml.m5.xlarge for processing job usage"] == 1


@pytest.mark.parametrize(("value", "verdict"), [(0.0, "bad"), (1.0, "bad"), (2.0, "ok")])
def test_a_quota_below_what_is_needed_is_bad_with_the_link(value, verdict):
    quota = {"Value": value, "QuotaCode": "L-123"}
    finding = quotas.judged("ml.m5.large for endpoint usage", 2, quota, "eu-west-1")
    assert finding.verdict == verdict
    assert verdict == "ok" or finding.fix.endswith("/services/sagemaker/quotas/L-123")


def test_every_workflow_that_takes_a_role_sends_a_token_of_its_own():
    sent = trust.tokens(ACME, "deploy", {"staging"}, immutable=True)
    told = {claims["job_workflow_ref"]: claims["sub"] for claims in sent}
    main = "repo:acme@12/model@345:ref:refs/heads/main"
    name = "acme/model/.github/workflows/{}@refs/heads/main"
    assert told == {
        name.format("deploy.yml"): "repo:acme@12/model@345:environment:staging",
        name.format("production.yml"): main,
        name.format("rollback.yml"): main,  # as long as nobody has made the environment
        name.format("reconcile.yml"): main,
    }


def test_the_jobs_of_each_role_are_those_of_the_workflows():
    told: dict[str, set[tuple[str, str]]] = {}
    for path in Path(".github/workflows").glob("*.yml"):
        for job in yaml.safe_load(path.read_text("utf-8"))["jobs"].values():
            named = re.findall(r"AWS_(\w+)_ROLE", job.get("env", {}).get("AWS_ROLE_ARN", ""))
            for role in {name.lower().replace("_", "-") for name in named}:
                told.setdefault(role, set()).add((path.name, job.get("environment", "")))
    assert {role: set(jobs) for role, jobs in trust.JOBS.items()} == told


def test_a_policy_for_somebody_else_takes_no_token_of_githubs():
    policy = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}}]}
    for token in trust.tokens(ACME, "pipeline", set(), immutable=False):
        assert trust.refusal(policy, token) is not None


def test_a_workflow_file_that_the_trust_forgot_is_bad(connected: Project):
    name = f"{connected.slug}-eu-west-1-pipeline"
    iam = connected.aws["iam"]
    policy = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    wanted = policy["Statement"][0]["Condition"]["StringEquals"]
    wanted[f"{trust.ISSUER}:job_workflow_ref"].pop()
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(policy))
    [finding] = wrong(connected)
    assert "job_workflow_ref" in finding.why[0]
    assert "rollback.yml@refs/heads/main" in finding.why[0]
