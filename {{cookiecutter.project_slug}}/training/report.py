"""model_report.html."""

from __future__ import annotations

from typing import Any


def render(evaluation: dict[str, Any], *_: Any) -> str:
    return "<pre>" + str(evaluation["verdict"]) + "</pre>"
