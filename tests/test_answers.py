"""Answers that cannot be used are refused all at once, one sentence each, and leave nothing behind."""

from __future__ import annotations

import ast
import sys
from itertools import takewhile

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "hooks"))

import pre_gen_project as hook

GOOD = {
    "project_name": "Churn model",
    "project_slug": "churn-model",
    "description": "",
    "aws_region": "eu-west-1",
    "github_repository": "",
    "approval": "gate",
    "alarm_email": "",
}

REFUSED = [
    pytest.param(
        {"project_name": "42"}, "project_slug comes from project_name", id="a name that begins with a digit"
    ),
    pytest.param({"project_name": "???"}, "project_slug comes from project_name", id="a name of punctuation"),
    pytest.param({"project_name": "a"}, "project_slug comes from project_name", id="a name of one letter"),
    pytest.param(
        {"project_name": "sthree model"}, "project_slug comes from", id="a prefix that S3 keeps for itself"
    ),
    pytest.param(
        {"project_name": "x" * 61}, "project_name is 1 to 60 characters", id="a name that is a sentence"
    ),
    pytest.param({"project_name": "a\\b"}, "project_name is 1 to 60 characters", id="a backslash"),
    pytest.param({"description": "one\ntwo"}, "description is at most 200 characters", id="two lines"),
    pytest.param(
        {"description": "x" * 201}, "description is at most 200 characters", id="a long description"
    ),
    pytest.param({"aws_region": "Frankfurt"}, "aws_region is a region's code", id="a city"),
    pytest.param({"aws_region": "eu-wets-1"}, "aws_region is a region's code", id="a mistyped region"),
    pytest.param({"aws_region": ""}, "aws_region is a region's code", id="no region"),
    pytest.param(
        {"github_repository": "acme"}, "github_repository is owner/name", id="an owner without repository"
    ),
    pytest.param(
        {"github_repository": "acme/a b"}, "github_repository is owner/name", id="a space in a repository"
    ),
    pytest.param(
        {"github_repository": "https://gitlab.com/a/b"}, "github_repository is owner/name", id="GitLab"
    ),
    pytest.param({"alarm_email": "nobody"}, "alarm_email is one e-mail address", id="no at sign"),
    pytest.param({"alarm_email": "a@b.cd, e@f.gh"}, "alarm_email is one e-mail address", id="two addresses"),
]


def complaints(output):
    """Return our lines; cookiecutter adds its own traceback below them."""
    return list(takewhile(lambda line: line.startswith("  "), output.splitlines()[1:]))


@pytest.mark.parametrize(("answers", "sentence"), REFUSED)
def test_an_answer_that_cannot_be_used_is_refused_by_its_sentence(cookiecutter, tmp_path, answers, sentence):
    out = tmp_path / "out"
    out.mkdir()
    done = cookiecutter(into=out, **answers)
    assert done.returncode != 0
    assert done.stdout.startswith("Nothing was created. Please change:\n")
    (said,) = complaints(done.stdout)
    assert sentence in said
    assert list(out.iterdir()) == []


def test_all_bad_answers_are_named_in_one_go(cookiecutter, tmp_path):
    done = cookiecutter(project_name="42", aws_region="Mars", github_repository="x", alarm_email="y")
    assert [line.split()[0] for line in complaints(done.stdout)] == [
        "project_slug",
        "aws_region",
        "github_repository",
        "alarm_email",
    ]
    assert list(tmp_path.iterdir()) == []


def test_an_approval_that_does_not_exist_is_refused_before_anything_is_made(cookiecutter, tmp_path):
    done = cookiecutter(approval="nobody")
    assert done.returncode != 0
    assert "'gate', 'pull-request', 'reviewer'" in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


def test_good_answers_meet_no_complaint():
    assert hook.complaints(GOOD) == []


def test_each_sentence_names_the_answer_and_what_was_typed():
    (sentence,) = hook.complaints({**GOOD, "aws_region": "Mars"})
    assert sentence == "aws_region is a region's code, as in 'eu-west-1'; this is 'Mars'."


REGIONS = [
    "us-east-1",
    "us-gov-west-1",
    "ap-southeast-7",
    "ap-northeast-3",
    "ap-east-2",
    "ca-west-1",
    "il-central-1",
]
REGIONS += [
    "me-south-1",
    "mx-central-1",
    "af-south-1",
    "sa-east-1",
    "cn-northwest-1",
    "eu-central-2",
    "eu-north-1",
]


@pytest.mark.parametrize("region", REGIONS)
def test_every_kind_of_region_passes(region):
    assert hook.complaints({**GOOD, "aws_region": region}) == []


@pytest.mark.parametrize("name", ["pre_gen_project.py", "post_gen_project.py"])
def test_a_hook_is_python_before_it_is_rendered(name):
    ast.parse((ROOT / "hooks" / name).read_text())
