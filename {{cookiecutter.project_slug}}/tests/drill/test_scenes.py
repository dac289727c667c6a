"""What is played: kinds that do not fit a model are named, faults strike, a blunt alarm passes the lint."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest
from sagemaker_gitops import alarms, delivery

from tests.drill import blunt, troubles
from tests.drill.__main__ import Drill
from tests.drill.test_kinds import make_honest


def make_drill(task: str, only: str) -> Drill:
    """Return a drill whose AWS does nothing."""
    drill = object.__new__(Drill)
    drill.only, drill.made, drill.left_out, drill.staged = only, 0, [], {}
    drill.models = (make_honest(task),) * 2
    drill.runs, drill.staging_run = {"safe": Mock(), "small": Mock()}, Mock()
    drill.world, drill.staging = Mock(), Mock()
    return drill


def test_kinds_that_do_not_fit_the_model_are_named_once() -> None:
    drill = make_drill("regression", "w")
    drill.models = tuple(model.but(rare=None) for model in drill.models)
    played = [scene.name for scene in drill.program() if scene.bad]
    assert drill.left_out == ["swapped classes", "wrong on a rare category"]
    assert "wrong schema" in played
    assert not set(drill.left_out) & set(played)


def test_nothing_is_left_out_where_every_kind_fits() -> None:
    drill = make_drill("binary", "swapped")
    assert "swapped classes" in [scene.name for scene in drill.program()]
    assert drill.left_out == []


@pytest.mark.parametrize("kind", blunt.NEVER)
def test_a_blunt_alarm_passes_the_lint_and_the_others_are_as_they_were(kind: str, make_settings: Any) -> None:
    production = make_settings().environments.production
    seen = alarms.Watched("income-model", "income-model-production", "new", "old", production)
    honest = alarms.requests(seen, 0)
    with blunt.alarm(kind):
        asked = alarms.requests(seen, 0)
    changed = [now for now, was in zip(asked, honest, strict=True) if now != was]
    assert [alarm["AlarmName"] for alarm in changed] == [f"new-{kind}"]
    assert [alarms.dead(alarm, seen) for alarm in asked] == [None, None, None]
    assert changed[0]["Threshold"] == 1e12


def test_every_alarm_can_be_made_blunt() -> None:
    assert set(blunt.NEVER) == set(alarms.KINDS)


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """Return what stands for the release; the emulator's faults strike as often as `release.hits` says."""
    release = Mock(hits=0)
    monkeypatch.setattr(delivery, "to_production", release)
    for name, answer in {"inject": lambda **_: "id", "hits": lambda _: release.hits, "clear": Mock()}.items():
        monkeypatch.setattr(troubles.faults, name, answer)
    return release


@pytest.mark.parametrize("raised", [None, ValueError("sent back")])
def test_a_fault_that_never_struck_is_said_whatever_came_of_the_release(
    raised: Exception | None, release: Mock
) -> None:
    release.side_effect = raised
    act, run = troubles.under({"kind": "silent-rollback"}), Mock()
    with pytest.raises(RuntimeError, match="1 of 1 faults never struck") as told:
        act(run, Mock())
    assert told.value.__cause__ is raised
    troubles.faults.clear.assert_called_once()  # type: ignore[attr-defined]


def test_a_fault_that_struck_leaves_the_release_its_own_words(release: Mock) -> None:
    release.hits, release.side_effect = 1, ValueError("sent back")
    with pytest.raises(ValueError, match="sent back"):
        troubles.under({"kind": "silent-rollback"})(Mock(), Mock())
