"""What CreatePipeline refuses, by name, and in which order steps may run; without a server."""

from __future__ import annotations

import copy
import json

import pytest

from sagemaker_emulator.executor import checks, parameters, plan
from sagemaker_emulator.executor.errors import DefinitionError, ParameterError
from sagemaker_emulator.executor.plan import State

ROLE = "arn:aws:iam::123456789012:role/any"
BASE = {
    "Version": "2020-12-01",
    "Metadata": {"any": "thing"},
    "PipelineExperimentConfig": None,
    "MlflowConfig": None,  # the SDK writes null where it means absent
    "Parameters": [{"Name": "Trees", "Type": "Integer", "DefaultValue": 10}],
    "Steps": [
        {
            "Name": "verdict",
            "Type": "Condition",
            "Arguments": {
                "Conditions": [
                    {
                        "Type": "LessThan",
                        "LeftValue": {
                            "Std:JsonGet": {
                                "PropertyFile": {"Get": "Steps.mill.PropertyFiles.Sums"},
                                "Path": "a",
                            }
                        },
                        "RightValue": 1,
                    }
                ],
                "IfSteps": [],
                "ElseSteps": [{"Name": "give-up", "Type": "Fail", "Arguments": {"ErrorMessage": "too much"}}],
            },
        },
        {
            "Name": "mill",
            "Type": "Processing",
            "Arguments": {
                "RoleArn": ROLE,
                "AppSpecification": {"ImageUri": "any", "ContainerEntrypoint": ["true"]},
                "ProcessingResources": {
                    "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}
                },
                "ProcessingOutputConfig": {
                    "Outputs": [
                        {
                            "OutputName": "flour",
                            "S3Output": {
                                "S3Uri": "s3://b/f",
                                "LocalPath": "/opt/ml/o",
                                "S3UploadMode": "EndOfJob",
                            },
                        }
                    ]
                },
                "ExperimentConfig": None,
            },
            "PropertyFiles": [{"PropertyFileName": "Sums", "OutputName": "flour", "FilePath": "s.json"}],
        },
    ],
}
LOOK, MILL = 0, 1


def change(path, value):
    """Return BASE with one member replaced."""
    document = copy.deepcopy(BASE)
    place = document
    for key in path[:-1]:
        place = place[key]
    if value is DROP:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return document


DROP = object()
STEPS = ("Steps", LOOK, "Arguments", "Conditions", 0)
MILL_ARGUMENTS = ("Steps", MILL, "Arguments")


def test_a_definition_that_can_run_is_accepted_in_any_order_of_steps():
    found = checks.parse(json.dumps(BASE))
    assert [step.name for step in found.steps] == ["verdict", "give-up", "mill"]
    assert plan.dependencies(found.step("give-up")) == {"verdict": "Completed"}
    assert plan.dependencies(found.step("verdict")) == {"mill": "Completed"}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        pytest.param(change(("Version",), "2019-01-01"), "'2019-01-01'; expected '2020-12-01'", id="version"),
        pytest.param(change(("Steps",), []), "no steps", id="no steps"),
        pytest.param(change(("Extra",), 1), "Extra", id="unknown member at the top"),
        pytest.param(
            change(("MlflowConfig",), {"MlflowResourceArn": "x"}), "MlflowConfig", id="MLflow by the pipeline"
        ),
        pytest.param(
            change(("Steps", MILL, "Type"), "Tuning"), "'mill' has the type 'Tuning'", id="a type not offered"
        ),
        pytest.param(
            change(("Steps", MILL, "Name"), "give-up"), "give-up", id="a name used twice, once in a branch"
        ),
        pytest.param(change(("Steps", MILL, "Name"), "a b"), "'a b'", id="a name that is none"),
        pytest.param(
            change(("Steps", MILL, "Retries"), 3),
            "'mill' has members.*Retries",
            id="unknown member of a step",
        ),
        pytest.param(
            change(("Steps", MILL, "DependsOn"), ["ghost"]), "depends on unknown steps.*ghost", id="DependsOn"
        ),
        pytest.param(change(("Steps", MILL, "DependsOn"), ["verdict"]), "cycle.*mill.*verdict", id="a cycle"),
        pytest.param(change((*STEPS, "Type"), "Contains"), "'Contains'", id="a condition not known"),
        pytest.param(change((*STEPS, "RightValue"), DROP), "'LessThan' needs", id="half a condition"),
        pytest.param(
            change((*STEPS, "RightValue"), {"Get": "Parameters.Leaves"}),
            "unknown parameter 'Leaves'",
            id="parameter",
        ),
        pytest.param(
            change((*STEPS, "RightValue"), {"Get": "Execution.Mood"}), "Execution.Mood", id="variable"
        ),
        pytest.param(
            change((*STEPS, "LeftValue"), {"Get": "Steps.ghost.Outcome"}),
            "unknown step 'ghost'",
            id="reference to no step",
        ),
        pytest.param(
            change((*STEPS, "LeftValue"), {"Get": "Steps.mill.ProcesingJobArn"}),
            "no such property",
            id="misspelt property",
        ),
        pytest.param(
            change(
                (*STEPS, "LeftValue", "Std:JsonGet", "PropertyFile", "Get"), "Steps.mill.PropertyFiles.Other"
            ),
            "no such property",
            id="unknown property file",
        ),
        pytest.param(change((*STEPS, "LeftValue"), {"Std:Sum": [1]}), "Std:Sum", id="a function not known"),
        pytest.param(
            change(("Steps", MILL, "PropertyFiles", 0, "OutputName"), "bran"),
            "'Sums' names an unknown output",
            id="output",
        ),
        pytest.param(
            change((*MILL_ARGUMENTS, "AppSpecification", "Image"), "x"),
            "AppSpecification has no member 'Image'",
            id="member",
        ),
        pytest.param(
            change((*MILL_ARGUMENTS, "RoleArn"), DROP), "lacks 'RoleArn'", id="a required argument missing"
        ),
        pytest.param(
            change((*MILL_ARGUMENTS, "ProcessingResources", "ClusterConfig", "InstanceType"), "ml.m5.larg"),
            "ml.m5.larg",
            id="an instance type misspelt",
        ),
        pytest.param(
            change((*MILL_ARGUMENTS, "ProcessingResources", "ClusterConfig", "InstanceCount"), "1"),
            "InstanceCount must be of type integer",
            id="a string for a number",
        ),
        pytest.param(
            change(
                (*MILL_ARGUMENTS, "Environment"), {"A": {"Std:JsonGet": {"S3Uri": "s3://b/x", "Path": "a"}}}
            ),
            "JsonGet stands in Condition steps only",
            id="JsonGet outside a condition",
        ),
        pytest.param(
            change(("Parameters", 0, "DefaultValue"), "ten"),
            "default of parameter 'Trees'",
            id="a default of another type",
        ),
        pytest.param(
            change(("Parameters", 0, "Type"), "Number"), "'Number'", id="a parameter type not known"
        ),
    ],
)
def test_what_cannot_run_is_refused_by_name(document, words):
    with pytest.raises(DefinitionError, match=words):
        checks.parse(json.dumps(document))


def test_a_step_cannot_wait_for_the_condition_around_it_to_fail():
    document = copy.deepcopy(BASE)
    document["Steps"][LOOK]["Arguments"]["ElseSteps"][0]["DependsOn"] = [
        {"Step": "verdict", "Trigger": "Failed"}
    ]
    with pytest.raises(DefinitionError, match="'give-up' lies in a branch of 'verdict'"):
        checks.parse(json.dumps(document))


def test_what_is_no_json_is_refused():
    with pytest.raises(DefinitionError, match="not valid JSON"):
        checks.parse('{"Version": ')


DECLARED = parameters.declare(
    [
        {"Name": "Depth", "Type": "Integer"},
        {"Name": "Rate", "Type": "Float", "DefaultValue": 1},
        {"Name": "Dry", "Type": "Boolean", "DefaultValue": False},
        {"Name": "Size", "Type": "String", "DefaultValue": "s", "EnumValues": ["s", "m"]},
    ]
)


def give(**texts):
    return parameters.values(DECLARED, [{"Name": name, "Value": value} for name, value in texts.items()])


def test_values_arrive_as_text_and_get_their_type_and_the_rest_is_default():
    assert give(Depth="12", Dry="True") == {"Depth": 12, "Rate": 1, "Dry": True, "Size": "s"}


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        pytest.param({}, r"need a value: \['Depth'\]", id="one without a default is missing"),
        pytest.param({"Depth": "1", "Hight": "2"}, r"Unknown pipeline parameters: \['Hight'\]", id="unknown"),
        pytest.param({"Depth": "1.5"}, "'Depth' must be of type Integer", id="half an integer"),
        pytest.param({"Depth": "1", "Dry": "yes"}, "'Dry' must be of type Boolean", id="no boolean"),
        pytest.param(
            {"Depth": "1", "Size": "xl"}, r"'Size' must be one of \['s', 'm'\]", id="not in the enum"
        ),
    ],
)
def test_a_value_that_does_not_fit_is_refused(texts, words):
    with pytest.raises(ParameterError, match=words):
        give(**texts)


def graph(*steps):
    """Make a definition of Fail steps and conditions: enough to plan with. A step: (name, DependsOn)."""
    made = [
        {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": "x"}, "DependsOn": list(needs)}
        for name, needs in steps
    ]
    return checks.parse(json.dumps({"Version": "2020-12-01", "Steps": made}))


def states(found, **known):
    return {step.name: known.get(step.name, State.WAITING) for step in found.steps}


def test_steps_that_wait_for_nothing_start_together():
    found = graph(("c", ["a", "b"]), ("a", []), ("b", []))
    assert plan.decide(found, states(found), {}, False).start == ("a", "b")
    half = states(found, a=State.SUCCEEDED, b=State.EXECUTING)
    assert plan.decide(found, half, {}, False) == plan.Decision()


def test_what_needs_a_failed_or_skipped_step_is_skipped():
    found = graph(("a", []), ("b", ["a"]), ("c", ["b"]))
    after = states(found, a=State.FAILED)
    assert plan.decide(found, after, {}, True) == plan.Decision(skip=("b",))
    after["b"] = State.SKIPPED
    assert plan.decide(found, after, {}, True) == plan.Decision(skip=("c",))


def test_after_a_failure_nothing_new_starts_but_what_waited_for_it():
    found = graph(
        ("a", []), ("b", []), ("rescue", [{"Step": "a", "Trigger": "Failed"}]), ("then", ["rescue"])
    )
    after = states(found, a=State.FAILED)
    assert plan.decide(found, after, {}, True).start == ("rescue",)
    after["rescue"] = State.SUCCEEDED
    assert plan.decide(found, after, {}, True).start == ("then",)
