"""What no linter sees in infra/: the rules hold, and each is seen red on a template that was weakened."""

from __future__ import annotations

import pytest
from sagemaker_gitops import names

from tests.infra import (
    reading,
    weakening,
    weakenings_accounts,
    weakenings_data,
    weakenings_limits,
    weakenings_rights,
    weakenings_trust,
)
from tests.infra.rules_accounts import RULES as ACCOUNTS
from tests.infra.rules_data import RULES as DATA
from tests.infra.rules_limits import RULES as LIMITS
from tests.infra.rules_rights import RULES as RIGHTS
from tests.infra.rules_trust import RULES as TRUST

RULES = (*TRUST, *RIGHTS, *LIMITS, *DATA, *ACCOUNTS)
TABLE = {
    **weakenings_trust.TABLE,
    **weakenings_rights.TABLE,
    **weakenings_limits.TABLE,
    **weakenings_data.TABLE,
    **weakenings_accounts.TABLE,
}
CASES = [(rule, words, edit) for rule, edits in TABLE.items() for words, edit in edits.items()]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_templates_keep_the_rule(rule):
    assert list(rule(reading.read())) == []


@pytest.mark.parametrize(("rule", "words", "edit"), CASES, ids=[words for _, words, _ in CASES])
def test_a_weakening_is_seen(rule, words, edit):
    assert caught(rule, edit), words


def test_every_rule_has_been_seen_red(capsys):
    assert set(TABLE) == set(RULES)
    found = [words for rule, words, edit in CASES if caught(rule, edit)]
    with capsys.disabled():
        print(f"\n{len(found)} of {len(CASES)} weakenings caught, {len(RULES)} rules seen red")
    assert len(found) == len(CASES) >= 24


def caught(rule, edit):
    """Return what a rule says of the templates once they are weakened."""
    infra = reading.read()
    edit(infra)
    assert infra.templates != reading.read().templates, "nothing was changed"
    return list(rule(infra))


def test_a_statement_that_is_not_there_is_no_weakening():
    with pytest.raises(StopIteration):
        weakening.statement(reading.read(), "github", "DeployRole", "Nobody")


@pytest.mark.parametrize("template", ["stack", "production"])
def test_either_stack_says_what_the_verbs_ask_it(template):
    told = set(reading.read().templates[template]["Outputs"])
    assert {*names.STACK_OUTPUTS, "AlarmTopicArn", "ProductionAccount"} <= told
