"""The waiver: which champion it lets go uncompared, how long, and what is said of it."""

from __future__ import annotations

import json
import tomllib
from datetime import date
from typing import Any

import pytest

from tests.training.test_gate import DIRECTIONS, TODAY, make_evaluation
from tests.training.test_policy import parse
from training.gate import Verdict, decide
from training.waiver import REASON_LENGTH, Waiver, WaiverError, line

SERVING = "5e41" * 16  # the champion's release
LACKS = "the rows lack the columns age"


def make_waiver(**changes: Any) -> Waiver:
    """Return a waiver that holds, except for what you name."""
    right = {"champion": SERVING[:12], "until": date(2030, 1, 31), "reason": "age is no longer recorded"}
    return Waiver(**(right | changes))


def judged(
    waiver: Waiver | None = None, champion: dict[str, Any] | None = None, auc: float = 0.91
) -> Verdict:
    """Return the verdict where the rows do not suffice for the champion, except for what you name."""
    lacking = {"package": "p", "release_id": SERVING, "error": LACKS, "incomparable": True, "metrics": None}
    evaluation = make_evaluation(auc=auc, champion=lacking | (champion or {}), difference=None)
    return decide(parse(), evaluation, DIRECTIONS, TODAY, waiver)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({}, "", id="about this champion, not expired"),
        pytest.param({"champion": SERVING}, "", id="with the champion's whole id"),
        pytest.param({"until": TODAY}, "", id="on its last day"),
        pytest.param({"until": date(2030, 1, 19)}, "ended on 2030-01-19.", id="the day after"),
        pytest.param({"until": date(2030, 4, 20)}, "", id="as far ahead as any may be"),
        pytest.param({"until": date(2030, 4, 21)}, "90 days ahead is the most.", id="a day further"),
        pytest.param(
            {"champion": "77" * 6},
            "is about champion 777777777777, and 5e415e415e41 is the champion.",
            id="about another champion",
        ),
    ],
)
def test_a_champion_that_the_rows_do_not_suffice_for_is_waived(changes, words):
    verdict = judged(make_waiver(**changes))
    assert verdict.accepted == (not words)
    assert words in " ".join(verdict.reasons)
    assert bool(verdict.waived) == verdict.accepted
    assert bool(verdict.waiver_line) != verdict.accepted


@pytest.mark.parametrize(
    "champion",
    [
        pytest.param({"incomparable": False}, id="damaged"),
        pytest.param({"incomparable": None}, id="of a time before waivers"),
        pytest.param({"release_id": None}, id="a package made by hand, without an id"),
        pytest.param({"release_id": ""}, id="with an empty id"),
    ],
)
def test_no_waiver_holds_for_a_champion_that_is(champion):
    verdict = judged(make_waiver(), champion)
    assert not verdict.accepted
    assert (verdict.waived, verdict.waiver_line) == ("", "")


def test_a_champion_that_was_scored_is_compared_with_whatever_the_waiver_says():
    worse = make_evaluation(difference=-0.01)
    worse["champion"] |= {"release_id": SERVING}
    verdict = decide(parse(), worse, DIRECTIONS, TODAY, make_waiver())
    assert not verdict.accepted
    assert verdict.waived == ""


def test_what_is_waived_says_until_when_and_why():
    verdict = judged(make_waiver())
    assert verdict.reasons[1] == (
        "The champion could not be scored on these rows (the rows lack the columns age), so the absolute bar "
        "alone decides: waived until 2030-01-31 by mlops.toml: age is no longer recorded."
    )
    assert verdict.document()["waived"] == "waived until 2030-01-31 by mlops.toml: age is no longer recorded"
    assert verdict.document()["first_release"] is False
    assert verdict.rules[1].needs == "a scored champion, waived until 2030-01-31"


def test_under_a_waiver_the_bar_refuses():
    verdict = judged(make_waiver(), auc=0.87)
    assert [rule.rule for rule in verdict.rules if not rule.passed] == ["bar"]


def test_where_the_bar_refuses_as_well_no_waiver_is_offered():
    assert judged(auc=0.87).waiver_line == ""


def test_what_is_refused_offers_the_very_line_that_would_let_it_through():
    refused = judged()
    assert refused.reasons == (
        f"The champion could not be scored on these rows, so nothing can be compared: {LACKS}. "
        "There is no waiver in mlops.toml.",
    )
    table = tomllib.loads(f"[gate]\n{refused.waiver_line}")["gate"]["waiver"]
    assert table == {"champion": SERVING[:12], "until": date(2030, 2, 3), "reason": LACKS}
    assert judged(Waiver(**table)).accepted


@pytest.mark.parametrize("why", ['column "a\\b" is\nmissing', "x" * 500, "Spalte Größe fehlt"])
def test_the_line_that_is_offered_is_toml_whatever_the_columns_are_called(why):
    table = tomllib.loads(line(SERVING, why, TODAY))["waiver"]
    assert 0 < len(table["reason"]) <= REASON_LENGTH
    assert not set('"\\\n') & set(table["reason"])


GOOD = {"champion": SERVING[:12], "until": "2030-01-31", "reason": "age is no longer recorded"}


def test_the_argument_of_the_job_is_read():
    assert Waiver.parse(json.dumps(GOOD)) == make_waiver()
    assert Waiver.parse("") is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param(
            {"champion": "abc"}, r"gate\.waiver\.champion: expected 12 to 64 hex", id="too short an id"
        ),
        pytest.param({"champion": 7}, r"gate\.waiver\.champion", id="a number for an id"),
        pytest.param({"until": "tomorrow"}, r"gate\.waiver\.until: expected a date", id="no date"),
        pytest.param({"until": None}, r"gate\.waiver\.until", id="null for a date"),
        pytest.param({"reason": " "}, r"gate\.waiver\.reason: expected why", id="no reason"),
        pytest.param({"reason": ...}, r"a JSON object of champion, reason, until", id="a key is missing"),
        pytest.param({"reasn": "x"}, r"a JSON object of champion, reason, until", id="a key too many"),
    ],
)
def test_a_wrong_argument_is_refused_by_its_key(changes, words):
    text = json.dumps({key: value for key, value in (GOOD | changes).items() if value is not ...})
    with pytest.raises(WaiverError, match=words):
        Waiver.parse(text)


@pytest.mark.parametrize("text", ["[]", "not json", "null"])
def test_what_is_not_an_object_is_refused(text):
    with pytest.raises(WaiverError, match="a JSON object"):
        Waiver.parse(text)
