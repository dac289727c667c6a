"""The project that the tests work on: whichever `pipelines` is imported."""

from __future__ import annotations

from pathlib import Path

import pipelines

ROOT = Path(pipelines.__file__).parents[1]
