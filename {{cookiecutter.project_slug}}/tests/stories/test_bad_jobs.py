"""A training that dies, hangs or has its data replaced under it: one clear end, the old release serves."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from tests.stories.crash import project
from tests.stories.world import PROJECT, World

START = '    """Write model.json where training leaves its model."""\n'


def beginning(lines: str):
    """Return a change of the training that does something else first."""
    return lambda text: text.replace(START, START + "".join(f"    {line}\n" for line in lines.splitlines()))


def steps(world: World) -> list[tuple[str, str]]:
    """Return name and status of the steps of the newest execution, oldest first."""
    client = world.aws("sagemaker")
    newest, *_ = client.list_pipeline_executions(PipelineName=world.slug)["PipelineExecutionSummaries"]
    told = client.list_pipeline_execution_steps(
        PipelineExecutionArn=newest["PipelineExecutionArn"], SortOrder="Ascending"
    )
    return [(step["StepName"], step["StepStatus"]) for step in told["PipelineExecutionSteps"]]


DEATHS = [
    pytest.param("raise SystemExit(1)", "exit code: 1", id="it exits with 1"),
    pytest.param("os.kill(os.getpid(), 11)", "exit code: 139", id="it crashes"),
    pytest.param("os.kill(os.getpid(), 9)", "exit code: 137", id="it is killed, as for its memory"),
]


@pytest.mark.parametrize(("death", "words"), DEATHS)
def test_a_training_that_dies_is_named_and_nothing_comes_after_it(
    quick: World, death: str, words: str
) -> None:
    before = quick.live()
    with quick.edited("training/train.py", beginning(f"print('event=last_words', flush=True)\n{death}")):
        ended = quick.release()
    message = ended.message()
    assert (ended.code, len(message)) == (1, 4), ended.output
    assert message[0].startswith("✗ E101 the step Train failed")
    assert words in message[2]
    assert "event=last_words" in ended.output
    assert dict(steps(quick))["Train"] == "Failed"
    assert "failed in Train; look: " in quick.run("pipelines", "status").output
    assert not {"Evaluate", "Register"} & dict(steps(quick)).keys()
    assert quick.live() == before


def test_an_evaluation_that_leaves_no_metrics_registers_nothing(quick: World) -> None:
    before = quick.live()
    with quick.edited(
        "training/evaluate.py", lambda text: text.replace('"evaluation.json").write', '"x").write')
    ):
        ended = quick.release()
    assert (ended.code, len(ended.message())) == (1, 4), ended.output
    assert "Register" not in dict(steps(quick))
    assert quick.live() == before


@pytest.mark.slow
def test_a_training_that_hangs_is_stopped_at_its_limit_and_keeps_its_checkpoint(quick: World) -> None:
    before = quick.live()
    hang = """
(BASE / "checkpoints").mkdir(parents=True, exist_ok=True)
(BASE / "checkpoints" / "last.checkpoint").write_text("half way")
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
time.sleep(600)""".strip()
    began = time.monotonic()
    with quick.edited("mlops.toml", lambda text: text.replace("max_minutes = 120", "max_minutes = 1")):
        written = quick.run("pipelines", "definition", "--write")
        assert written.code == 0, written.output
        with quick.edited("training/train.py", beginning(hang)):
            ended = quick.release()
    assert quick.run("pipelines", "definition", "--write").code == 0
    message = ended.message()
    assert (ended.code, len(message)) == (1, 4), ended.output
    assert time.monotonic() - began < 200, "the limit is a minute"
    assert message[0].startswith("✗ E108 the step Train ran out of time")
    assert "max_minutes = 1 of [jobs.train] in mlops.toml" in message[2]
    assert "goes on from its last checkpoint" in message[3]
    assert "Register" not in dict(steps(quick))
    assert quick.live() == before
    (newest, *_) = quick.aws("sagemaker").list_training_jobs(SortBy="CreationTime", SortOrder="Descending")[
        "TrainingJobSummaries"
    ]
    job = quick.aws("sagemaker").describe_training_job(TrainingJobName=newest["TrainingJobName"])
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    bucket, _, prefix = job["CheckpointConfig"]["S3Uri"].removeprefix("s3://").partition("/")
    kept = quick.aws("s3").get_object(Bucket=bucket, Key=f"{prefix}/last.checkpoint")["Body"].read()
    assert kept == b"half way"


def test_data_replaced_while_a_model_is_trained_changes_nothing(quick: World) -> None:
    """What was validated is trained on, and story and card name its versions; no later job reads others."""
    s3, bucket = quick.aws("s3"), f"{quick.slug}-123456789012-{quick.region}"
    project.change(quick.root, code=False)
    wait = "import time\ntime.sleep(4)"
    with quick.edited("training/train.py", beginning(wait)):
        assert quick.run("pipelines", "image").code == 0
        release = subprocess.Popen(
            [sys.executable, "-m", "pipelines", "release"], cwd=quick.root, env=quick.environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        deadline = time.monotonic() + 120
        while not quick.live().busy or dict(steps(quick)).get("Train") != "Executing":
            assert time.monotonic() < deadline
            assert release.poll() is None, release.stdout.read()
            time.sleep(0.1)
        locked, trained_on = json.loads((quick.root / "data.lock").read_text("utf-8")), {}
        for file in locked["files"]:
            place = {"Bucket": bucket, "Key": f"{locked['prefix']}/{file['key']}"}
            trained_on[file["key"]] = s3.head_object(**place)["VersionId"]
            assert s3.put_object(**place, Body=b"poison")["VersionId"] != trained_on[file["key"]]
        output, _ = release.communicate(timeout=200)
    assert release.returncode == 0, output
    package = quick.aws("sagemaker").list_model_packages(
        ModelPackageGroupName=quick.slug, SortBy="CreationTime", SortOrder="Descending"
    )["ModelPackageSummaryList"][0]
    told = quick.aws("sagemaker").describe_model_package(ModelPackageName=package["ModelPackageArn"])
    assert told["ModelApprovalStatus"] == "Approved"
    shown = json.loads((quick.root / "build" / "release.json").read_text("utf-8"))
    assert told["CustomerMetadataProperties"]["snapshot_id"] in json.dumps(shown)
    key = told["CustomerMetadataProperties"]["story_uri"].removeprefix(f"s3://{bucket}/")
    story = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    assert story["data"]["versions"] == trained_on
    job = json.loads(told["ModelCard"]["ModelCardContent"])["training_details"]["training_job_details"]
    for file, version in trained_on.items():
        assert f"{file}?versionId={version} " in " ".join(job["training_datasets"])
    again = quick.run("pipelines", "data", "push")
    assert again.code == 0, again.output  # what was replaced is put back from here


def test_a_job_reads_the_splits_and_never_the_data_itself() -> None:
    told = json.loads((PROJECT / "pipelines" / "definition.json").read_text("utf-8"))
    found = json.dumps([step for step in told["Steps"] if step["Name"] != "Validate"])
    assert "Parameters.DataPrefix" not in found
    for split in ("train", "validation", "test"):
        assert f"Steps.Validate.ProcessingOutputConfig.Outputs['{split}'].S3Output.S3Uri" in found
