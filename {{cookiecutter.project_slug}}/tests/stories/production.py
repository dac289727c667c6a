"""A production with next to nothing in front of it: stack, images, and releases as the pipeline leaves them.

The model is a tiny one made by hand, the server the project's own; whatever breaks a release is a broken
archive or container of the drill (tests/drill/kinds.py), or a fault of AWS that the emulator plays.
"""

from __future__ import annotations

import json
import os
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagemaker_gitops import delivery, errors, registry, tree
from sagemaker_gitops.registry import Package
from sagemaker_gitops.run import Run

from pipelines.settings import Settings
from tests.drill import honest, kinds, load, presets, world
from tests.drill.honest import Model
from tests.drill.load import Load, Tally
from tests.drill.test_kinds import ROWS, make_honest
from tests.stories.world import copy_project, started

WATCHED = "somebodys-alarm"
HEALTH_SECONDS = "5"  # a container that never answers a ping costs so long instead of AWS's 8 minutes


@dataclass(frozen=True)
class Outcome:
    """How a release ended: as `python -m pipelines` would say it, and as clients saw it."""

    code: str  # of the message; empty for a release that went through
    exit_code: int
    lines: str
    during: Tally  # of a client that asked all the while
    after: Tally
    left: dict[str, Any]  # what DescribeEndpoint says then; empty for no endpoint
    evidence: dict[str, Any]  # rollout.json; empty where the endpoint was not asked


class Production:
    """One AWS; each test finds a good release in production and leaves one there."""

    def __init__(self) -> None:
        self.runs = {name: presets.quiet(presets.settings(name)) for name in presets.INSTANCES}
        self.run = self.runs["small"]
        self.endpoint = self.run.endpoint("production")
        self.world = world.World(self.run, tree.read(self.run.settings))
        evaluation = {"candidate": {"metrics": {self.run.settings.gate.metric: {"value": 0.9}}}}
        first = make_honest().but(rows=tuple(ROWS), evaluation=evaluation)
        self.models = (first, honest.recalibrated(first))
        self.world.set_up()
        self.world.bodies = world.requests(first)
        self.made = 0

    @property
    def sagemaker(self) -> Any:
        """The client."""
        return self.run.aws.sagemaker

    def good(self) -> Package:
        """Register a good release; its answers are not those of the one before."""
        self.made += 1
        model = self.models[self.made % 2]
        return self._let_through(self.world.register(f"good {self.made}", model, model))

    def broken(self, name: str) -> Package:
        """Register a broken release of the kind of this name."""
        return self._let_through(self.unproven(name))

    def unproven(self, name: str) -> Package:
        """The same before staging has seen it."""
        (kind,) = [each for each in kinds.KINDS if each.name == name]
        right = self.models[(self.made + 1) % 2]
        model = kind.of(right)
        assert isinstance(model, Model)
        return self.world.register(name, model, right, kind.fault)

    def release(self, package: Package, preset: str = "small", load: bool = True, **more: Any) -> Outcome:
        """Bring a release to production while a client asks; return how both fared."""
        run = self.under(preset, **more)
        return self.watched(lambda: delivery.to_production(run, package), package, load)

    def under(self, preset: str, **rollout: Any) -> Run:
        """Return a run with the project's settings but for production's rollout."""
        known = self.runs[preset]
        if not rollout:
            return known
        return under(known.settings, **rollout)

    def watched(self, act: Callable[[], object], package: Package, load: bool = True) -> Outcome:
        """Do something while a client asks, and tell what came of it."""
        code, exit_code, lines = "", 0, ""
        with self._client(load) as asked:
            try:
                act()
            except Exception as error:
                known = errors.translate(error)
                if known is None:
                    raise
                code, exit_code, lines = known.code, known.exit_code, "\n".join(known.lines())
            during, after = asked()
        return Outcome(code, exit_code, lines, during, after, self.describe(), self.evidence(package))

    def describe(self) -> dict[str, Any]:
        """Return what production is now; empty for nothing."""
        listed = self.sagemaker.list_endpoints(NameContains=self.endpoint)["Endpoints"]
        told = self.sagemaker.describe_endpoint(EndpointName=self.endpoint) if listed else {}
        told.pop("ResponseMetadata", None)
        return told

    def serving(self) -> str:
        """Return the release that production serves."""
        package = registry.served(self.run.aws, self.run.stack.group, self.endpoint)
        return package.release_id if package else ""

    def approval(self, package: Package) -> str:
        """Return what the registry says of a release now."""
        return registry.describe(self.run.aws, package.arn).approval

    def evidence(self, package: Package) -> dict[str, Any]:
        """Return what the last rollout of a release left on S3."""
        prefix = f"releases/{package.release_id}/rollout.json"
        bucket = self.run.stack.bucket
        if not self.run.aws.s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents"):
            return {}
        return self.run.aws.read_json(f"s3://{bucket}/{prefix}")

    def calls(self, operation: str) -> list[int]:
        """Return the status of each call of an operation since `forget`."""
        told = json.loads(_emulator("GET", "calls"))["calls"]
        return [call["status"] for call in told if call["operation"] == operation]

    def forget(self) -> None:
        """Begin to record calls anew."""
        _emulator("DELETE", "calls")

    def ready(self) -> None:
        """See to it that a good release serves: the last one, or a new one."""
        if not self.describe():
            delivery.to_production(self.run, self.good())
        self.forget()

    def _let_through(self, package: Package) -> Package:
        return registry.judge(self.run.aws, package, "Approved", "as if staging had missed it")

    @contextmanager
    def _client(self, wanted: bool) -> Iterator[Callable[[], tuple[Tally, Tally]]]:
        """Ask steadily while the block runs; yield what tells how that went until now, and a moment later."""
        if not wanted:
            yield lambda: (Tally(), Tally())
            return
        region, bodies = self.run.aws.region, [json.dumps(body).encode() for body in self.world.bodies]
        with Load(region, self.endpoint, bodies, self.world.truths) as asking:
            began = time.monotonic()

            def told() -> tuple[Tally, Tally]:
                ended = time.monotonic()
                time.sleep(0.5)
                now = time.monotonic()
                return load.tally(asking.outcomes, began, ended), load.tally(asking.outcomes, ended, now)

            yield told


def under(known: Settings, **rollout: Any) -> Run:
    """Return a run with these settings but for production's rollout."""
    production = known.environments.production
    changed = production.model_copy(update={"rollout": production.rollout.model_copy(update=rollout)})
    tables = known.environments.model_copy(update={"production": changed})
    return presets.quiet(known.model_copy(update={"environments": tables}))


def until(true: Callable[[], Any], seconds: float = 20) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _emulator(method: str, path: str) -> bytes:
    request = urllib.request.Request(f"{os.environ['AWS_ENDPOINT_URL']}/_emulator/{path}", method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read()


@contextmanager
def opened(folder: Path) -> Iterator[Production]:
    """Open a production in a copy of this project; everything is gone afterwards."""
    root, before, environment = copy_project(folder), Path.cwd(), dict(os.environ)
    os.environ["SAGEMAKER_EMULATOR_HEALTH_SECONDS"] = HEALTH_SECONDS
    try:
        with started(root) as aws:
            os.environ.clear()
            os.environ.update(aws.environment)
            os.chdir(root)
            yield Production()
            os.chdir(before)
    finally:
        os.chdir(before)
        os.environ.clear()
        os.environ.update(environment)
