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
imported; `MODULES` below names the ones that `install()` imports. `endings.at_shutdown(function)` runs
`function()` when the emulator stops, newest first: end your processes and threads there. `seams.home()` is
the state folder (images/, jobs/, ...; make your own subfolder). `seams.client("sagemaker", region)` is a
boto3 client of the emulator itself, as whom the thread is `acting`. `seams.url()` is its address. All of it
is moto's internals, hence moto is pinned and tests/test_server.py names each seam.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import logging
import os
import secrets
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moto.backends import get_backend
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import camelcase_to_underscores
from moto.sagemaker.models import SageMakerModelBackend, sagemaker_backends
from moto.sagemaker.responses import SageMakerResponse

log = logging.getLogger(__name__)

ACCOUNT = "123456789012"
# In the user agent of our own clients: what they ask is neither recorded nor hit by faults.
INTERNAL = f"emulator-internal/{secrets.token_hex(8)}"
VIA = "emulator-via/"
MOST_CLIENTS = 256
MODULES = (
    "sagemaker_emulator.constraints",
    "sagemaker_emulator.tags",
    "sagemaker_emulator.jobs",
    "sagemaker_emulator.registry",
    "sagemaker_emulator.refused",
    "sagemaker_emulator.iam",
    "sagemaker_emulator.bucket_policy",
    "sagemaker_emulator.images.ecr",
    "sagemaker_emulator.executor",
    "sagemaker_emulator.hosting",
    "sagemaker_emulator.monitoring",
)
# Loaded with the first request to a service: moto's CloudFormation imports most of moto, which takes a
# second.
LATER = {
    "cloudformation": ("sagemaker_emulator.stacks",),
    "events": ("sagemaker_emulator.monitoring.rules",),
    "kms": ("sagemaker_emulator.keys",),
    "servicequotas": ("sagemaker_emulator.quotas",),
    "sts": ("sagemaker_emulator.access.trust",),
}


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

_operations: dict[tuple[str, str], Handler] = {}
_wraps: dict[tuple[str, str], Callable[..., Any]] = {}
_originals: dict[tuple[str, str], Callable[..., Any]] = {}
_checks: list[Check] = []
_where: dict[str, str] = {}
_client_lock = threading.Lock()
_thread = threading.local()
_installed: set[tuple[str, str]] = set()
_started = False


def operation(name: str, service: str = "sagemaker") -> Callable[[Handler], Handler]:
    """Register `handler` to answer the operation `name` (AWS's name) of a service."""

    def register(handler: Handler) -> Handler:
        _operations[service, name] = handler
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
        _wraps[module, path] = wrapper
        return wrapper

    return register


def places() -> list[str]:
    """Return the name of each place in moto that is replaced or wrapped, for the test that watches them."""
    operations = [f"{service}:{name}" for service, name in _operations]
    return sorted([*operations, *(f"{module}:{path}" for module, path in _wraps)])


def before_each(check: Check) -> Check:
    """Run `check` before every operation registered here; it raises AwsError to refuse."""
    _checks.append(check)
    return check


def original(call: Call) -> Any:
    """Let moto answer the call itself."""
    service = call._response.service_name or ""
    method = _originals.get((service, call.operation))
    if method is None:
        raise NotImplementedError(call.operation)
    return method(call._response)


def home() -> Path:
    """Return the state folder of this emulator, made if need be."""
    folder = Path(os.environ.get("SAGEMAKER_EMULATOR_HOME", ".emulator")).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def set_url(url: str) -> None:
    """Remember where the server listens; called once by the server."""
    _where["url"] = url


def url() -> str:
    """Return the emulator's address, such as http://127.0.0.1:5566."""
    return _where["url"]


def backend(service: str, account: str, region: str) -> Any:
    """Return moto's own state of a service, for what is too frequent for the wire (log lines, metrics)."""
    return get_backend(service)[account][region]  # type: ignore[call-overload]


@dataclass(frozen=True)
class Identity:
    """The keys that our own calls are signed with, and the service on whose behalf they are made."""

    key: str
    secret: str = "test"  # noqa: S105 (what everybody knows)
    token: str | None = None
    via: str | None = None


def root(account: str) -> Identity:
    """Return the root user of an account."""
    return Identity("test" if account == ACCOUNT else account)


@contextlib.contextmanager
def acting(whom: Identity) -> Iterator[None]:
    """Make this thread's own calls, and the processes it starts, those of somebody."""
    before = identity()
    _thread.identity = whom
    try:
        yield
    finally:
        _thread.identity = before


def identity() -> Identity:
    """Return whom this thread acts as."""
    return getattr(_thread, "identity", None) or root(ACCOUNT)


def credentials() -> dict[str, str]:
    """Return the credentials of whom this thread acts as; jobs, containers and our own clients use them."""
    found = identity()
    token = {"AWS_SESSION_TOKEN": found.token} if found.token else {}
    return {"AWS_ACCESS_KEY_ID": found.key, "AWS_SECRET_ACCESS_KEY": found.secret, **token}


def client(service: str, region: str = "us-east-1") -> Any:
    """Return a client of the emulator itself (over its wire, so every rule applies); one per identity."""
    return _client(service, region, identity(), url())


@functools.lru_cache(maxsize=MOST_CLIENTS)
def _client(service: str, region: str, identity: Identity, address: str) -> Any:
    with _client_lock:  # making one is not thread-safe, using it is
        return _new_client(service, region, identity, address)


def _new_client(service: str, region: str, identity: Identity, address: str) -> Any:
    import boto3
    from botocore.config import Config

    # Path style: the host is an address, not a domain. No retries: an error here is ours to see at once.
    config = Config(
        retries={"total_max_attempts": 1},
        s3={"addressing_style": "path"},
        max_pool_connections=50,
        user_agent_extra=f"{INTERNAL} {VIA}{identity.via}" if identity.via else INTERNAL,
    )
    session = boto3.session.Session(identity.key, identity.secret, identity.token, region_name=region)
    return session.client(service, endpoint_url=address, config=config)


def via(user_agent: str) -> str | None:
    """Return the service on whose behalf one of our own calls is made; nobody else can say that."""
    if INTERNAL not in user_agent or VIA not in user_agent:
        return None
    return user_agent.partition(VIA)[2].split()[0]


def load_all() -> None:
    """Import every module that registers something, those that wait for their service included."""
    for module in (*MODULES, *(module for modules in LATER.values() for module in modules)):
        importlib.import_module(module)


def prepare(service: str) -> None:
    """Install what waits for the first request to a service."""
    for module in LATER.get(service, ()):
        importlib.import_module(module)
    _install_new()


def install() -> None:
    """Import the modules that register and put everything into moto; a second call does nothing."""
    global _started
    if _started:
        return
    # Moto warns of error codes that a service's model does not list; AWS answers with such codes all the
    # time.
    warnings.filterwarnings("ignore", message=".*does not match an error shape.*")
    for module in MODULES:
        importlib.import_module(module)
    _install_new()
    BaseResponse.call_action = _answer_or_say_why(BaseResponse.call_action)
    _started = True


def _install_new() -> None:
    for key in [key for key in _operations if key not in _installed]:
        _install_operation(*key, _operations[key])
        _installed.add(key)
    for key in [key for key in _wraps if key not in _installed]:
        _install_wrap(*key, _wraps[key])
        _installed.add(key)


def _response_class(service: str) -> type[BaseResponse]:
    if service == "sagemaker":
        return SageMakerResponse
    module = importlib.import_module(f"moto.{service.replace('-', '')}.responses")
    classes = [c for c in vars(module).values() if isinstance(c, type) and issubclass(c, BaseResponse)]
    own = [c for c in classes if c.__module__ == module.__name__]
    return own[0]


def _install_operation(service: str, name: str, handler: Handler) -> None:
    target = _response_class(service)
    target.use_raw_body = target.use_raw_body or service == "sagemaker-runtime"  # bodies there are bytes
    method_name = camelcase_to_underscores(name)
    if hasattr(target, method_name):
        _originals[target().service_name or service, name] = getattr(target, method_name)

    def answer(self: BaseResponse) -> ActionResult:
        if not self.automated_parameter_parsing:
            self.parse_parameters(self.normalized_request)
        params = {**(self.uri_match or {}), **self.params}
        call = Call(name, params, self.current_account, self.region, self.headers, service, self)
        for check in _checks:
            check(call)
        result = handler(call)
        return result if isinstance(result, ActionResult) else ActionResult(result)

    answer.__name__ = method_name
    setattr(target, method_name, answer)


def _install_wrap(module: str, path: str, wrapper: Callable[..., Any]) -> None:
    *holders, name = path.split(".")
    owner: Any = importlib.import_module(module)
    for holder in holders:
        owner = getattr(owner, holder)
    static = inspect.getattr_static(owner, name)
    inner = static.__func__ if isinstance(static, classmethod | staticmethod) else static

    @functools.wraps(inner)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return wrapper(inner, *args, **kwargs)

    vars(wrapped).pop("__isabstractmethod__", None)  # moto leaves out what is abstract: it no longer is
    setattr(owner, name, type(static)(wrapped) if isinstance(static, classmethod | staticmethod) else wrapped)


def _answer_or_say_why(call_action: Callable[[BaseResponse], Any]) -> Callable[[BaseResponse], Any]:
    """Turn what moto lacks, or breaks on, into one AWS-shaped error; HTML and retries help nobody."""

    def answer(self: BaseResponse) -> Any:
        try:
            return call_action(self)
        except NotImplementedError:
            name = self._get_action()
            text = f"sagemaker-emulator does not implement {self.service_name}:{name} (see COVERAGE.md)"
            # 501 is not among the codes that botocore retries.
            return _error(self, 501, "NotImplemented", text)
        except Exception as error:
            log.exception(
                "event=internal_failure service=%s action=%s", self.service_name, self._get_action()
            )
            action = f"{self.service_name}:{self._get_action()}"
            text = f"sagemaker-emulator broke on {action}: {type(error).__name__}"
            return _error(self, 500, "InternalFailure", text)

    return answer


def _error(response: BaseResponse, status: int, code: str, message: str) -> Any:
    _, headers, body = response.serialized(ActionResult(AwsError(code, message)))
    headers["status"] = str(status)
    return status, headers, body
