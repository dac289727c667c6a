"""Least privilege where production has an account of its own: the two roles there, both ways.

As test_least_privilege.py, with the scenes that change or look at production.
"""

from __future__ import annotations

import pytest
from act import world
from least import limits, replay, session
from least.permissions import deployed
from least.weighing import weigh

from tools import bake as tool

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
THERE = ("deploy", "execution")


@pytest.fixture(scope="module")
def played(template, tmp_path_factory, told):
    """What was decided in both accounts, and what was asked of production's roles."""
    project = tool.bake(template, tmp_path_factory.mktemp("bake"), {"github_repository": world.REPOSITORY})
    with world.made(tmp_path_factory.mktemp("apart"), project) as made:
        made.connect_both()
        roles = deployed(made.client("iam", world.OTHER), f"{made.slug}-{made.region}", THERE)
        told("")
        decisions = session.play(made, told)
        yield decisions, replay.recorded(decisions, roles)


def test_nobody_is_denied_anything_in_either_account(played):
    decisions, _ = played
    assert [each for each in decisions if not each["allowed"]] == []


def test_what_was_recorded_is_decided_alike_again(played):
    _, recorded = played
    for name, role in recorded.roles.items():
        asked = recorded.requests[name]
        assert asked
        assert [request for request in asked if not role.decide(request).allowed] == []


def test_each_permission_of_productions_roles_is_needed(played, told):
    _, recorded = played
    weighed = weigh(recorded, apart=True)
    told(f"\n{weighed}")
    assert "\n".join(weighed.superfluous) == ""
    assert weighed.wrong == []


def test_each_condition_refuses_something_that_nothing_else_does(played, told):
    _, recorded = played
    found = [limit for name in THERE for limit in limits.conditions(recorded, name)]
    found += [limit for name in THERE for limit in limits.trusts(recorded, name)]
    told(f"\n{sum(each.refused and each.alone for each in found)} of {len(found)} conditions")
    assert "\n".join(str(each) for each in found if not (each.refused and each.alone)) == ""
