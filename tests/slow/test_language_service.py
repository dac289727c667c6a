"""GitHub's own parser finds nothing, and with it every breakage is found. It comes from npm."""

from __future__ import annotations

import shutil

import pytest
from conftest import INNER
from workflows import breaking, validators
from workflows.breakages import BREAKAGES
from workflows.language_service import language_service
from workflows.reading import facts

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("npm"), reason="GitHub's language service needs Node and npm"),
]


# Its table of events, 37 of them, has no merge_group.
WRONG = {"Context access might be invalid: merge_group"}


def test_it_finds_nothing(default_bake):
    assert [found for found in language_service([default_bake]) if found[1] not in WRONG] == []


def test_with_it_every_breakage_is_found(tmp_path, told):
    tools = (
        validators.actionlint,
        validators.zizmor,
        language_service,
        breaking.by_contracts(facts(INNER)),
        validators.check_jsonschema,
    )
    found = breaking.finders(validators.findings(breaking.copies(tmp_path), tools))
    told(f"\n{breaking.table(found)}")
    assert [says for says, tools in found.items() if not tools] == []
    alone = {str(breakage): {breakage.only} for breakage in BREAKAGES if breakage.only}
    assert {says: set(found[says]) for says in alone} == alone
