"""AssumeRoleWithWebIdentity: which tokens of GitHub's kind a role lets in, and which it does not."""

from __future__ import annotations

import urllib.error

import boto3
import pytest
from botocore.exceptions import ClientError
from roles_by_hand import (
    ACCOUNT,
    AUDIENCE,
    CLAIM,
    GITHUB,
    JOB,
    OTHER,
    REGION,
    RELEASE,
    ask,
    decisions,
    make_provider,
    make_role,
    of_credentials,
    root,
    token,
    trusting,
)

from sagemaker_emulator.access import issuer

SUBJECTS = ["repo:octo/churn:ref:refs/heads/main", "repo:octo@5/churn@77:ref:refs/heads/main"]
ROLE = "release-of-churn"
DENIED = ("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")


def trust(provider, **changes):
    claims = {"aud": AUDIENCE, "sub": SUBJECTS, "repository_id": "77", "job_workflow_ref": RELEASE, **changes}
    wanted = {f"{CLAIM}:{name}": value for name, value in claims.items() if value is not None}
    return trusting(
        {"Federated": provider}, "sts:AssumeRoleWithWebIdentity", Condition={"StringEquals": wanted}
    )


@pytest.fixture(scope="module")
def role(emulator):
    """Return the role that the release workflow of main may be, in both accounts."""
    for account in (ACCOUNT, OTHER):
        make_role(ROLE, trust=trust(make_provider(account)), account=account)
    return f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"


@pytest.fixture(autouse=True)
def enforced(emulator, monkeypatch):
    monkeypatch.setenv("SAGEMAKER_EMULATOR_IAM", "enforce")


def assume(role, jwt, **more):
    sts = boto3.client("sts", region_name=REGION)
    return sts.assume_role_with_web_identity(
        RoleArn=role, RoleSessionName="release", WebIdentityToken=jwt, **more
    )


def refusal(role, jwt, **more):
    with pytest.raises(ClientError) as refused:
        assume(role, jwt, **more)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.mark.parametrize("immutable", [False, True])
def test_both_forms_of_the_subject_are_let_in(role, immutable):
    given = assume(role, token(immutable_subject=immutable))
    assert given["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{ROLE}/release"
    identity = of_credentials(given["Credentials"]).client("sts").get_caller_identity()
    assert (identity["Account"], identity["Arn"]) == (ACCOUNT, given["AssumedRoleUser"]["Arn"])


OTHER_SHA = "octo/churn/.github/workflows/release.yml@refs/heads/mine"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"ref": "refs/heads/other"}, id="another branch"),
        pytest.param({"ref": "refs/tags/main"}, id="a tag"),
        pytest.param({"ref": "refs/heads/main2"}, id="a branch whose name begins alike"),
        pytest.param(
            {"event_name": "pull_request", "ref": "refs/pull/1/merge", "head_ref": "x", "base_ref": "main"},
            id="a pull request",
        ),
        pytest.param({"event_name": "pull_request_target"}, id="a pull request's target"),
        pytest.param({"environment": "production"}, id="an environment nobody asked for"),
        pytest.param(
            {"repository": "eve/churn", "repository_id": "78", "repository_owner_id": "6"}, id="a fork"
        ),
        pytest.param({"repository": "octo/other", "repository_id": "79"}, id="another repository"),
        pytest.param({"repository_id": "99"}, id="a recycled name: the same words, another number"),
        pytest.param(
            {"repository_id": "99", "immutable_subject": True}, id="a recycled name, the new form of subject"
        ),
        pytest.param(
            {"job_workflow_ref": "octo/churn/.github/workflows/main.yml@refs/heads/main"},
            id="another workflow",
        ),
        pytest.param({"job_workflow_ref": OTHER_SHA}, id="the workflow as another branch has it"),
        pytest.param({"repository": "Octo/churn"}, id="another case"),
    ],
)
def test_who_is_not_the_release_workflow_of_main_is_denied(role, changes):
    assert refusal(role, token(**changes)) == DENIED


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        pytest.param({"forged": True}, "InvalidIdentityToken", "signature", id="signed by somebody else"),
        pytest.param({"key_id": "unheard-of"}, "InvalidIdentityToken", "verification key", id="unknown key"),
        pytest.param({"expires_in": -301}, "ExpiredTokenException", "Token expired", id="expired"),
        pytest.param({"not_before": 400}, "InvalidIdentityToken", "not yet valid", id="not yet valid"),
        pytest.param(
            {"audience": "sigstore"}, "InvalidIdentityToken", "Incorrect token audience", id="audience"
        ),
        pytest.param(
            {"issuer": "https://evil.example"},
            "InvalidIdentityToken",
            "No OpenIDConnect provider found in your account for https://evil.example",
            id="another issuer",
        ),
        pytest.param(
            {"issuer": f"{GITHUB}/octo"},
            "InvalidIdentityToken",
            "No OpenIDConnect provider",
            id="issuer's path",
        ),
    ],
)
def test_a_bad_token_is_refused_in_awss_codes(role, changes, code, words):
    found, message = refusal(role, token(**changes))
    assert found == code and words in message


@pytest.mark.parametrize("changes", [{"expires_in": -200}, {"not_before": 200}])
def test_clocks_may_differ_by_five_minutes(role, changes):
    assert assume(role, token(**changes))["Credentials"]


def test_what_is_no_token_is_said_to_be_none(role):
    for text in ("nonsense", "a.b.c", token() + ".more"):
        assert refusal(role, text)[0] == "InvalidIdentityToken"
    head, _, signature = token().split(".")
    other = token(ref="refs/heads/other").split(".")[1]
    assert refusal(role, f"{head}.{other}.{signature}")[0] == "InvalidIdentityToken"


def test_an_unsigned_token_is_refused(role):
    claims, none = token().split(".")[1], "eyJhbGciOiJub25lIiwia2lkIjoiZW11bGF0b3IifQ"
    assert refusal(role, f"{none}.{claims}.")[0] == "InvalidIdentityToken"


def test_another_account_without_the_provider_or_the_role_lets_nobody_in(role):
    code, message = refusal(f"arn:aws:iam::111122223333:role/{ROLE}", token())
    assert (code, GITHUB in message) == ("InvalidIdentityToken", True)
    assert refusal(f"arn:aws:iam::{ACCOUNT}:role/nobody", token()) == DENIED


def test_a_trust_in_one_accounts_provider_does_not_trust_the_others(role):
    arn = make_role("trusts-the-wrong-account", trust=trust(make_provider(ACCOUNT)), account=OTHER)
    assert refusal(arn, token()) == DENIED


def test_an_environment_goes_before_the_ref_in_the_subject(role):
    subject = "repo:octo/churn:environment:production"
    provider = make_provider()
    arn = make_role("deploys-churn", trust=trust(provider, sub=subject, ref="refs/heads/main"))
    assert assume(arn, token(environment="production"))["Credentials"]
    assert refusal(arn, token()) == DENIED
    assert refusal(arn, token(environment="staging")) == DENIED
    assert refusal(arn, token(environment="production", ref="refs/heads/other")) == DENIED


def test_a_longer_session_than_the_role_allows_is_refused(role):
    assert refusal(role, token(), DurationSeconds=7200) == (
        "ValidationError",
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    )


def test_a_decision_about_a_token_is_recorded_with_its_claims(role):
    ask("DELETE", "/_emulator/iam/decisions")
    assume(role, token())
    (found,) = decisions(action="sts:AssumeRoleWithWebIdentity")
    assert found["allowed"] and found["resource"] == role
    assert found["context"][f"{CLAIM}:sub"] == SUBJECTS[0]


# --- without --iam: as the account has it


def test_without_iam_a_token_is_checked_where_its_issuer_is_known(role, monkeypatch):
    monkeypatch.delenv("SAGEMAKER_EMULATOR_IAM")
    assert assume(role, token())["Credentials"]
    assert refusal(role, token(ref="refs/heads/other")) == DENIED
    assert refusal(role, token(forged=True))[0] == "InvalidIdentityToken"


def test_without_iam_and_without_a_provider_everybody_is_let_in(emulator, monkeypatch):
    monkeypatch.delenv("SAGEMAKER_EMULATOR_IAM")
    assert assume("arn:aws:iam::444455556666:role/any", "anything")["Credentials"]


# --- the issuer


@pytest.mark.parametrize(
    ("changes", "subject"),
    [
        ({}, "repo:octo/churn:ref:refs/heads/main"),
        ({"ref": "refs/tags/v1"}, "repo:octo/churn:ref:refs/tags/v1"),
        ({"event_name": "pull_request"}, "repo:octo/churn:pull_request"),
        ({"event_name": "pull_request", "environment": "e"}, "repo:octo/churn:environment:e"),
        ({"environment": "a:b"}, "repo:octo/churn:environment:a%3Ab"),
        ({"immutable_subject": True}, "repo:octo@5/churn@77:ref:refs/heads/main"),
        ({"immutable_subject": True, "event_name": "pull_request"}, "repo:octo@5/churn@77:pull_request"),
    ],
)
def test_the_subject_is_githubs(changes, subject):
    assert issuer.subject({**JOB, **changes}) == subject


def test_the_claims_are_githubs():
    claims = issuer.claims({**JOB, "environment": "e", "run_id": 12}, "x", now=1000.0)
    assert (claims["iss"], claims["aud"], claims["iat"], claims["nbf"], claims["exp"]) == (
        GITHUB, "x", 1000, 1000, 1300,
    )  # fmt: skip
    assert (claims["ref_type"], claims["repository_owner"], claims["run_id"]) == ("branch", "octo", "12")
    wanted = {"jti", "sub", "environment", "runner_environment", "base_ref", "head_ref", "actor", *JOB}
    assert wanted <= set(claims)
    assert issuer.claims({**JOB, "ref": "refs/tags/v1"}, "x", 0.0)["ref_type"] == "tag"


def test_a_job_is_described_completely_and_its_token_is_for_its_bearer_only(emulator):
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask("POST", "/_emulator/oidc/jobs", {"repository": "o/n", "colour": "red"})
    assert refused.value.code == 400 and "colour" in refused.value.read().decode()
    job = ask("POST", "/_emulator/oidc/jobs", JOB)
    for headers in ({}, {"Authorization": "bearer another"}):
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask("GET", job["url"], headers=headers)
        assert refused.value.code == 401
    assert (
        ask("GET", job["url"], headers={"Authorization": f"bearer {job['token']}"})["value"].count(".") == 2
    )
    assert ask("GET", "/_emulator/oidc/jwks")["keys"][0]["kid"] == "emulator"


def test_root_makes_the_provider_in_its_own_account_only(role):
    listed = root("777788889999").client("iam").list_open_id_connect_providers()
    assert listed["OpenIDConnectProviderList"] == []
