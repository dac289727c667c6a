"""The ledgers of faults are whole: every number, every test and every text that they name is there."""

from __future__ import annotations

import ast
import sys
from dataclasses import replace

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "tests" / "slow"))
import faults
import faults_data
import faults_delivery
import faults_pipeline
import test_faults_are_seen as seen
from faults import ROOMS

EARLY = (*faults_data.FAULTS, *faults_pipeline.FAULTS)
FAULTS = (*EARLY, *faults.FAULTS, *faults_delivery.FAULTS)


def test_every_fault_stands_in_it_once():
    for ledger in (faults_data, faults_pipeline, faults, faults_delivery):
        assert [fault.number for fault in ledger.FAULTS] == list(ledger.NUMBERS)
    assert sorted(fault.number for fault in FAULTS) == list(range(1, 73))
    assert (len(EARLY), len(faults.FAULTS), len(faults_delivery.FAULTS)) == (33, 22, 17)


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_what_it_names_is_there(fault):
    assert any(fault.tests[room] for room in (fault.room, "gitops", "project")), (
        "no test could see the change"
    )
    for room, tests in fault.tests.items():
        for test in tests:
            path, name = test.split("::")
            name, _, case = name.partition("[")
            text = (ROOMS[room] / path).read_text("utf-8")
            functions = [node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
            assert functions.count(name) == 1, test
            assert not case or any(f'"{part}"' in text for part in parts(case)), test
    for change in fault.changes:
        text = (ROOMS[fault.room] / change.file).read_text("utf-8")
        assert text.count(change.old) == 1, change.old
        assert change.new != change.old
        if change.file.endswith(".py"):  # else the tests would be red for want of a module
            ast.parse(text.replace(change.old, change.new))


def test_the_line_of_a_fault_says_how_many_of_its_tests_turned_red():
    listed = (
        "verb_tests/test_x.py::test_a",
        "verb_tests/test_x.py::test_a_b[c]",
        "verb_tests/test_x.py::test_a_b[d]",
        "verb_tests/test_y.py::test_d",
    )
    tests = seen.quick((*listed, "stories/test_z.py::test_e"))
    said = {"test_a[1]": "assert 1 == 2", "test_a_b[c]": "AssertionError: no", "test_d": "KeyError: 'x'"}
    red = seen.turned(tests, seen.Ran(0, said, [], ""))
    assert (tests, red) == (listed, [*listed[:2]])
    fault = replace(
        FAULTS[0], verbs=(*listed, "stories/test_z.py::test_e"), emulator=("tests/test_e.py::test_f",)
    )
    said = f"2 of 4 tests red; 2 more, of other rooms or stories, not run so, with: {fault.broken}\n"
    assert f"{said}  test_a, test_a_b[c]" in seen.line(fault, red, tests)


def test_the_last_line_says_how_many_of_all_listed_tests_turned_red():
    one, two, *_ = EARLY
    told = seen.closing(seen.EARLY, {one.number: ["test_a"], two.number: ["test_b", "test_c"]})
    of_all = f"3 of {seen.listed(one) + seen.listed(two)} listed tests turned red"
    assert told.endswith(f"2 of {len(seen.EARLY)}; {of_all}")


def test_a_fault_that_stories_alone_can_see_is_shown_by_them():
    assert seen.quick(("tests/stories/test_z.py::test_e",)) == ("tests/stories/test_z.py::test_e",)


def parts(case):
    """Return what may stand in the test's file of `first-second]`: pytest joins the ids of several lists."""
    words = case.removesuffix("]").split("-")
    return ["-".join(words[start:]) for start in range(len(words))] + words


def test_no_change_breaks_two_features():
    olds = [change.old for fault in FAULTS for change in fault.changes]
    assert len(set(olds)) == len(olds)
