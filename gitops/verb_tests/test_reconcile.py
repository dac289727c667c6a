"""What should be live follows from git; each difference is found, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from doubles.standing import ALL_IS_WELL, MIDDLE, NEW, OLD, ONE, TWO, package
from sagemaker_gitops import reconcile
from sagemaker_gitops.registry import Package


def found(**changes) -> list[tuple[str, str]]:
    return [(item.what, item.heal) for item in reconcile.findings(replace(ALL_IS_WELL, **changes))]


def noted(package: Package, since: str) -> Package:
    return replace(package, metadata=package.metadata | {"served_at": since})


def test_a_rollback_whose_runner_died_before_it_was_noted_is_noted():
    late = noted(package(3, NEW, "Rejected", "taken back"), "2026-11-02")
    packages = (late, noted(TWO, "2026-11-01"), ONE)
    assert found(packages=packages) == [("production", "release")]
    assert found(packages=(late, noted(TWO, "2026-11-03"), ONE)) == []


def test_where_all_is_as_git_has_it_nothing_is_found():
    assert found() == []


def test_the_newest_proven_release_on_main_is_wanted_and_a_rejected_head_stays_out():
    rejected = package(3, NEW, "Rejected", "taken back")
    assert reconcile.desired(replace(ALL_IS_WELL, packages=(rejected, TWO, ONE))) is TWO


def test_a_revert_makes_an_older_package_the_newest():
    assert reconcile.desired(replace(ALL_IS_WELL, packages=(TWO, package(1, NEW)))).version == 1


def test_a_release_from_a_branch_is_not_wanted():
    assert reconcile.desired(replace(ALL_IS_WELL, packages=(package(9, "f" * 40), ONE))) is ONE


def test_a_production_lock_that_names_what_was_rejected_is_itself_the_difference():
    rejected = package(2, MIDDLE, "Rejected", "taken back")
    told = found(packages=(rejected, ONE), serving=ONE, named="2" * 12)
    assert told == [("production.lock", "")]


def test_where_production_lock_decides_what_it_names_is_wanted():
    assert reconcile.desired(replace(ALL_IS_WELL, named="1" * 12)) is ONE
    assert reconcile.desired(replace(ALL_IS_WELL, named="")) is None


def test_without_a_production_lock_it_says_what_that_file_is_to_name():
    [finding] = reconcile.findings(replace(ALL_IS_WELL, named=""))
    assert (finding.what, finding.heal) == ("production.lock", "")
    assert "pull request" in finding.todo
    assert f'{{"release_id": "{TWO.release_id}"}}' in finding.todo
    assert found(named="", serving=None, endpoint=None) == []


@pytest.mark.parametrize(
    ("staging", "production", "approval", "waits", "over"),
    [
        pytest.param("proven", "proven", "Approved", False, True, id="released"),
        pytest.param("proven", "taken back", "Rejected", False, True, id="rolled back"),
        pytest.param("", "", "Rejected", False, True, id="rejected on staging"),
        pytest.param("proven", "", "PendingManualApproval", True, True, id="waits for a person"),
        pytest.param("proven", "", "PendingManualApproval", False, False, id="cut off on staging"),
        pytest.param("proven", "", "Approved", False, False, id="cut off before production"),
        pytest.param("proven", "", "Approved", True, False, id="cut off after a person has let it in"),
        pytest.param("", "", "PendingManualApproval", True, False, id="cut off before staging"),
    ],
)
def test_what_the_registry_shows_of_a_release_by_hand_is_its_end(staging, production, approval, waits, over):
    made = package(3, NEW, approval, production)
    made.metadata["staging"] = staging
    assert reconcile.settled(made, NEW, waits) is over
    assert not reconcile.settled(None, NEW, waits)


def test_a_revert_is_not_at_its_end_because_its_package_was_proven_for_an_earlier_commit():
    assert not reconcile.settled(ONE, NEW, waits=False)
    assert reconcile.settled(ONE, OLD, waits=False)


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"endpoint": None, "serving": None}, ("production", "release")),
        (
            {"endpoint": {"EndpointStatus": "Failed", "EndpointConfigName": "config-2"}},
            ("production", "release"),
        ),
        ({"serving": ONE}, ("production", "release")),
        ({"serving": None}, ("production", "")),
        ({"packages": ()}, ("production", "")),
        ({"config": "config-of-other-machines"}, ("machines of production", "release")),
        ({"serving": ONE, "changing": True}, ("production", reconcile.WAITS)),
        (
            {"endpoint": {"EndpointStatus": "Updating", "EndpointConfigName": "config-1"}, "serving": ONE},
            ("production", reconcile.WAITS),
        ),
        ({"outcome": ""}, ("the newest commit's release", "collect")),
        ({"outcome": "", "executing": True}, ("the newest commit's release", reconcile.WAITS)),
        ({"missing_alarms": ("mine",)}, ("alarm", "")),
        ({"definition": False}, ("pipeline", "definition")),
        ({"staging": {"income-model-staging-1": 5.0}}, ("staging", "tidy")),
        ({"stacks": {"income-model": False}}, ("stack", "infra")),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_each_difference_is_found_with_what_mends_it(changes, finding):
    assert found(**changes) == [finding]


@pytest.mark.parametrize(
    "changes",
    [
        {"endpoint": {"EndpointStatus": "Updating", "EndpointConfigName": "config-2"}},
        {"outcome": "", "active": True},
        {"outcome": "cancelled"},
        {"outcome": "cancelled", "executing": True},
        {"staging": {"income-model-staging-1": 0.2}},
        {"staging": {"income-model-staging-1": 90.0}, "keep_staging": True},
        {"definition": None},
    ],
)
def test_what_is_on_its_way_or_unknown_is_no_difference(changes):
    assert found(**changes) == []
