"""Any API call of a release may fail: it ends as if nothing had happened, or red with the old one serving."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from sagemaker_gitops import aws

from tests.stories.crash import kills, matrix
from tests.stories.crash.calls import Place, kept, placed
from tests.stories.crash.case import Case

SITES = 2


def change(operation: str, number: int = 1, service: str = "sagemaker") -> Place:
    """Return the place of a release's call that changes something."""
    return Place("release", service, operation, "", number)


SAMPLE = [
    Case(Place("image", "ecr", "PutImage", "", 1), "drop-after", here=False),
    Case(change("CopyObject", service="s3"), "hang"),
    Case(change("StartPipelineExecution"), "drop-after"),
    Case(change("CreateEndpointConfig", 2), "drop-after"),
    Case(change("UpdateEndpoint"), "drop-after"),
    Case(change("UpdateEndpoint"), "error", aws.RETRIES),
]


@pytest.mark.timeout(600)
def test_half_a_dozen_faults_cost_neither_a_release_nor_an_answer() -> None:
    outcomes = list(matrix.run_all(SAMPLE, SITES))
    print(matrix.summary("of a sample", outcomes))
    assert len(outcomes) == len(SAMPLE)
    lost = [str(outcome) for outcome in outcomes if outcome.lost]
    assert not lost, "\n".join(lost)
    assert sum(outcome.asked for outcome in outcomes) > 0


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
def test_no_call_of_a_release_may_cost_the_release_or_an_answer() -> None:
    outcomes = matrix.run_whole("", matrix.SITES)
    assert len(outcomes) > 300  # else the record was not of a whole release
    lost = [str(outcome) for outcome in outcomes if outcome.lost]
    assert not lost, "\n".join(lost)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_runner_that_is_killed_at_any_moment_costs_neither_the_release_nor_an_answer() -> None:
    outcomes = kills.run_all(kills.TIMES, kills.SEED, kills.SITES)
    assert len(outcomes) == kills.TIMES
    lost = [str(outcome) for outcome in outcomes if outcome.lost]
    assert not lost, "\n".join(lost)


def test_a_kill_that_came_too_late_is_drawn_anew_of_a_shorter_release(monkeypatch) -> None:
    moments, ends = [], iter([(0, "✓ production"), (-9, "… train")])
    monkeypatch.setattr(kills, "kill_at", lambda seconds: moments.append(seconds) or next(ends))
    monkeypatch.setattr(kills, "judge_all", lambda *_: None)
    monkeypatch.setattr(kills.state, "standing", lambda _: None)
    client = SimpleNamespace(asking=nullcontext, trouble=[], sent=3)
    site = SimpleNamespace(length=100.0, change=lambda code: "id", tidy=lambda: None, client=client)
    outcome = kills.attempt(site, kills.Kill(1, 0.5), {})
    assert moments == [50.0, 45.0]
    assert (outcome.code, outcome.first, outcome.lost) == (-9, "… train", False)


@pytest.mark.parametrize(
    ("name", "text", "whole"),
    [
        ("report.html", "<html></html>\n", True),
        ("report.html", "<html><body>half", False),
        ("release.json", '{"verb": "rel', False),
        ("release.json.part", '{"verb": "rel', True),
        ("data.lock", "{}", True),
        ("data.lock", "", False),
    ],
)
def test_a_file_that_was_cut_off_is_seen(tmp_path, name: str, text: str, whole: bool) -> None:
    (tmp_path / name).write_text(text)
    assert kills.whole(tmp_path / name) == whole


RECORD = [
    ("sagemaker", "DescribeEndpoint"),
    ("sagemaker", "UpdateEndpoint"),
    *[("sagemaker", "DescribeEndpoint")] * 4,
    ("s3", "GetObject"),
    ("s3", "GetObject"),
    ("s3", "GetObject"),
    ("sagemaker", "UpdateEndpoint"),
    ("sagemaker", "DescribeEndpoint"),
]


def test_a_look_is_named_by_the_change_before_it_so_that_waiting_longer_renames_nothing() -> None:
    places = placed("release", RECORD)
    assert str(places[-1]) == "release: sagemaker DescribeEndpoint 1 since UpdateEndpoint 2"
    longer = placed("release", [*RECORD[:2], *[("sagemaker", "DescribeEndpoint")] * 9, *RECORD[2:]])
    assert longer[-1] == places[-1]


def test_of_a_loop_the_first_and_the_last_look_are_disturbed_and_of_all_else_everything() -> None:
    places = placed("release", RECORD)
    chosen, why = kept(places)
    assert [str(place).split(" ", 2)[2] for place in chosen if place.operation == "DescribeEndpoint"] == [
        "DescribeEndpoint 1 since the start",
        "DescribeEndpoint 1 since UpdateEndpoint 1",
        "DescribeEndpoint 4 since UpdateEndpoint 1",
        "DescribeEndpoint 1 since UpdateEndpoint 2",
    ]
    assert len(chosen) == len(RECORD) - 2
    assert why == [
        "release: sagemaker DescribeEndpoint since UpdateEndpoint 1: 2 of 4 looks, "
        "the same in a loop; first and last are in"
    ]
