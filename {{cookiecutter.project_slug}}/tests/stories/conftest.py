"""One world for all stories, with a champion in production; each story puts back what it changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from tests.drill import faults
from tests.stories.crash import project
from tests.stories.production import WATCHED, Production, opened, until
from tests.stories.world import World, copy_with_sample, started


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Return a world in which one whole release has been made."""
    root = copy_with_sample(tmp_path_factory.mktemp("world"))
    with started(root) as world:
        released = world.run("pipelines", "local-test")
        assert released.code == 0, released.output
        assert world.live().endpoints, "nothing is served: no story could notice a change"
        shutil.copytree(root / "build", root / "build-first")  # later verbs write reports of their own
        yield world


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Return a world whose jobs do next to no work, with one release in production."""
    with started(project.make(tmp_path_factory.mktemp("quick"))) as world:
        for verb in ("stack", "image", "release"):
            made = world.run("pipelines", verb)
            assert made.code == 0, made.output
        yield world


@pytest.fixture(scope="session")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    """Return an AWS in which small releases are made."""
    with opened(tmp_path_factory.mktemp("production")) as made:
        yield made


@pytest.fixture
def production(account: Production) -> Iterator[Production]:
    """Return a production that serves a good release."""
    account.ready()
    yield account
    faults.clear()


@pytest.fixture
def alarm(production: Production) -> Iterator[Callable[..., None]]:
    """Return a maker of somebody's alarm; it is gone afterwards."""
    client = production.run.aws.cloudwatch

    def make(value: float | None) -> None:
        told = {"Namespace": "Theirs", "MetricName": WATCHED}
        if value is not None:
            data = {"MetricName": WATCHED, "Value": value, "Timestamp": datetime.now(UTC)}
            client.put_metric_data(Namespace="Theirs", MetricData=[data])
        client.put_metric_alarm(
            AlarmName=WATCHED, **told, Statistic="Maximum", Period=60, EvaluationPeriods=1, Threshold=1.0,
            ComparisonOperator="GreaterThanThreshold", TreatMissingData="ignore",
        )  # fmt: skip
        wanted = "INSUFFICIENT_DATA" if value is None else "ALARM"
        until(lambda: client.describe_alarms(AlarmNames=[WATCHED])["MetricAlarms"][0]["StateValue"] == wanted)

    yield make
    client.delete_alarms(AlarmNames=[WATCHED])
