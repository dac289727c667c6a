"""Documents stay true: what they name exists, and agents' notes stay short."""

from __future__ import annotations

import re

import pytest
from conftest import INNER, ROOT

PLACES = [pytest.param(ROOT, id="template"), pytest.param(INNER, id="generated")]
MADE = ("build/", ".emulator/", ".venv", "vendor/")  # come to be by running something


@pytest.mark.parametrize("place", PLACES)
def test_the_agents_notes_are_short_and_name_only_what_exists(place):
    text = (place / "AGENTS.md").read_text()
    assert len(text.splitlines()) <= 40
    named = re.findall(r"`((?:[\w.-]+|\{\{[\w.]+\}\})(?:/[\w.-]+)*/?)`", text)
    paths = [name for name in named if "/" in name or re.search(r"\w\.(toml|md|py|lock)$", name)]
    assert paths
    assert [name for name in paths if not (place / name).exists() and not name.startswith(MADE)] == []


@pytest.mark.parametrize("place", PLACES)
def test_every_make_target_that_the_agents_notes_name_exists(place):
    phony = re.search(r"^\.PHONY: (.*)$", (place / "Makefile").read_text(), re.MULTILINE).group(1).split()
    assert set(re.findall(r"`make ([a-z-]+)`", (place / "AGENTS.md").read_text())) <= set(phony)


def test_every_decision_is_listed_and_says_what_was_rejected():
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text())
    assert listed == sorted(path.name for path in folder.glob("0*.md"))
    for name in listed:
        text = (folder / name).read_text()
        assert re.match(r"# \d+\. ", text)
        assert "**Context.**" in text
        assert "**Decision.**" in text


@pytest.mark.parametrize("place", PLACES)
def test_relative_links_lead_somewhere(place):
    for document in place.glob("*.md"):
        for link in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name}: {link}"
