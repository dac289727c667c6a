"""What the tests of the data checks share."""

import pytest

from data_checks import gx_import
from tests.data_checks.makers import World


@pytest.fixture(scope="session", autouse=True)
def great_expectations():
    """Import Great Expectations once, outside the time of any test."""
    return gx_import.great_expectations()


@pytest.fixture
def world(tmp_path):
    """Return a job folder without files."""
    return World(tmp_path)


@pytest.fixture
def judged(world, monkeypatch):
    """Return a function: change the table, write and lock it, run the job, return the reasons."""

    def judge(*changes, **arguments):
        world.write(*changes)
        world.write_lock()
        assert world.run(monkeypatch, **arguments) == 0, world.message.read_text()
        return world.reasons()

    return judge
