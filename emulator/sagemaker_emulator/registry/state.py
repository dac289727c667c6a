"""What the registry knows, per account and region, behind one lock."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, ClassVar

from sagemaker_emulator import seams


@dataclass
class Group:
    """One group; `last_version` only grows, so that a deleted version's number is never given again."""

    record: dict[str, Any]
    last_version: int = 0
    policy: str | None = None


@dataclass
class State:
    """Groups by name, packages by ARN, which token made which package. Use it as a context: it locks."""

    groups: dict[str, Group] = field(default_factory=dict)
    packages: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    _lock: ClassVar[threading.RLock] = threading.RLock()
    _all: ClassVar[dict[tuple[str, str], State]] = {}

    @classmethod
    def of(cls, call: seams.Call) -> State:
        """Return the caller's registry."""
        with cls._lock:
            return cls._all.setdefault((call.account, call.region), cls())

    @classmethod
    def known(cls, account: str, region: str) -> State | None:
        """Return the registry of an account and region, None where nobody has made anything yet."""
        with cls._lock:
            return cls._all.get((account, region))

    def __enter__(self) -> State:
        self._lock.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def group(self, call: seams.Call) -> Group:
        """Return the group that the request names, by name or ARN. Raises AwsError."""
        name = call.params["ModelPackageGroupName"].rsplit("/", 1)[-1]
        if name not in self.groups:
            arn = call.arn(f"model-package-group/{name}")
            raise seams.AwsError("ValidationException", f"ModelPackageGroup {arn} does not exist.")
        return self.groups[name]

    def package(self, call: seams.Call, named: str) -> dict[str, Any]:
        """Return the package of that ARN, or that name when it has no versions. Raises AwsError."""
        arn = named if named.startswith("arn:") else call.arn(f"model-package/{named.lower()}")
        if arn not in self.packages:
            raise seams.AwsError("ValidationException", f"ModelPackage {arn} does not exist.")
        return self.packages[arn]
