"""What a bake gives: exactly the tracked files, code byte for byte, no Jinja left, names that AWS takes."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
from conftest import INNER, ROOT

from tools import bake as tool

RENDERED = (".toml", ".md", "LICENSE", "CODEOWNERS")
JINJA = re.compile(r"\{\{|\{%|\{#")


def inner_files():
    """Return the inner project's tracked files, relative to it."""
    return [Path(name).relative_to(INNER.name) for name in tool.tracked() if name.startswith(INNER.name)]


def baked_files(project):
    """Return a baked project's files, relative to it, without git's own."""
    found = (path.relative_to(project) for path in project.rglob("*") if path.is_file())
    return {path for path in found if path.parts[0] != ".git"}


def answer_set(**answers):
    return pytest.param(answers, id=", ".join(f"{name}={value[:30]}" for name, value in answers.items()))


ANSWERS = [
    answer_set(approval="gate"),
    answer_set(approval="pull-request"),
    answer_set(approval="reviewer"),
    answer_set(project_name="Überraschung für Größe"),
    answer_set(project_name="需求预测"),
    answer_set(project_name='Bob\'s "best" model & <co>'),
    answer_set(project_name="x" * 60),
    answer_set(project_name="A name that goes on for longer than any AWS name"),
    answer_set(project_name="  Churn_model / v2.0  "),
    answer_set(description="Says \"no\" to 'everything' – even to 100 % & <html>"),
    answer_set(description=""),
    answer_set(aws_region=" US-Gov-West-1 "),
    answer_set(
        github_repository="https://github.com/some-org/some.repo.git", alarm_email=" ops+ml@example.co.uk "
    ),
    answer_set(github_repository="git@github.com:some-org/some_repo.git"),
]


def test_a_bake_has_exactly_the_tracked_files(default_bake):
    assert baked_files(default_bake) - {Path(".cruft.json")} == set(inner_files())


def test_every_baked_file_is_tracked_by_the_projects_own_git(default_bake):
    listed = subprocess.run(
        ["git", "ls-files"], cwd=default_bake, capture_output=True, text=True, check=True
    ).stdout
    assert {Path(name) for name in listed.splitlines()} == baked_files(default_bake)


def test_code_is_copied_byte_for_byte_with_its_mode(template, default_bake):
    source = template / INNER.name
    code = [path for path in inner_files() if not path.name.endswith(RENDERED)]
    assert code
    changed = [path for path in code if (default_bake / path).read_bytes() != (source / path).read_bytes()]
    modes = [
        path for path in code if os.access(default_bake / path, os.X_OK) != os.access(source / path, os.X_OK)
    ]
    assert (changed, modes) == ([], [])


def test_each_file_is_either_copied_or_of_a_kind_that_is_rendered():
    patterns = json.loads((ROOT / "cookiecutter.json").read_text())["_copy_without_render"]
    copied = {path for path in inner_files() if any(fnmatch(str(path), pattern) for pattern in patterns)}
    rendered = {path for path in inner_files() if path.name.endswith(RENDERED)}
    assert copied | rendered == set(inner_files())
    assert copied & rendered == set()


def test_no_pattern_matches_a_folder():
    patterns = json.loads((ROOT / "cookiecutter.json").read_text())["_copy_without_render"]
    folders = {str(parent) for path in inner_files() for parent in path.parents if parent != Path()}
    assert [name for name in folders if any(fnmatch(name, pattern) for pattern in patterns)] == []


def test_jinja_stays_out_of_code():
    text = [path for path in inner_files() if path.suffix not in {".parquet", ".whl"}]
    guilty = [
        path
        for path in text
        if not path.name.endswith(RENDERED) and "cookiecutter." in (INNER / path).read_text()
    ]
    assert guilty == []


def test_no_jinja_is_left(default_bake):
    rendered = [path for path in baked_files(default_bake) if path.name.endswith(RENDERED)]
    assert [path for path in rendered if JINJA.search((default_bake / path).read_text())] == []


@pytest.mark.parametrize("answers", ANSWERS)
def test_odd_answers_give_a_project_that_tools_can_read(cookiecutter, tmp_path, answers):
    done = cookiecutter(into=tmp_path / "out", **answers)
    assert done.returncode == 0, done.stdout + done.stderr
    (project,) = (tmp_path / "out").iterdir()
    tables = {path.name: tomllib.loads(path.read_text()) for path in project.glob("*.toml")}
    assert tables["mlops.toml"]["project"]["slug"] == project.name
    assert {path.relative_to(project) for path in project.rglob("*.toml")} >= {
        Path("mlops.toml"),
        Path("pyproject.toml"),
    }
    assert_aws_takes(project.name, tables["mlops.toml"]["project"]["region"])


HOSTILE = [
    pytest.param("x $(touch it-ran) `touch it-ran`", id="a shell's commands"),
    pytest.param("x; touch it-ran && touch it-ran | touch it-ran", id="a shell's operators"),
    pytest.param("x'''+__import__('os').system('touch it-ran')+r'''", id="the end of a hook's literal"),
    pytest.param('x" + __import__("os").system("touch it-ran") + "', id="quotation marks"),
    pytest.param(
        "x <script>alert(1)</script> ![](http://evil.example/x.png) ${{ github.token }}", id="markup"
    ),
]


@pytest.mark.parametrize("answer", HOSTILE)
def test_an_answer_never_runs_and_stands_in_the_settings_as_it_was_typed(cookiecutter, tmp_path, answer):
    done = cookiecutter(into=tmp_path / "out", description=answer)
    assert not list(tmp_path.rglob("it-ran"))
    if "{" in answer:
        assert done.returncode != 0
        return
    assert done.returncode == 0, done.stdout + done.stderr
    (project,) = (tmp_path / "out").iterdir()
    settings = tomllib.loads((project / "mlops.toml").read_text())
    assert settings["project"]["description"] == answer.replace('"', "'")
    subprocess.run(["make", "-n", "plan"], cwd=project, check=True, capture_output=True)
    assert not list(tmp_path.rglob("it-ran"))


def assert_aws_takes(slug, region):
    """Hold the longest names that are built on a slug against AWS's rules."""
    bucket = f"{slug}-123456789012-{region}"
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", bucket)
    assert "--" not in slug
    assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", f"{slug}-production-{'0' * 12}-99999")
    assert re.fullmatch(r"[a-zA-Z][-a-zA-Z0-9]{0,127}", slug)


def test_what_was_typed_is_put_in_order(cookiecutter, tmp_path):
    done = cookiecutter(
        into=tmp_path / "out",
        project_name="  Churn  model ",
        aws_region=" EU-West-1",
        github_repository="https://github.com/acme/churn.git/",
        alarm_email=" a@b.cd ",
    )
    assert done.returncode == 0, done.stdout
    project = tomllib.loads((tmp_path / "out" / "churn-model" / "mlops.toml").read_text())["project"]
    assert (project["region"], project["repository"], project["alarm_email"]) == (
        "eu-west-1",
        "acme/churn",
        "a@b.cd",
    )


def test_at_most_six_questions_are_asked_and_each_has_words():
    asked = json.loads((ROOT / "cookiecutter.json").read_text())
    questions = [name for name in asked if not name.startswith("_")]
    assert questions == [
        "project_name",
        "description",
        "aws_region",
        "github_repository",
        "approval",
        "alarm_email",
    ]
    assert sorted(asked["__prompts__"]) == sorted(questions)


def test_a_bake_takes_under_two_seconds_of_processor_time(template, tmp_path):
    # Not by the clock, since other tests run beside this one; `make bench` measures that.
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    tool.bake(template, tmp_path, {})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2


def test_a_bake_never_reaches_for_the_network(cookiecutter, tmp_path, monkeypatch):
    (tmp_path / "guard").mkdir()
    guard = "import socket\ndef refuse(*_):\n    open({0!r}, 'w'); raise OSError('no network')\n"
    guard += "socket.socket.connect = socket.getaddrinfo = refuse\n"
    (tmp_path / "guard" / "sitecustomize.py").write_text(guard.format(str(tmp_path / "tried")))
    monkeypatch.setenv(
        "PYTHONPATH", str(tmp_path / "guard")
    )  # cookiecutter's process, and the hooks' after it
    assert cookiecutter(into=tmp_path / "out").returncode == 0
    assert not (tmp_path / "tried").exists()


def test_caches_in_a_worked_in_clone_neither_break_a_bake_nor_get_in(template, tmp_path):
    clone = tmp_path / "clone"
    shutil.copytree(template, clone)
    for name in (".ruff_cache/0.17/1234", "pipelines/__pycache__/names.cpython-311.pyc", ".hypothesis/x"):
        cache = clone / INNER.name / name
        cache.parent.mkdir(parents=True, exist_ok=True)
        cache.write_bytes(b"\x89\xb9")
    (tmp_path / "out").mkdir()
    project = tool.bake(clone, tmp_path / "out", {})
    left = [
        path.name for path in project.rglob("*") if path.name in (".ruff_cache", "__pycache__", ".hypothesis")
    ]
    assert left == []
