"""What a release needs of the stack. What the template promises is in tests/infra."""

from __future__ import annotations

from pathlib import Path

from cfnlint.decode.cfn_yaml import load

from pipelines import names

STACK = load(str(Path(__file__).parents[2] / "infra/stack.yml"))


def test_a_release_finds_its_outputs():
    assert set(names.STACK_OUTPUTS) <= set(STACK["Outputs"])
