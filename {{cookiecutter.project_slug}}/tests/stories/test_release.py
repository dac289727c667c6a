"""One whole release, and what stays true of it afterwards."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

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


def test_explain_and_the_model_card_tell_what_really_is_on_aws(world: World) -> None:
    told, package = explained(world), served_package(world)
    assert told["became"]["is"] == "serves"
    assert told["package"]["metadata"] == package["CustomerMetadataProperties"]
    assert [check for check in told["checks"] if not check["same"]] == []
    story = told["story"]
    assert story == json.loads(lies_at(world, package["CustomerMetadataProperties"]["story_uri"]))
    facts = really(world, story)
    card = json.loads(package["ModelCard"]["ModelCardContent"])
    assert card["training_details"]["training_job_details"]["training_arn"] == facts.pop("training job")
    card_text, shown = json.dumps(card), "".join(world.run("pipelines", "explain").output.split())
    for what, fact in facts.items():
        assert fact in card_text, f"{what} is not in the model card"
        assert fact[:12] in shown, f"explain does not show {what}"
    assert story["tracking"]["state"] == "off"
    assert "tracking is off" in card["training_details"]["training_observations"]


def test_explain_shows_a_document_that_somebody_has_changed(world: World) -> None:
    uri = explained(world)["documents"]["evaluation"]
    bucket, key = uri.removeprefix("s3://").split("/", 1)
    before = lies_at(world, uri)
    world.aws("s3").put_object(Bucket=bucket, Key=key, Body=b"{}")
    try:
        wrong = [check["what"] for check in explained(world)["checks"] if not check["same"]]
        shown = world.run("pipelines", "explain").output
    finally:
        world.aws("s3").put_object(Bucket=bucket, Key=key, Body=before)
    assert wrong == ["evaluation.json"]
    assert "✗ evaluation.json is" in shown


def test_explain_of_a_release_that_is_not_there_names_those_that_are(world: World) -> None:
    ended = world.run("pipelines", "explain", "9" * 12)
    assert (ended.code, len(ended.message())) == (5, 4)
    assert ended.message()[0] == f"✗ E508 there is no release {'9' * 12}"
    assert re.search(r"version \d+ \(", ended.message()[2])


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


def explained(world: World) -> dict[str, Any]:
    """Return what explain tells of what production serves."""
    ended = world.run("pipelines", "explain", "--json")
    assert ended.code == 0, ended.output
    return json.loads(ended.output)


def lies_at(world: World, uri: str, **version: str) -> bytes:
    """Return what lies at an address of S3."""
    bucket, key = uri.removeprefix("s3://").split("/", 1)
    return world.aws("s3").get_object(Bucket=bucket, Key=key, **version)["Body"].read()


def sha256(body: bytes) -> str:
    """Return the sha256 in hex."""
    return hashlib.sha256(body).hexdigest()


def really(world: World, story: dict[str, Any]) -> dict[str, str]:
    """Return, as AWS and the working tree have them, the facts that a release's story must hold."""
    package = served_package(world)
    archive = package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
    bucket, lock = archive.split("/releases/")[0], json.loads((world.root / "data.lock").read_text("utf-8"))
    facts = {
        "commit": package["CustomerMetadataProperties"]["commit_sha"],
        "archive": sha256(lies_at(world, archive)),
    }
    for file in lock["files"]:
        version = story["data"]["versions"][file["key"]]
        body = lies_at(world, f"{bucket}/{lock['prefix']}/{file['key']}", VersionId=version)
        facts |= {f"version of {file['key']}": version, f"sha256 of {file['key']}": sha256(body)}
    for target in ("jobs", "serve"):
        tag = {"imageTag": f"{story['code_id'][:12]}-{target}"}
        [image] = world.aws("ecr").describe_images(repositoryName=world.slug, imageIds=[tag])["imageDetails"]
        facts[f"image {target}"] = image["imageDigest"].removeprefix("sha256:")
        facts[f"pins {target}"] = sha256((world.root / "requirements" / f"{target}.txt").read_bytes())
    evaluation = archive.replace("artifact/model.tar.gz", "evaluation/evaluation.json")
    [job] = [name for name in trained(world) if story["execution"].rsplit("/", 1)[1] in name]
    return facts | {"evaluation": sha256(lies_at(world, evaluation)), "training job": job}


def trained(world: World) -> list[str]:
    """Return the ARNs of all training jobs."""
    jobs = world.aws("sagemaker").list_training_jobs(MaxResults=100)["TrainingJobSummaries"]
    return [job["TrainingJobArn"] for job in jobs]


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
