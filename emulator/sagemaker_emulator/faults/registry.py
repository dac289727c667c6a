"""The faults that were asked for: checked when they arrive, used up one by one."""

from __future__ import annotations

import difflib
import itertools
import threading
from dataclasses import dataclass, field
from typing import Any

from botocore.loaders import Loader
from moto.core.utils import get_service_model

from sagemaker_emulator import endings
from sagemaker_emulator.faults.identify import know

WIRE = ("throttle", "error", "refuse", "drop-before", "drop-after", "hang")
ENDPOINT = ("silent-rollback", "stuck-update", "rollback-failed", "system-updating", "kill-instance")
EVERY = "*"
MEMBERS = {
    **dict.fromkeys(WIRE, ("kind", "service", "operation", "times", "after")),
    "hang": ("kind", "service", "operation", "times", "after", "seconds"),
    "refuse": ("kind", "service", "operation", "times", "after", "code", "message"),
    **dict.fromkeys(ENDPOINT, ("kind", "endpoint", "times")),
}
MOST = 1_000_000  # a fault for good: more calls than any test makes
HANG_SECONDS = 5.0
LONGEST_HANG_SECONDS = 3600.0


class BadFault(Exception):
    """The fault cannot be: which member is wrong, and what is wanted there."""

    def __init__(self, member: str, value: Any, wanted: str) -> None:
        super().__init__(f"{member} is {value!r}; expected {wanted}")
        self.member = member


@dataclass
class Fault:
    """One fault that was asked for. Times and after count calls that it matches."""

    id: str
    kind: str
    service: str = ""
    operation: str = ""
    endpoint: str = ""
    times: int = 1
    after: int = 0  # so many matching calls pass first
    seconds: float = HANG_SECONDS
    code: str = ""
    message: str = ""
    hits: int = 0
    seen: int = 0
    cleared: threading.Event = field(default_factory=threading.Event, repr=False)

    def described(self) -> dict[str, Any]:
        """Return it as GET lists it."""
        members = {name: getattr(self, name) for name in MEMBERS[self.kind]}
        return {"id": self.id, **members, "hits": self.hits}


_lock = threading.Lock()
_faults: dict[str, Fault] = {}
_numbers = itertools.count(1)


def add(request: Any) -> Fault:
    """Keep a fault. Raises BadFault."""
    members = _checked(request)
    if "service" in members:
        know(members["service"])
    with _lock:
        fault = Fault(f"fault-{next(_numbers)}", **members)
        _faults[fault.id] = fault
    return fault


def take(service: str, operation: str) -> Fault | None:
    """Return the fault that this call meets, the oldest whose turn it is, and count it as used once."""
    if not _faults:
        return None
    chosen = None
    with _lock:
        for fault in _faults.values():
            if fault.service != service or fault.operation not in (EVERY, operation):
                continue
            fault.seen += 1
            if chosen is None and fault.hits < fault.times and fault.seen > fault.after:
                fault.hits += 1
                chosen = fault
    return chosen


def wanted(scope: str, name: str, kind: str) -> bool:
    """Return whether `kind` is to happen to `name` now, and count it as used; scope: "endpoint"."""
    if not _faults:
        return False
    with _lock:
        for fault in _faults.values():
            if fault.kind == kind and getattr(fault, scope) in (EVERY, name) and fault.hits < fault.times:
                fault.hits += 1
                return True
    return False


def listed() -> list[dict[str, Any]]:
    """Return every fault, used up or not, oldest first."""
    with _lock:
        return [fault.described() for fault in _faults.values()]


@endings.at_shutdown
def clear() -> None:
    """Forget every fault; calls that hang end now."""
    for name in list(_faults):
        remove(name)


def remove(name: str) -> bool:
    """Forget one fault; return whether there was one."""
    with _lock:
        fault = _faults.pop(name, None)
    if fault is not None:
        fault.cleared.set()
    return fault is not None


def _checked(request: Any) -> dict[str, Any]:
    if not isinstance(request, dict):
        raise BadFault("the body", request, "a JSON object")
    kind = request.get("kind")
    if kind not in MEMBERS:
        raise BadFault("kind", kind, f"one of {', '.join(MEMBERS)}")
    for name in request.keys() - set(MEMBERS[kind]):
        raise BadFault(name, request[name], f"no such member; {kind} has {', '.join(MEMBERS[kind])}")
    members = dict(request)
    if kind in ENDPOINT:
        _check_text("endpoint", request.get("endpoint"), "the name of an endpoint, or *")
    else:
        members["operation"] = request.get("operation", EVERY)
        _check_operation(request.get("service"), members["operation"])
    if kind == "refuse":
        _check_text("code", request.get("code"), "an error code, such as ResourceLimitExceeded")
        _check_text("message", request.get("message"), "what is said with it")
    _check_number("times", members.get("times", 1), 1, MOST, whole=True)
    _check_number("after", members.get("after", 0), 0, MOST, whole=True)
    _check_number("seconds", members.get("seconds", HANG_SECONDS), 0, LONGEST_HANG_SECONDS, whole=False)
    return members


def _check_operation(service: Any, operation: Any) -> None:
    _check_text("service", service, "botocore's name of a service, such as sagemaker-runtime")
    services = Loader().list_available_services("service-2")
    if service not in services:
        raise BadFault("service", service, f"botocore's name of a service{_near(service, services)}")
    _check_text("operation", operation, "an operation, such as UpdateEndpoint, or * for every one")
    operations = get_service_model(service).operation_names
    if operation != EVERY and operation not in operations:
        raise BadFault(
            "operation", operation, f"an operation of {service}, or *{_near(operation, operations)}"
        )


def _near(word: str, words: list[str]) -> str:
    near = difflib.get_close_matches(word, words, n=1)
    return f" ({near[0]}?)" if near else ""


def _check_text(member: str, value: Any, wanted: str) -> None:
    if not isinstance(value, str) or not value:
        raise BadFault(member, value, wanted)


def _check_number(member: str, value: Any, least: int, most: float, whole: bool) -> None:
    right = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not right or not least <= value <= most:
        raise BadFault(member, value, f"{'a whole' if whole else 'a'} number from {least} to {most:g}")
