"""What two checkouts differ in: by meaning, complete, and with every widening marked."""

from __future__ import annotations

import copy
import json
from datetime import date
from typing import Any

import pytest

from doubles.project import ROOT
from sagemaker_gitops import definition
from sagemaker_gitops.github import changes, plan_iam, plan_sides
from sagemaker_gitops.github.changes import lines
from sagemaker_gitops.github.plan_sides import Unreadable

GOLDEN = json.loads((ROOT / definition.GOLDEN).read_text("utf-8"))


def steps(document: Any) -> dict[str, Any]:
    """Return a definition's steps by name, to be changed in place."""
    found = {}
    for step in document:
        found[step["Name"]] = step
        for branch in ("IfSteps", "ElseSteps"):
            found |= steps(step.get("Arguments", {}).get(branch, []))
    return found


def changed_definition(change: Any) -> list[str]:
    before = as_baked()
    after = copy.deepcopy(before)
    after["Metadata"]["settings_sha256"] = "0" * 64
    change(steps(after["Steps"]), after)
    return lines(changes.definition(before, after))


def as_baked() -> Any:
    """Return the golden definition, with what a project may well have changed by now as it was baked."""
    told = copy.deepcopy(GOLDEN)
    step = steps(told["Steps"])
    step["Train"]["Arguments"]["HyperParameters"]["epochs"] = "12"
    given = step["Evaluate"]["Arguments"]["AppSpecification"]["ContainerArguments"]
    given[-1] = json.dumps(json.loads(given[-1]) | {"minimum": 0.88}, separators=(",", ":"))
    return told


def test_the_same_definition_of_other_settings_says_nothing():
    assert changed_definition(lambda step, whole: None) == []


def test_an_argument_of_a_step_is_one_line_before_and_after():
    def change(step: Any, whole: Any) -> None:
        step["Train"]["Arguments"]["HyperParameters"]["epochs"] = "20"

    assert changed_definition(change) == [
        "  step Train",
        '-   HyperParameters.epochs: "12"',
        '+   HyperParameters.epochs: "20"',
    ]


def test_a_flag_of_a_jobs_command_and_a_key_of_the_gates_policy_are_found_by_name():
    def change(step: Any, whole: Any) -> None:
        given = step["Evaluate"]["Arguments"]["AppSpecification"]["ContainerArguments"]
        given[given.index("--key") + 1] = "id"
        given[-1] = given[-1].replace('"minimum":0.88', '"minimum":0.9')

    assert changed_definition(change) == [
        "  step Evaluate",
        "-   AppSpecification.ContainerArguments --key: row_id",
        "+   AppSpecification.ContainerArguments --key: id",
        "-   AppSpecification.ContainerArguments --policy.minimum: 0.88",
        "+   AppSpecification.ContainerArguments --policy.minimum: 0.9",
    ]


def test_a_channel_is_found_by_its_name_and_what_is_filled_in_later_can_be_read():
    def change(step: Any, whole: Any) -> None:
        step["Validate"]["Arguments"]["ProcessingInputs"].reverse()
        step["Train"]["Arguments"]["CheckpointConfig"]["S3Uri"]["Std:Join"]["Values"][2] = "kept"

    assert changed_definition(change) == [
        "  step Train",
        "-   CheckpointConfig.S3Uri: s3://${BUCKET}/releases/{Parameters.ReleaseId}/checkpoints",
        "+   CheckpointConfig.S3Uri: s3://${BUCKET}/releases/{Parameters.ReleaseId}/kept",
    ]


def test_a_step_that_came_went_or_moved_to_another_branch_says_so():
    def change(step: Any, whole: Any) -> None:
        gate = step["DataAccepted"]["Arguments"]
        train = gate["IfSteps"].pop(0)
        gate["ElseSteps"] = [train]
        whole["Steps"].append({"Name": "Tell", "Type": "Callback", "Arguments": {"QueueUrl": "q"}})

    assert changed_definition(change) == [
        "  step Train",
        "-   Branch: DataAccepted, if accepted",
        "+   Branch: DataAccepted, else",
        "- step RefuseData: Fail",
        "-   ErrorMessage: data refused, see s3://${BUCKET}/releases/{Parameters.ReleaseId}/"
        "{Execution.PipelineExecutionId}/validate/report/validation.json",
        "-   Branch: DataAccepted, else",
        "+ step Tell: Callback",
        "+   QueueUrl: q",
    ]


def test_a_number_that_became_a_text_is_a_change():
    def change(step: Any, whole: Any) -> None:
        step["Train"]["Arguments"]["StoppingCondition"]["MaxRuntimeInSeconds"] = "7200"

    assert changed_definition(change)[1:] == [
        "-   StoppingCondition.MaxRuntimeInSeconds: 7200",
        '+   StoppingCondition.MaxRuntimeInSeconds: "7200"',
    ]


@pytest.fixture(scope="module")
def suite() -> Any:
    """Return the project's own suite, as a process of its own reads it."""
    return plan_sides.suite(ROOT)


def test_expectations_and_columns_are_told_by_their_arguments(suite):
    after = copy.deepcopy(suite)
    age = next(column for column in after["columns"] if column["name"] == "age")
    age["maximum"] = 95
    after["columns"][2]["values"].remove("Private")
    kept = [rule for rule in after["expectations"] if rule["rule"] != "label_balance"]
    kept[1]["settings"]["min_value"] = 36
    kept.append({"rule": "expect_x", "settings": {"mostly": 0.5}, "severity": "warning"})
    assert lines(changes.suite(suite, after | {"expectations": kept})) == [
        "  column age",
        "-   maximum: 90",
        "+   maximum: 95",
        "  column workclass",
        "-   values: Private",
        "  expect_column_mean_to_be_between(age)",
        "-   min_value: 37",
        "+   min_value: 36",
        "- label_balance(): critical",
        "-   minimum_share: 0.15",
        "+ expect_x(): warning",
        "+   mostly: 0.5",
    ]


def test_another_order_of_the_same_expectations_is_no_change_and_of_the_classes_is_one(suite):
    after = copy.deepcopy(suite)
    after["expectations"].reverse()
    assert changes.suite(suite, after) == []
    after["columns"][-1]["values"].reverse()
    assert lines(changes.suite(suite, after))[1:] == [
        "-   values: [<=50K, >50K]",
        "+   values: [>50K, <=50K]",
    ]


def test_two_expectations_of_one_name_are_kept_apart():
    one = {"rule": "r", "column": "c", "settings": {"mostly": 0.5}, "severity": "critical"}
    two = one | {"settings": {"mostly": 0.9}}
    before, after = ({"columns": [], "expectations": rules} for rules in ([one, two], [two]))
    assert lines(changes.suite(before, after)) == ["- r(c): critical", "-   mostly: 0.5"]


def test_settings_are_told_key_by_key_and_a_password_is_not():
    before = {"training": {"epochs": 12, "tracking_uri": "https://u:secret@x"}, "gate": {"minimum": 0.88}}
    after = {"training": {"epochs": 20, "tracking_uri": "https://u:other@x"}, "gate": {}}
    assert lines(changes.settings(before, after)) == [
        "  [training]",
        "-   epochs: 12",
        "+   epochs: 20",
        f"-   tracking_uri: {changes.NOT_SHOWN}",
        f"+   tracking_uri: {changes.NOT_SHOWN}",
        "  [gate]",
        "-   minimum: 0.88",
    ]


WAIVER = {"champion": "5e415e415e41", "until": date(2030, 1, 31), "reason": "age is no longer recorded"}
WORDS = "champion 5e415e415e41 need not be compared with until"


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        pytest.param(None, WAIVER, [f"+   waiver: {WORDS} 2030-01-31: age is no longer recorded"], id="new"),
        pytest.param(WAIVER, None, [f"-   waiver: {WORDS} 2030-01-31: age is no longer recorded"], id="gone"),
        pytest.param(
            WAIVER,
            WAIVER | {"until": date(2030, 3, 1)},
            [
                f"-   waiver: {WORDS} 2030-01-31: age is no longer recorded",
                f"+   waiver: {WORDS} 2030-03-01: age is no longer recorded",
            ],
            id="longer",
        ),
        pytest.param(None, "soon", ["+   waiver: soon"], id="no table at all"),
        pytest.param(
            None,
            {"until": 7},
            ["+   waiver: champion missing need not be compared with until 7: missing"],
            id="half of one",
        ),
    ],
)
def test_a_waiver_is_a_change_of_the_gate_in_words(before, after, wanted):
    old, new = ({"gate": {"minimum": 0.88} | ({"waiver": it} if it else {})} for it in (before, after))
    assert lines(changes.settings(old, new)) == ["  [gate]", *wanted]


PINS = """a==1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via
    #   b
gone==3.0
./vendor/e.whl --hash=sha256:cc
"""


def test_pins_are_told_by_package_with_the_files_that_hold_them():
    after = PINS.replace("a==1.0", "a==1.1").replace("gone==3.0", "new==4.0")
    found = lines(
        changes.pins({"jobs.txt": PINS, "serve.txt": PINS}, {"jobs.txt": after, "serve.txt": after})
    )
    assert found == [
        "- a (jobs.txt, serve.txt): 1.0",
        "+ a (jobs.txt, serve.txt): 1.1",
        "- gone (jobs.txt, serve.txt): 3.0",
        "+ new (jobs.txt, serve.txt): 4.0",
    ]


def test_another_file_under_the_same_version_is_a_change_and_another_order_of_hashes_is_none():
    turned = PINS.replace("aa", "xx").replace("bb", "aa").replace("xx", "bb")
    assert changes.pins({"jobs.txt": PINS}, {"jobs.txt": turned}) == []
    found = lines(changes.pins({"jobs.txt": PINS}, {"jobs.txt": PINS.replace("bb", "evil")}))
    assert found == ["- a (jobs.txt): 1.0, other hashes", "+ a (jobs.txt): 1.0, as listed now"]


def template(*statements: Any, **more: Any) -> dict[str, Any]:
    """Return infra/ with one role."""
    policy = {"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": list(statements)}}
    role = {"Type": "AWS::IAM::Role", "Properties": {"Policies": [policy], **more}}
    return {"stack.yml": {"Resources": {"Role": role}}}


READ = {
    "Sid": "Read",
    "Effect": "Allow",
    "Action": ["s3:GetObject", "s3:List*"],
    "Resource": {"Fn::Sub": "arn:${B}/*"},
    "Condition": {"StringEquals": {"k": ["a", "b"]}, "StringNotEquals": {"n": ["c", "d"]}},
}
ONLY = {"StringNotEquals": READ["Condition"]["StringNotEquals"]}
DENY = {"Sid": "Never", "Effect": "Deny", "Action": ["s3:Put*", "s3:Delete*"], "Resource": "*"}


@pytest.mark.parametrize(
    ("before", "after", "wider"),
    [
        pytest.param(READ, READ | {"Action": [*READ["Action"], "s3:PutObject"]}, True, id="another action"),
        pytest.param(READ, READ | {"Action": "s3:List*"}, False, id="an action less"),
        pytest.param(
            READ, READ | {"Action": ["s3:GetObject", "s3:ListBucket"]}, False, id="a narrower action"
        ),
        pytest.param(READ, READ | {"Action": ["s3:Get*", "s3:List*"]}, True, id="a wider action"),
        pytest.param(
            READ | {"Action": "s3:Get?"}, READ | {"Action": "s3:Get*"}, True, id="more letters than one"
        ),
        pytest.param(
            READ | {"Condition": {"StringEquals": {"k": "*"}}},
            READ | {"Condition": {"StringEquals": {"k": "a"}}},
            True,
            id="another value where a star is only a star",
        ),
        pytest.param(READ, READ | {"Resource": "*"}, True, id="every resource"),
        pytest.param(READ, READ | {"Resource": {"Fn::Sub": "arn:${B}/x"}}, False, id="one resource of them"),
        pytest.param(READ, READ | {"Condition": ONLY}, True, id="a condition gone"),
        pytest.param(READ | {"Condition": ONLY}, READ, False, id="a condition more"),
        pytest.param(
            READ,
            READ | {"Condition": ONLY | {"StringEquals": {"k": ["a", "b", "z"]}}},
            True,
            id="another value that fits",
        ),
        pytest.param(
            READ,
            READ | {"Condition": ONLY | {"StringEquals": {"k": "a"}}},
            False,
            id="a value that fits less",
        ),
        pytest.param(
            READ,
            READ | {"Condition": READ["Condition"] | {"StringNotEquals": {"n": "c"}}},
            True,
            id="a value that was kept out",
        ),
        pytest.param(
            READ | {"Condition": {"NumericLessThan": {"k": "3"}}},
            READ | {"Condition": {"NumericLessThan": {"k": "4"}}},
            True,
            id="a condition that nobody can weigh here",
        ),
        pytest.param(
            {"Effect": "Allow", "Action": "a:b"},
            {"Effect": "Allow", "NotAction": "a:b"},
            True,
            id="all others",
        ),
        pytest.param(
            {"Effect": "Allow", "NotAction": ["a:b", "a:c"]},
            {"Effect": "Allow", "NotAction": "a:b"},
            True,
            id="an exception less",
        ),
        pytest.param(
            {"Effect": "Allow", "Principal": {"AWS": "1"}},
            {"Effect": "Allow", "Principal": {"AWS": ["1", "2"]}},
            True,
            id="another principal",
        ),
        pytest.param(DENY, DENY | {"Action": "s3:Put*"}, True, id="less denied"),
        pytest.param(DENY, DENY | {"Action": ["s3:*", "s3:Put*"]}, False, id="more denied"),
        pytest.param(
            DENY, DENY | {"Condition": {"Bool": {"k": "true"}}}, True, id="denied under a condition"
        ),
        pytest.param(DENY, DENY | {"Effect": "Allow"}, True, id="denied became allowed"),
        pytest.param(DENY | {"Effect": "Allow"}, DENY, False, id="allowed became denied"),
    ],
)
def test_a_statement_that_allows_more_is_marked(before, after, wider):
    found = plan_iam.iam(template(before), template(after))
    assert found
    assert any(change.wider for change in found) is wider


@pytest.mark.parametrize(
    ("before", "after", "wider"),
    [
        ([READ], [READ, READ | {"Sid": "More"}], True),
        ([READ], [], False),
        ([READ], [READ, DENY], False),
        ([READ, DENY], [READ], True),
    ],
    ids=["a new permission", "a permission gone", "a new denial", "a denial gone"],
)
def test_a_statement_that_came_or_went(before, after, wider):
    found = plan_iam.iam(template(*before), template(*after))
    assert any(change.wider for change in found) is wider


def test_another_order_of_statements_and_members_is_no_change():
    turned = READ | {"Action": READ["Action"][::-1]}
    assert plan_iam.iam(template(READ, DENY), template(DENY, READ)) == []
    assert plan_iam.iam(template(READ), template(turned)) == []


def test_a_statement_is_found_by_role_policy_and_sid():
    after = template(READ | {"Action": ["s3:GetObject", "s3:Put*"]})
    assert lines(plan_iam.iam(template(READ), after)) == [
        "  stack.yml · Role · p · Read",
        "-   Action: s3:List*",
        "+   (wider) Action: s3:Put*",
    ]


@pytest.mark.parametrize(
    ("before", "after", "wider"),
    [
        ({}, {"ManagedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]}, True),
        ({"ManagedPolicyArns": ["arn"]}, {}, False),
        ({"PermissionsBoundary": "arn"}, {}, True),
        ({"Description": "a"}, {"Description": "b"}, False),
        ({"AssumeRolePolicyDocument": '{"Condition": 1}'}, {"AssumeRolePolicyDocument": "{}"}, True),
    ],
    ids=["a managed policy", "one gone", "a boundary gone", "words", "a policy that is a text"],
)
def test_what_else_a_role_has_is_told_and_marked(before, after, wider):
    found = plan_iam.others(template(READ, **before), template(READ, **after))
    assert found
    assert any(change.wider for change in found) is wider


def test_a_bucket_that_is_opened_and_a_parameter_that_a_statement_rests_on_are_marked():
    before, after = template(READ), template(READ)
    for side, blocked, default in ((before, True, "b"), (after, False, "*")):
        side["stack.yml"]["Parameters"] = {"B": {"Default": default}, "Unused": {"Default": default}}
        bucket = {"PublicAccessBlockConfiguration": {"BlockPublicPolicy": blocked}, "BucketName": default}
        side["stack.yml"]["Resources"]["Bucket"] = {"Type": "AWS::S3::Bucket", "Properties": bucket}
    found = {
        change.what.removeprefix("Resources.Bucket.Properties."): change.wider
        for change in plan_iam.others(before, after)
    }
    assert found == {
        "Parameters.B.Default": True,
        "Parameters.Unused.Default": False,
        "PublicAccessBlockConfiguration.BlockPublicPolicy": True,
        "BucketName": False,
    }


def test_the_projects_own_templates_are_read_whole():
    found = plan_sides.templates(ROOT)
    names = [name for name, _ in plan_iam.statements(found)]
    assert any(name.startswith("github.yml · PullRequestRole · trust · ") for name in names)
    assert "stack.yml · ExecutionRole · execution · HandItselfToJobs" in names
    wanted = sum(text.read_text("utf-8").count("Effect:") for text in (ROOT / "infra").glob("*.yml"))
    assert len(names) == wanted


def test_a_link_to_another_file_is_not_followed(tmp_path):
    (tmp_path / "requirements").mkdir()
    (tmp_path / "secret").write_text("token==1")
    (tmp_path / "requirements" / "dev.txt").symlink_to(tmp_path / "secret")
    with pytest.raises(Unreadable, match=r"requirements/dev\.txt is a link"):
        plan_sides.pins(tmp_path)


def test_a_suite_sees_no_token_and_one_that_does_not_load_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    folder = tmp_path / "data_checks"
    folder.mkdir()
    (folder / "__init__.py").touch()
    told = (
        "import os\nprint('noise', end='')\nCOLUMNS = ()\nclass R: pass\nr = R(); r.rule = dict(os.environ)\n"
    )
    (folder / "suite.py").write_text(f"{told}EXPECTATIONS = (r,)\n")
    (rule,) = plan_sides.suite(tmp_path)["expectations"]
    assert "GITHUB_TOKEN" not in rule["rule"]
    (folder / "suite.py").write_text("1 / 0")
    with pytest.raises(Unreadable, match=r"suite\.py does not load"):
        plan_sides.suite(tmp_path)
