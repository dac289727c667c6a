"""The generated project's own reading of its templates."""

from __future__ import annotations

from act import world  # noqa: F401 - makes the generated project importable
from tests.infra import kinds, reading

__all__ = ["kinds", "reading"]
