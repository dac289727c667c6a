"""Where hosting reaches into moto: an answer that is not JSON, and metrics told apart by dimensions."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult

from sagemaker_emulator import seams


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


@seams.wrap("moto.cloudwatch.models", "MetricDatumBase.filter")
def wanted(
    original: Any, datum: Any, namespace: Any, name: Any, dimensions: Any, *rest: Any, **named: Any
) -> bool:
    """Make GetMetricStatistics want all dimensions, as CloudWatch does: to moto, two of three are enough.

    Without it a metric that is published with and without the config's name counts twice.
    """
    statistics = namespace is None and name is None  # only GetMetricStatistics asks like this
    if statistics and dimensions and len(dimensions) != len(datum.dimensions):
        return False
    return original(datum, namespace, name, dimensions, *rest, **named)
