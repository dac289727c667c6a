"""Least privilege, both ways: the roles may do what the project does, and nothing that it does not need.

One session is recorded under enforced IAM, each verb with the role of its job. Then every single permission
of the five roles is taken away in turn, and what was recorded is decided again.
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from act import changes, world
from least import limits, replay, session
from least.jobs import Jobs
from least.permissions import ROLES, Recorded, deployed, permissions, without_action
from least.weighing import ASKED, weigh
from sagemaker_emulator.policies.patterns import like_arn

from tools import bake as tool

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(1800)]
# What the last scene tries on purpose: to widen the boundary, and the trust of a role.
WANTED = {("infra", "iam:CreatePolicyVersion"), ("infra", "iam:UpdateAssumeRolePolicy")}


@dataclass
class Session:
    """The recording, and the world it was made in, which goes on."""

    world: world.World
    jobs: Jobs
    decisions: list
    recorded: Recorded


@pytest.fixture(scope="module")
def played(template, tmp_path_factory, told):
    """Everything that the project does, done under its roles."""
    project = tool.bake(template, tmp_path_factory.mktemp("bake"), {"github_repository": world.REPOSITORY})
    with world.made(tmp_path_factory.mktemp("least"), project) as made:
        made.connect()
        roles = deployed(made.client("iam"), f"{made.slug}-{made.region}")
        told("")
        decisions = session.play(made, told)
        yield Session(made, Jobs(made), decisions, replay.recorded(decisions, roles))


def test_nothing_is_denied_but_what_must_be(played):
    names = {role.arn: name for name, role in played.recorded.roles.items()}
    denied = Counter(
        (names[each["role"]], each["action"]) for each in played.decisions if not each["allowed"]
    )
    assert set(denied) == WANTED, denied


def test_what_was_recorded_is_decided_alike_again(played):
    for name, role in played.recorded.roles.items():
        asked = played.recorded.requests[name]
        assert asked
        assert [request for request in asked if not role.decide(request).allowed] == []


def test_each_permission_is_needed(played, told):
    weighed = weigh(played.recorded)
    told(f"\n{weighed}")
    assert "\n".join(weighed.superfluous) == ""
    assert weighed.wrong == []


def test_each_deny_and_each_condition_refuses_something_that_nothing_else_does(played, told):
    recorded = played.recorded
    found = [limit for name in ROLES for limit in limits.conditions(recorded, name)]
    found += [limit for name in ROLES for limit in limits.trusts(recorded, name)]
    found += [limit for role in recorded.roles.values() for limit in limits.denials(role)]
    bound = [recorded.roles[name] for name in ("pull-request", "pipeline", "execution")]
    found += [limit for role in bound for limit in limits.approvals(role)]
    found += limits.bounds(recorded)
    exceptions = dict(limits.exceptions(recorded))
    works = [limit for limit in found if limit.refused and limit.alone]
    good = sum(exceptions.values())
    told(
        f"\n{len(works)} of {len(found)} conditions and denials refuse what nothing else does, "
        f"{good} of {len(exceptions)} exceptions of a denial let something through"
    )
    assert [str(limit) for limit in found if not (limit.refused and limit.alone)] == []
    assert [words for words, broken in exceptions.items() if not broken] == []


# A permission, and the verb that is red without it.
SAMPLE = [
    ("pull-request", "FindTheStack", "cloudformation:DescribeStacks", "plan"),
    ("pull-request", "SeeTheRegistry", "sagemaker:ListModelPackages", "status"),
    ("pull-request", "SeeWhatIsLive", "sagemaker:DescribeEndpoint", "status"),
    ("pipeline", "PushImages", "ecr:DescribeImages", "image"),
    ("pipeline", "BringThePipelineUpToDate", "sagemaker:UpdatePipeline", "pipeline"),
    ("pipeline", "RunThePipelineAsTheExecutionRole", "iam:PassRole", "pipeline"),
    ("pipeline", "WriteWhatAReleaseStartsFromAndItsStory", "s3:PutObject", "pipeline"),
    ("execution", "RunThePipelinesJobs", "sagemaker:CreateProcessingJob", "pipeline"),
    ("deploy", "ReadTheRegistry", "sagemaker:DescribeModelPackage", "promote"),
    ("deploy", "ServeModelsAsTheExecutionRole", "iam:PassRole", "promote"),
    ("deploy", "MakeAndTakeAwayARolloutsAlarms", "cloudwatch:PutMetricAlarm", "promote"),
    ("deploy", "ChangeProduction", "sagemaker:UpdateEndpoint", "promote"),
    ("infra", "ChangeSetsOfTheTwoStacks", "cloudformation:DescribeStacks", "infra"),
]
# What brings the release of a new commit to where the verb has something to do.
BEFORE = {"pipeline": ["image"], "promote": ["pipeline", "stage"]}


@pytest.fixture(scope="module")
def waiting(played):
    """Return ready(verb): a new commit is merged, and its release as far as before that verb."""
    done = set()
    played.world.merge("Three epochs", changes.settings(("epochs = 2\n", "epochs = 3\n")))

    def ready(verb):
        for earlier in BEFORE.get(verb, []) if verb not in done else []:
            played.jobs.run(earlier, expected=0)
        done.add(verb)

    return ready


@pytest.mark.parametrize(
    ("role", "sid", "action", "verb"), SAMPLE, ids=[f"{role}: {action}" for role, _, action, _ in SAMPLE]
)
def test_on_the_wire_a_verb_is_red_without_it_and_production_stays(
    played, waiting, told, role, sid, action, verb
):
    waiting(verb)
    served, owner = played.world.served(), played.recorded.roles[role]
    lost = [each for each in permissions(owner) if (each.sid, each.action) == (sid, action)]
    with lacking(played.world, owner, sid, action):
        ended = played.jobs.run(verb, *(["--yes"] if verb == "infra" else []))
    told(f"\n  {role}: {verb} without {action} ends with {ended.code}: {line(ended.text)}")
    assert ended.code == (6 if role != "execution" else 1), ended.text
    assert ("E602" if role != "execution" else "E10") in ended.text
    named = ASKED.search(ended.text)
    assert named, ended.text
    assert named["action"] == action
    assert any(each.resource == "*" or like_arn(each.resource, named["resource"]) for each in lost)
    assert played.world.served() == served


def line(text):
    """Return the line that says what was denied."""
    return next((each.strip() for each in text.splitlines() if "not authorized" in each), "")


@contextmanager
def lacking(world, role, sid, action):
    """Take an action out of a role as an administrator would, and put it back afterwards."""
    put(world, without_action(role, sid, action))
    try:
        yield
    finally:
        put(world, role)


def put(world, role):
    """Write a role's policies."""
    for name, document in role.policies.items():
        world.client("iam").put_role_policy(
            RoleName=role.arn.rsplit("/", 1)[1], PolicyName=name, PolicyDocument=json.dumps(document)
        )
