"""Production in an account of its own, under enforced IAM: connect both, be refused in each, take it away."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable
from dataclasses import replace

import pytest

from doubles import aws as makers
from doubles.account import ACCOUNT, SLUG, Project
from pipelines.__main__ import main
from sagemaker_gitops import stack
from sagemaker_gitops.account import apart, gh, owned, roles
from sagemaker_gitops.account import connect as connecting
from sagemaker_gitops.account import destroy as destroying
from sagemaker_gitops.account import doctor as examining
from sagemaker_gitops.account import production as serving
from sagemaker_gitops.accounts import BY_WORKFLOWS, PRODUCTION, VERBS
from sagemaker_gitops.errors import AccessError, SettingsError
from tests.stories.world import World

pytestmark = pytest.mark.slow
OTHER = "111111111111"  # its root user's key is its number
ROLE = f"arn:aws:iam::{OTHER}:role/{SLUG}-eu-west-1-deploy"
ASKED = {"GetCallerIdentity", "DescribeStacks"}  # by a verb that is refused
Act = Callable[[str], None]


@pytest.fixture(scope="module")
def emulator(enforced: World) -> World:
    """Return the AWS of this module's projects."""
    return enforced


@pytest.fixture
def act(project: Project, monkeypatch: pytest.MonkeyPatch) -> Act:
    """Return what makes one of the accounts the one whose credentials are used from then on."""
    project.slug = SLUG  # as mlops.toml has it: verbs are called by their names, too
    return lambda account: monkeypatch.setenv("AWS_ACCESS_KEY_ID", account)


def calls(world: World, method: str = "GET") -> set[str]:
    """Return the operations that were called since the last DELETE."""
    request = urllib.request.Request(
        f"{world.environment['AWS_ENDPOINT_URL']}/_emulator/calls", method=method
    )
    with urllib.request.urlopen(request) as answer:
        told = json.loads(answer.read()) if method == "GET" else {"calls": []}
    return {call["operation"] for call in told["calls"]}


def bad(project: Project) -> list[str]:
    return [item.what for item in examining.examine(project.run()) if item.verdict == "bad"]


def serves(project: Project) -> str:
    """Return the account that the registry's verbs and GitHub's jobs take for production's."""
    told = stack.outputs(project.run().aws, SLUG).production
    assert (roles.PRODUCTION_ROLE in project.github.variables) == (told != ACCOUNT)
    return told


def doctors(project: Project) -> list[str]:
    return [item.what for item in examining.examine(project.run()) if item.about == "production"]


def refused(world: World, capsys: pytest.CaptureFixture[str], verb: str) -> list[str]:
    """Run a verb that is the other account's; return its four lines."""
    calls(world, "DELETE")
    assert main(verb.split()) == 5
    assert calls(world) <= ASKED
    return [line.strip() for line in capsys.readouterr().err.splitlines()[-4:]]


def test_the_whole_way_in_two_accounts(emulator: World, project: Project, act: Act, capsys):
    connecting.connect(project.run(), yes=True, production=OTHER)
    assert project.stacks() == project.both()
    [command] = re.findall(r"-m pipelines (connect --registry .*)", project.text())
    assert command.endswith("--owner-id 12 --repository-id 345")  # whoever is there may have no gh
    key = command.split()[2]
    connecting.connect(project.run(), yes=True)  # remembered
    assert "nothing to change" in project.text()
    told = f"production this account; account {OTHER} is let in, not switched nothing"
    assert told in " ".join(project.text().split())
    assert serves(project) == ACCOUNT  # the other has no stack yet
    assert bad(project) == []
    assert f"this account; account {OTHER} is let in, not switched" in doctors(project)

    act("333333333333")
    with pytest.raises(SettingsError, match="E519 account 333333333333") as stopped:
        serving.connect(project.run(), key, yes=True)
    assert "does not let this account in" in stopped.value.why
    assert stack.describe(project.run().aws, SLUG) is None
    act(OTHER)
    nowhere = key.replace(ACCOUNT, "444444444444")
    with pytest.raises(SettingsError, match=f"E519 account {OTHER}"):
        serving.connect(project.run(), nowhere, yes=True)
    seen = [item for item in examining.examine(project.run()) if item.about in ("stacks", "trust", "github")]
    fixes = {item.fix for item in seen}
    assert fixes
    assert all(f"printed it in account {ACCOUNT}" in fix for fix in fixes if "connect" in fix)
    login = project.github.login
    project.github.change(login=None)
    assert main([*command.split(), "--yes"]) == 0
    project.github.change(login=login)
    serving.connect(project.run(), key, yes=True)
    [switch] = re.findall(r"python -m pipelines (connect --production-account .*)", project.text())
    act("test")
    assert serves(project) == ACCOUNT
    assert main([*switch.split(), "--yes"]) == 0
    assert project.github.variables[roles.PRODUCTION_ROLE] == ROLE
    assert serves(project) == OTHER
    connecting.connect(project.run(), yes=True, production=OTHER)  # that it serves is remembered
    assert "nothing to change" in project.text()
    assert serves(project) == OTHER
    with pytest.raises(SettingsError, match=f"E501 production is in account {OTHER}, not in 222222222222"):
        connecting.connect(project.run(), yes=True, production="222222222222")
    assert bad(project) == []
    assert f"account {OTHER}" in doctors(project)
    for verb in (verb for verb in VERBS if VERBS[verb] == PRODUCTION):
        told = refused(emulator, capsys, verb)
        assert told[0] == f"✗ E516 production is in account {OTHER}"
        again = f"with credentials of account {OTHER}: "
        assert told[3] == BY_WORKFLOWS.get(verb, told[3])
        assert verb in BY_WORKFLOWS or (
            told[3].startswith(again) and told[3].endswith(f"-m pipelines {verb}")
        )

    act(OTHER)
    serving.connect(project.run(), yes=True)  # remembered
    assert "nothing to change" in project.text()
    assert "--switch" not in project.text()
    assert bad(project) == []
    for verb in BY_WORKFLOWS:
        told = refused(emulator, capsys, verb)
        assert told[0].startswith("✗ E522 ")
        assert told[3] == BY_WORKFLOWS[verb]
    for verb in (verb for verb in VERBS if VERBS[verb] != PRODUCTION and verb != "plan"):
        verb += " 222222222222 --switch" if verb.startswith("connect") else ""
        told = refused(emulator, capsys, verb)
        assert told[0] == f"✗ E516 the registry, with data, training and staging, is in account {ACCOUNT}"
        assert told[3].endswith(f"-m pipelines {verb}")
    with pytest.raises(SettingsError, match="E519"):
        serving.connect(project.run(), key.replace("eu-west-1", "us-east-1"))
    project.github.change(variables={roles.PRODUCTION_ROLE: ROLE.replace(OTHER, "222222222222")})
    with pytest.raises(AccessError, match="E606"):
        serving.connect(project.run(), key)
    assert any("222222222222" in what for what in bad(project))
    project.github.change(variables={roles.PRODUCTION_ROLE: ROLE}, environments={})
    assert bad(project) == []  # a plan of GitHub's without environments will do
    there = project.github.repository
    project.github.change(repository=there | {"id": 346})
    assert any("E601 AWS would refuse this workflow's identity" in what for what in bad(project))
    project.github.change(repository=there)

    destroying.destroy(project.run(), yes=SLUG, data=True)
    assert f"gh variable delete {roles.PRODUCTION_ROLE} " in project.text()
    assert "AWS_REGION" not in project.text()
    assert owned.things(project.run()) == []

    act("test")
    with pytest.raises(SettingsError, match="E519 account 123456789012 cannot serve"):
        serving.connect(project.run(), key)
    connecting.connect(project.run(), yes=True, production=ACCOUNT)  # one account again
    assert "no AWS_PRODUCTION_ROLE" in project.text()
    assert f"account {OTHER} keeps its stack and endpoint, which cost money" in project.text()
    assert roles.PRODUCTION_ROLE not in project.github.variables
    assert serves(project) == ACCOUNT
    assert connecting.roles.account(project.run().aws, SLUG).let_in == ""


def test_without_gh_what_was_told_of_two_accounts_is_to_be_taken_back_by_hand(project: Project):
    connecting.connect(project.run(), yes=True, production=OTHER)
    connecting.connect(project.run(), yes=True, switch=True)
    project.github.change(login=None)
    connecting.connect(project.run(), yes=True, production=ACCOUNT)
    assert f"gh variable delete {roles.PRODUCTION_ROLE} --repo acme/income-model" in project.text()
    assert f"account {OTHER} keeps its stack and endpoint, which cost money" in project.text()
    connecting.connect(project.run(), yes=True)
    assert "variable delete" not in project.text()


@pytest.mark.parametrize("number", ["", OTHER])
def test_nobody_is_switched_to_who_was_not_let_in(project: Project, number):
    with pytest.raises(SettingsError, match="E501 only an account that was let in can serve"):
        connecting.connect(project.run(), yes=True, production=number, switch=True)
    assert project.stacks() == {}


@pytest.mark.parametrize("number", ["222222222222", ACCOUNT])
def test_while_one_account_is_let_in_no_other_is_switched_to(number):
    before = roles.Account(ACCOUNT, "eu-west-1", "aws", ACCOUNT, ACCOUNT, let_in=OTHER)
    with pytest.raises(SettingsError, match="E501 only an account that was let in can serve") as stopped:
        apart.chosen(before, number, switch=True)
    assert OTHER in stopped.value.why
    assert apart.chosen(before, OTHER, switch=True).production == OTHER


@pytest.mark.parametrize("number", ["12345", "12345678901a", f"{OTHER}1"])
def test_an_account_has_twelve_digits(project: Project, number):
    with pytest.raises(SettingsError, match="E501"):
        connecting.connect(project.run(), yes=True, production=number)
    assert project.stacks() == {}


WHERE = roles.Account(OTHER, "eu-west-1", "aws", OTHER, OTHER)
KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.mark.parametrize(("production", "there"), [(OTHER, True), (OTHER, False), (ACCOUNT, True)])
def test_an_endpoint_that_served_before_is_shown_with_what_deletes_it(make_settings, production, there):
    told = makers.SERVING if there else makers.NO_ENDPOINT
    run = makers.make_run(make_settings(), sagemaker=makers.Client(describe_endpoint=told))
    shown = apart.left(run, replace(WHERE, number=ACCOUNT, production=production))
    delete = "aws sagemaker delete-endpoint --region eu-west-1 --endpoint-name income-model-production"
    assert (production == OTHER and there) == (shown is not None and shown[1].endswith(delete))


def test_the_registry_is_where_its_key_is():
    assert serving.registry_of(KEY, WHERE, own=False) == ACCOUNT


@pytest.mark.parametrize(
    ("key", "own", "why"),
    [
        pytest.param(KEY, True, "a registry of its own", id="an account with a registry"),
        pytest.param(f"{KEY}/x", False, "no ARN of a KMS key", id="another ARN"),
        pytest.param("alias/x", False, "no ARN of a KMS key", id="an alias"),
        pytest.param(KEY.replace(ACCOUNT, OTHER), False, "then one", id="its own key"),
        pytest.param(KEY.replace("eu-west-1", "eu-west-2"), False, "eu-west-2", id="another region"),
    ],
)
def test_a_key_that_cannot_be_meant_is_refused(key, own, why):
    with pytest.raises(SettingsError, match=f"E519 account {OTHER}") as stopped:
        serving.registry_of(key, WHERE, own)
    assert why in stopped.value.why


def test_what_deletes_a_variable_is_a_command_of_gh():
    assert gh.delete_variable("a/b", "X") == ["gh", "variable", "delete", "X", "--repo", "a/b"]
