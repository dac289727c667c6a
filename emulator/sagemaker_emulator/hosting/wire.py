"""Where hosting reaches into moto: an answer that is not JSON."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult


class ContainerAnswer(ActionResult):
    """What a container said, as InvokeEndpoint passes it on: the bytes, under the container's type."""

    def __init__(self, body: bytes, content_type: str | None, headers: dict[str, str | None]) -> None:
        super().__init__(None)
        self._body = body
        given = {"Content-Type": content_type or "application/octet-stream", **headers}
        self._headers = {name: value for name, value in given.items() if value is not None}

    def execute_result(self, context: Any) -> Any:
        """Return status, headers and body; moto sends them."""
        return 200, dict(self._headers), self._body
