"""A champion of another making is scored through its own archive; where it cannot be, a waiver decides.

One world of its own, quick to train. Each story releases a candidate against whatever serves then.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tests.stories.test_refusals import appended, assert_message
from tests.stories.test_release import served_package
from tests.stories.world import Ended, World, copy_with_sample, started

pytestmark = pytest.mark.slow  # seven trainings

QUICK = {"epochs": 3, "max_regression": 0.05, "slice_max_regression": 0.3}
PASTED = re.compile(r"waiver = \{.*\}$")
REASON = "gain is no longer recorded"
LINEAR = """

class _Nothing(nn.Module):
    def forward(self, features):
        return 0 * features[:, :1]


_made = TabularNet.__init__


def _linear(self, *shape):
    _made(self, *shape)
    self.perceptron = _Nothing()


TabularNet.__init__ = _linear
"""
DECADE = '\nCOLUMNS += (Column("decade", "integer", minimum=1, maximum=9),)\n'
NO_GAIN = '\nCOLUMNS = tuple(column for column in COLUMNS if column.name != "gain")\n'


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Return a world whose production serves a model that was trained in a moment."""
    root = copy_with_sample(tmp_path_factory.mktemp("champions"))
    with started(root) as world, settings(world, quick):
        released = world.run("pipelines", "local-test")
        assert released.code == 0, released.output
        yield world


def quick(text: str) -> str:
    """Return mlops.toml with few epochs and a gate that lets quick trainings pass."""
    for key, value in QUICK.items():
        text = re.sub(rf"(?m)^{key} = \S+", f"{key} = {value}", text)
    return text


@contextmanager
def settings(world: World, change: Callable[[str], str]) -> Iterator[None]:
    """Change mlops.toml and the pipeline's definition with it, for the length of a block."""
    golden = world.root / "pipelines" / "definition.json"
    before = golden.read_text("utf-8")
    with world.edited("mlops.toml", change):
        try:
            written = world.run("pipelines", "definition", "--write")
            assert written.code == 0, written.output
            yield
        finally:
            golden.write_text(before, "utf-8")


def evaluation(world: World) -> dict[str, Any]:
    """Return what the last release's evaluation said."""
    return json.loads((world.root / "build" / "evaluation.json").read_text("utf-8"))


def assert_compared(world: World, ended: Ended, before: dict[str, Any]) -> dict[str, Any]:
    """Assert that a release went through, judged against the champion; return its evaluation."""
    assert ended.code == 0, ended.output
    now = evaluation(world)
    assert now["champion"]["release_id"] == before["candidate"]["release_id"]
    assert now["champion"]["error"] is None
    # What its own archive answered when it was released: on the same rows, to the last digit.
    assert now["rows"] == before["rows"]
    assert now["champion"]["metrics"] == before["candidate"]["metrics"]
    compared = now["difference"]["auc"]
    assert compared["low"] < compared["high"]
    assert compared["value"] != 0
    rules = {rule["rule"]: rule for rule in now["verdict"]["rules"]}
    assert rules.keys() == {"bar", "loss", "possible_loss", "slice_loss"}
    assert "differs from the champion's by" in rules["loss"]["message"]
    assert now["verdict"]["waived"] is None
    assert serves(world) == now["candidate"]["release_id"]
    return now


def serves(world: World) -> str:
    """Return the release that production serves, once it has answered."""
    asked = world.run("pipelines", "request")
    assert asked.code == 0, asked.output
    return served_package(world)["CustomerMetadataProperties"]["release_id"]


def test_a_champion_of_another_architecture_is_scored_and_compared(world: World) -> None:
    before = evaluation(world)
    with world.edited("training/model.py", appended(LINEAR)):
        ended = world.release()
    assert_compared(world, ended, before)


def town_as_slice(text: str) -> str:
    return text.replace('slices_only = ["sex"]', 'slices_only = ["sex", "town"]')


def test_a_champion_of_other_features_is_scored_and_compared(world: World) -> None:
    before = evaluation(world)
    with settings(world, town_as_slice):
        ended = world.release()
    now = assert_compared(world, ended, before)
    assert "town" in {part["column"] for part in now["slices"]}


def with_decade(table: pa.Table) -> pa.Table:
    return table.append_column("decade", pc.cast(pc.divide(table["age"], 10), pa.int64()))


def test_a_champion_of_a_schema_with_a_column_less_is_scored_and_compared(world: World) -> None:
    before = evaluation(world)
    with world.edited("data_checks/suite.py", appended(DECADE)), world.data(with_decade):
        ended = world.release()
    assert_compared(world, ended, before)


def without_gain(table: pa.Table) -> pa.Table:
    return table.drop_columns(["gain"])


def with_line(line: str) -> Callable[[str], str]:
    """Return the change that pastes a line below [gate]."""
    return lambda text: text.replace("[gate]\n", f"[gate]\n{line}\n")


def test_a_champion_whose_column_is_gone_is_waived_until_a_day(world: World) -> None:
    """Refused with the line to paste; refused with an old date in it; pasted as it is, released and said."""
    serving, before = serves(world), world.live()
    with ExitStack() as stack:
        stack.enter_context(world.edited("data_checks/suite.py", appended(NO_GAIN)))
        stack.enter_context(world.data(without_gain))

        refused = world.release()
        line = assert_refused(refused, "There is no waiver in mlops.toml")
        assert f'champion = "{serving[:12]}"' in line
        assert "gain" in line

        yesterday = (datetime.now(UTC) - timedelta(1)).date()
        with settings(world, with_line(re.sub(r"until = [\d-]+", f"until = {yesterday}", line))):
            assert_refused(world.release(), f"The waiver in mlops.toml ended on {yesterday}")
        assert world.live() == before

        with settings(world, with_line(re.sub(r'reason = ".*?"', f'reason = "{REASON}"', line))):
            released = world.release()
        assert_waived(world, released)


def assert_refused(ended: Ended, why: str) -> str:
    """Assert that the gate refused for want of a waiver; return the line that would let the bar decide."""
    assert_message(ended, 3, "E302")
    what, *_, todo = ended.message()
    assert "the rows lack the columns" in what
    assert why in what
    found = PASTED.search(todo)
    assert found, todo
    return found[0]


def assert_waived(world: World, ended: Ended) -> None:
    """Assert that the absolute bar alone let a release through, and that everything about it says so."""
    assert ended.code == 0, ended.output
    now = evaluation(world)
    until = re.escape(str((datetime.now(UTC) + timedelta(14)).date()))
    said = re.compile(rf"waived until {until} by mlops\.toml: {REASON}")
    assert said.fullmatch(now["verdict"]["waived"])
    assert [rule["rule"] for rule in now["verdict"]["rules"]] == ["bar", "champion"]
    assert now["difference"] is None
    assert now["champion"]["metrics"] is None
    assert said.search(ended.output)
    page = (world.root / "build" / "report.html").read_text("utf-8")
    assert len(said.findall(page)) >= 3  # the step, the model's section, the model's own report
    assert serves(world) == now["candidate"]["release_id"]
