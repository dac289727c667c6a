"""docs/: what is named there exists, each code is explained, the examples run, the pages stay short."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import naming
import pytest
from conftest import INNER, ROOT

DOCS = sorted((ROOT / "docs").glob("*.md"))
INSIDE = sorted(path for path in INNER.rglob("*.md") if not path.is_relative_to(INNER / "vendor"))
ROOMS = [ROOT / "gitops/README.md", ROOT / "emulator/README.md"]
PAGES = [*DOCS, *sorted(ROOT.glob("*.md")), *ROOMS, *INSIDE]
CHECKS = (naming.codes, naming.make_targets, naming.commands, naming.paths, naming.settings, naming.links)
BROKEN = [  # what each check is there for
    (naming.codes, "E999 is none.", ["E999"]),
    (
        naming.make_targets,
        "Say `make everything`, or\n\n    cd x && make setup tests\n",
        ["everything", "tests"],
    ),
    (naming.commands, "`python -m pipelines releese`", ["releese"]),
    (
        naming.commands,
        "    .venv/bin/python -m pipelines release --again   # --yes is prose",
        ["release --again"],
    ),
    (naming.commands, "`connect --production`", ["connect --production"]),
    (naming.commands, "`python -m pipelines data propose --base`", ["data propose --base"]),
    (
        naming.commands,
        "```\npython -m data_checks.locks a\n```\n`python3 requirements/lock.py --downgrade`",
        ["requirements/lock.py --downgrade", "data_checks.locks"],
    ),
    (naming.paths, "`training/network.py`, `train.toml` and `infra/`", ["training/network.py", "train.toml"]),
    (naming.settings, "`[enviroments.production]`", ["enviroments.production"]),
    (naming.settings, "`epochs` and `layers` in `[training]`", ["training.layers"]),
    (naming.settings, "`[gate]`: `minimum = 0.3`, `least = 1`", ["gate.least", "least"]),
    (naming.links, "# Top\n[a](#top) [b](#bottom) [c](nowhere.md)", ["#bottom", "nowhere.md"]),
    (naming.links, "[a](README.md#no-such-heading)", ["README.md#no-such-heading"]),
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: str(page.relative_to(ROOT)).replace(INNER.name, "project")
)
def test_all_that_a_page_names_exists(page, check):
    assert check(page.read_text("utf-8"), page.parent) == []


@pytest.mark.parametrize(("check", "text", "wrong"), BROKEN)
def test_a_page_that_names_what_is_not_there_is_noticed(check, text, wrong):
    assert check(text, ROOT / "docs") == wrong


def explained():
    """Return {code: the exit code whose section explains it} of the troubleshooting page."""
    text = (ROOT / "docs/troubleshooting.md").read_text("utf-8")
    sections = re.findall(r"(?ms)^## (\d):.*?\n(.*?)(?=^## |\Z)", text)
    rows = [(code, exit) for exit, body in sections for code in re.findall(r"(?m)^\| (E\d{3}) \|", body)]
    assert len(dict(rows)) == len(rows)
    return dict(rows)


def row(code):
    """Return what the troubleshooting page says of a code."""
    return re.search(rf"(?m)^\| {code} \|.*$", (ROOT / "docs/troubleshooting.md").read_text("utf-8")).group()


def test_a_quota_is_told_by_the_code_that_a_release_ends_with():
    hour = (ROOT / "docs/first-hour.md").read_text("utf-8")
    assert "E109" in re.search(r"- \*\*A quota of 0\*\*.*?(?=\n- )", hour, re.DOTALL).group()
    assert ("ResourceLimitExceeded" in row("E101"), "ResourceLimitExceeded" in row("E109")) == (False, True)


def test_a_larger_limit_of_time_is_told_to_train_from_the_start():
    """`[jobs]` is part of a release's id: only the release as it is finds its checkpoint."""
    as_it_is, larger = row("E108").split(" | ")[-1].split(";")[:2]
    assert ("as it is" in as_it_is, "checkpoint" in as_it_is) == (True, True)
    assert ("`max_minutes`" in larger, "another release" in larger) == (True, True)


def test_what_to_do_is_told_to_stand_in_the_fourth_line_and_why_in_the_third():
    for code in explained():
        for line, what in re.findall(r"(second|third|fourth) line(?:'s| is| has|) (?:the )?(\w+)", row(code)):
            assert (line == "fourth") == (what in ("command", "mends")), row(code)


def test_every_code_of_the_sources_is_explained_and_no_other():
    assert set(explained()) == naming.raised()


def test_a_code_stands_in_the_section_of_its_exit_code():
    assert {code: exit for code, exit in explained().items() if code[1] != exit} == {}


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_a_page_is_read_in_minutes(page):
    assert len(page.read_text("utf-8").splitlines()) <= 150


def test_the_index_has_every_page_and_the_readmes_lead_to_it():
    index = (ROOT / "docs/README.md").read_text("utf-8")
    named = set(re.findall(r"\]\(([\w-]+\.md)\)", index))
    assert named == {page.name for page in DOCS} - {"README.md"}
    assert "](docs/README.md)" in (ROOT / "README.md").read_text("utf-8")
    users = (INNER / "README.md").read_text("utf-8")
    assert [name for name in named if f"`{name}`" not in users] == []


def test_the_examples_run_on_the_projects_own_files():
    env = os.environ | {"PYTHONPATH": str(INNER)}
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "docs_examples.py"), str(ROOT)],
        cwd=INNER,
        capture_output=True,
        text=True,
        check=False,
        env=env,
    )
    assert done.stdout.strip() == "all ran", done.stderr
