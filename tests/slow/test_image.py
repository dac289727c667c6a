"""The Dockerfile really builds; the jobs run in its `jobs` and the endpoint answers from its `serve`."""

from __future__ import annotations

import pytest
import release_by_hand
from builder import Builder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    return Builder(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def images(builder, default_bake):
    base = builder.base()
    return {target: builder.build(default_bake, target, base) for target in ("serve", "jobs")}


def test_the_jobs_run_in_one_image_and_the_other_answers(builder, images, default_bake, tmp_path):
    archive = release_by_hand.release(default_bake, builder.start(images["jobs"]), tmp_path / "work")
    entrypoint = builder.settings(images["serve"])["Entrypoint"]
    header, answers, golden = release_by_hand.answer(
        archive, entrypoint, builder.start(images["serve"]), tmp_path / "endpoint"
    )
    assert header.startswith("release=0123456789ab")
    for given, wanted in zip(answers, golden, strict=True):
        assert given == pytest.approx(wanted, abs=1e-4)


def test_an_image_knows_where_its_code_is_and_carries_nothing_of_the_release(builder, images):
    for target, folders in (
        ("jobs", {"data_checks", "inference", "training"}),
        ("serve", {"data_checks", "inference"}),
    ):
        settings = builder.settings(images[target])
        assert settings["WorkingDir"] == "/opt/program"
        assert {"PYTHONPATH=/opt/program", "PYTHONUNBUFFERED=1"} <= set(settings["Env"])
        container = builder("from", "--pull-never", images[target]).strip()
        listed = set(builder("run", container, "--", "ls", "/opt/program").split())
        assert listed == {*folders, "requirements"}
        builder("rm", container)
