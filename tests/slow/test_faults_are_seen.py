"""Each fault of the ledgers is injected and its outcome asserted; with the feature broken its tests turn red.

Every test of the faults that are asked for runs once as things are. Then each fault in turn: a copy of the
room, the change that breaks the feature, and the same tests of one room. One at least must fail by an
assertion and say what the ledger expects. The line that is printed says how many of them did, and how many
more are listed: those of other rooms, and stories, which take a minute and more, only run with the feature
broken where no other test turned red. The last lines count both over all faults.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass

import faults
import faults_data
import faults_delivery
import faults_pipeline
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
FAULTS = (*faults_data.FAULTS, *faults_pipeline.FAULTS, *faults.FAULTS, *faults_delivery.FAULTS)
EARLY = sorted((*faults_data.NUMBERS, *faults_pipeline.NUMBERS))
LEFT_OUT = (".git", ".venv", "build", ".emulator", "__pycache__", ".*_cache", ".hypothesis")
ASSERTED = ("AssertionError", "assert ", "Failed: DID NOT RAISE")


@dataclass(frozen=True)
class Ran:
    """How some tests ended: what each one said that did not pass."""

    passed: int
    failed: dict[str, str]  # test: how it begins and what it said
    broke: list[str]  # errors outside of a test
    output: str


def run(room, rooms, tests, work, *words):
    """Run tests of a room; every room imports the others from where `rooms` says that they lie."""
    folder = rooms[room]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "AWS_", "PYTHONDONTWRITE"))}
    told = work / f"{folder.name}-{len(list(work.iterdir()))}.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "slow or not slow"]
    command += [*words, f"--junitxml={told}", *tests]
    kept["PYTHONPATH"] = os.pathsep.join(str(rooms[name]) for name in ("emulator", "gitops"))
    kept["GITOPS_PROJECT"] = str(rooms["project"])
    done = subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True)
    assert told.exists(), done.stdout[-4000:] + done.stderr[-4000:]
    passed, failed, broke = 0, {}, []
    for case in ET.parse(told).iter("testcase"):
        outcome = next((part for part in case if part.tag in ("failure", "error", "skipped")), None)
        if outcome is None:
            passed += 1
        elif outcome.tag == "failure":
            failed[case.get("name")] = outcome.get("message", "")
        else:
            broke.append(f"{case.get('name')}: {outcome.get('message', '')}")
    return Ran(passed, failed, broke, done.stdout[-8000:])


@pytest.fixture(scope="module")
def rooms(default_bake):
    """Where each room lies. The project is a bake of the default answers: its stories need settings."""
    return faults.ROOMS | {"project": default_bake}


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("reports")


@pytest.fixture(scope="module")
def green(request, rooms, work):
    """How every test ended, with everything as it is, of the faults that are asked for."""
    asked = [
        item.callspec.params["fault"] for item in request.session.items if item.module.__name__ == __name__
    ]
    found = {}
    for room in rooms:
        tests = dict.fromkeys(test for fault in asked for test in fault.tests[room])
        tests = sorted(tests, key=lambda test: test.split("::")[0])  # a file's fixtures are made once
        ran = run(room, rooms, tests, work) if tests else Ran(0, {}, [], "")
        assert not ran.broke, ran.output
        assert ran.passed + len(ran.failed) >= len(tests), ran.output
        found[room] = ran
    return found


@pytest.fixture(scope="module")
def seen(told):
    """{number that was shown: its tests that turned red}; how many of each ledger is said at the end."""
    shown = {}
    yield shown
    for numbers in (EARLY, faults.NUMBERS, faults_delivery.NUMBERS):
        told(closing(numbers, shown))


def copy(room, folder, name):
    """Copy a room; the template's tests ask git what belongs to it."""
    shutil.copytree(room, folder, ignore=shutil.ignore_patterns(*LEFT_OUT))
    if name == "template":
        for words in (["init", "--quiet"], ["add", "--all"]):
            subprocess.run(["git", "-C", str(folder), *words], check=True)


def quick(tests):
    """Return the tests that start no emulator; all, where each of them does."""
    return tuple(test for test in tests if "stories/" not in test) or tests


def attempts(fault):
    """Return (room, tests) in the order in which they are tried: without an emulator first, stories last."""
    there = [room for room in dict.fromkeys((fault.room, "gitops", "project")) if fault.tests[room]]
    each = [(room, quick(fault.tests[room])) for room in there] + [
        (room, fault.tests[room]) for room in there
    ]
    return sorted(dict.fromkeys(each), key=lambda attempt: any("stories/" in test for test in attempt[1]))


def turned(tests, ran):
    """Return which of the tests failed by an assertion; one that broke another way says nothing."""
    red = {name for name, said in ran.failed.items() if said.startswith(ASSERTED)}
    red |= {name.split("[")[0] for name in red}  # a test is listed with its case, or for all of them
    return [test for test in tests if test.split("::")[1] in red]


def listed(fault):
    """Return how many tests of all rooms a fault names."""
    return sum(len(tests) for tests in fault.tests.values())


def line(fault, red, tests):
    """Return what a fault's run shows, in a line or two."""
    told, more = f"{len(red)} of {len(tests)} tests red", listed(fault) - len(tests)
    told += f"; {more} more, of other rooms or stories, not run so" if more else ""
    names = ", ".join(test.split("::")[1] for test in red)
    return f"\n{fault}: green; {told}, with: {fault.broken}\n  {names}"


def closing(numbers, shown):
    """Return how many faults of a ledger were shown, and how many of their listed tests turned red."""
    faults_shown = [fault for fault in FAULTS if fault.number in numbers and fault.number in shown]
    red = sum(len(shown[fault.number]) for fault in faults_shown)
    tests = f"{red} of {sum(map(listed, faults_shown))} listed tests turned red"
    return f"\nF{numbers[0]:02d} to F{numbers[-1]}: {len(faults_shown)} of {len(numbers)}; {tests}"


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_it_is_seen(fault, green, rooms, seen, work, tmp_path, told):
    for room, tests in fault.tests.items():
        names = tuple(test.split("::")[1] for test in tests)
        assert not {name: said for name, said in green[room].failed.items() if name.startswith(names)}
    folder = tmp_path / fault.room
    copy(rooms[fault.room], folder, fault.room)
    for change in fault.changes:
        file = folder / change.file
        text = file.read_text("utf-8")
        assert text.count(change.old) == 1
        file.write_text(text.replace(change.old, change.new), "utf-8")
    where = rooms | {fault.room: folder}
    if fault.room == "template":
        where |= {name: folder / name for name in ("emulator", "gitops")}
    for room, tests in attempts(fault):
        ran = run(room, where, tests, work)
        red = turned(tests, ran)
        if red:
            break
    assert red, f"nobody noticed: {fault.broken}\n{ran.broke}\n{ran.output}"
    said = [words for words in ran.failed.values() if words.startswith(ASSERTED)]
    assert any(fault.seen in words for words in said), said
    seen[fault.number] = red
    told(line(fault, red, tests))
