"""Connect in one go: both stacks, GitHub's side, and nothing more the second time. The rest is slow."""

from __future__ import annotations

from tests.pipelines.account.conftest import Project
from tests.pipelines.account.test_connect import connect


def test_it_makes_both_stacks_and_the_second_time_nothing(project: Project):
    connect(project)
    assert project.stacks() == project.both()
    assert len(project.github.variables) == 5
    assert "nothing to change" in connect(project)
