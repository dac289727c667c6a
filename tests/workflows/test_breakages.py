"""Each breakage of a workflow is found by a validator or by a contract, without a network."""

from __future__ import annotations

import pytest
from conftest import INNER

from workflows import breaking, validators
from workflows.breakages import BREAKAGES, Breakage
from workflows.contracts import RULES
from workflows.reading import facts


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folders = breaking.copies(tmp_path_factory.mktemp("broken"))
    quick = (validators.actionlint, validators.zizmor, breaking.by_contracts(facts(INNER)))
    return breaking.finders(validators.findings(folders, quick))


def test_every_breakage_is_found(found, capsys):
    slow = {str(breakage): breakage.only for breakage in BREAKAGES if breakage.only}
    quick = {says: tools for says, tools in found.items() if says not in slow}
    with capsys.disabled():
        print(f"\n{breaking.table(quick)}; left to slow tools: {slow}")
    assert [says for says, tools in quick.items() if not tools] == []


def test_every_contract_finds_one(found):
    said = [sentence for tools in found.values() for sentence in tools.get("our-contracts", ())]
    told = {sentence.partition(":")[0] for sentence in said}
    assert [rule.__name__ for rule in RULES if rule.__name__ not in told] == []


def test_breakages_have_names_of_their_own(found):
    assert len(found) == len(BREAKAGES) >= 32


@pytest.mark.parametrize("old", ["on:", "nowhere"], ids=["there twice", "not there"])
def test_a_breakage_that_no_longer_fits_is_an_error(tmp_path, old):
    (tmp_path / ".github").mkdir()
    (tmp_path / ".github" / "x.yml").write_text("on:\non:\n")
    with pytest.raises(ValueError, match=r"a slip: x\.yml  has \d times"):
        Breakage("a slip", "x.yml", old, "off:").apply(tmp_path)
