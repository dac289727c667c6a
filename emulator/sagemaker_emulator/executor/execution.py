"""One execution of a pipeline: a thread that starts what `plan` allows, and one for each running step."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sagemaker_emulator import acting
from sagemaker_emulator.executor import calls, conditions, knowledge, plan, steps
from sagemaker_emulator.executor.ahead import Ahead
from sagemaker_emulator.executor.calls import Naming, StepFailed, StepStopped
from sagemaker_emulator.executor.definition import Definition, Step
from sagemaker_emulator.executor.errors import ResolutionError
from sagemaker_emulator.executor.knowledge import StepRun
from sagemaker_emulator.executor.plan import State
from sagemaker_emulator.executor.values import as_text, resolve

log = logging.getLogger(__name__)

# AWS's words, as describe_pipeline_execution returns them; the steps say which and why.
FAILED = "Step failure: One or multiple steps failed."
MAX_REASON = 1024


@dataclass
class Execution:
    """The state of one execution; `start`, `stop` and `retry` move it."""

    arn: str
    pipeline_name: str
    pipeline_arn: str
    definition: Definition
    text: str  # the definition as it was when this execution started
    values: Mapping[str, Any]
    region: str
    max_parallel: int | None = None
    display_name: str | None = None
    description: str | None = None
    version: int = 1
    role_arn: str | None = None
    status: str = "Executing"
    failure_reason: str | None = None
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    modified: datetime = field(default_factory=lambda: datetime.now(UTC))
    runs: dict[str, StepRun] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)  # step names as they started

    def __post_init__(self) -> None:
        """Give every step its run, and make what the threads share."""
        self.runs = {step.name: StepRun() for step in self.definition.steps}
        self._stop = threading.Event()
        self._ended: queue.SimpleQueue[tuple[StepRun, State]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def id(self) -> str:
        """Return the last part of the ARN."""
        return self.arn.rsplit("/", 1)[-1]

    def start(self) -> None:
        """Begin to execute, in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name=f"execution-{self.id}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask running jobs to stop and start nothing more."""
        with self._lock:
            if self.status == "Executing":
                self._set_status("Stopping")
        self._stop.set()

    def retry(self, max_parallel: int | None) -> None:
        """Run again what did not succeed; what succeeded is kept."""
        if self._thread is not None:
            self._thread.join()
        for name, run in self.runs.items():
            if run.state != State.SUCCEEDED:
                self.runs[name] = StepRun(attempts=run.attempts)
                self.order = [each for each in self.order if each != name]
        self.max_parallel = max_parallel or self.max_parallel
        self._stop.clear()
        self.failure_reason = None
        self._set_status("Executing")
        self.start()

    def join(self, seconds: float) -> None:
        """Wait until the execution's thread has ended."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _run(self) -> None:
        ahead = Ahead(self.definition)
        try:
            while self._start_what_may_run():
                # Only this thread ends steps: what `plan` has seen is what is counted as running.
                run, run.state = self._ended.get()
            self._finish()
        except Exception:  # a fault of ours must not leave an execution that never ends
            log.exception("event=execution_broke arn=%s", self.arn)
            self.failure_reason = "sagemaker-emulator broke; see its log"
            self._set_status("Failed")
        finally:
            ahead.end([name for name, state in self._states().items() if state == State.SUCCEEDED])

    def _start_what_may_run(self) -> bool:
        """Start and skip until nothing changes; return whether something is running."""
        while not self._stop.is_set():
            decision = plan.decide(self.definition, self._states(), self._outcomes(), self._failing())
            for name in decision.skip:
                self.runs[name].state = State.SKIPPED
            free = len(decision.start) if self.max_parallel is None else self.max_parallel - self._running()
            for name in decision.start[: max(free, 0)]:
                self._start_step(self.definition.step(name))
            if not decision.skip:
                break
        return self._running() > 0

    def _start_step(self, step: Step) -> None:
        run = self.runs[step.name]
        run.state, run.started, run.attempts = State.STARTING, datetime.now(UTC), run.attempts + 1
        self.order.append(step.name)
        log.info("event=step_started execution=%s step=%s type=%s", self.id, step.name, step.type)
        name = f"step-{self.id}-{step.name}"
        threading.Thread(target=self._run_step, args=(step, run), name=name, daemon=True).start()

    def _run_step(self, step: Step, run: StepRun) -> None:
        try:
            with acting.as_role(self.role_arn, self.arn.split(":")[4], self.region, self.pipeline_arn):
                self._perform(step, run)
            state = State.SUCCEEDED
        except acting.NotTrusted as error:
            run.reason, state = (
                f"ClientError: SageMaker was unable to assume the role '{error}'",
                State.FAILED,
            )
        except StepStopped:
            state = State.STOPPED
        except (StepFailed, ResolutionError) as error:
            run.reason, state = str(error)[:MAX_REASON], State.FAILED
        except Exception as error:
            log.exception("event=step_broke execution=%s step=%s", self.id, step.name)
            run.reason, state = (
                f"InternalError: sagemaker-emulator broke: {type(error).__name__}",
                State.FAILED,
            )
        run.ended = datetime.now(UTC)
        log.info("event=step_ended execution=%s step=%s status=%s", self.id, step.name, state)
        self._ended.put((run, state))

    def _perform(self, step: Step, run: StepRun) -> None:
        """Do what the step says. Raises StepFailed, StepStopped or ResolutionError."""
        context = knowledge.context(self)
        run.state = State.EXECUTING
        kind = step.calls()
        if kind is not None:
            name, arn = calls.create(
                kind, self.region, resolve(dict(step.arguments), context), self._naming(step)
            )
            run.metadata = {kind.metadata: {"Arn": arn}}
            run.described = calls.wait(kind, self.region, name, arn, self._stop, lambda: self._stopping(run))
        elif step.type == steps.CONDITION:
            outcome = conditions.evaluate(step.arguments["Conditions"], context)
            run.described = {"Outcome": str(outcome)}
            run.metadata = {"Condition": run.described}
        else:
            message = as_text(resolve(step.arguments.get("ErrorMessage", ""), context))
            run.metadata = {"Fail": {"ErrorMessage": message}}
            raise StepFailed(message)

    def _naming(self, step: Step) -> Naming:
        return Naming(self.id, step.name)

    def _stopping(self, run: StepRun) -> None:
        run.state = State.STOPPING

    def _states(self) -> dict[str, State]:
        return {name: run.state for name, run in self.runs.items()}

    def _outcomes(self) -> dict[str, bool]:
        return {
            name: run.described["Outcome"] == "True"
            for name, run in self.runs.items()
            if "Outcome" in run.described
        }

    def _failing(self) -> bool:
        return any(run.state in (State.FAILED, State.STOPPED) for run in self.runs.values())

    def _running(self) -> int:
        return sum(run.state in plan.RUNNING for run in self.runs.values())

    def _finish(self) -> None:
        """Sum up: a failed step makes Failed, unless the pipeline provided for it; a stop makes Stopped."""
        states = set(self._states().values())
        with self._lock:
            if self._stop.is_set():
                self._set_status("Stopped")
            elif State.FAILED in states or State.STOPPED in states:
                self.failure_reason = FAILED
                self._set_status("CompletedWithFailures" if self._provided_for() else "Failed")
            else:
                self._set_status("Succeeded")

    def _provided_for(self) -> bool:
        """Whether for each step that failed or stopped there was one that ran because of it."""
        bad = {name for name, run in self.runs.items() if run.state in (State.FAILED, State.STOPPED)}
        ran = [step for step in self.definition.steps if self.runs[step.name].state == State.SUCCEEDED]
        return bad <= {
            name for step in ran for name, trigger in step.depends_on.items() if trigger != "Completed"
        }

    def _set_status(self, status: str) -> None:
        self.status, self.modified = status, datetime.now(UTC)
        log.info("event=execution_status execution=%s status=%s", self.id, status)
