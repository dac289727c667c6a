"""The model card: within what AWS allows, whatever a release is; AWS's own SDK and botocore judge."""

from __future__ import annotations

import re

import pytest
from botocore.validate import validate_parameters

from doubles.aws import input_shape
from doubles.told import COMMIT, ENTRY, FILE, make_story
from sagemaker_gitops import card

LONG = "long é\n" * 2000
HUGE = make_story(
    project={"name": LONG, "description": LONG},
    settings={
        "data": {"label": LONG, "slices_only": ["s" * 300] * 50},
        "training": {f"{'p' * 300}{number}": LONG for number in range(300)},
    },
    metrics={"none": {"value": None}} | {f"{'m' * 300}{number}": ENTRY for number in range(900)},
    champion_metrics={f"{number}": ENTRY for number in range(900)},
    gate={"verdict": {"accepted": True, "reasons": [LONG] * 9}},
    data={"lock": {"prefix": "d", "rows": 9, "files": [FILE] * 500}, "versions": {}},
    tracking={"state": "lost", "uri": LONG, "experiment": "", "run": ""},
    pins={"jobs": {"file": "f", "sha256": "0", "packages": {f"{n}": "1.0.0" for n in range(500)}}},
    jobs={},
    model_data="s3://" + "k" * 2000,
)
STORIES = [
    pytest.param(make_story(), id="a release"),
    pytest.param(
        make_story(champion=None, champion_metrics={}, difference={}, tracking={"state": "off"}), id="a first"
    ),
    pytest.param(HUGE, id="a huge one"),
]


@pytest.mark.parametrize("story", STORIES)
def test_awss_own_sdk_takes_the_card_and_knows_every_part_of_it(story):
    shapes = pytest.importorskip("sagemaker.core.shapes.model_card_shapes")
    told = card.card(story)
    read = shapes.ModelCardContent.model_validate(told)
    assert read.model_dump(mode="json", exclude_unset=True) == told  # what it does not know it would drop


@pytest.mark.parametrize("story", STORIES)
def test_the_card_is_within_the_limits_that_botocore_ships(story):
    shape = input_shape("UpdateModelPackage")
    asked = card.request(story)
    validate_parameters({"ModelPackageArn": "arn:x", "ModelCard": asked}, shape)
    content, status = (
        shape.members["ModelCard"].members[key].metadata for key in ("ModelCardContent", "ModelCardStatus")
    )
    assert len(asked["ModelCardContent"]) <= content["max"]
    assert re.fullmatch(content["pattern"], asked["ModelCardContent"])
    assert asked["ModelCardStatus"] in status["enum"]


@pytest.mark.parametrize("story", STORIES)
def test_the_overview_is_as_short_as_a_packages_must_be(story):
    said = input_shape("UpdateModelPackage").members["ModelCard"].documentation
    for part in card.card(story)["model_overview"]:
        assert f"<code>{part}</code>" in said


def test_the_card_tells_the_same_as_the_story():
    story = make_story()
    told = card.card(story)
    details = told["additional_information"]["custom_details"]
    assert (details["commit_sha"], details["release_id"]) == (COMMIT, story["release_id"])
    assert details["image serve"] == f"{story['repository']}@{story['images']['serve']}"
    assert details["pins jobs"] == f"requirements/jobs.txt sha256 {'1a' * 32}: torch 2.13.0"
    assert details["artifact sha256"] == story["artifact"]["sha256"]
    job = told["training_details"]["training_job_details"]
    uri = "s3://bucket/data/adult/batch=1/part-0.parquet"
    assert job["training_datasets"] == [f"{uri}?versionId=v-one sha256 {'7f' * 32}"]
    assert job["training_arn"].endswith("training-job/train-1")
    assert f"MLflow run {'4d' * 16}" in told["training_details"]["training_observations"]
    [evaluation] = told["evaluation_details"]
    assert evaluation["evaluation_observation"] == "accepted auc is 0.9200."
    assert [group["name"] for group in evaluation["metric_groups"]] == ["candidate", "champion", "difference"]
    assert evaluation["metric_groups"][0]["metric_data"][0]["value"] == 0.92


def test_what_is_too_long_is_cut_on_one_line_and_says_so():
    assert card.cut("as long\nas allowed", 18) == "as long as allowed"
    assert card.cut("as long\nas allowed", 17) == "as long as allow…"


@pytest.mark.parametrize(
    ("tracking", "said"),
    [
        ({"state": "off"}, "no MLflow run: tracking is off (training.tracking_uri is empty)"),
        ({"state": "lost", "uri": "https://m"}, "no MLflow run: https://m did not take it"),
        ({}, "no MLflow run is told of"),
    ],
)
def test_where_there_is_no_mlflow_run_it_is_said_why(tracking, said):
    assert card.recorded(tracking) == said
