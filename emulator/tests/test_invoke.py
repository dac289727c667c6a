"""Invocations that no container answers: unsigned ones."""

from __future__ import annotations

from faults_by_hand import ask


def test_an_unsigned_invocation_is_refused_as_on_aws(aws):
    assert ask("POST", "/endpoints/anything/invocations", b"x") == (
        403,
        {"message": "Missing Authentication Token"},
    )
