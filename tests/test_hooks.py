"""After a bake: a repository with one commit, a link that cruft can follow, three commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from conftest import INNER

from tools import bake as tool


def cruft(project, *words):
    command = [sys.executable, "-m", "cruft", *words, "--project-dir", str(project)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture
def baked(cookiecutter, tmp_path):
    done = cookiecutter(into=tmp_path / "out")
    assert done.returncode == 0
    return tmp_path / "out" / "income-model", done.stdout


def test_the_next_three_commands_are_printed(baked):
    _, said = baked
    commands = [line.split("   ")[0].strip() for line in said.splitlines() if line.startswith("  ")]
    assert commands == ["cd income-model", "make setup", "make local-test"]


def test_a_project_outside_any_repository_gets_one_with_a_commit_on_main(baked):
    project, _ = baked
    assert tool.git(project, "branch", "--show-current").strip() == "main"
    assert tool.git(project, "log", "--format=%s").strip() == "Create Income model"
    assert tool.git(project, "status", "--porcelain") == ""


def test_a_project_inside_a_repository_gets_none(cookiecutter, tmp_path):
    tool.git(tmp_path, "init", "--quiet")
    assert cookiecutter().returncode == 0
    assert not (tmp_path / "income-model" / ".git").exists()


def test_a_machine_that_knows_no_committer_still_gets_a_commit(cookiecutter, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    assert cookiecutter(into=tmp_path / "out").returncode == 0
    assert tool.git(tmp_path / "out" / "income-model", "rev-list", "--count", "HEAD").strip() == "1"


def test_cruft_finds_the_project_up_to_date(baked):
    project, said = baked
    assert "cruft.json" not in said
    done = cruft(project, "check")
    assert done.returncode == 0, done.stdout


def test_the_link_names_template_and_commit_in_full(baked, template):
    state = json.loads((baked[0] / ".cruft.json").read_text())
    assert state["template"] == str(template)
    assert state["commit"] == tool.git(template, "rev-parse", "HEAD").strip()


def bake_from(folder, *words):
    """Run cookiecutter in `folder` as a shell would, which tells its programs where they are."""
    command = [sys.executable, "-m", "cookiecutter", *words, "--no-input", "--default-config"]
    environment = {**os.environ, "PWD": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True)


def test_a_template_named_by_a_relative_path_is_linked_by_its_full_one(template, tmp_path):
    (tmp_path / "away").symlink_to(template)
    bake_from(tmp_path, "away", "-o", "out")
    state = json.loads((tmp_path / "out" / "income-model" / ".cruft.json").read_text())
    assert state["template"] == str(template)


def test_a_bake_from_inside_the_template_is_linked_too(template, tmp_path):
    bake_from(template, ".", "-o", str(tmp_path))
    assert json.loads((tmp_path / "income-model" / ".cruft.json").read_text())["template"] == str(template)


def test_a_template_that_was_cloned_is_linked_by_its_address(template, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    bake_from(tmp_path, f"git+file://{template}", "-o", "out")
    project = tmp_path / "out" / "income-model"
    assert json.loads((project / ".cruft.json").read_text())["template"] == f"file://{template}"
    assert cruft(project, "check").returncode == 0


def test_without_a_commit_to_name_one_line_says_why_there_is_no_link(tmp_path):
    (tmp_path / "plain").mkdir()
    tool.copy_tracked(tmp_path / "plain")
    said = bake_from(tmp_path, "plain", "-o", "out").stdout
    assert said.count("No .cruft.json (the template is no git repository)") == 1
    assert not (tmp_path / "out" / "income-model" / ".cruft.json").exists()


def test_changes_that_no_commit_holds_are_a_reason_not_to_link(template, tmp_path):
    subprocess.run(["git", "clone", "--quiet", str(template), str(tmp_path / "edited")], check=True)
    (tmp_path / "edited" / INNER.name / "Makefile").write_text("# edited\n")
    said = bake_from(tmp_path, "edited", "-o", "out").stdout
    assert said.count("No .cruft.json (the template has changes that no commit holds)") == 1


def test_an_update_brings_the_templates_next_version_and_keeps_the_users_work(template, tmp_path):
    folder, project = tmp_path / "template", tmp_path / "income-model"
    subprocess.run(["git", "clone", "--quiet", str(template), str(folder)], check=True)
    bake_from(tmp_path, str(folder), "-o", str(tmp_path))
    change(project / "README.md", "A line of mine.\n", project)
    change(folder / INNER.name / "Makefile", "# A line of theirs.\n", folder)

    updated = cruft(project, "update", "--skip-apply-ask")

    assert updated.returncode == 0, updated.stdout
    assert "make local-test" not in updated.stdout  # the hooks ran twice, and were quiet
    assert (project / "Makefile").read_text().endswith("# A line of theirs.\n")
    assert (project / "README.md").read_text().endswith("A line of mine.\n")
    changed = tool.git(project, "status", "--porcelain").split()
    assert sorted(changed[1::2]) == [".cruft.json", "Makefile"]
    assert not list(project.rglob("*.rej"))


def change(file, line, repository):
    """Add a line to a file and commit it."""
    file.write_text(file.read_text() + line)
    who = ("-c", "user.name=someone", "-c", "user.email=someone@localhost")
    tool.git(repository, *who, "commit", "--quiet", "--all", "-m", "Change a line")


def test_baking_again_over_a_project_changes_nothing(cookiecutter, tmp_path):
    assert cookiecutter(into=tmp_path / "out").returncode == 0
    again = cookiecutter("--overwrite-if-exists", into=tmp_path / "out")
    assert again.returncode == 0, again.stdout
    project = tmp_path / "out" / "income-model"
    assert tool.git(project, "status", "--porcelain") == ""
    assert tool.git(project, "rev-list", "--count", "HEAD").strip() == "1"
