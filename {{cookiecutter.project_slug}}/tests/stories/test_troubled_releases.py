"""Good releases under trouble: AWS, the network, somebody's alarm or the runner does not do its part."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sagemaker_gitops import delivery, endpoints, registry

from tests.drill import faults
from tests.stories.production import WATCHED, Production, until

pytestmark = pytest.mark.slow


@contextmanager
def once_updating(production: Production, act: Callable[[], object]) -> Iterator[None]:
    """Do something as soon as production is being updated, while the block runs."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.05):
            if endpoints.pending(production.describe()):
                act()
                return

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def silenced() -> str:
    return faults.inject("error", service="cloudwatch", operation="PutMetricData", times=999)


def test_where_the_probes_fall_silent_the_release_goes_back_and_is_not_blamed(production):
    before, package = production.serving(), production.good()
    with once_updating(production, silenced):
        made = production.release(package)
    assert (made.code, made.evidence.get("verdict")) == ("E401", "rolled back"), made.lines
    assert "nobody watched it" in made.evidence["why"]
    assert production.serving() == before
    assert production.approval(package) == "Approved"
    assert made.during.clean, made.during
    assert made.after.clean, made.after


def refused(production: Production, code: str, *watching: str) -> None:
    """Release something good while these alarms are watched: refused, and the endpoint was never asked."""
    before, package = production.describe(), production.good()
    made = production.release(package, alarms=watching)
    assert (made.code, made.exit_code) == (code, 4), made.lines or "it was promoted"
    assert production.calls("UpdateEndpoint") == []
    assert made.left == before
    assert made.during.clean, made.during
    assert production.approval(package) == "Approved"  # a good model is not blamed


def test_an_alarm_that_rings_already_stops_the_release_before_it_starts(production, alarm):
    alarm(5.0)
    refused(production, "E409", WATCHED)


def test_an_alarm_that_is_missing_stops_the_release_before_it_starts(production):
    refused(production, "E407", "mispelt-alarm")


def test_a_silent_rollback_is_red_and_not_taken_for_a_success(production):
    before, package = production.serving(), production.good()
    faults.inject("silent-rollback", endpoint=production.endpoint)
    made = production.release(package)
    assert (made.left["EndpointStatus"], "FailureReason" in made.left) == ("InService", False)
    assert (made.code, made.exit_code, made.evidence["verdict"]) == ("E401", 4, "rolled back"), made.lines
    assert made.evidence["why"].startswith("no alarm, no reason given")
    assert production.serving() == before
    assert made.during.clean, made.during
    assert made.after.clean, made.after


def test_a_rollback_that_fails_is_not_known_to_be_one_and_production_is_healed(production):
    before, package = production.serving(), production.broken("swapped classes")
    faults.inject("rollback-failed", endpoint=production.endpoint)
    made = production.release(package)
    assert (made.code, made.exit_code) == ("E402", 4), made.lines or "it was promoted"
    assert "UpdateRollbackFailed" in made.lines
    assert made.evidence["verdict"] == "unknown"
    assert (made.left["EndpointStatus"], production.serving()) == ("InService", before)
    assert made.after.clean, made.after


def test_a_release_whose_runner_was_killed_is_picked_up_or_made_again_and_nobody_notices(production):
    package = production.good()
    registry.annotate(production.run.aws, package, {"staging": "proven"})
    command = [sys.executable, "-m", "tests.drill.promote", "small", package.release_id]

    def killed_and_again() -> None:
        first = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})
        try:
            until(lambda: endpoints.pending(production.describe()))
        finally:
            first.kill()
            first.wait()
        assert endpoints.pending(production.describe()), "it was over before it was killed"
        delivery.promote(production.run, package.release_id)

    made = production.watched(killed_and_again, package)
    assert made.code == "", made.lines
    # Where nobody probes for some minutes SageMaker goes back by itself; only then the next run asks anew.
    assert production.calls("UpdateEndpoint") in ([200], [200, 200])
    assert production.serving() == package.release_id
    assert made.during.clean, made.during
    assert made.after.clean, made.after


def test_what_autoscaling_has_set_is_what_the_next_release_runs_on(production):
    wanted = [{"VariantName": "main", "DesiredInstanceCount": 2}]
    production.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=production.endpoint, DesiredWeightsAndCapacities=wanted
    )
    until(lambda: production.describe()["EndpointStatus"] == "InService")
    assert production.describe()["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    made = production.release(production.good())
    assert made.code == "", made.lines
    assert made.left["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    assert made.during.clean, made.during


LIMIT = (
    "The account-level service limit 'ml.m5.large for endpoint usage' is 1 Instances, with current "
    "utilization of 1 Instances and a request delta of 1 Instances."
)


def test_a_quota_that_is_used_up_is_named_and_not_asked_for_twice(production):
    before, package = production.serving(), production.good()
    production.forget()
    what = {"service": "sagemaker", "operation": "UpdateEndpoint"}
    faults.inject("refuse", **what, times=9, code="ResourceLimitExceeded", message=LIMIT)
    made = production.release(package)
    assert (made.code, made.exit_code) == ("E109", 1), made.lines or "it was promoted"
    assert "ml.m5.large for endpoint usage" in made.lines.splitlines()[0]
    assert "doctor" in made.lines
    assert production.calls("UpdateEndpoint") == [400]
    assert (production.serving(), production.approval(package)) == (before, "Approved")
    assert made.during.clean, made.during
    assert made.after.clean, made.after


def test_what_sagemaker_has_made_and_does_not_see_yet_is_waited_for(production):
    package = production.good()
    production.forget()
    for operation, what, times in (
        ("CreateEndpointConfig", "model", 1),
        ("UpdateEndpoint", "endpoint configuration", 2),
    ):
        unseen = {"code": "ValidationException", "message": f'Could not find {what} "arn:aws:sagemaker:x".'}
        faults.inject("refuse", service="sagemaker", operation=operation, times=times, **unseen)
    made = production.release(package)
    assert made.code == "", made.lines
    assert production.calls("UpdateEndpoint") == [400, 400, 200]
    assert production.serving() == package.release_id
    assert made.during.clean, made.during
    assert made.after.clean, made.after
