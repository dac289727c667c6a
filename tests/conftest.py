"""What template tests share: one copy of the tracked template, one default bake, and a maker of others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tools import bake as tool

ROOT = tool.ROOT
INNER = ROOT / "{{cookiecutter.project_slug}}"

# Tests press Ctrl-C. A shell that starts pytest in the background has it ignored by every child.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A worker of pytest-xdist inherits what readline takes for the terminal, 80 by 24: tables would be folded.
for size in ("COLUMNS", "LINES"):
    os.environ.pop(size, None)


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """A copy of the template's tracked files that is a git repository of its own."""
    folder = tmp_path_factory.mktemp("template")
    tool.copy_tracked(folder)
    tool.commit(folder)
    return folder


@pytest.fixture(scope="session")
def default_bake(template, tmp_path_factory):
    """The project that the default answers give. Read only: every test shares it."""
    return tool.bake(template, tmp_path_factory.mktemp("default"), {})


@pytest.fixture(scope="module")
def fresh_bake(template, tmp_path_factory):
    """The same for tests that work in it, as its user does."""
    return tool.bake(template, tmp_path_factory.mktemp("fresh"), {})


@pytest.fixture
def cookiecutter(template, tmp_path):
    """Return a function that bakes answers into an empty folder and gives cookiecutter's exit and words."""

    def call(*options, into=None, **answers):
        words = [f"{name}={value}" for name, value in answers.items()]
        where = ["--default-config", "-o", str(into or tmp_path)]
        command = [
            sys.executable,
            "-m",
            "cookiecutter",
            str(template),
            "--no-input",
            *where,
            *options,
            *words,
        ]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)

    return call


@pytest.fixture(scope="session")
def told(pytestconfig):
    """Return what prints a line at once, whatever pytest captures, also from a worker of pytest-xdist."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def tell(line):
        with capture.global_and_fixture_disabled():
            print(line, file=sys.stderr, flush=True)

    return tell


def pytest_collection_modifyitems(items):
    """Start what takes longest first: with two workers the whole then takes little more than that."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
