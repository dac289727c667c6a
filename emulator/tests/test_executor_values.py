"""References, functions and conditions: what a definition means, without a server."""

from __future__ import annotations

import json

import pytest

from sagemaker_emulator.executor import conditions, paths
from sagemaker_emulator.executor.errors import ResolutionError
from sagemaker_emulator.executor.values import Context, resolve

CRUNCH = {
    "ProcessingOutputConfig": {
        "Outputs": [
            {"OutputName": "coarse", "S3Output": {"S3Uri": "s3://lake/coarse"}},
            {"OutputName": "fine.grain", "S3Output": {"S3Uri": "s3://lake/fine"}},
        ]
    },
    "Environment": {"a key": "kept"},
}


def make_context(**files):
    return Context(
        parameters={"Depth": 7, "Rate": 0.5, "Dry": True, "Where": "s3://lake"},
        execution={"PipelineExecutionId": "abc123def456"},
        steps={"crunch-it_1": CRUNCH},
        property_files={"crunch-it_1": {"Numbers": "s3://lake/fine/numbers.json"}},
        read_json=lambda uri: json.loads(files[uri.rsplit("/", 1)[-1].replace(".", "_")]),
    )


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param("Parameters.Depth", 7, id="a parameter keeps its type"),
        pytest.param("Execution.PipelineExecutionId", "abc123def456", id="a variable of the execution"),
        pytest.param(
            "Steps.crunch-it_1.ProcessingOutputConfig.Outputs['coarse'].S3Output.S3Uri",
            "s3://lake/coarse",
            id="an output by name",
        ),
        pytest.param(
            'Steps.crunch-it_1.ProcessingOutputConfig.Outputs["fine.grain"].S3Output.S3Uri',
            "s3://lake/fine",
            id="a name with a dot, in double quotes",
        ),
        pytest.param(
            "Steps.crunch-it_1.ProcessingOutputConfig.Outputs[1].OutputName",
            "fine.grain",
            id="an output by index",
        ),
        pytest.param("Steps.crunch-it_1.Environment['a key']", "kept", id="a map by key"),
    ],
)
def test_a_reference_finds(path, value):
    assert resolve({"Get": path}, make_context()) == value


@pytest.mark.parametrize(
    "path",
    [
        "Steps.crunch-it_1.ProcessingOutputConfig.Outputs['missing'].S3Output.S3Uri",
        "Steps.crunch-it_1.ProcessingOutputConfig.Outputs[2]",
        "Steps.other.Environment",
        "Parameters.Width",
        "Steps.crunch-it_1.Environment['a key'].deeper",
    ],
)
def test_a_reference_to_nothing_says_which(path):
    with pytest.raises(ResolutionError, match="has no value"):
        resolve({"Get": path}, make_context())


@pytest.mark.parametrize("text", ["", ".a", "a..b", "a[", "a['b]", "a[x]", "a[0]b"])
def test_what_is_no_path_is_refused(text):
    with pytest.raises(ValueError, match="not a path"):
        paths.parse(text)


def test_references_are_replaced_wherever_they_stand():
    request = {
        "A": [{"B": {"Get": "Parameters.Depth"}}, "plain"],
        "C": {"D": None, "E": {"Get": "Parameters.Rate"}},
    }
    assert resolve(request, make_context()) == {"A": [{"B": 7}, "plain"], "C": {"D": None, "E": 0.5}}


def test_join_writes_numbers_and_booleans_as_json_does():
    parts = ["x", {"Get": "Parameters.Depth"}, {"Get": "Parameters.Rate"}, {"Get": "Parameters.Dry"}, 3]
    assert resolve({"Std:Join": {"On": "/", "Values": parts}}, make_context()) == "x/7/0.5/true/3"


def test_join_holds_joins():
    inner = {"Std:Join": {"On": "-", "Values": ["a", "b"]}}
    assert resolve({"Std:Join": {"On": "", "Values": [inner, "!"]}}, make_context()) == "a-b!"


def test_join_refuses_a_structure():
    with pytest.raises(ResolutionError, match="strings, numbers and booleans"):
        resolve(
            {"Std:Join": {"On": "", "Values": [{"Get": "Steps.crunch-it_1.Environment"}]}}, make_context()
        )


def test_json_get_reads_a_property_file():
    query = {"PropertyFile": {"Get": "Steps.crunch-it_1.PropertyFiles.Numbers"}, "Path": "a['b c'][1].value"}
    numbers = json.dumps({"a": {"b c": [0, {"value": 2.5}]}})
    assert resolve({"Std:JsonGet": query}, make_context(numbers_json=numbers)) == 2.5


def test_json_get_reads_an_s3_uri_that_is_computed():
    uri = {"Std:Join": {"On": "/", "Values": [{"Get": "Parameters.Where"}, "other.json"]}}
    assert resolve({"Std:JsonGet": {"S3Uri": uri, "Path": "$.n"}}, make_context(other_json='{"n": 4}')) == 4


def test_json_get_names_path_and_file_where_there_is_nothing():
    query = {"PropertyFile": {"Get": "Steps.crunch-it_1.PropertyFiles.Numbers"}, "Path": "missing.value"}
    with pytest.raises(ResolutionError, match=r"missing\.value in s3://lake/fine/numbers\.json"):
        resolve({"Std:JsonGet": query}, make_context(numbers_json="{}"))


def compare(kind, left, right):
    return conditions.evaluate([{"Type": kind, "LeftValue": left, "RightValue": right}], make_context())


@pytest.mark.parametrize(
    ("kind", "left", "right", "holds"),
    [
        ("Equals", 1, 1.0, True),
        ("Equals", "1", 1, False),
        ("Equals", True, 1, False),
        ("Equals", {"Get": "Parameters.Dry"}, True, True),
        ("GreaterThan", 2, 2, False),
        ("GreaterThanOrEqualTo", 2, 2, True),
        ("LessThan", {"Get": "Parameters.Rate"}, 0.6, True),
        ("LessThanOrEqualTo", 0.5000001, {"Get": "Parameters.Rate"}, False),
        ("GreaterThan", "b", "a", True),
    ],
)
def test_a_comparison(kind, left, right, holds):
    assert compare(kind, left, right) is holds


@pytest.mark.parametrize(("left", "right"), [("0.9", 0.5), (None, 0.5), (True, 0.5), ([1], 2)])
def test_what_cannot_be_compared_is_an_error_and_not_false(left, right):
    with pytest.raises(ResolutionError, match="GreaterThan cannot compare"):
        compare("GreaterThan", left, right)


def test_a_list_of_conditions_is_an_and():
    true, false = ({"Type": "Equals", "LeftValue": 1, "RightValue": n} for n in (1, 2))
    context = make_context()
    assert conditions.evaluate([true, true], context)
    assert not conditions.evaluate([true, false], context)


def test_in_not_and_or_nest():
    member = {
        "Type": "In",
        "QueryValue": {"Get": "Parameters.Depth"},
        "Values": [3, {"Get": "Parameters.Depth"}],
    }
    context = make_context()
    assert conditions.evaluate([member], context)
    assert not conditions.evaluate([{"Type": "Not", "Condition": member}], context)
    either = {"Type": "Or", "Conditions": [{"Type": "Not", "Condition": member}, member]}
    assert conditions.evaluate([either], context)
