"""Every place where the emulator reaches into moto, and the one way to add to it.

How to add or replace an operation, whether moto has it or not (SageMaker unless `service` says otherwise):

    from sagemaker_emulator import seams

    @seams.operation("StopTrainingJob")
    def stop_training_job(call: seams.Call) -> dict | None:   # what boto3 returns, as a dict
        job = ...call.params["TrainingJobName"]...            # parsed and checked against botocore's model
        raise seams.AwsError("ResourceNotFound", "...")       # in AWS's words; becomes a ClientError
        return seams.original(call)                           # or: let moto answer, when it can

How to wrap a method of moto's SageMakerModelBackend (called by moto's own code too):

    @seams.backend_method("create_model")
    def create_model(original, backend, *args, **kwargs): ...; return original(backend, *args, **kwargs)

How to wrap any other function or method of moto: @seams.wrap("moto.s3.models", "FakeBucket.get_permission").

`call.backend` is moto's SageMakerModelBackend of the caller's account and region. A module registers by being
imported; `installing.MODULES` names those.  `endings.at_shutdown(function)` runs
`function()` when the emulator stops, newest first: end your processes and threads there. `itself.home()` is
the state folder (images/, jobs/, ...; make your own subfolder). `itself.client("sagemaker", region)` is a
boto3 client of the emulator itself, as whom the thread is `acting`. `itself.url()` is its address. All of it
is moto's internals, hence moto is pinned and tests/test_server.py names each seam.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse
from moto.sagemaker.models import SageMakerModelBackend, sagemaker_backends

log = logging.getLogger(__name__)


class AwsError(ServiceException):
    """An error as AWS words it: AwsError("ResourceNotFound", "Could not ..."); extra members by keyword."""

    def __init__(self, code: str, message: str, **members: Any) -> None:
        super().__init__(code, message)
        for name, value in members.items():
            setattr(self, name, value)


@dataclass(frozen=True)
class Call:
    """One request, parsed: what the caller asked for, as whom, and moto's backend for it."""

    operation: str
    params: dict[str, Any]
    account: str
    region: str
    headers: Any
    service: str
    _response: BaseResponse = field(repr=False)

    @property
    def backend(self) -> SageMakerModelBackend:
        """Return moto's SageMaker state of this account and region."""
        return sagemaker_backends[self.account][self.region]

    def arn(self, resource: str, service: str = "sagemaker") -> str:
        """Return `arn:aws:sagemaker:region:account:resource` in the partition of the region."""
        return f"arn:{self._response.partition}:{service}:{self.region}:{self.account}:{resource}"


Handler = Callable[[Call], "dict[str, Any] | ActionResult | None"]
Check = Callable[[Call], None]

OPERATIONS: dict[tuple[str, str], Handler] = {}
WRAPS: dict[tuple[str, str], Callable[..., Any]] = {}
ORIGINALS: dict[tuple[str, str], Callable[..., Any]] = {}
CHECKS: list[Check] = []


def operation(name: str, service: str = "sagemaker") -> Callable[[Handler], Handler]:
    """Register `handler` to answer the operation `name` (AWS's name) of a service."""

    def register(handler: Handler) -> Handler:
        OPERATIONS[service, name] = handler
        return handler

    return register


def backend_method(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a wrapper around a method of moto's SageMakerModelBackend; it gets the original first."""

    def register(wrapper: Callable[..., Any]) -> Callable[..., Any]:
        return wrap("moto.sagemaker.models", f"SageMakerModelBackend.{name}")(wrapper)

    return register


def wrap(module: str, path: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a wrapper around a function or a `Class.method` of a module; it gets the original first."""

    def register(wrapper: Callable[..., Any]) -> Callable[..., Any]:
        WRAPS[module, path] = wrapper
        return wrapper

    return register


def places() -> list[str]:
    """Return the name of each place in moto that is replaced or wrapped, for the test that watches them."""
    operations = [f"{service}:{name}" for service, name in OPERATIONS]
    return sorted([*operations, *(f"{module}:{path}" for module, path in WRAPS)])


def before_each(check: Check) -> Check:
    """Run `check` before every operation registered here; it raises AwsError to refuse."""
    CHECKS.append(check)
    return check


def original(call: Call) -> Any:
    """Let moto answer the call itself.

    Raises:
        NotImplementedError: moto has no such operation.
    """
    service = call._response.service_name or ""
    method = ORIGINALS.get((service, call.operation))
    if method is None:
        raise NotImplementedError(call.operation)
    return method(call._response)
