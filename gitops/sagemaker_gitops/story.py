"""What a verb shows: steps with verdict and seconds; a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sagemaker_gitops.errors import harmless

MARKS = {
    "running": ("…", "cyan"),
    "done": ("✓", "green"),
    "reused": ("↺", "green"),
    "warned": ("!", "yellow"),
    "waiting": ("◷", "yellow"),
    "superseded": ("↷", "yellow"),
    "refused": ("✗", "red"),
    "failed": ("✗", "red"),
    "stopped": ("■", "yellow"),
}
COMMAND = re.compile(r"(?m)^\s*::|##\[")  # the first at a line's beginning, the second anywhere


@dataclass
class Step:
    """One step: what it is called, how it ended, how long it took."""

    name: str
    verdict: str = "running"
    seconds: float = 0.0
    note: str = ""
    started: float = field(default_factory=time.monotonic)

    def as_json(self) -> dict[str, Any]:
        """Return the step for a file."""
        seconds = round(self.seconds, 3)
        return {"name": self.name, "verdict": self.verdict, "seconds": seconds, "note": self.note}


class Story:
    """The steps of one verb, shown as they happen."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or make_console()
        self.steps: list[Step] = []
        self.facts: dict[str, Any] = {}  # what the report shows beside the steps
        self.started = time.monotonic()
        self._live: Live | None = None

    @contextmanager
    def shown(self) -> Iterator[Story]:
        """Show steps while the block runs, live where there is a terminal; leave what runs on as stopped."""
        live = Live(get_renderable=self.table, console=self.console, refresh_per_second=8)
        self._live = live if self.console.is_terminal else None
        with self._live or nullcontext():
            try:
                yield self
            finally:
                for step in self.steps:
                    if step.verdict == "running":
                        self.end(step, "stopped")

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Run one step: done unless the block says or raises otherwise."""
        step = self.begin(name)
        try:
            yield step
        except BaseException as error:
            stopped = isinstance(error, KeyboardInterrupt)
            step.note = getattr(error, "what", step.note)
            self.end(step, "stopped" if stopped else getattr(error, "verdict", "failed"))
            raise
        self.end(step, "done" if step.verdict == "running" else step.verdict)

    def begin(self, name: str) -> Step:
        """Add a step that runs."""
        self.steps.append(Step(name))
        return self.steps[-1]

    def end(self, step: Step, verdict: str, seconds: float | None = None) -> None:
        """Close a step; `seconds` where AWS measured them itself."""
        step.seconds = time.monotonic() - step.started if seconds is None else seconds
        step.verdict = verdict
        if not self._live:
            mark, colour = MARKS[verdict]
            line = f"{step.name:<12} {harmless(step.note):<58} {step.seconds:7.1f} s"
            self.console.print(Text.assemble((f"  {mark} ", colour), line))

    def say(self, text: str) -> None:
        """Print a line, above the live table where there is one."""
        self.console.print(typed(harmless(text)), markup=False)

    def table(self) -> Table:
        """Return the steps as a table."""
        table = Table.grid(padding=(0, 2))
        table.add_column()
        table.add_column(min_width=11)  # steps come one by one: the columns stay where they are
        table.add_column(min_width=56, overflow="fold")
        table.add_column(justify="right")
        for step in self.steps:
            mark, colour = MARKS[step.verdict]
            seconds = time.monotonic() - step.started if step.verdict == "running" else step.seconds
            table.add_row(Text(f"  {mark}", colour), step.name, Text(harmless(step.note)), f"{seconds:.1f} s")
        return table

    def seconds(self) -> float:
        """Return how long this story has been going on."""
        return time.monotonic() - self.started


def pause(waited: float, most: float = 15.0) -> float:
    """Return the seconds to the next look: a twentieth of the wait, so that short waits end in time."""
    return min(most, max(0.2, waited / 20))


def make_console(stderr: bool = False) -> Console:
    """Return a console as wide as the terminal; elsewhere as COLUMNS says, or wide enough for a table."""
    stream: Any = Printed(sys.stderr if stderr else sys.stdout) if in_actions() else None
    console = Console(stderr=stderr, highlight=False, soft_wrap=True, file=stream)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = 160
    return console


class Printed:
    """A stream whose text commands no runner: GitHub obeys `::command::` and `##[command]` in any output.

    Logs and reasons hold what others wrote. Source: GitHub's documentation of workflow commands.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write text that is read and not obeyed."""
        return self._stream.write(inert(text))


def inert(text: str) -> str:
    """Return text with a sign of no width in whatever would be a command to GitHub's runner."""
    return COMMAND.sub(lambda found: f"{found[0][:-1]}\u200b{found[0][-1]}", text)


def counted(number: int, noun: str) -> str:
    """Return so many of something in words: 1 file, 1,200 files."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def typed(text: str) -> str:
    """Return a message with commands as this shell can run them: not every user activates the environment."""
    known = shutil.which("python")
    if known and Path(known).absolute() == Path(sys.executable).absolute():
        return text
    return text.replace("python -m", f"{os.path.relpath(sys.executable)} -m")


def in_actions(environ: Mapping[str, str] = os.environ) -> bool:
    """Say whether this is a job of GitHub Actions."""
    return environ.get("GITHUB_ACTIONS") == "true"
