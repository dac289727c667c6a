"""One whole release, and what stays true of it afterwards."""

from __future__ import annotations

import json

from tests.stories.world import World

WORK = ["stack", "image", "data", "pipeline", "validate", "train", "evaluate", "gate", "register"]
STEPS = [*WORK, "staging", "approve", "production", "request"]


def test_a_release_ends_with_an_answer_that_carries_its_id(world: World) -> None:
    told = json.loads((world.root / "build-first" / "local-test.json").read_text("utf-8"))
    assert [step["name"] for step in told["steps"]] == STEPS
    assert {step["verdict"] for step in told["steps"]} == {"done"}
    assert all(step["seconds"] >= 0 for step in told["steps"])
    endpoint = world.aws("sagemaker").describe_endpoint(EndpointName=f"{world.slug}-production")
    assert endpoint["EndpointStatus"] == "InService"
    answer = world.aws("sagemaker-runtime").invoke_endpoint(
        EndpointName=f"{world.slug}-production", ContentType="application/json", Body=a_golden_body(world)
    )
    release_id = served_package(world)["CustomerMetadataProperties"]["release_id"]
    assert f"release={release_id};" in answer["CustomAttributes"]
    assert json.loads(answer["Body"].read())["predictions"]


def test_the_package_was_approved_and_tells_its_whole_story(world: World) -> None:
    package = served_package(world)
    assert package["ModelApprovalStatus"] == "Approved"
    metadata = package["CustomerMetadataProperties"]
    assert len(metadata["release_id"]) == len(metadata["code_id"]) == len(metadata["snapshot_id"]) == 64
    bucket, key = metadata["story_uri"].removeprefix("s3://").split("/", 1)
    story = json.loads(world.aws("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    assert story["artifact"]["sha256"] == metadata["artifact_sha256"]


def test_staging_is_taken_away_after_its_proof(world: World) -> None:
    names = [item["EndpointName"] for item in world.aws("sagemaker").list_endpoints()["Endpoints"]]
    assert names == [f"{world.slug}-production"]


def test_the_report_shows_every_step_and_loads_nothing_from_elsewhere(world: World) -> None:
    page = (world.root / "build-first" / "report.html").read_text("utf-8")
    assert all(step in page for step in STEPS)
    assert 'src="http' not in page
    assert "<link" not in page


def test_the_same_content_again_trains_nothing(world: World) -> None:
    jobs = world.aws("sagemaker").list_training_jobs()["TrainingJobSummaries"]
    again = world.release()
    assert again.code == 0, again.output
    assert world.aws("sagemaker").list_training_jobs()["TrainingJobSummaries"] == jobs
    assert "nothing is trained" in again.output


def test_the_endpoint_answers_with_its_own_code_after_the_sources_were_edited(world: World) -> None:
    before = world.run("pipelines", "request")
    with (
        world.edited("training/model.py", lambda _: "raise SystemExit('edited')\n"),
        world.edited("inference/app.py", lambda _: "raise SystemExit('edited')\n"),
        world.edited("inference/encode.py", lambda _: "raise SystemExit('edited')\n"),
    ):
        after = world.run("pipelines", "request")
    assert before.code == after.code == 0, after.output
    assert before.output.splitlines()[-1] == after.output.splitlines()[-1]


def served_package(world: World) -> dict:
    """Return the description of the package that production serves."""
    client = world.aws("sagemaker")
    endpoint = client.describe_endpoint(EndpointName=f"{world.slug}-production")
    config = client.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    model = client.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
    return client.describe_model_package(ModelPackageName=model["PrimaryContainer"]["ModelPackageName"])


def a_golden_body(world: World) -> bytes:
    """Return the body of the first golden request of the package that production serves."""
    metadata = served_package(world)["CustomerMetadataProperties"]
    bucket, key = metadata["story_uri"].removeprefix("s3://").split("/", 1)
    prefix = key.rsplit("/", 1)[0]
    keys = [item["Key"] for item in world.aws("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]]
    golden = next(item for item in keys if item.endswith("golden.json"))
    cases = json.loads(world.aws("s3").get_object(Bucket=bucket, Key=golden)["Body"].read())["cases"]
    return json.dumps(cases[0]["body"]).encode()
