"""Put what the emulator's modules have registered in `seams` into moto's classes and functions."""

from __future__ import annotations

import functools
import importlib
import inspect
import logging
import warnings
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import camelcase_to_underscores
from moto.sagemaker.responses import SageMakerResponse

from sagemaker_emulator.seams import CHECKS, OPERATIONS, ORIGINALS, WRAPS, AwsError, Call, Handler

log = logging.getLogger(__name__)

MODULES = (
    "sagemaker_emulator.constraints",
    "sagemaker_emulator.tags",
    "sagemaker_emulator.jobs",
    "sagemaker_emulator.registry",
    "sagemaker_emulator.refused",
    "sagemaker_emulator.iam",
    "sagemaker_emulator.bucket_policy",
    "sagemaker_emulator.conditional",
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
_installed: set[tuple[str, str]] = set()
_started = False


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
    for key in [key for key in OPERATIONS if key not in _installed]:
        _install_operation(*key, OPERATIONS[key])
        _installed.add(key)
    for key in [key for key in WRAPS if key not in _installed]:
        _install_wrap(*key, WRAPS[key])
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
        ORIGINALS[target().service_name or service, name] = getattr(target, method_name)

    def answer(self: BaseResponse) -> ActionResult:
        if not self.automated_parameter_parsing:
            self.parse_parameters(self.normalized_request)
        params = {**(self.uri_match or {}), **self.params}
        call = Call(name, params, self.current_account, self.region, self.headers, service, self)
        for check in CHECKS:
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
