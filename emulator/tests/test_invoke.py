"""Invocations that get no answer of a container: unsigned ones, and those whose instance dies meanwhile."""

from __future__ import annotations

import pytest
from faults_by_hand import ask
from models_by_hand import Account
from test_shadow import invocations


@pytest.fixture
def account(aws):
    made = Account(aws)
    yield made
    made.clean()


def test_an_unsigned_invocation_is_refused_as_on_aws(aws):
    assert ask("POST", "/endpoints/anything/invocations", b"x") == (
        403,
        {"message": "Missing Authentication Token"},
    )


def test_an_instance_that_dies_in_the_middle_of_a_request_is_an_error_of_the_model(account):
    name = account.endpoint(account.config())
    with pytest.raises(account.runtime.exceptions.ModelError) as error:
        account.ask(name, "die")
    answer = error.value.response
    assert (answer["OriginalStatusCode"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (500, 424)
    assert answer["Error"]["Message"].startswith("Received server error (500) from primary")
    assert answer["ResponseMetadata"]["RetryAttempts"] == 0
    assert invocations(account, name, "main", "Invocation5XXErrors", wanted=1) == 1
