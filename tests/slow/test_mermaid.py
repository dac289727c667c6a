"""Mermaid itself reads the job summary's picture as what is meant, whatever others wrote into it."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import sys

import mermaid
import pytest
from conftest import INNER, ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("npm"), reason="Mermaid needs Node and npm"),
]
# What lies in gitops/doubles has the cases.
SUMMARIES = """
import json
from sagemaker_gitops.github.summary import NODES
from doubles.endings import CASES
from doubles.summaries import told
from doubles.repository import HOSTILE, job, needs, step, story

STEPS = [name for _, steps in NODES.values() for name in steps]
shown = [(case.id, told(case.values[0])) for case in CASES]
for value in HOSTILE:
    error = story("promote", *(step(name, value, value) for name in STEPS), code="E401")
    shown.append((value, told(needs(**{value: job("failure", error)}), name=value)))
print(json.dumps(shown))
"""


@pytest.fixture(scope="module")
def pictures():
    """Return the picture of each case's summary, as Mermaid reads it."""
    command = [sys.executable, "-c", SUMMARIES]
    environment = os.environ | {"PYTHONPATH": str(INNER)}  # doubles read the template's own settings
    done = subprocess.run(
        command, cwd=ROOT / "gitops", env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    texts = [
        re.findall(r"^```mermaid\n(.*?)\n```$", summary, re.DOTALL | re.MULTILINE) for _, summary in told
    ]
    assert [len(found) for found in texts] == [1] * len(told)
    return dict(zip((case for case, _ in told), mermaid.parsed([text for [text] in texts]), strict=True))


WAY = ["data", "train", "evaluate", "gate", "registered", "staging", "production"]
COLOURS = {"done", "reused", "waiting", "red", "unreached"}
# Mermaid keeps `#35;` as such a mark until it draws; what others wrote is letters, blanks and these.
LABEL = re.compile(r"\w+(<br>([\w ]|ﬂ°°\d+¶ß)+)+")


def test_every_picture_is_a_way_of_seven_steps(pictures):
    assert len(pictures) > 40
    for case, told in pictures.items():
        assert told.get("type") == "flowchart-v2", (case, told)
        assert [node["id"] for node in told["nodes"]] == WAY, case
        assert told["edges"] == [list(pair) for pair in itertools.pairwise(WAY)], case


def test_each_step_has_one_colour_and_a_label_of_plain_text(pictures):
    for node in (node for told in pictures.values() for node in told["nodes"]):
        [colour] = node["classes"]
        assert colour in COLOURS
        assert LABEL.fullmatch(node["text"]), node


def test_every_picture_in_a_document_is_read():
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md"), *INNER.glob("*.md")]
    drawn = [
        (page, text)
        for page in pages
        for text in re.findall(r"(?ms)^```mermaid\n(.*?)^```", page.read_text())
    ]
    assert {page.name for page, _ in drawn} == {"README.md", "release-explained.md"}
    found = mermaid.parsed([text for _, text in drawn])
    assert [(page.name, told) for (page, _), told in zip(drawn, found, strict=True) if "error" in told] == []


def test_the_parser_sees_what_text_without_care_does():
    made, broken = mermaid.parsed(['flowchart LR\n  data["a"] --> evil["b"]', "flowchart LR\n  data[a[b]"])
    assert [node["id"] for node in made["nodes"]] == ["data", "evil"]
    assert "Parse error" in broken["error"]
