"""Releases that are broken, and an AWS that is: production goes on with the release that served before.

`make drill` shows the same for every kind at once; here each has a test that says what must come of it.
"""

from __future__ import annotations

import pytest
from sagemaker_gitops import delivery, rollout
from sagemaker_gitops.errors import WrongRelease

from tests.stories.production import Outcome, Production, until

pytestmark = pytest.mark.slow


def released(production: Production, kind: str, preset: str = "small", load: bool = True) -> Outcome:
    """Release a broken kind; whatever comes of it, the release before it must serve in the end, rightly."""
    before, package = production.serving(), production.broken(kind)
    made = production.release(package, preset, load)
    told = (made.code, made.exit_code, made.evidence.get("verdict"), production.approval(package))
    assert told == ("E401", 4, "rolled back", "Rejected"), made.lines or "it was promoted"
    assert production.serving() == before
    assert (made.left["EndpointStatus"], "PendingDeploymentSummary" in made.left) == ("InService", False)
    assert made.after.clean, made.after
    assert load == bool(made.after.requests)
    return made


def fired(made: Outcome) -> set[str]:
    """Return which of our alarms fired, by kind."""
    return {name.rsplit("-", 1)[-1] for name in made.evidence["alarms"]["fired"]}


@pytest.mark.parametrize("kind", ["exits at start", "ping never answers"])
def test_a_container_that_never_comes_up_gets_no_request(production, kind):
    made = released(production, kind)
    assert made.during.requests > 0
    assert made.during.clean, made.during
    assert "ping health check" in made.evidence["why"]
    assert "Its log ends: " in made.evidence["why"]
    assert made.evidence["probes"]["wrong"] + made.evidence["probes"]["failed"] == 0


def test_a_canary_that_fails_every_request_goes_back_and_the_old_fleet_answers_on(production):
    made = released(production, "every invocation 500", "safe")
    assert "errors" in fired(made)
    # Half of the tries meet the canary: three in a row do once in eight, and then the client gives up.
    assert 0 < made.during.failed_as_is < made.during.requests
    assert made.during.failed <= made.during.failed_as_is
    assert made.during.wrong == 0


def test_what_fails_only_after_a_while_is_found_in_the_final_bake(production):
    made = released(production, "dies after N requests")
    assert "errors" in fired(made)
    assert made.evidence["probes"]["new"] > 0  # it was well at first
    assert max(event["share"] for event in made.evidence["events"]) == 1.0


def test_a_release_fifty_times_slower_goes_back(production):
    assert "latency" in fired(released(production, "50 x slower"))


@pytest.mark.parametrize("kind", ["swapped classes", "NaN with status 200", "sign flipped", "constant"])
def test_wrong_answers_with_status_200_go_back(production, kind):
    made = released(production, kind)
    assert fired(made) == {"wrong"}
    assert made.evidence["probes"]["wrong"] > 0
    assert made.during.failed_as_is == 0  # no other alarm could have seen it


def test_without_a_single_client_the_probes_find_what_is_wrong(production):
    made = released(production, "swapped classes", load=False)
    assert made.evidence["probes"]["new"] + made.evidence["probes"]["wrong"] > 0


def test_a_production_that_fails_every_request_is_healed_by_the_next_release(production):
    package = production.broken("every invocation 500")
    config = rollout.make_config(production.run, "production", package)
    production.sagemaker.update_endpoint(EndpointName=production.endpoint, EndpointConfigName=config)
    until(lambda: production.describe()["EndpointStatus"] == "InService")
    assert production.serving() == package.release_id
    good = production.good()
    made = production.release(good)
    assert (made.code, made.evidence.get("verdict")) == ("", "promoted"), made.lines
    assert production.serving() == good.release_id
    assert made.during.failed > 0  # until then
    assert made.after.clean, made.after


@pytest.mark.parametrize("kind", ["wrong schema", "rows in the wrong order"])
def test_what_breaks_the_contract_is_stopped_on_staging_and_production_is_never_asked(production, kind):
    before, package = production.describe(), production.unproven(kind)
    production.forget()
    with pytest.raises(WrongRelease) as stopped:
        delivery.prove_on_staging(production.run, package)
    assert stopped.value.code == "E402"
    assert production.calls("UpdateEndpoint") == []
    assert production.describe() == before
    names = production.sagemaker.list_endpoints()["Endpoints"]
    assert [item["EndpointName"] for item in names] == [production.endpoint]  # staging is gone
    with pytest.raises(delivery.DeployFailed, match="cannot be promoted"):
        delivery.promote(production.run, package.release_id)


def test_a_first_release_that_is_broken_leaves_nothing_and_the_next_one_works(production):
    delivery.endpoints.delete(production.run.aws, production.endpoint)
    made = production.release(production.broken("exits at start"), load=False)
    assert (made.code, made.exit_code, made.left) == ("E402", 4, {})
    assert "release again" in made.lines
    assert "event=refused" in made.lines  # what the container said, though its endpoint is gone
    good = production.good()
    assert production.release(good, load=False).code == ""
    assert production.serving() == good.release_id
