"""What was asked and answered, call by call, with verdicts; what COVERAGE.md says of it."""

from __future__ import annotations

import itertools
import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from verify_aws.story import NOT_RUN, Story

HOME = Path(__file__).parents[1]
FOLDER = HOME / "transcripts"
COVERAGE = HOME / "COVERAGE.md"
NEVER = "never"
BEGIN, END = "<!-- stories: python -m verify_aws --table -->", "<!-- end of stories -->"
SHOWN_ACCOUNT = "123456789012"  # stands for yours in what is written
LOOK_BACK = 4  # polls of two or three things in turn are one line each


class Calls:
    """Notes each call of a boto3 session. Repeated equal answers are counted, not repeated."""

    def __init__(self, session: Any) -> None:
        self.calls: list[dict[str, Any]] = []
        session.events.register_last("before-parameter-build", self._asked)  # tokens are filled in by then
        session.events.register("after-call.*.*", self._answered)
        session.events.register("after-call-error.*.*", self._unanswered)

    def take(self) -> list[dict[str, Any]]:
        """Return the calls since the last time."""
        taken, self.calls = self.calls, []
        return taken

    def _asked(self, params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        # A copy that JSON can hold: bodies are told by their size.
        request = json.loads(json.dumps(params, default=_short))
        context["verify_aws"] = {
            "service": model.service_model.service_name,
            "operation": model.name,
            "request": request,
            "began": time.monotonic(),
        }

    def _answered(self, parsed: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        error = parsed.get("Error")
        words = {"code": error.get("Code"), "message": error.get("Message")} if error else None
        self._note(context, parsed["ResponseMetadata"].get("HTTPStatusCode"), words)

    def _unanswered(self, exception: Exception, context: dict[str, Any], **_: Any) -> None:
        self._note(context, None, {"code": type(exception).__name__, "message": str(exception)})

    def _note(self, context: dict[str, Any], status: int | None, error: dict[str, Any] | None) -> None:
        call = dict(context["verify_aws"])
        seconds = round(time.monotonic() - call.pop("began"), 3)
        call |= {"status": status, "error": error}
        for known in self.calls[-LOOK_BACK:]:
            if all(known[key] == value for key, value in call.items()):
                known["times"] += 1
                known["seconds"] = round(known["seconds"] + seconds, 3)
                return
        self.calls.append({**call, "seconds": seconds, "times": 1})


def _short(value: Any) -> str:
    return f"<{len(value)} bytes>" if isinstance(value, bytes | bytearray) else str(value)


def write(folder: Path, document: dict[str, Any], caller: dict[str, str]) -> Path:
    """Write a transcript without the account's number and the caller's name; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    nameless = re.sub("/[^/]*$", "/caller", caller["Arn"])
    text = json.dumps(document, indent=1, default=str).replace(caller["Arn"], nameless)
    text = text.replace(caller["Account"], SHOWN_ACCOUNT)
    stem = f"verify-{document['against']}-{_day(document)}"
    names = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
    path = next(path for path in (folder / f"{name}.json" for name in names) if not path.exists())
    path.write_text(text + "\n", encoding="utf-8")
    return path


def last_runs(folder: Path = FOLDER) -> dict[str, tuple[str, str]]:
    """Return {story: (day, verdict)} of the newest transcript against AWS in which it was told to its end."""
    runs: dict[str, tuple[str, str]] = {}
    documents = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("verify-aws-*.json")]
    for document in sorted(documents, key=lambda each: each["began"]):
        for each in document["stories"] if document["against"] == "aws" else []:
            if each["verdict"] != NOT_RUN:
                runs[each["name"]] = (_day(document), each["verdict"])
    return runs


def table(stories: list[Story], runs: dict[str, tuple[str, str]]) -> str:
    """Return COVERAGE.md's table of stories."""
    lines = ["| Story | What it shows | Last run against AWS |", "|---|---|---|"]
    for story in stories:
        last = ": ".join(runs[story.name]) if story.name in runs else NEVER
        lines.append(f"| {story.name} | {story.shows} | {last} |")
    return "\n".join(lines)


def covered(text: str, stories: list[Story], runs: dict[str, tuple[str, str]]) -> str:
    """Return COVERAGE.md's text with that table and the newest day in it."""
    newest = max((day for day, _ in runs.values()), default=NEVER)
    text = re.sub(r"(?m)^Last run against AWS: \*\*.*?\*\*", f"Last run against AWS: **{newest}**", text)
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{table(stories, runs)}\n{END}{rest.partition(END)[2]}"


def now() -> str:
    """Return the time of UTC in ISO's form: the later one is the greater one, wherever it was written."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _day(document: dict[str, Any]) -> str:
    return document["began"][:10]
