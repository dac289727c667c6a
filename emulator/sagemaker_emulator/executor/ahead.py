"""What the later steps of an execution will run, loaded while the earlier ones do."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Collection, Iterator

from sagemaker_emulator import itself
from sagemaker_emulator.executor.definition import Definition, Step
from sagemaker_emulator.images import ahead
from sagemaker_emulator.images.ahead import Loader, Program
from sagemaker_emulator.images.store import Image, ImageMissing, Store

log = logging.getLogger(__name__)


class Ahead:
    """What the steps after the first will start, loaded in a thread of its own."""

    def __init__(self, definition: Definition) -> None:
        found = [(step, *named) for step in definition.steps if (named := _found(step))]
        later = [(image, item) for step, image, item in found if step is not definition.steps[0]]
        self._serving = {step.name: item for step, _, item in found if step.type == "RegisterModel"}
        self._loader = Loader()
        threading.Thread(target=self._loader.load, args=(later,), name="load-ahead", daemon=True).start()

    def end(self, succeeded: Collection[str]) -> None:
        """End what no step took; what serves a model that a step registered waits on for its endpoint."""
        kept = [item for name, item in self._serving.items() if name in succeeded]
        self._loader.end(keep=kept[-1] if kept else None)


def _found(step: Step) -> tuple[Image, Program] | None:
    """Return what `_program` does, nothing of a step that it cannot read: the step says why when it runs."""
    try:
        return _program(step)
    except ImageMissing:
        return None
    except Exception:
        log.warning("event=not_loaded_ahead step=%s", step.name, exc_info=True)
        return None


def _program(step: Step) -> tuple[Image, Program] | None:
    """Return the image and the program that a step starts, where both can be told before it runs.

    Raises ImageMissing.
    """
    for uri, words in _named(step):
        if isinstance(uri, str):
            image = Store(itself.home()).pushed(uri)
            command = [str(word) for word in words or image.entrypoint]
            if command[:1] in (["python"], ["python3"]):
                command[0] = sys.executable
            if item := ahead.program(image.digest, command):
                return image, item
    return None


def _named(step: Step) -> Iterator[tuple[object, list[object]]]:
    """Yield the image and the entry point that a step's arguments name."""
    given = step.arguments
    if step.type == "Processing":
        spec = given.get("AppSpecification", {})
        yield spec.get("ImageUri"), spec.get("ContainerEntrypoint") or []
    elif step.type == "Training":
        spec = given.get("AlgorithmSpecification", {})
        yield spec.get("TrainingImage"), spec.get("ContainerEntrypoint") or []
    elif step.type == "RegisterModel":
        for container in given.get("InferenceSpecification", {}).get("Containers", []):
            yield container.get("Image"), []
