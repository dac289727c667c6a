"""What a release needs of the stack. What the template promises is in tests/infra."""

from __future__ import annotations

import pytest
from cfnlint.decode.cfn_yaml import load

from doubles.project import ROOT
from sagemaker_gitops import names, stack

TEMPLATE = ROOT / "infra/stack.yml"
STACK = load(str(TEMPLATE))


def test_a_release_finds_its_outputs():
    assert set(names.STACK_OUTPUTS) <= set(STACK["Outputs"])


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        pytest.param("a: 1", "# why\na: 1  # and how", True, id="comments"),
        pytest.param("a: it's  # x", "a: it's  # isn't", True, id="a comment after an apostrophe"),
        pytest.param('a: "b"  # x', 'a: "b"  # "y"', True, id="a comment after a quoted text"),
        pytest.param('a: "b #1"', 'a: "b #2"', False, id="a double-quoted text with a #"),
        pytest.param("a: ['b #1']", "a: ['b #2']", False, id="a single-quoted text with a #"),
        pytest.param("a: b#1", "a: b#2", False, id="a # within a word"),
    ],
)
def test_comments_alone_are_no_change_of_a_template_and_a_quoted_one_is(tmp_path, before, after, same):
    file = tmp_path / "a.yml"
    file.write_text(after)
    assert stack.same(before, file) is same


def test_a_template_without_its_comments_is_the_same():
    bare = "\n".join(line.split("  # ")[0] for line in TEMPLATE.read_text().splitlines())
    assert bare != TEMPLATE.read_text()
    assert stack.same(bare, TEMPLATE)
