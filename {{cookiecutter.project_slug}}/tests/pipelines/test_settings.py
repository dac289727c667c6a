"""mlops.toml: what is right is read, what is wrong is refused by name."""

from __future__ import annotations

import os
import re
from datetime import date, datetime
from pathlib import Path

import pytest
from sagemaker_gitops.errors import SettingsError
from sagemaker_gitops.settings import Waiver

from pipelines import settings
from training import metrics, waiver

PRODUCTION = "environments.production.rollout"
ANSWERS = {"approval": "gate", "github_repository": "owner/name", "project_slug": "income-model"}


def test_the_file_in_this_repository_is_right(tmp_path):
    text = Path(os.environ.get("MLOPS_SETTINGS", "mlops.toml")).read_text("utf-8")
    answered = re.sub(r"\{\{ *\w+\.(\w+) *\}\}", lambda found: ANSWERS.get(found[1], "stand-in"), text)
    (tmp_path / "mlops.toml").write_text(answered)
    read = settings.load(tmp_path / "mlops.toml")
    assert read.data.lock == "data.lock"
    assert read.gate.metric in settings.TASKS[read.training.task]


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        pytest.param("gate.minimun", 0.9, "no such key; did you mean 'minimum'", id="a misspelt key"),
        pytest.param("gats", {}, "no such key; did you mean 'gate'", id="a misspelt table"),
        pytest.param("training.epochs", 0, "greater than or equal to 1", id="no epochs"),
        pytest.param("training.epochs", "many", "valid integer", id="a word for a number"),
        pytest.param("training.epochs", "64", "valid integer", id="a number in quotation marks"),
        pytest.param(
            "training.task", "ranking", "'binary', 'multiclass' or 'regression'", id="an unknown task"
        ),
        pytest.param("project.slug", "Income Model", "match pattern", id="a slug that AWS refuses"),
        pytest.param("project.slug", "a" * 25, "match pattern", id="a slug too long for names"),
        pytest.param(
            "project.approval", "nobody", "'gate', 'pull-request' or 'reviewer'", id="an unknown approval"
        ),
        pytest.param("jobs.train.instance_type", "m5.large", "match pattern", id="an EC2 type"),
        pytest.param("data.splits", [0.5, 0.5, 0.5], "sum to 1", id="splits of more than all rows"),
        pytest.param("data.splits", [1.0, 0.0, 0.0], "above 0", id="an empty split"),
        pytest.param(
            "data.slices_only", ["income"], "other than the key and the label", id="the label as a slice"
        ),
        pytest.param("gate.metric", "rmse", "one of auc", id="a metric of another task"),
        pytest.param("gate.minimum", 88, "0 to 1 for auc", id="a bar that nothing reaches"),
        pytest.param("gate.maximum", 0.5, "minimum and not maximum", id="both bars"),
        pytest.param("gate.minimum", None, "minimum and not maximum", id="no bar at all"),
        pytest.param("data.label", None, "a value", id="a missing key"),
        pytest.param(PRODUCTION, {"preset": "safe"}, "2 or more", id="a canary on one machine"),
        pytest.param(PRODUCTION, {"preset": "tiny"}, "'small' or 'safe'", id="no such preset"),
        pytest.param(PRODUCTION, {"share": 0.6}, "equal to 0.5", id="more than half at first"),
        pytest.param(PRODUCTION, {"share": 0.5}, "none", id="a share of all at once"),
        pytest.param(PRODUCTION, {"strategy": "linear", "share": 0.05}, "0.1 to 0.5", id="too small a step"),
        pytest.param(PRODUCTION, {"final_bake_minutes": 0}, "3 or more", id="no final bake"),
        pytest.param(PRODUCTION, {"final_bake_minutes": 2}, "3 or more", id="a bake too short for alarms"),
        pytest.param(
            PRODUCTION, {"final_bake_minutes": 4}, "5 or more", id="too short to miss a dead runner"
        ),
        pytest.param(PRODUCTION, {"bake_minutes": 5}, "no such wait", id="a bake between no steps"),
        pytest.param(
            PRODUCTION, {"final_bake_minutes": 30, "max_minutes": 20}, "all waits", id="too little time"
        ),
        pytest.param(PRODUCTION, {"alarms": ["a"] * 8}, "7", id="more alarms than SageMaker takes"),
        pytest.param(PRODUCTION, {"max_error_rate": 0}, "greater than 0", id="an error rate of nothing"),
        pytest.param("environments.staging.rollout", {}, "no such key", id="a rollout of staging"),
        pytest.param(
            "training.tracking_uri", "https://me:hunter2@x", "without user and password", id="a password"
        ),
        pytest.param("network.isolation", "yes", "valid boolean", id="a word for a choice"),
    ],
)
def test_what_is_wrong_is_refused_by_key_and_wanted_value(make_settings, key, value, wanted):
    with pytest.raises(SettingsError) as refused:
        make_settings(**{key: value})
    assert refused.value.code == "E501"
    assert refused.value.exit_code == 5
    assert key.split(".")[0] in refused.value.what
    assert wanted in refused.value.why
    assert "hunter2" not in "".join(refused.value.lines())


@pytest.mark.parametrize(
    ("table", "count", "share", "minutes"),
    [
        pytest.param({}, 1, 1.0, 35, id="small"),
        pytest.param({"preset": "safe"}, 2, 0.5, 40, id="safe"),
        pytest.param({"strategy": "linear", "share": 0.25}, 4, 0.25, 55, id="four steps"),
        pytest.param({"strategy": "rolling", "share": 0.5}, 2, 0.5, 40, id="two batches"),
        pytest.param({"final_bake_minutes": 60, "max_minutes": 480}, 1, 1.0, 480, id="as long as it is told"),
    ],
)
def test_a_rollout_has_time_for_its_waits_and_for_machines_that_come_late(
    make_settings, table, count, share, minutes
):
    made = make_settings(**{PRODUCTION: table, "environments.production.instance_count": count})
    production = made.environments.production
    assert (production.share(), production.max_minutes()) == (share, minutes)


def test_every_complaint_is_counted_in_one_message_and_explained_above_it(make_settings):
    with pytest.raises(SettingsError, match=r"training\.epochs is 0") as refused:
        make_settings(**{"training.epochs": 0, "gate.max_regression": -1, "training.seed": "seven"})
    assert "2 more: training.seed; gate.max_regression" in refused.value.why
    assert refused.value.detail == [
        "training.seed is 'seven'; wanted: a valid integer",
        "gate.max_regression is -1; wanted: greater than or equal to 0",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param(None, "every verb reads it", id="no file"),
        pytest.param("[project\n", "at line 1", id="broken TOML"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, text, why):
    path = tmp_path / "mlops.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SettingsError) as refused:
        settings.load(path)
    assert str(path) in refused.value.what
    assert why in refused.value.why


def test_an_environment_that_does_not_exist_is_refused_with_those_that_do(make_settings):
    with pytest.raises(SettingsError, match="no environment 'prod'") as refused:
        make_settings().environment("prod")
    assert "staging, production" in refused.value.why


@pytest.mark.parametrize(
    ("key", "value", "steers"),
    [
        pytest.param("training.epochs", 13, True, id="a hyperparameter"),
        pytest.param("gate.minimum", 0.9, True, id="the gate"),
        pytest.param("jobs.train.instance_type", "ml.c5.xlarge", True, id="the machine of a job"),
        pytest.param("environments.production.instance_count", 2, False, id="the machines of an endpoint"),
        pytest.param("project.description", "new", False, id="the description"),
        pytest.param("training.tracking_uri", "sqlite:///mlflow.db", False, id="where runs are tracked"),
        pytest.param("network.isolation", False, True, id="what containers can reach"),
        pytest.param("network.vpc", True, True, id="where jobs run"),
    ],
)
def test_only_what_steers_the_jobs_moves_the_digest(make_settings, key, value, steers):
    assert (make_settings(**{key: value}).digest() != make_settings().digest()) is steers


MLFLOW = ["https://mlflow.example.com", "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/x"]


@pytest.mark.parametrize("uri", MLFLOW, ids=["a server", "SageMaker's own"])
def test_an_mlflow_server_needs_containers_that_can_reach_it(make_settings, uri):
    with pytest.raises(SettingsError, match=r"training\.tracking_uri is ") as refused:
        make_settings(**{"training.tracking_uri": uri})
    assert "isolation = false in [network]" in refused.value.why
    assert make_settings(**{"training.tracking_uri": uri, "network.isolation": False})


WAIVER = {"champion": "5e415e415e41", "until": date(2030, 1, 31), "reason": "age is no longer recorded"}


@pytest.mark.parametrize(
    ("changes", "key", "wanted"),
    [
        pytest.param({"champion": "5e41"}, "champion", "12 to 64 of 0-9 and a-f", id="too short an id"),
        pytest.param({"champion": "5E415E415E41"}, "champion", "12 to 64 of", id="an id in capitals"),
        pytest.param(
            {"until": "2030-01-31"}, "until", "without quotation marks", id="a date in quotation marks"
        ),
        pytest.param(
            {"until": datetime(2030, 1, 31)}, "until", "such as 2030-01-31", id="a date with a time"
        ),
        pytest.param({"reason": " "}, "reason", "1 to 120 characters", id="no reason"),
        pytest.param({"reason": "a\nb"}, "reason", "one line", id="a reason of two lines"),
        pytest.param({"reason": 'the "age"'}, "reason", "no quotation mark", id="quotation marks in it"),
        pytest.param({"reason": "x" * 121}, "reason", "1 to 120 characters", id="longer than a job takes"),
        pytest.param({"reason": None}, "reason", "a value", id="a reason forgotten"),
        pytest.param({"untill": date(2030, 1, 31)}, "untill", "did you mean 'until'", id="a misspelt key"),
    ],
)
def test_a_waiver_is_refused_by_the_key_that_is_wrong(make_settings, changes, key, wanted):
    table = {name: value for name, value in (WAIVER | changes).items() if value is not None}
    with pytest.raises(SettingsError, match=f"gate.waiver.{key} is ") as refused:
        make_settings(**{"gate.waiver": table})
    assert (refused.value.code, len(refused.value.lines())) == ("E501", 4)
    assert wanted in refused.value.why


def test_a_waiver_is_a_part_of_what_steers_the_jobs(make_settings):
    made = make_settings(**{"gate.waiver": WAIVER})
    assert made.steering()["gate"]["waiver"] == WAIVER | {"until": "2030-01-31"}
    assert made.digest() != make_settings().digest()


@pytest.mark.parametrize(
    ("today", "words"),
    [
        pytest.param(date(2030, 1, 31), "", id="on its last day"),
        pytest.param(date(2030, 2, 1), "ended on 2030-01-31", id="the day after"),
        pytest.param(date(2029, 11, 2), "", id="as far ahead as any may be"),
        pytest.param(date(2029, 11, 1), "90 days ahead is the most", id="a day further"),
    ],
)
def test_the_library_and_the_gate_agree_when_a_waiver_is_spent(today, words):
    known, judge = Waiver.model_validate(WAIVER), waiver.Waiver(**WAIVER)
    said = (known.spent(today), judge.objection(WAIVER["champion"], today))
    assert [bool(each) for each in said] == [bool(words)] * 2
    assert all(words in each for each in said)


def test_the_gate_knows_the_same_metrics_as_training():
    assert {task: metrics.directions(task) for task in metrics.METRICS} == settings.TASKS


def test_a_misspelt_key_is_named_before_the_one_that_is_missing_for_it(make_settings):
    with pytest.raises(SettingsError, match="hiden") as refused:
        make_settings(**{"training.hiden": 64, "training.hidden": None})
    assert "did you mean 'hidden'" in refused.value.why
