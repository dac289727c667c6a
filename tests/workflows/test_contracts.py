"""The workflows keep each contract; the rules' own arithmetic is right."""

from __future__ import annotations

import pytest
from conftest import INNER

from workflows import contracts
from workflows.contracts import course
from workflows.reading import Project, facts, load


@pytest.fixture(scope="module")
def project():
    return Project(INNER, facts(INNER))


@pytest.mark.parametrize("rule", contracts.RULES, ids=lambda rule: rule.__name__)
def test_the_workflows_keep_it(rule, project):
    assert list(rule(project)) == []


def test_every_rule_says_why():
    assert [rule.__name__ for rule in contracts.RULES if len((rule.__doc__ or "").split()) < 6] == []


def test_on_is_a_word_and_true_is_not():
    assert load("on: {push: null}\nkept: true") == {"on": {"push": None}, "kept": True}


CRONS = [
    pytest.param("23 * * * *", {23}, id="each hour"),
    pytest.param("7,37 3 * * 1-5", {7, 37}, id="twice on a working day"),
    pytest.param("*/20 * * * *", {0, 20, 40}, id="every 20 minutes"),
    pytest.param("5/25 * * * *", {5, 30, 55}, id="every 25 minutes from the fifth"),
    pytest.param("60 * * * *", None, id="a minute that is not there"),
    pytest.param("5 * * *", None, id="four fields"),
    pytest.param("9-5 * * * *", None, id="backwards"),
    pytest.param("5 24 * * *", None, id="an hour that is not there"),
    pytest.param("@daily", None, id="a name"),
]


@pytest.mark.parametrize(("cron", "minutes"), CRONS)
def test_a_schedule_is_read_as_github_reads_it(cron, minutes):
    assert course.times(cron) == minutes
