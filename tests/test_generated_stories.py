"""The project that the default answers give passes its own stories: the rest of its `make test`.

In two processes, each with worlds of its own: much of a story is waiting.
"""

from __future__ import annotations

import pytest
from test_generated_project import WITH_EMULATOR, make

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


def test_a_fresh_bake_passes_its_own_stories(fresh_bake):
    make(fresh_bake, "test", *WITH_EMULATOR, "-n 2", "--dist loadfile")
