"""The evaluator by itself: wildcards, conditions, and who may with which policies."""

from __future__ import annotations

import fnmatch
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from roles_by_hand import allow, deny

from sagemaker_emulator.policies import Request, UnsupportedPolicy, evaluate
from sagemaker_emulator.policies.patterns import like, like_arn

ROLE = "arn:aws:iam::123456789012:role/r"
SESSION = "arn:aws:sts::123456789012:assumed-role/r/me"
KEY = "arn:aws:kms:us-east-1:123456789012:key/k"
OBJECT = "arn:aws:s3:::b/k"


def doc(*statements, version="2012-10-17"):
    return {"Version": version, "Statement": list(statements)}


def request(action="s3:GetObject", resource=OBJECT, **more):
    return Request(**{"action": action, "resource": resource, "principal": SESSION, "role": ROLE, **more})


# --- wildcards

texts = st.text(alphabet="ab:/*?[]!", max_size=8)


@given(texts, texts)
def test_wildcards_are_those_of_fnmatch_without_its_brackets(pattern, text):
    reference = re.sub(r"\[", "[[]", pattern)
    assert like(pattern, text) == fnmatch.fnmatchcase(text, reference)


@given(texts)
def test_a_text_without_wildcards_fits_itself_and_an_asterisk(text):
    plain = text.replace("*", "").replace("?", "")
    assert like(plain, plain) and like("*", text) and like(f"{plain}*", plain + text)


@pytest.mark.parametrize(
    ("pattern", "arn", "fits"),
    [
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b/x/y", True),
        ("arn:aws:s3:::b/*", "arn:aws:s3:::bb/x", False),
        ("arn:aws:iam::*:role/x", "arn:aws:iam::123456789012:role/x", True),
        pytest.param(
            "arn:aws:*:role/x", "arn:aws:iam::123456789012:role/x", False, id="no asterisk spans parts"
        ),
        pytest.param("arn:aws:s3:::B/*", "arn:aws:s3:::b/x", False, id="resources know case"),
        ("arn:aws:sns:us-east-1:1:a:b*", "arn:aws:sns:us-east-1:1:a:bc", True),
    ],
)
def test_an_arn_is_matched_part_by_part(pattern, arn, fits):
    assert like_arn(pattern, arn) is fits


# --- statements


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        pytest.param(allow("s3:GetObject"), True, id="its action"),
        pytest.param(allow("S3:getOBJECT"), True, id="actions know no case"),
        pytest.param(allow(["s3:PutObject", "s3:Get*"]), True, id="one of several"),
        pytest.param(allow("s3:Ge?Object"), True, id="a question mark"),
        pytest.param(allow("s3:PutObject"), False, id="another action"),
        pytest.param(allow("*", "arn:aws:s3:::b/other"), False, id="another resource"),
        pytest.param({"Effect": "Allow", "NotAction": "s3:Put*", "Resource": "*"}, True, id="NotAction"),
        pytest.param({"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}, False, id="not NotAction"),
        pytest.param(
            {"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::c/*"}, True, id="NotResource"
        ),
        pytest.param(
            {"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::b/*"}, False, id="not NotResource"
        ),
        pytest.param({"Effect": "Allow", "Action": "*"}, False, id="no Resource at all"),
    ],
)
def test_a_statement_allows_what_it_names(statement, allowed):
    assert evaluate(request(), [doc(statement)]).allowed is allowed


def test_a_single_statement_needs_no_list_and_a_document_may_be_text():
    assert evaluate(request(), ['{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}']).allowed


# --- conditions: (operator, wanted, given, holds)

CONDITIONS = [
    ("StringEquals", "x", "x", True),
    ("StringEquals", ["y", "x"], "x", True),
    ("StringEquals", "x", "X", False),
    ("StringEquals", "x*", "xy", False),
    ("StringEquals", "x", None, False),
    ("StringEqualsIfExists", "x", None, True),
    ("StringEqualsIfExists", "x", "y", False),
    ("StringNotEquals", "x", "y", True),
    ("StringNotEquals", ["x", "y"], "y", False),
    ("StringNotEquals", "x", None, True),
    ("StringEqualsIgnoreCase", "x", "X", True),
    ("StringNotEqualsIgnoreCase", "x", "X", False),
    ("StringLike", "repo:o/*:ref:*", "repo:o/n:ref:refs/heads/main", True),
    ("StringLike", "a?c", "abc", True),
    ("StringNotLike", "a*", "b", True),
    ("StringNotLike", "a*", "ab", False),
    ("ArnEquals", "arn:aws:iam::*:role/r", ROLE, True),
    ("ArnLike", "arn:aws:iam::1:role/*", ROLE, False),
    ("ArnNotLike", "arn:aws:iam::1:role/*", ROLE, True),
    ("Bool", "true", True, True),
    ("Bool", True, "true", True),
    ("Bool", "false", True, False),
    ("Bool", "true", None, False),
    ("NumericEquals", "10", "10.0", True),
    ("NumericLessThan", "10", "9", True),
    ("NumericLessThanEquals", 3600, 3600, True),
    ("NumericGreaterThan", "10", "9", False),
    ("NumericGreaterThanEquals", "10", "ten", False),
    ("NumericNotEquals", "10", "11", True),
    ("DateLessThan", "2030-01-01T00:00:00Z", "2026-11-22T00:00:00Z", True),
    ("DateGreaterThan", "2030-01-01", "2026-11-22T00:00:00Z", False),
    ("DateEquals", "0", "1970-01-01T00:00:00Z", True),
    ("IpAddress", "127.0.0.0/8", "127.0.0.1", True),
    ("IpAddress", "10.0.0.0/8", "127.0.0.1", False),
    ("NotIpAddress", "10.0.0.0/8", "127.0.0.1", True),
    ("Null", "true", None, True),
    ("Null", "false", "x", True),
    ("Null", "true", "x", False),
    ("ForAllValues:StringEquals", ["a", "b"], ["a"], True),
    ("ForAllValues:StringEquals", ["a", "b"], ["a", "c"], False),
    ("ForAllValues:StringEquals", ["a"], None, True),
    ("ForAllValues:StringNotEquals", ["a"], ["b", "c"], True),
    ("ForAnyValue:StringEquals", ["a"], ["b", "a"], True),
    ("ForAnyValue:StringEquals", ["a"], None, False),
    ("ForAnyValue:StringNotEquals", ["a"], ["a", "b"], True),
    ("ForAnyValue:StringLike", ["a*"], ["b", "c"], False),
]


@pytest.mark.parametrize(("operator", "wanted", "value", "holds"), CONDITIONS)
def test_a_condition_holds_as_aws_documents(operator, wanted, value, holds):
    context = {} if value is None else {"svc:Key": value}
    statement = allow("*", Condition={operator: {"SVC:key": wanted}})
    assert evaluate(request(context=context), [doc(statement)]).allowed is holds


def test_every_operator_and_every_key_must_hold():
    both = {"StringEquals": {"a": "1", "b": "2"}, "Bool": {"c": "true"}}
    complete = {"a": "1", "b": "2", "c": True}
    assert evaluate(request(context=complete), [doc(allow("*", Condition=both))]).allowed
    for missing in complete:
        rest = {key: value for key, value in complete.items() if key != missing}
        assert not evaluate(request(context=rest), [doc(allow("*", Condition=both))]).allowed


def test_an_operator_that_nobody_evaluates_is_named():
    statement = allow("*", Condition={"StringSounds": {"a": "1"}})
    with pytest.raises(UnsupportedPolicy, match="StringSounds"):
        evaluate(request(), [doc(statement)])


@pytest.mark.parametrize(
    ("resource", "version", "allowed"),
    [
        pytest.param("arn:aws:s3:::b/${aws:username}/*", "2012-10-17", True, id="filled in"),
        pytest.param(
            "arn:aws:s3:::b/${aws:username}/*", "2008-10-17", False, id="an old version: plain text"
        ),
        pytest.param("arn:aws:s3:::b/${aws:nothing}/*", "2012-10-17", False, id="a key without a value"),
        pytest.param("arn:aws:s3:::b/${aws:nothing, 'ann'}/*", "2012-10-17", True, id="a default"),
        pytest.param("arn:aws:s3:::b/ann/${*}", "2012-10-17", False, id="an asterisk that is one"),
    ],
)
def test_variables_stand_for_what_is_known_of_the_request(resource, version, allowed):
    asked = request(resource="arn:aws:s3:::b/ann/x", context={"aws:username": "ann"})
    assert evaluate(asked, [doc(allow("*", resource), version=version)]).allowed is allowed


# --- who may, with which policies

EVERYTHING = doc(allow("*"))
NOTHING = doc()


def resource_policy(principal, effect="Allow", **more):
    return doc({"Effect": effect, "Principal": principal, "Action": "*", "Resource": "*", **more})


ACCOUNT_ROOT = {"AWS": "arn:aws:iam::123456789012:root"}
MINE, THEIRS = "123456789012", "210987654321"


@pytest.mark.parametrize(
    ("identity", "resource", "owner", "decides", "allowed", "why"),
    [
        pytest.param(EVERYTHING, None, MINE, False, True, "an identity-based", id="identity alone"),
        pytest.param(NOTHING, None, MINE, False, False, "no identity-based", id="nobody allows"),
        pytest.param(NOTHING, {"AWS": ROLE}, MINE, False, True, "a resource-based", id="resource names role"),
        pytest.param(
            NOTHING, {"AWS": SESSION}, MINE, False, True, "a resource-based", id="names the session"
        ),
        pytest.param(NOTHING, "*", MINE, False, True, "a resource-based", id="resource names everybody"),
        pytest.param(NOTHING, ACCOUNT_ROOT, MINE, False, False, "no identity", id="resource names account"),
        pytest.param(EVERYTHING, ACCOUNT_ROOT, MINE, True, True, "an identity", id="key leaves it to IAM"),
        pytest.param(NOTHING, ACCOUNT_ROOT, MINE, True, False, "no identity", id="key leaves it to IAM, no"),
        pytest.param(EVERYTHING, {"AWS": THEIRS}, MINE, True, False, "no resource", id="key names others"),
        pytest.param(EVERYTHING, None, MINE, True, False, "no resource", id="a trust that is not there"),
        pytest.param(NOTHING, {"AWS": ROLE}, MINE, True, True, "a resource", id="key names the role"),
        pytest.param(EVERYTHING, None, THEIRS, False, False, "no resource", id="other account, one side"),
        pytest.param(NOTHING, {"AWS": ROLE}, THEIRS, False, False, "no identity", id="the other side only"),
        pytest.param(EVERYTHING, {"AWS": ROLE}, THEIRS, False, True, "an identity", id="both sides"),
        pytest.param(EVERYTHING, {"AWS": MINE}, THEIRS, False, True, "an identity", id="by number"),
        pytest.param(EVERYTHING, ACCOUNT_ROOT, THEIRS, True, True, "an identity", id="a key of theirs"),
        pytest.param(EVERYTHING, {"Service": "x"}, THEIRS, False, False, "no resource", id="a service"),
    ],
)
def test_both_sides_are_combined_as_the_account_has_it(identity, resource, owner, decides, allowed, why):
    policy = resource_policy(resource) if resource else None
    found = evaluate(request(resource_account=owner), [identity], policy, resource_decides=decides)
    assert (found.allowed, why in found.why) == (allowed, True), found.why


def test_an_explicit_deny_goes_before_every_allow_on_either_side():
    by_identity = evaluate(request(), [EVERYTHING, doc(deny("s3:Get*"))])
    assert by_identity.why == "with an explicit deny in an identity-based policy"
    by_resource = evaluate(request(), [EVERYTHING], resource_policy("*", "Deny"))
    assert by_resource.why == "with an explicit deny in a resource-based policy"
    assert not by_identity.allowed and not by_resource.allowed


def test_a_deny_for_all_but_some_spares_those():
    spare = {"Effect": "Deny", "NotPrincipal": {"AWS": [ROLE, MINE]}, "Action": "*", "Resource": "*"}
    assert evaluate(request(), [EVERYTHING], doc(spare)).allowed
    other = request(
        principal="arn:aws:sts::210987654321:assumed-role/x/y", role=None, resource_account=THEIRS
    )
    assert not evaluate(other, [EVERYTHING], doc(spare)).allowed


@pytest.mark.parametrize("limit", ["boundary", "session_policies"])
def test_a_boundary_and_a_session_policy_allow_nothing_and_limit_everything(limit):
    def with_limit(document):
        given = [document] if limit == "session_policies" else document
        return evaluate(request(), [EVERYTHING], **{limit: given})

    assert with_limit(doc(allow("s3:*"))).allowed
    assert not with_limit(doc(allow("sqs:*"))).allowed
    assert not evaluate(request(), [NOTHING], boundary=EVERYTHING).allowed


def test_services_and_federated_callers_are_named_by_their_kind():
    service = Request("sts:AssumeRole", ROLE, "sagemaker.amazonaws.com", kind="Service")
    trust = resource_policy({"Service": ["sagemaker.amazonaws.com", "x"]})
    assert evaluate(service, [], trust, resource_decides=True).allowed
    assert not evaluate(service, [], resource_policy({"Service": "x"}), resource_decides=True).allowed
    assert not evaluate(service, [], resource_policy({"AWS": ROLE}), resource_decides=True).allowed


def test_a_recorded_decision_can_be_asked_again_of_other_policies():
    recorded = {
        "principal": SESSION, "role": ROLE, "action": "s3:GetObject", "resource": OBJECT,
        "context": {"s3:prefix": "a"}, "allowed": True, "why": "...",
    }  # fmt: skip
    again = Request.recorded(recorded)
    assert again.context == {"s3:prefix": "a"} and again.account == MINE
    assert not evaluate(again, [doc(allow("s3:PutObject"))]).allowed
