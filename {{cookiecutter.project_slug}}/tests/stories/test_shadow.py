"""A release that shadows production first: it sees copies of real requests, and nobody sees its answers."""

from __future__ import annotations

import re

import pytest
from sagemaker_gitops import delivery

from tests.stories.production import Production

pytestmark = pytest.mark.slow
MINUTES = 3


def alarms_of_shadows(production: Production) -> list[str]:
    """Return the alarms that watch a shadow."""
    told = production.run.aws.cloudwatch.describe_alarms()["MetricAlarms"]
    return [alarm["AlarmName"] for alarm in told if "-shadow-" in alarm["AlarmName"]]


def test_a_release_that_fails_real_requests_is_refused_before_a_caller_could_meet_it(production):
    before, package = production.describe(), production.broken("every invocation 500")
    made = production.release(package, shadow_minutes=MINUTES)
    assert (made.code, made.exit_code, production.approval(package)) == ("E412", 4, "Rejected"), made.lines
    assert "-errors" in " ".join(made.evidence["alarms"]["fired"])
    assert made.during.requests > 0
    assert made.during.clean, made.during
    assert made.left["EndpointConfigName"] == before["EndpointConfigName"]
    assert (made.left["EndpointStatus"], "ShadowProductionVariants" in made.left) == ("InService", False)
    assert production.calls("UpdateEndpoint") == [200]  # production went back by itself
    assert alarms_of_shadows(production) == []


def test_a_release_that_stands_real_requests_is_promoted_and_its_shadow_ends(production):
    package, run = production.good(), production.under("small", shadow_minutes=MINUTES)
    made = production.watched(lambda: delivery.to_production(run, package), package)
    assert (made.code, production.serving()) == ("", package.release_id), made.lines
    assert re.match(
        r"real requests: 0 of [1-9]\d* failed, .* production: 0 of [1-9]", run.story.facts["shadow"]
    )
    assert made.evidence["verdict"] == "promoted"
    assert made.during.clean, made.during
    assert "ShadowProductionVariants" not in made.left
    assert production.calls("UpdateEndpoint") == [200, 200]
    assert alarms_of_shadows(production) == []
