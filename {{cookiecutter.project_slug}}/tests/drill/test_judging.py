"""What the drill concludes from what it saw: the client's counts, the endpoint's looks, the complaints."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from tests.drill import scenes, table, watch
from tests.drill.load import Outcome, Tally, same, tally
from tests.drill.scenes import Row, Scene
from tests.drill.show import Show
from tests.drill.table import Remarks
from tests.drill.troubles import TROUBLES
from tests.drill.watch import Look, Rollout


@pytest.mark.parametrize(
    ("content", "right"),
    [
        (b'{"predictions": [0.5, 0.25]}', True),
        (b'{"predictions": [0.25, 0.5]}', False),
        (b'{"predictions": [NaN, NaN]}', False),
        (b'{"predictions": [0.5]}', False),
        (b'{"predictions": null}', False),
        (b'{"scores": [0.5, 0.25]}', False),
        (b"oops", False),
    ],
)
def test_an_answer_is_right_or_wrong(content: bytes, right: bool) -> None:
    assert same(content, [0.5, 0.25]) == right


def test_a_request_counts_where_it_began() -> None:
    seen = [
        Outcome(1.0, 1.1, "a", 0, False, False),
        Outcome(2.0, 5.0, "", 3, True, False),
        Outcome(3.0, 3.1, "b", 1, False, True),
        Outcome(4.0, 4.1, "a", 0, False, False),
    ]
    assert tally(seen, 2.0, 4.0) == Tally(requests=2, failed_as_is=2, failed=1, wrong=1)


OLD = Look(0.0, "InService", "old")
UPDATE = Look(0.5, "Updating", "old", "new", "Creating")
BAKING = Look(1.0, "Updating", "old", "new", "Baking")
BACK = Look(3.0, "InService", "old")


def test_a_rollback_is_read_from_the_endpoint() -> None:
    turn = Look(2.5, "RollingBack", "old", "new", "Deleting", "", ("wrong",))
    looks = [OLD, UPDATE, BAKING, turn, BACK]
    seen = watch.rollout(looks, 0.5, 4.0)
    assert (seen.promoted, seen.ringing, seen.config) == (False, ("wrong",), "new")
    assert seen.turned == 2.5
    assert seen.detected == pytest.approx(90.0)  # AWS waits 60 seconds where one passes here


def test_a_fleet_that_never_had_traffic_is_timed_from_the_update() -> None:
    seen = watch.rollout([OLD, UPDATE, Look(2.0, "RollingBack", "old", "new", "Deleting"), BACK], 0.5, 4.0)
    assert (seen.detected, seen.starting) == (None, 1.5)


def test_a_silent_rollback_is_read_too() -> None:
    seen = watch.rollout([OLD, UPDATE, BAKING, BACK], 0.5, 4.0)
    assert (seen.promoted, seen.turned) == (False, 3.0)


def test_a_promotion_that_we_took_back_afterwards_is_a_promotion() -> None:
    looks = [
        OLD,
        UPDATE,
        Look(2.0, "InService", "new"),
        Look(2.1, "Updating", "new", "old"),
        Look(3.0, "InService", "old"),
    ]
    assert watch.rollout(looks, 0.5, 4.0).promoted


def complaints(verdict: str, seen: Rollout, kept: bool, live: bool, expected: str = "rolled back") -> str:
    """Return what the drill has against an outcome, in one line."""
    scene: Any = Scene("kind", None, None, bad=expected != "promoted", expected=expected)  # type: ignore[arg-type]
    row = Row("kind", "safe", expected, scene.bad, verdict=verdict)
    return "; ".join(scenes.complaints(scene, row, seen, kept=kept, live=live))


def test_a_broken_release_must_go_back_and_say_so() -> None:
    turned = Rollout(1.0, 1.5, 2.0)
    assert complaints("rolled back", turned, kept=True, live=False) == ""
    assert complaints("refused", Rollout(), kept=True, live=False) == ""
    assert "says red E407" in complaints(
        "red E407", Rollout(), kept=True, live=False
    )  # an alarm, not the model
    assert "false green" in complaints("promoted", turned, kept=True, live=False)
    assert "says not proven" in complaints("not proven", turned, kept=True, live=False)
    assert "SageMaker promoted it" in complaints(
        "rolled back", Rollout(1.0, promoted=True), kept=True, live=False
    )
    assert "does not serve" in complaints("rolled back", turned, kept=False, live=False)


def test_a_silent_rollback_is_none_where_an_alarm_rang() -> None:
    scene: Any = Scene("silent rollback", None, None, bad=False, silent=True)  # type: ignore[arg-type]
    row = Row(scene.name, "safe", scene.expected, False, verdict="rolled back")
    assert scenes.complaints(scene, row, Rollout(1.0, 1.5, 2.0), kept=True, live=False) == []
    rang = Rollout(1.0, 1.5, 2.0, ringing=("wrong",))
    assert "wrong rang" in scenes.complaints(scene, row, rang, kept=True, live=False)[0]
    assert [trouble.name for trouble in TROUBLES if trouble.silent] == ["silent rollback"]


def test_a_good_release_must_serve() -> None:
    done = Rollout(1.0, promoted=True)
    assert complaints("promoted", done, kept=False, live=True, expected="promoted") == ""
    assert "not what serves" in complaints("promoted", done, kept=True, live=False, expected="promoted")
    assert "says rolled back" in complaints("rolled back", done, kept=True, live=False, expected="promoted")


def test_one_bad_row_turns_the_drill_red() -> None:
    fine = Row("good", "safe", "promoted", False)
    broken = Row("kind", "safe", "rolled back", True, wrong=["SageMaker promoted it"])
    silent = Row("silent rollback", "safe", "rolled back", False)
    stopped = Row("kind", "safe", "rolled back", True)
    assert table.passed([fine, stopped])
    assert table.passed([fine, silent])
    assert not table.passed([fine, stopped, broken])


def test_a_drill_of_good_releases_only_shows_nothing(tmp_path: Path) -> None:
    rows, remarks = [Row("good 2", "safe", "promoted", False)], Remarks(left_out=["swapped classes", "rare"])
    assert not table.passed(rows)
    assert not table.passed([])
    page = table.write(rows, 12.0, "income", tmp_path, remarks)
    console = Console(width=200, file=io.StringIO())
    Show(console).end(rows, 12.0, page, remarks)
    sentence = "left out: swapped classes, rare (this model has nothing to break in that way)"
    for text in (page.read_text("utf-8"), console.file.getvalue()):  # type: ignore[attr-defined]
        assert sentence in text
        assert table.NOTHING in text
    told = json.loads((tmp_path / "drill.json").read_bytes())
    assert (told["verdict"], told["left_out"]) == ("failed", ["swapped classes", "rare"])


def test_a_green_is_false_wherever_something_else_had_to_come_of_it() -> None:
    silent = Row("silent rollback", "safe", "rolled back", False, verdict="promoted")
    assert (
        table.totals([silent, Row("good", "safe", "promoted", False, verdict="promoted")])["false_greens"]
        == 1
    )


def closed(*outcomes: Outcome, bad: bool = True) -> list[Row]:
    """Return two rows, of rollouts from 1 to 2 and from 5 to 6, once these requests have ended."""
    rows = [Row("kind", "safe", "rolled back", bad, began=began, ended=began + 1) for began in (1.0, 5.0)]
    load: Any = SimpleNamespace(outcomes=outcomes)
    scenes.close(rows, load, 9.0)
    return rows


def asked(began: float, tries_failed: int = 0, wrong: bool = False) -> Outcome:
    """Return a request that began at a time and was answered long after."""
    return Outcome(began, began + 3, "a", tries_failed, False, wrong)


def test_a_rollout_that_nobody_asked_during_or_after_shows_nothing() -> None:
    first, second = closed(asked(1.5), asked(2.5), asked(5.5))
    assert first.ok
    assert second.wrong == ["the client asked 1 times during it, 0 after"]


def test_a_request_that_ended_after_the_verdict_counts_for_the_rollout_it_began_in() -> None:
    first, _ = closed(asked(1.9, tries_failed=1), asked(2.5))
    assert first.during == Tally(requests=1, failed_as_is=1)


def test_until_the_next_rollout_begins_all_is_after() -> None:
    first, _ = closed(asked(1.5), asked(4.99, wrong=True), asked(5.5))
    assert first.wrong == ["after it: 0 failed, 1 wrong"]


@pytest.mark.parametrize("lost", [asked(1.5, tries_failed=1), asked(1.5, wrong=True)])
def test_only_a_broken_release_may_lose_requests_during_its_rollout(lost: Outcome) -> None:
    others = asked(2.5), asked(5.5), asked(6.5)
    assert closed(lost, *others)[0].ok
    good, next_one = closed(lost, *others, bad=False)
    assert good.wrong == [f"during it: {lost.tries_failed} failed, {int(lost.wrong)} wrong"]
    assert next_one.ok


def test_a_row_in_the_file_has_no_clock_of_this_machine() -> None:
    assert not {"began", "ended"} & Row("kind", "safe", "promoted", False).as_json().keys()


def test_the_live_table_ends_with_what_came_after_the_rows() -> None:
    console = Console(force_terminal=True, width=200, file=io.StringIO())
    row = Row("silent rollback", "safe", "rolled back", False)
    with Show(console).shown() as show:
        show.add(row)
        row.during = Tally(requests=4711)
    assert "4711" in console.file.getvalue()  # type: ignore[attr-defined]


def test_the_page_stands_alone_and_escapes(tmp_path: Path) -> None:
    row = Row(
        "<b>kind</b>", "safe", "rolled back", True, verdict="promoted", wrong=["SageMaker <i>promoted</i> it"]
    )
    page = table.write([row], 12.0, "Income & model", tmp_path, Remarks("wrong")).read_text("utf-8")
    assert "The alarm -wrong was made unable to ring" in page
    assert "<b>kind" not in page
    assert "&lt;b&gt;kind" in page
    assert "Income &amp; model" in page
    assert "failed</span>" in page
    assert "http://" not in page
    assert "https://" not in page
    assert '"verdict": "failed"' in (tmp_path / "drill.json").read_text("utf-8")
