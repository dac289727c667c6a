"""InvokeEndpoint: one request to one instance, its answer, and what CloudWatch hears of it."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass

from sagemaker_emulator import seams
from sagemaker_emulator.hosting import metrics
from sagemaker_emulator.hosting.endpoint import Endpoint
from sagemaker_emulator.hosting.fleet import Fleet, NoInstance, NoVariant, Variant
from sagemaker_emulator.hosting.instance import Instance, Where
from sagemaker_emulator.hosting.wire import ContainerAnswer
from sagemaker_emulator.seams import AwsError, Call

MAX_BODY_BYTES = 25 * 1024 * 1024  # AWS: real-time inference takes payloads of up to 25 MB
TIMEOUT_SECONDS = 60.0  # AWS: containers must answer within 60 seconds
CUSTOM_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
SESSION_HEADERS = ("X-Amzn-SageMaker-New-Session-Id", "X-Amzn-SageMaker-Closed-Session-Id")
# Members of the request that reach the container, under the header that carries each. AWS strips the rest.
FORWARDED = {
    "ContentType": "Content-Type",
    "Accept": "Accept",
    "CustomAttributes": CUSTOM_ATTRIBUTES,
    "TargetModel": "X-Amzn-SageMaker-Target-Model",
    "InferenceId": "X-Amzn-SageMaker-Inference-Id",
    "SessionId": "X-Amzn-SageMaker-Session-Id",
}
TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container primary. Review the latency "
    "metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
)


@dataclass(frozen=True)
class Answer:
    """What came back from a container; status 0 when nothing did in time."""

    status: int
    headers: Mapping[str, str] | http.client.HTTPMessage
    body: bytes


@seams.operation("InvokeEndpoint", service="sagemaker-runtime")
def invoke_endpoint(call: Call) -> ContainerAnswer:
    """Send the body to an instance of the endpoint and return its answer."""
    endpoint = _endpoint(call)
    body = _body(call)
    began = time.perf_counter()
    fleet, variant, instance = _acquire(call, endpoint)
    try:
        asked = time.perf_counter()
        answer = _ask(instance, body, _headers(call))
        model_seconds = time.perf_counter() - asked
    finally:
        fleet.release(instance)
    overhead_seconds = time.perf_counter() - began - model_seconds
    where = metrics.Where(endpoint.endpoint_name, fleet.config_name, variant.name)
    metrics.record(call.region, where, answer.status, model_seconds, overhead_seconds)
    if not 200 <= answer.status < 300:
        raise _model_error(call, endpoint, answer)
    session = {name: answer.headers.get(name) for name in SESSION_HEADERS}
    return ContainerAnswer(
        answer.body,
        answer.headers.get("Content-Type"),
        {
            "x-Amzn-Invoked-Production-Variant": variant.name,
            CUSTOM_ATTRIBUTES: answer.headers.get(CUSTOM_ATTRIBUTES),
            **session,
        },
    )


@seams.operation("InvokeEndpointAsync", service="sagemaker-runtime")
def invoke_endpoint_async(call: Call) -> None:
    """Refuse: moto would answer with words of its own, for endpoints that do not exist too."""
    raise AwsError(
        "ValidationError", "sagemaker-emulator does not offer InvokeEndpointAsync (see COVERAGE.md)"
    )


def _endpoint(call: Call) -> Endpoint:
    """Return the endpoint, which must have something to serve with. Raises AwsError."""
    name = call.params["EndpointName"]
    found = call.backend.endpoints.get(name)
    if found is None or found.fleet is None or found.status == "Deleting":
        raise AwsError("ValidationError", f"Endpoint {name} of account {call.account} not found.")
    return found


def _body(call: Call) -> bytes:
    body = call.params.get("Body", b"")
    body = body.encode() if isinstance(body, str) else body
    if len(body) > MAX_BODY_BYTES:
        raise AwsError(
            "ValidationError",
            "1 validation error detected: Value at 'body' failed to satisfy constraint: "
            f"Member must have length less than or equal to {MAX_BODY_BYTES}",
        )
    return body


def _headers(call: Call) -> dict[str, str]:
    return {header: call.params[member] for member, header in FORWARDED.items() if call.params.get(member)}


def _acquire(call: Call, endpoint: Endpoint) -> tuple[Fleet, Variant, Instance]:
    """Choose an instance; a fleet that was replaced in this very moment is not an error. Raises AwsError."""
    target = call.params.get("TargetVariant")
    while True:
        fleet = endpoint.fleet
        assert fleet is not None
        try:
            return fleet, *fleet.acquire(target)
        except NoVariant:
            raise AwsError(
                "ValidationError", f"Variant {target} does not exist for endpoint {endpoint.endpoint_name}."
            ) from None
        except NoInstance as error:
            if endpoint.fleet is fleet:
                where = metrics.Where(endpoint.endpoint_name, fleet.config_name, str(error))
                metrics.record(call.region, where, 503, None, 0.0)
                raise AwsError(
                    "ServiceUnavailable", f"No instance of variant {error} passes its health check just now."
                ) from None


def _ask(instance: Instance, body: bytes, headers: dict[str, str]) -> Answer:
    """Send one request to a container; the failures of a connection become an answer of their own."""
    connection = instance.connect(TIMEOUT_SECONDS)
    reused = connection.sock is not None
    try:
        return _exchange(instance, connection, body, headers)
    except TimeoutError:
        connection.close()
        return Answer(0, {}, TIMED_OUT.encode())
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        if reused and isinstance(
            error, (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError)
        ):
            return _ask(instance, body, headers)  # it was closed while idle: the container saw no request
        return Answer(500, {}, b"The container closed the connection without an answer.")


def _exchange(
    instance: Instance, connection: http.client.HTTPConnection, body: bytes, headers: dict[str, str]
) -> Answer:
    connection.request("POST", "/invocations", body=body, headers=headers)
    response = connection.getresponse()
    answer = Answer(response.status, response.headers, response.read())
    if response.will_close:
        connection.close()
    else:
        instance.keep(connection)
    return answer


def _model_error(call: Call, endpoint: Endpoint, answer: Answer) -> AwsError:
    """Return AWS's ModelError, with what the container said in it."""
    text = answer.body.decode("utf-8", "replace")
    group = Where(call.account, call.region, endpoint.endpoint_name).log_group
    side = "client" if 400 <= answer.status < 500 else "server"
    console = f"https://{call.region}.console.aws.amazon.com/cloudwatch/home?region={call.region}"
    message = (
        f'Received {side} error ({answer.status}) from primary with message "{text}". '
        f"See {console}#logEventViewer:group={group} in account {call.account} for more information."
    )
    return AwsError(
        "ModelError",
        message,
        OriginalStatusCode=answer.status,
        OriginalMessage=text,
        LogStreamArn=call.arn(f"log-group:{group}", "logs"),
    )
