"""Mermaid itself reads the job summary's picture as what is meant, whatever others wrote into it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import mermaid
import pytest
from conftest import INNER

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("npm"), reason="Mermaid needs Node and npm"),
]
# Where the inner project lies: its tests have the cases.
SUMMARIES = """
import json
from pipelines.github.summary import NODES
from tests.pipelines.github.test_summary import CASES, HOSTILE, job, needs, step, story, told

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
    done = subprocess.run(command, cwd=INNER, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    texts = [re.findall(r"^```mermaid\n(.*?)\n```$", summary, re.DOTALL | re.MULTILINE) for _, summary in told]
    assert [len(found) for found in texts] == [1] * len(told)
    return dict(zip((case for case, _ in told), mermaid.parsed([text for [text] in texts]), strict=True))


WAY = ["data", "train", "evaluate", "gate", "registered", "staging", "production"]


def test_every_picture_is_read(pictures):
    assert len(pictures) > 40
    assert {case: told["error"] for case, told in pictures.items() if "error" in told} == {}
    print(json.dumps(pictures, indent=1))
