"""How releases end: what `needs` holds, and the word for it."""

from __future__ import annotations

import pytest

from doubles.repository import (
    BACK,
    PACKAGE,
    PIPELINE,
    PROMOTE,
    RELEASED,
    REUSED,
    ROLLED_BACK,
    STAGE,
    job,
    needs,
    step,
    story,
)

AGAIN = story("promote", step("production", "reused", note="version 8 InService"), package=PACKAGE)
CREATED = story("promote", step("production", note="version 8 InService"), package=PACKAGE)
HELD = story("stage", step("staging"), step("approve", "waiting"))
LATER = story("promote", step("production", "superseded"))


def ended(verb: str, code: str, *steps: dict, result: str = "failure") -> str:
    return needs(a=job("success", PIPELINE), b=job(result, STAGE, story(verb, *steps, code=code)))


CASES = [
    pytest.param(RELEASED, "released", id="trained and promoted"),
    pytest.param(
        needs(a=job("success", REUSED), b=job("success", PROMOTE)),
        "released",
        id="a revert: reused, rolled out",
    ),
    pytest.param(needs(a=job("success", REUSED), b=job("success", AGAIN)), "unchanged", id="served already"),
    pytest.param(
        needs(a=job("success", PIPELINE), b=job("success", CREATED)), "released", id="the first endpoint"
    ),
    pytest.param(
        needs(a=job("success", REUSED), b=job("success", CREATED)),
        "released",
        id="the first endpoint, of a release that a merged request lets in",
    ),
    pytest.param(
        needs(a=job("success", PIPELINE), b=job("success", HELD), c=job("skipped")), "waiting", id="held"
    ),
    pytest.param(
        needs(a=job("success", PIPELINE), b=job("success", HELD, PROMOTE)), "released", id="held, then let in"
    ),
    pytest.param(
        needs(a=job("success", PIPELINE), b=job("success", STAGE, LATER)), "superseded", id="a later commit"
    ),
    pytest.param(ended("promote", "E413", step("production", "failed")), "superseded", id="E413"),
    pytest.param(
        needs(
            a=job("failure", story("pipeline", step("validate", "refused"), code="E204")), b=job("skipped")
        ),
        "data refused",
        id="E2",
    ),
    pytest.param(
        needs(a=job("failure", story("pipeline", step("gate", "refused"), code="E301"))),
        "gate refused",
        id="E3",
    ),
    pytest.param(ROLLED_BACK, "rolled back", id="E401"),
    pytest.param(ended("promote", "E412", step("production", "failed")), "rolled back", id="the shadow"),
    pytest.param(ended("promote", "E402", *BACK), "not proven", id="E402"),
    pytest.param(ended("promote", "E406", *BACK), "not proven", id="E406"),
    pytest.param(ended("stage", "E401", step("staging", "failed")), "not proven", id="staging"),
    pytest.param(ended("pipeline", "E403", step("reuse", "failed")), "not proven", id="rejected earlier"),
    pytest.param(ended("promote", "E407", step("production", "failed")), "failed", id="no alarm"),
    pytest.param(ended("promote", "E103", *BACK), "not proven", id="AWS failed while production was touched"),
    pytest.param(ended("pipeline", "E101", step("train", "failed")), "failed", id="a job of AWS"),
    pytest.param(ended("pipeline", "E504"), "failed", id="no stack"),
    pytest.param(needs(a=job("failure"), b=job("skipped")), "failed", id="a job without a story"),
    pytest.param(
        needs(a=job("success", PIPELINE), b=job("failure", STAGE)), "failed", id="a reviewer said no"
    ),
    pytest.param(needs(a=job("success", PIPELINE), b=job("cancelled", STAGE)), "cancelled", id="cancelled"),
    pytest.param(
        ended("promote", "E401", *BACK, result="cancelled"), "rolled back", id="cancelled after a rollback"
    ),
    pytest.param(
        needs(a=job("success", story("promote", step("production", "stopped"), verdict="stopped"))),
        "cancelled",
        id="Ctrl-C",
    ),
    pytest.param(needs(a=job("success"), b=job("success")), "failed", id="green jobs that tell nothing"),
    pytest.param(needs(a=job("skipped"), b=job("skipped")), "failed", id="nothing ran"),
    pytest.param(needs(a=job("success", PIPELINE), b=job("success", STAGE)), "failed", id="nobody promoted"),
]
