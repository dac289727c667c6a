"""What doctor finds without AWS: a waiver that has outlived its day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from doubles.aws import make_run
from sagemaker_gitops.account import doctor


def found(make_settings, days: int):
    """Return what doctor finds of a waiver that ends in so many days."""
    until = datetime.now(UTC).date() + timedelta(days)
    waiver = {"champion": "5e41" * 16, "until": until, "reason": "age is gone"}
    return until, list(doctor.waived(make_run(make_settings(**{"gate.waiver": waiver}))))


def test_a_waiver_that_holds_is_named_with_its_day_and_its_reason(make_settings):
    until, [finding] = found(make_settings, 10)
    assert (finding.about, finding.verdict) == ("gate", "ok")
    assert finding.what == f"champion 5e415e415e41 need not be compared with until {until}: age is gone"


@pytest.mark.parametrize(
    ("days", "words"),
    [
        pytest.param(-2, "the waiver ended on", id="expired"),
        pytest.param(200, "90 days ahead is the most", id="longer than any may last"),
    ],
)
def test_a_waiver_that_holds_for_nobody_is_a_warning(make_settings, days, words):
    _, [finding] = found(make_settings, days)
    assert (finding.about, finding.verdict) == ("gate", "warn")
    assert words in finding.why[0]
    assert "age is gone" in finding.why[0]
    assert "take it out of mlops.toml" in finding.fix


def test_without_a_waiver_there_is_nothing_to_say(make_settings):
    assert list(doctor.waived(make_run(make_settings()))) == []


def test_doctor_looks_at_it():
    assert doctor.CHECKS["gate"] is doctor.waived
