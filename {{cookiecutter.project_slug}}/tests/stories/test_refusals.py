"""Whatever goes wrong: the right exit code, four lines that say what to do, and nothing in AWS is touched."""

from __future__ import annotations

import json
import math
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tests.stories.sample import FOLDER, KEY, LABEL, SLICE
from tests.stories.world import Ended, World

MARKER = "zq-planted-7731"  # stands for a value that must never leave the data
NUMBER = 77_310_077.5
SECRET = "AKIAIOSFODNN7EXAMPLE"  # as a person may paste one into a table; AWS's own example of a key

Change = Callable[[pa.Table], pa.Table]


def put(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    """Return the table with one column replaced."""
    return table.set_column(table.schema.get_field_index(name), name, values)


def with_first(table: pa.Table, name: str, first: list[object], kind: pa.DataType | None = None) -> pa.Table:
    """Return the table with the first values of a column replaced."""
    column = table[name].cast(kind) if kind else table[name]
    kept = column.slice(len(first)).combine_chunks()
    return put(table, name, pa.concat_arrays([pa.array(first, column.type), kept]))


def without_age(table: pa.Table) -> pa.Table:
    return table.drop_columns(["age"])


def age_as_text(table: pa.Table) -> pa.Table:
    return with_first(table, "age", [MARKER], pa.string())


def no_rows(table: pa.Table) -> pa.Table:
    return table.slice(0, 0)


def one_class(table: pa.Table) -> pa.Table:
    return put(table, LABEL, pa.array(["no"] * table.num_rows))


def nan_and_infinities(table: pa.Table) -> pa.Table:
    return with_first(table, "gain", [math.nan, math.inf, -math.inf, NUMBER], pa.float64())


def duplicate_keys(table: pa.Table) -> pa.Table:
    return pa.concat_tables([table, table.slice(0, 3)])


def unknown_values(table: pa.Table) -> pa.Table:
    return with_first(table, "job", [MARKER, MARKER])


def unknown_slices(table: pa.Table) -> pa.Table:
    return with_first(table, SLICE, [MARKER] * 300)


def nulls(table: pa.Table) -> pa.Table:
    return put(table, "age", pc.if_else(pc.less(table[KEY], 40), None, table["age"]))


# Three ways into the verb are quick to show; tests/data_checks has every code without a release.
SLOW = pytest.mark.slow
BAD_DATA = [
    pytest.param(without_age, "E202", id="a missing column"),
    pytest.param(age_as_text, "E202", id="a wrong type", marks=SLOW),
    pytest.param(no_rows, "E201", id="a file without rows"),
    pytest.param(one_class, "E209", id="one class only", marks=SLOW),
    pytest.param(nan_and_infinities, "E204", id="NaN and infinities"),
    pytest.param(duplicate_keys, "E206", id="duplicate keys", marks=SLOW),
    pytest.param(unknown_values, "E205", id="values outside the set", marks=SLOW),
    pytest.param(unknown_slices, "E205", id="a slice outside the set", marks=SLOW),
    pytest.param(nulls, "E203", id="nulls", marks=SLOW),
]


def assert_message(ended: Ended, exit_code: int, code: str) -> None:
    """Assert the exit code, and a last message of four lines with its code first."""
    assert ended.code == exit_code, ended.output
    message = ended.message()
    assert len(message) == 4, message
    assert message[0].startswith(f"✗ {code} ")
    assert all(line.startswith("  ") and line.strip() for line in message[1:]), message
    assert "Traceback" not in ended.output
    assert MARKER not in ended.output
    assert "7731007" not in ended.output


@pytest.mark.parametrize(("change", "code"), BAD_DATA)
def test_bad_data_is_refused_before_anything_is_trained(world: World, change: Change, code: str) -> None:
    before = world.live()
    with world.data(change):
        ended = world.release()
    assert_message(ended, 2, code)
    assert world.live() == before


def explained(world: World) -> str:
    """Return what explain tells of the release that a verb was about last, on one line."""
    told = json.loads((world.root / "build" / "release.json").read_text("utf-8"))
    ended = world.run("pipelines", "explain", told["ids"]["release_id"][:12])
    assert ended.code == 0, ended.output
    assert told["ids"]["release_id"] in ended.output
    assert told["ids"]["commit_sha"] in ended.output
    return " ".join(ended.output.split())


def test_explain_tells_a_release_that_its_data_kept_out_by_rule_and_row(world: World) -> None:
    with world.data(nulls):
        assert_message(world.release(), 2, "E203")
        told = explained(world)
    assert "never registered: E203 data refused" in told
    assert "the first: " in told
    assert "validation.json" in told


def with_a_secret(table: pa.Table) -> pa.Table:
    return with_first(table, "job", [SECRET] * 50)


def test_what_looks_like_a_key_in_bad_rows_is_told_nowhere(world: World, tmp_path: Path) -> None:
    """Neither by a verb nor by a job, in no log, page, summary, output, story, outcome or report on S3."""
    github = {"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "41", "GITHUB_SHA": "f" * 40, "GITHUB_REF": "main"}
    github |= {name: str(tmp_path / name) for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
    with world.data(with_a_secret):
        image = world.run("pipelines", "image", environment=github)
        refused = world.run("pipelines", "pipeline", environment=github)
        ended = world.run("pipelines", "outcome", environment=github)
    assert (refused.code, "✗ E205 " in refused.output) == (2, True), refused.output
    assert "data refused" in ended.output
    told = {"output": "".join(each.output for each in (image, refused, ended))}
    folders = (tmp_path, world.root / "build")
    told |= {str(file): text(file) for folder in folders for file in folder.rglob("*") if file.is_file()}
    told |= {f"log {name}": lines for name, lines in logs(world)}
    kept = dict(objects(world))
    told |= {key: body for key, body in kept.items() if not key.startswith("data/")}
    for part in ("GITHUB_OUTPUT", "report.html", f"outcomes/{'f' * 40}.json", "validation.json", "log /aws"):
        assert any(part in name for name in told), f"{part} is not among {sorted(told)}"
    assert [name for name, content in told.items() if SECRET in content] == []
    assert any(SECRET in body for key, body in kept.items() if key.startswith("data/"))


def text(file: Path) -> str:
    return file.read_bytes().decode("latin-1")


def logs(world: World) -> Iterator[tuple[str, str]]:
    """Yield each job's log."""
    client = world.aws("logs")
    for group in client.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        for stream in client.describe_log_streams(logGroupName=name)["logStreams"]:
            stream_name = stream["logStreamName"]
            events = client.get_log_events(logGroupName=name, logStreamName=stream_name)["events"]
            yield f"{name} {stream_name}", "\n".join(event["message"] for event in events)


def objects(world: World) -> Iterator[tuple[str, str]]:
    """Yield every object of the project's bucket."""
    client, bucket = world.aws("s3"), f"{world.slug}-123456789012-{world.region}"
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for item in page.get("Contents", []):
            body = client.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
            yield item["Key"], body.decode("latin-1")


def test_a_file_cut_short_after_it_was_locked_is_refused(world: World) -> None:
    before = world.live()
    file = next((world.root / FOLDER).rglob("*.parquet"))
    content = file.read_bytes()
    try:
        file.write_bytes(b"")
        ended = world.release()
    finally:
        file.write_bytes(content)
    assert_message(ended, 2, "E201")
    assert world.live() == before


# Appended, for what stands above it in these files is the user's to edit.
RAISES = """

def _raises(self, numbers=None, categories=None):
    raise RuntimeError("zq-planted-7731")


TabularNet.forward = _raises
"""
SEES_NO_NUMBER = """

_right = TabularNet.forward


def _sees_no_number(self, numbers=None, categories=None):
    return _right(self, torch.full_like(numbers, torch.nan), categories)


TabularNet.forward = _sees_no_number
"""
NAN_AUC = """

METRICS["binary"] = (Metric("auc", lambda *_: float("nan")), *METRICS["binary"][1:])
"""


def appended(text: str) -> Callable[[str], str]:
    return lambda source: source + text


def test_a_training_that_raises_ends_red_and_says_where(world: World) -> None:
    before = world.live()
    with world.edited("training/model.py", appended(RAISES)):
        ended = world.release()
    assert_message(ended, 1, "E101")
    assert "RuntimeError" in ended.output
    assert "model.py" in ended.output
    assert "never registered: E101 the step Train failed" in explained(world)
    assert MARKER not in ended.output  # an exception's own text may quote the data
    assert world.live() == before


def test_a_worse_model_is_refused_by_the_gate_and_the_champion_serves_on(world: World) -> None:
    before = world.live()
    with world.edited("training/model.py", appended(SEES_NO_NUMBER)):
        ended = world.release()
    assert_message(ended, 3, "E301")
    assert "clearly worse" in ended.output
    told = explained(world)
    assert "never registered: E301 model refused" in told
    assert "auc differs by -" in told
    assert "refused, against version" in told
    assert world.live() == before
    assert world.run("pipelines", "request").code == 0


@pytest.mark.slow
def test_a_metric_that_is_nan_is_refused_by_the_gate(world: World) -> None:
    before = world.live()
    with world.edited("training/metrics.py", appended(NAN_AUC)):
        ended = world.release()
    assert_message(ended, 3, "E302")
    assert world.live() == before


def test_an_unknown_setting_stops_everything_before_it_starts(world: World) -> None:
    before = world.live()
    with world.edited("mlops.toml", lambda text: text.replace("epochs =", "epoch =")):
        ended = world.run("pipelines", "release")
    assert_message(ended, 5, "E501")
    assert "training.epoch" in ended.output
    assert world.live() == before


def test_without_credentials_nothing_starts(world: World) -> None:
    nobody = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "HOME": str(world.root / "nobody")}
    before = world.live()
    ended = world.run("pipelines", "release", environment=nobody)
    assert_message(ended, 6, "E601")
    assert world.live() == before


def test_an_unknown_region_stops_everything_before_it_starts(world: World) -> None:
    before = world.live()
    with world.edited("mlops.toml", moved_to_mars):
        ended = world.run("pipelines", "release")
    assert_message(ended, 5, "E506")
    assert "mars-north-1" in ended.output
    assert world.live() == before


def moved_to_mars(text: str) -> str:
    lines = ['region = "mars-north-1"' if line.startswith("region =") else line for line in text.splitlines()]
    return "\n".join(lines) + "\n"


def test_a_taken_port_is_named(world: World) -> None:
    before = world.live()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = world.run("sagemaker_emulator", "run", "--port", str(port), "--", "true")
    assert ended.code == 5, ended.output
    assert str(port) in ended.output
    assert len(ended.output.rstrip().splitlines()) == 4
    assert world.live() == before
