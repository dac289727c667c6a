"""The template's own workflows: every action pinned by commit, no rights by default, both systems."""

from __future__ import annotations

import re

import pytest
from conftest import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
each = pytest.mark.parametrize("workflow", WORKFLOWS, ids=[path.name for path in WORKFLOWS])


@each
def test_every_action_is_pinned_by_commit_and_says_its_version(workflow):
    used = re.findall(r"uses: (.*)", workflow.read_text())
    assert used
    assert [line for line in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []


@each
def test_a_workflow_starts_without_rights(workflow):
    assert re.search(r"^permissions: \{\}$", workflow.read_text(), re.MULTILINE)


@each
def test_no_credentials_stay_in_the_checkout(workflow):
    text = workflow.read_text()
    assert text.count("actions/checkout@") == text.count("persist-credentials: false")


def test_linux_and_macos_run_what_the_readme_says():
    text = (ROOT / ".github" / "workflows" / "test.yml").read_text()
    assert "ubuntu-" in text
    assert "macos-" in text
    assert re.findall(r"- run: (.*)", text) == ["make demo", ".ci/run"]
