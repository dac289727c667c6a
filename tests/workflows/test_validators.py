"""No validator finds anything in what any set of answers gives."""

from __future__ import annotations

import pytest
from conftest import INNER

from tools import bake as tool
from workflows import bakes, validators


@pytest.fixture(scope="module")
def baked(tmp_path_factory):
    """The project of every set of answers."""
    template = bakes.template(tmp_path_factory.mktemp("template"))
    return [bakes.bake(template, tmp_path_factory.mktemp("bake"), answers) for answers in bakes.answer_sets()]


def test_every_answer_gives_the_templates_github_byte_for_byte(baked, default_bake):
    begin = f"{INNER.name}/.github/"
    source = {name for name in tool.tracked() if name.startswith(begin)}
    wanted = {name.removeprefix(begin): (tool.ROOT / name).read_bytes() for name in source}
    wanted = {name: text for name, text in wanted.items() if name not in bakes.RENDERED}
    for project in (*baked, default_bake):
        assert bakes.copied(project) == wanted


def test_no_validator_finds_anything(baked, capsys):
    distinct = {bakes.digest(project): project for project in baked}
    found = validators.findings(list(distinct.values()))
    told = [f"{tool}: {said}" for tool, by in found.items() for lines in by.values() for said in lines]
    with capsys.disabled():
        print(
            f"\n{len(baked)} sets of answers, {len(distinct)} distinct .github, "
            f"{len(told)} findings of {', '.join(found)}"
        )
    assert told == []


def test_no_file_has_an_ending_that_is_not_looked_at(default_bake):
    names = [name for name in bakes.contents(default_bake) if name not in ("CODEOWNERS", "README.md")]
    assert [name for name in names if not name.endswith(".yml")] == []


def test_each_is_the_root_of_a_repository_of_its_own(baked):
    assert [project for project in baked if not (project / ".git").is_dir()] == []
