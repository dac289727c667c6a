"""Each target is in the help and in the README, in both repositories, and runs on GNU make 3.81."""

from __future__ import annotations

import re
import subprocess

import pytest
from conftest import INNER, ROOT

PLACES = [pytest.param(ROOT, id="template"), pytest.param(INNER, id="generated")]
DOZEN = {"setup", "check", "test", "local-test", "local-up", "local-down"}
DOZEN |= {"plan", "release", "rollback", "drill", "status", "report"}


def targets(place):
    """Return the phony targets, which are all there are."""
    return set(re.search(r"^\.PHONY: (.*)$", (place / "Makefile").read_text(), re.MULTILINE).group(1).split())


@pytest.mark.parametrize("place", PLACES)
def test_make_alone_lists_every_target(place):
    done = subprocess.run(
        ["make", "--no-print-directory"], cwd=place, capture_output=True, text=True, check=True
    )
    listed = {line.split()[1] for line in done.stdout.splitlines()}
    assert listed | {"local-test"} == targets(place) | {"local-test"}


@pytest.mark.parametrize("place", PLACES)
def test_every_target_is_in_the_readme(place):
    readme = (place / "README.md").read_text()
    assert [name for name in sorted(targets(place) - {"help"}) if f"`make {name}`" not in readme] == []


@pytest.mark.parametrize("place", PLACES)
def test_the_readme_names_no_target_that_is_not_there(place):
    named = set(re.findall(r"`make ([a-z-]+)", (place / "README.md").read_text()))
    assert named <= targets(place) | targets(INNER)  # the template's README speaks of both


def test_the_generated_targets_are_of_the_dozen():
    assert targets(INNER) - {"help"} <= DOZEN


@pytest.mark.parametrize("place", PLACES)
def test_no_line_needs_a_newer_make_than_a_mac_has(place):
    text = (place / "Makefile").read_text()
    newer = [r"^\.ONESHELL", r"^\.SHELLFLAGS", r"\$\(file ", r"!=", r"^[^#\n]*&:", r"--output-sync"]
    assert [pattern for pattern in newer if re.search(pattern, text, re.MULTILINE)] == []


@pytest.mark.parametrize("place", PLACES)
def test_byte_code_is_written_even_where_the_shell_forbids_it(place):
    assert re.search(r"^unexport PYTHONDONTWRITEBYTECODE$", (place / "Makefile").read_text(), re.MULTILINE)


def test_continuous_integration_runs_the_readmes_test_command():
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == "exec make test"
    assert "make test " in (ROOT / "README.md").read_text()
