"""The gate: who passes, who does not, and that it says why."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.training.test_policy import parse
from training.gate import decide, why_not_gated

TODAY = date(2030, 1, 20)
DIRECTIONS = {"auc": True, "log_loss": False}


def entry(value: float | None, half: float | None = 0.001) -> dict[str, Any]:
    """Return a value with an interval of that half-width; None for none."""
    if value is None or half is None:
        return {"value": value, "low": None, "high": None, "n": 5000}
    return {"value": value, "low": value - half, "high": value + half, "n": 5000}


def make_slice(difference: float | None = 0.0, half: float = 0.005, **changes: Any) -> dict[str, Any]:
    """Return a slice that is large enough to gate on, except for what you name."""
    part = {"column": "sex", "value": "Female", "n": 900, "positives": 200}
    return part | {"difference": {"auc": entry(difference, half)}} | changes


def make_evaluation(
    auc: float | None = 0.91, difference: float | None = 0.0, half: float | None = 0.001, **changes: Any
) -> dict[str, Any]:
    """Return an evaluation that is accepted, except for what you name."""
    evaluation = {
        "rows": 5000,
        "candidate": {"metrics": {"auc": entry(auc), "log_loss": entry(0.3)}},
        "champion": {"package": "p", "error": None, "metrics": {"auc": entry(0.91), "log_loss": entry(0.3)}},
        "difference": {"auc": entry(difference, half), "log_loss": entry(0.0)},
        "slices": [make_slice()],
    }
    return evaluation | changes


def measured(value: Any) -> dict[str, Any]:
    """Return the change of an evaluation whose metric is this, in an interval as it should be."""
    return {"candidate": {"metrics": {"auc": entry(0.95) | {"value": value}, "log_loss": entry(0.3)}}}


def refused_by(evaluation: dict[str, Any], **policy: Any) -> list[str]:
    """Return the rules that objected."""
    verdict = decide(parse(**policy), evaluation, DIRECTIONS, TODAY)
    refused = [rule.rule for rule in verdict.rules if not rule.passed]
    assert verdict.accepted == (not refused)
    assert all(reason.endswith(".") for reason in verdict.reasons)
    assert verdict.reasons
    return refused


@pytest.mark.parametrize(
    ("changes", "rules"),
    [
        pytest.param({}, [], id="as good as the champion"),
        pytest.param({"difference": 0.01}, [], id="clearly better"),
        pytest.param(
            {"difference": -0.001, "half": 0.0005}, [], id="clearly worse, by less than is tolerated: a tie"
        ),
        pytest.param(
            {"difference": -0.002, "half": 0.0005}, [], id="worse by exactly what is tolerated: a tie"
        ),
        pytest.param({"difference": 0.91 - 0.912, "half": 0.0005}, [], id="the same, as floats subtract"),
        pytest.param({"difference": -0.0021, "half": 0.0005}, ["loss"], id="clearly worse than is tolerated"),
        pytest.param(
            {"difference": -0.004, "half": 0.003}, ["loss"], id="worse, and chance does not explain it"
        ),
        pytest.param({"difference": -0.004, "half": 0.005}, [], id="worse, but chance explains it"),
        pytest.param({"difference": -0.004, "half": 0.03}, ["possible_loss"], id="too few rows to tell"),
        pytest.param(
            {"difference": 0.0, "half": 0.03}, ["possible_loss"], id="a tie on too few rows to tell"
        ),
        pytest.param({"difference": 0.05, "half": 0.06}, [], id="few rows, but at worst a small loss"),
        pytest.param({"auc": 0.88}, [], id="exactly at the bar"),
        pytest.param({"auc": 0.8799}, ["bar"], id="under the bar"),
        pytest.param({"auc": 0.87, "difference": -0.04}, ["bar", "loss"], id="under the bar and worse"),
        pytest.param({"auc": None}, ["bar"], id="no value of the metric"),
        pytest.param({"auc": float("nan")}, ["bar"], id="NaN in place of null"),
        pytest.param(measured("0.95"), ["bar"], id="a text in place of a number"),
        pytest.param(measured(True), ["bar"], id="true in place of a number"),
        pytest.param(measured(float("inf")), ["bar"], id="infinity"),
        pytest.param({"difference": None}, ["loss"], id="no difference"),
        pytest.param({"half": None}, ["loss"], id="no interval of the difference"),
        pytest.param({"rows": 0}, ["rows"], id="no test rows"),
        pytest.param({"rows": None}, ["rows"], id="an unknown number of test rows"),
        pytest.param({"candidate": None}, ["bar"], id="no candidate at all"),
        pytest.param({"candidate": {"metrics": {}}}, ["bar"], id="the candidate lacks the metric"),
        pytest.param(
            {"candidate": {"metrics": {"auc": entry(0.91, None)}}}, ["bar"], id="no interval of the metric"
        ),
        pytest.param(
            {"champion": None, "difference": None, "slices": []}, [], id="first release over the bar"
        ),
        pytest.param(
            {"champion": None, "difference": None, "auc": 0.5}, ["bar"], id="first release under the bar"
        ),
        pytest.param(
            {"champion": {"error": "its archive is damaged"}}, ["champion"], id="a champion that is damaged"
        ),
        pytest.param(
            {"champion": {"error": "damaged", "metrics": {"auc": entry(0.9)}}},
            ["champion"],
            id="a champion with an error, whatever else is known of it",
        ),
        pytest.param({"champion": {"metrics": None}}, ["champion"], id="a champion without metrics"),
        pytest.param({"champion": {}}, ["champion"], id="a champion of which nothing is known"),
        pytest.param({"slices": [make_slice(-0.03)]}, ["slice_loss"], id="a slice is clearly worse"),
        pytest.param({"slices": [make_slice(-0.02)]}, [], id="a slice lost exactly what is tolerated"),
        pytest.param(
            {"slices": [make_slice(-0.03, half=0.04)]}, [], id="a slice is worse, but chance explains it"
        ),
        pytest.param({"slices": [make_slice(-0.03, n=199)]}, [], id="the slice is too small"),
        pytest.param(
            {"slices": [make_slice(-0.03, n=200, positives=40)]}, ["slice_loss"], id="it is just not"
        ),
        pytest.param({"slices": [make_slice(-0.03, positives=39)]}, [], id="the slice has too few positives"),
        pytest.param({"slices": [make_slice(-0.03, positives=861)]}, [], id="or too few negatives"),
        pytest.param({"slices": [make_slice(None)]}, ["slice_loss"], id="a slice without a difference"),
        pytest.param(
            {"slices": [make_slice(-0.03), make_slice(-0.05)]}, ["slice_loss"], id="two slices are worse"
        ),
        pytest.param({"slices": []}, [], id="no slices"),
    ],
)
def test_who_passes(changes, rules):
    assert refused_by(make_evaluation(**changes)) == rules


@pytest.mark.parametrize(
    ("policy", "rules"),
    [
        pytest.param({"metric": "f1"}, ["metric"], id="a metric that nobody measures"),
        pytest.param({"minimum": None}, ["bar"], id="no bar"),
        pytest.param({"minimum": None, "maximum": 0.88}, ["bar"], id="a maximum where higher is better"),
        pytest.param({"maximum": 0.99}, ["bar"], id="both a minimum and a maximum"),
        pytest.param({"metric": "log_loss"}, ["bar"], id="a minimum where lower is better"),
        pytest.param(
            {"max_possible_regression": 0.0005}, ["possible_loss"], id="a loss of 0.001 must be ruled out"
        ),
        pytest.param({"max_possible_regression": 0.001}, [], id="and is ruled out at the threshold"),
    ],
)
def test_a_policy_that_does_not_fit_refuses(policy, rules):
    assert refused_by(make_evaluation(slices=[]), **policy) == rules


@pytest.mark.parametrize(
    ("difference", "rules"),
    [
        pytest.param(-0.01, [], id="a lower loss is better"),
        pytest.param(0.002, [], id="a tie within the tolerance"),
        pytest.param(0.004, ["loss"], id="a higher loss is worse"),
    ],
)
def test_where_lower_is_better_signs_turn_round(difference, rules):
    evaluation = make_evaluation(slices=[]) | {"difference": {"log_loss": entry(difference)}}
    assert refused_by(evaluation, metric="log_loss", minimum=None, maximum=0.3) == rules


def test_a_refusal_reads_like_a_sentence_of_a_pull_request_comment():
    verdict = decide(parse(), make_evaluation(auc=0.87, difference=-0.004, half=0.003), DIRECTIONS, TODAY)
    assert verdict.reasons == (
        "auc is 0.8700 (95% interval 0.8690 to 0.8710, 5,000 rows); at least 0.88 is needed.",
        "auc differs from the champion's by \N{MINUS SIGN}0.0040 (95% interval \N{MINUS SIGN}0.0070 "
        "to \N{MINUS SIGN}0.0010): clearly worse, and at most 0.002 may be lost.",
    )


def test_a_value_just_under_the_bar_is_printed_in_enough_digits_to_see_it():
    verdict = decide(parse(), make_evaluation(auc=0.879999), DIRECTIONS, TODAY)
    assert "auc is 0.879999 (" in verdict.reasons[0]


def test_the_worst_slice_is_the_one_that_is_told():
    parts = [make_slice(0.01, value="Male"), make_slice(-0.01), make_slice(-0.5, value="tiny", n=20)]
    verdict = decide(parse(), make_evaluation(slices=parts), DIRECTIONS, TODAY)
    assert [rule.message for rule in verdict.rules if rule.rule == "slice_loss"] == [
        "auc in the slice of sex with 900 rows differs from the champion's by \N{MINUS SIGN}0.0100 (95% "
        "interval "
        "\N{MINUS SIGN}0.0150 to \N{MINUS SIGN}0.0050); at most 0.02 may be lost."
    ]


def test_of_several_bad_slices_the_worst_is_told_and_the_others_counted():
    parts = [
        make_slice(-0.03),
        make_slice(-0.05, value="Male"),
        make_slice(-0.04, column="race", value="White"),
    ]
    verdict = decide(parse(), make_evaluation(slices=parts), DIRECTIONS, TODAY)
    assert len(verdict.reasons) == 1
    assert verdict.reasons[0].startswith(
        "auc in the slice of sex with 900 rows differs from the champion's by \N{MINUS SIGN}0.0500"
    )
    assert verdict.reasons[0].endswith("Slices that fail besides: 2.")


def test_a_first_release_says_that_it_is_one():
    verdict = decide(parse(), make_evaluation(champion=None, difference=None), DIRECTIONS, TODAY)
    assert verdict.document()["first_release"] is True
    assert any(reason.startswith("First release: there is no champion") for reason in verdict.reasons)


def test_the_document_holds_every_rule_also_when_it_passed():
    document = decide(parse(), make_evaluation(), DIRECTIONS, TODAY).document()
    assert document["accepted"] is True
    assert [rule["rule"] for rule in document["rules"]] == ["bar", "loss", "possible_loss", "slice_loss"]
    assert document["rules"][0].keys() == {"rule", "metric", "value", "needs", "passed", "message"}


def test_why_a_slice_is_only_shown():
    assert why_not_gated(parse(), 900, 200) == ""
    assert why_not_gated(parse(), 199, 100) == "fewer than 200 rows"
    assert why_not_gated(parse(), 900, 39) == "fewer than 40 rows of the rarer class"
    assert why_not_gated(parse(), 200, None) == ""
