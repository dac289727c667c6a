"""A release is its content: asked for again it is attached to, retried, reused, and never trained twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import psutil
import pytest

from tests.stories.sample import FOLDER
from tests.stories.world import Ended, World


def epochs(number: int) -> Callable[[str], str]:
    """Return an edit of mlops.toml: so many epochs, and a gate that bears what fewer of them cost."""
    return lambda text: text.replace("epochs = 12\n", f"epochs = {number}\n").replace(
        "max_regression = 0.0", "max_regression = 0.9"
    )


@contextmanager
def other_code(world: World, number: int) -> Iterator[None]:
    """Be another commit: other epochs, and the definition that they make."""
    with (
        world.edited("mlops.toml", epochs(number)),
        world.edited("pipelines/definition.json", lambda text: text.replace('"12"', f'"{number}"')),
    ):
        written = world.run("pipelines", "definition", "--write")
        assert written.code == 0, written.output
        built = world.run("pipelines", "image")
        assert built.code == 0, built.output
        yield


def trainings(world: World) -> list[str]:
    """Return the training jobs that ever were."""
    listed = world.aws("sagemaker").list_training_jobs(MaxResults=100)["TrainingJobSummaries"]
    return [job["TrainingJobName"] for job in listed]


def executions(world: World) -> list[dict]:
    """Return the pipeline's executions, newest first."""
    return world.aws("sagemaker").list_pipeline_executions(PipelineName=world.slug)[
        "PipelineExecutionSummaries"
    ]


def served(world: World) -> str:
    """Return the release that production answers as."""
    told = world.run("pipelines", "request")
    assert told.code == 0, told.output
    return json.loads(told.output.splitlines()[-1])["release_id"]


def until(condition: Callable[[], bool], seconds: float = 120) -> None:
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def training_process(world: World) -> psutil.Process | None:
    """Return the process that trains in this world, if one does."""
    jobs = str(world.root / ".emulator" / "jobs")
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if "training.train" in process.cmdline() and process.cwd().startswith(jobs):
                return process
    return None


@pytest.mark.slow
def test_a_runner_that_died_is_followed_by_one_that_attaches_to_what_runs(world: World) -> None:
    before = served(world)
    with other_code(world, 2):
        first = subprocess.Popen(
            [sys.executable, "-m", "pipelines", "release"],
            cwd=world.root, env=world.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until(lambda: executions(world)[0]["PipelineExecutionStatus"] == "Executing")
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        count = len(executions(world))
        again = world.run("pipelines", "release")
        assert again.code == 0, again.output
        assert "attach" in again.output
        assert len(executions(world)) == count
        assert served(world) != before
    assert world.release().code == 0
    assert served(world) == before


@pytest.mark.slow
def test_a_training_that_died_is_retried_in_the_same_execution(world: World) -> None:
    before = served(world)
    with other_code(world, 3), ThreadPoolExecutor() as pool:
        running = pool.submit(world.run, "pipelines", "release")
        until(lambda: training_process(world) is not None)
        training_process(world).kill()
        ended: Ended = running.result()
        assert ended.code == 1, ended.output
        assert ended.message()[0].startswith("✗ E101 the step Train failed")
        assert served(world) == before
        count = len(executions(world))
        again = world.run("pipelines", "release")
        assert again.code == 0, again.output
        assert "retry" in again.output
        assert len(executions(world)) == count
    assert world.release().code == 0


@pytest.mark.slow
def test_two_runners_of_one_release_make_one_execution_and_one_package(world: World) -> None:
    packages, jobs = len(world.live().packages), len(trainings(world))
    with other_code(world, 4), ThreadPoolExecutor() as pool:
        both = [pool.submit(world.run, "pipelines", "pipeline") for _ in range(2)]
        assert [each.result().code for each in both] == [0, 0], [each.result().output for each in both]
    assert len(world.live().packages) == packages + 1
    assert len(trainings(world)) == jobs + 1


def test_a_revert_serves_the_earlier_release_in_the_time_of_a_deploy_with_newer_data_there(
    world: World, record_property: Callable[[str, object], None]
) -> None:
    before = served(world)
    began = time.monotonic()
    with other_code(world, 5), world.data(lambda table: table.slice(0, table.num_rows - 100)):
        assert world.release().code == 0
        assert served(world) != before
    whole = time.monotonic() - began
    client, bucket = world.aws("s3"), f"{world.slug}-123456789012-{world.region}"
    *_, newer = client.list_objects_v2(Bucket=bucket, Prefix=FOLDER)["Contents"]
    jobs, began = trainings(world), time.monotonic()
    reverted = world.release()
    seconds = time.monotonic() - began
    assert reverted.code == 0, reverted.output
    assert "nothing is trained" in reverted.output
    assert served(world) == before
    assert trainings(world) == jobs
    assert client.head_object(Bucket=bucket, Key=newer["Key"])["ETag"] == newer["ETag"]
    record_property("seconds", {"release": round(whole, 1), "revert": round(seconds, 1)})
    print(f"\na release {whole:.1f} s, its revert {seconds:.1f} s: {seconds / whole:.2f} of it")


@pytest.mark.slow
@pytest.mark.parametrize("number", [6])
def test_what_was_finished_is_reused_by_every_runner_that_comes_later(world: World, number: int) -> None:
    with other_code(world, number):
        first = world.run("pipelines", "pipeline")
        assert first.code == 0, first.output
        jobs, packages = trainings(world), world.live().packages
        again = world.run("pipelines", "pipeline")
        assert again.code == 0, again.output
        assert (trainings(world), world.live().packages) == (jobs, packages)
        assert "nothing is trained" in again.output
