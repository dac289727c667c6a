"""What the drill concludes from what it saw: the client's counts, the endpoint's looks, the complaints."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.drill import patient, scenes, table, watch
from tests.drill.load import Outcome, Tally, same, tally
from tests.drill.scenes import Row, Scene
from tests.drill.watch import Look, Rollout


class Flaky:
    """A runtime that fails some times before it answers."""

    def __init__(self, failures: int) -> None:
        self.left, self.asked = failures, 0

    def invoke_endpoint(self, **_: Any) -> dict[str, Any]:
        self.asked += 1
        if self.left:
            self.left -= 1
            raise ClientError({"Error": {"Code": "ModelError"}}, "InvokeEndpoint")
        return {"Body": io.BytesIO(b"answer")}


@pytest.mark.parametrize("failures", [0, 1, 2])
def test_the_patient_client_asks_again(failures: int) -> None:
    runtime = Flaky(failures)
    assert patient.ask(runtime, "e", b"{}")["Body"].read() == b"answer"
    assert runtime.asked == failures + 1


def test_the_patient_client_gives_up_after_three_tries() -> None:
    runtime = Flaky(9)
    with pytest.raises(ClientError, match="ModelError"):
        patient.ask(runtime, "e", b"{}")
    assert runtime.asked == 3


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


def test_a_good_release_must_serve() -> None:
    done = Rollout(1.0, promoted=True)
    assert complaints("promoted", done, kept=False, live=True, expected="promoted") == ""
    assert "not what serves" in complaints("promoted", done, kept=True, live=False, expected="promoted")
    assert "says rolled back" in complaints("rolled back", done, kept=True, live=False, expected="promoted")


def test_one_bad_row_turns_the_drill_red() -> None:
    fine = Row("good", "safe", "promoted", False)
    broken = Row("kind", "safe", "rolled back", True, wrong=["SageMaker promoted it"])
    assert table.passed([fine])
    assert not table.passed([fine, broken])
    assert not table.passed([])


def test_a_green_is_false_wherever_something_else_had_to_come_of_it() -> None:
    silent = Row("silent rollback", "safe", "rolled back", False, verdict="promoted")
    assert (
        table.totals([silent, Row("good", "safe", "promoted", False, verdict="promoted")])["false_greens"]
        == 1
    )


def test_a_rollout_that_nobody_asked_during_or_after_shows_nothing() -> None:
    rows = [Row("kind", "safe", "rolled back", True, ended=2.0) for _ in range(2)]
    for row in rows:
        row.during = Tally(requests=5)
    load: Any = SimpleNamespace(outcomes=[Outcome(2.5, 2.6, "a", 0, False, False)])
    rows[1].ended = 6.0
    scenes.close(rows, [1.0, 5.0], load, 9.0)
    assert rows[0].ok
    assert rows[1].wrong == ["the client asked 5 times during it, 0 after"]


def test_the_page_stands_alone_and_escapes(tmp_path: Path) -> None:
    row = Row(
        "<b>kind</b>", "safe", "rolled back", True, verdict="promoted", wrong=["SageMaker <i>promoted</i> it"]
    )
    page = table.write([row], 12.0, "Income & model", tmp_path, "wrong").read_text("utf-8")
    assert "The alarm -wrong was made unable to ring" in page
    assert "<b>kind" not in page
    assert "&lt;b&gt;kind" in page
    assert "Income &amp; model" in page
    assert "failed</span>" in page
    assert "http://" not in page
    assert "https://" not in page
    assert '"verdict": "failed"' in (tmp_path / "drill.json").read_text("utf-8")
