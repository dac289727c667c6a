"""Somebody's hands in the account: pipeline, registry or archive are not what a release left there."""

from __future__ import annotations

import json

import pytest
from sagemaker_gitops import delivery, names, registry

from tests.stories.crash import project
from tests.stories.production import Outcome
from tests.stories.world import World

pytestmark = pytest.mark.slow


def definition(world: World) -> dict:
    """Return the pipeline's definition as SageMaker has it."""
    told = world.aws("sagemaker").describe_pipeline(PipelineName=world.slug)
    return json.loads(told["PipelineDefinition"])


def test_a_pipeline_that_somebody_edited_is_put_back_and_said_before_anything_runs(quick: World) -> None:
    ours = definition(quick)
    theirs = json.loads(json.dumps(ours).replace("evaluate", "do_not_evaluate"))
    quick.aws("sagemaker").update_pipeline(PipelineName=quick.slug, PipelineDefinition=json.dumps(theirs))
    assert definition(quick) != ours
    project.change(quick.root, code=False)
    ended = quick.release()
    assert ended.code == 0, ended.output
    assert "definition updated" in ended.output
    assert definition(quick) == ours


def refused(production, package, code: str, words: str) -> Outcome:
    """Release a package that production must refuse: it is not asked, and what served serves on."""
    before = production.serving()
    production.forget()
    made = production.release(package)
    assert (made.code, made.exit_code) == (code, 4), made.lines or "it was promoted"
    assert words in made.lines
    assert production.calls("UpdateEndpoint") == []
    assert production.serving() == before
    assert made.during.clean, made.during
    assert made.after.clean, made.after
    return made


def test_a_package_that_somebody_rejected_after_its_approval_is_not_served(production) -> None:
    package = production.good()
    registry.judge(production.run.aws, package, "Rejected", "an auditor said no")
    made = refused(production, package, "E403", f"version {package.version} is Rejected")
    assert "an auditor said no" in made.lines


def test_a_package_that_somebody_deleted_is_not_served(production) -> None:
    package = production.good()
    production.sagemaker.delete_model_package(ModelPackageName=package.arn)
    refused(production, package, "E402", f"version {package.version} is gone from the registry")
    with pytest.raises(Exception, match="cannot be promoted"):
        delivery.promote(production.run, package.release_id)


def test_an_archive_that_somebody_replaced_after_it_was_registered_is_not_served(production) -> None:
    package = production.good()
    bucket, key = names.split_uri(package.model_data)
    good = production.run.aws.read_bytes(package.model_data)
    production.run.aws.write_bytes(package.model_data, good[:-1] + bytes([good[-1] ^ 1]))
    refused(production, package, "E402", f"version {package.version} is not the model that was evaluated")
    versions = production.run.aws.s3.list_object_versions(Bucket=bucket, Prefix=key)["Versions"]
    assert len(versions) == 2  # what was evaluated is still there to be put back
