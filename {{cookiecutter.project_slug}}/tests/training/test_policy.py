"""The gate's policy: strict, so that a typo cannot switch a rule off."""

from __future__ import annotations

import json

import pytest

from training.policy import Policy, PolicyError

GOOD = {
    "metric": "auc",
    "minimum": 0.88,
    "max_regression": 0.002,
    "slice_max_regression": 0.02,
    "slice_min_rows": 200,
    "slice_min_positives": 40,
}


def parse(**changes: object) -> Policy:
    """Parse a policy that is right except for what you name; `...` leaves a key out."""
    return Policy.parse(
        json.dumps({key: value for key, value in (GOOD | changes).items() if value is not ...})
    )


def test_the_table_of_mlops_toml_is_read():
    assert parse().minimum == 0.88
    assert parse(maximum=None).maximum is None


def test_the_loss_that_must_be_ruled_out_is_ten_times_the_tolerance_unless_told():
    assert parse().possible_regression == pytest.approx(0.02)
    assert parse(max_possible_regression=0.05).possible_regression == 0.05


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param(
            {"minimun": 0.9}, r"gate\.minimun: expected no such key \(known: .*minimum", id="a typo"
        ),
        pytest.param(
            {"max_regression": ...}, r"gate\.max_regression: expected a value", id="a key is missing"
        ),
        pytest.param(
            {"max_regression": -0.1}, r"gate\.max_regression: expected a number, 0 or more", id="negative"
        ),
        pytest.param(
            {"max_regression": "0.1"}, r"gate\.max_regression: expected a number", id="a number as text"
        ),
        pytest.param(
            {"minimum": True}, r"gate\.minimum: expected a finite number", id="true is not a number"
        ),
        pytest.param(
            {"minimum": float("nan")}, r"gate\.minimum: expected a finite number", id="NaN as a bar"
        ),
        pytest.param(
            {"slice_min_rows": 0}, r"gate\.slice_min_rows: expected a whole number, 1", id="slices of none"
        ),
        pytest.param(
            {"slice_min_rows": 1.5}, r"gate\.slice_min_rows: expected a whole", id="one and a half rows"
        ),
        pytest.param({"metric": 7}, r"gate\.metric: expected the name", id="a number as metric"),
    ],
)
def test_a_wrong_key_is_named_with_what_was_wanted(changes, words):
    with pytest.raises(PolicyError, match=words):
        parse(**changes)


@pytest.mark.parametrize("text", ["", "[]", "not json", "null"])
def test_what_is_not_an_object_is_refused(text):
    with pytest.raises(PolicyError, match="a JSON object"):
        Policy.parse(text)
