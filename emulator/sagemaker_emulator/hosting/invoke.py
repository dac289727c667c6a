"""InvokeEndpoint: one request to one instance, its answer, and what CloudWatch hears of it."""

from __future__ import annotations

import functools
import time

from sagemaker_emulator import seams
from sagemaker_emulator.hosting import capture, metrics
from sagemaker_emulator.hosting.ask import Answer, ask
from sagemaker_emulator.hosting.endpoint import Endpoint
from sagemaker_emulator.hosting.fleet import Fleet, NoInstance, NoVariant, Variant
from sagemaker_emulator.hosting.instance import Instance, Where
from sagemaker_emulator.hosting.shadow import ShadowedFleet
from sagemaker_emulator.hosting.wire import ContainerAnswer
from sagemaker_emulator.seams import AwsError, Call

MAX_BODY_BYTES = 25 * 1024 * 1024  # AWS: real-time inference takes payloads of up to 25 MB
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


@seams.operation("InvokeEndpoint", service="sagemaker-runtime")
def invoke_endpoint(call: Call) -> ContainerAnswer:
    """Send the body to an instance of the endpoint and return its answer."""
    endpoint = _endpoint(call)
    body = _body(call)
    headers = _headers(call)
    began = time.perf_counter()
    fleet, variant, instance = _acquire(call, endpoint)
    try:
        answer = ask(instance, body, headers)
    finally:
        fleet.release(instance)
    _note(call, fleet, variant, answer, time.perf_counter() - began - answer.seconds)
    if isinstance(fleet, ShadowedFleet):
        fleet.copy(body, headers, functools.partial(_note, call, fleet))
    if not answer.good:
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
    """Refuse: moto would answer with words of its own, for endpoints that do not exist too.

    Raises:
        AwsError: always.
    """
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
    """Choose an instance of the fleets that serve. Raises AwsError."""
    target = call.params.get("TargetVariant")
    try:
        return endpoint.acquire(target)
    except NoVariant:
        raise AwsError(
            "ValidationError", f"Variant {target} does not exist for endpoint {endpoint.endpoint_name}."
        ) from None
    except NoInstance as error:
        where = metrics.Where(endpoint.endpoint_name, error.config_name, str(error))
        metrics.record(call.region, where, 503, None, 0.0, call.account)
        raise AwsError(
            "ServiceUnavailable", f"No instance of variant {error} passes its health check just now."
        ) from None


def _note(call: Call, fleet: Fleet, variant: Variant, answer: Answer, overhead_seconds: float = 0.0) -> None:
    """Count one invocation of a variant, and capture it where the config says so."""
    where = metrics.Where(call.params["EndpointName"], fleet.config_name, variant.name)
    metrics.record(call.region, where, answer.status, answer.seconds or None, overhead_seconds, call.account)
    if fleet.capture is None or not answer.good:
        return
    exchange = capture.Exchange(
        call.region,
        where.endpoint,
        where.variant,
        capture.Payload(_body(call), call.params.get("ContentType")),
        capture.Payload(answer.body, answer.headers.get("Content-Type")),
        call.params.get("InferenceId"),
        call.params.get("CustomAttributes"),
        variant.container.definition.get("ExecutionRoleArn"),
        call.account,
    )
    capture.record(fleet.capture, exchange)


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
