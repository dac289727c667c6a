"""Data that looks right and would train a wrong model: it is refused, and what serves is left alone."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tests.stories.test_refusals import Change, assert_message, put
from tests.stories.world import World

RULES = {
    "no_drift": ("maximum_psi=0.25, severity='warning'", "maximum_psi=1.0"),
    "no_target_leakage": ("",),
    "no_row_in_two_splits": ("maximum_share=0.5",),  # these rows are made up of few values: many are the same
}


@pytest.fixture(scope="module")
def champion(world: World) -> Iterator[str]:
    """Return the id of the release that serves, of a project with rules about more than single values."""

    def ruled(text: str) -> str:
        rules = ", ".join(f"{name}({words})" for name, each in RULES.items() for words in each)
        text = text.replace("import Column", f"import Column, {', '.join(RULES)}")
        return text.replace("EXPECTATIONS = ()", f"EXPECTATIONS = ({rules},)")

    with world.edited("data_checks/suite.py", ruled):
        ended = world.release()
        assert ended.code == 0, ended.output
        yield json.loads((world.root / "build" / "release.json").read_text("utf-8"))["ids"]["release_id"]
    assert world.release().code == 0


def a_copy_of_the_label(table: pa.Table) -> pa.Table:
    """Write the label into a feature, in words that are there already."""
    return put(table, "town", pc.if_else(pc.equal(table["rich"], "yes"), "Bath", "Cork"))


def rows_under_new_keys(table: pa.Table) -> pa.Table:
    """Repeat all rows under keys of their own: they fall into other splits."""
    keys = pc.cast(pc.add(table["id"], 1_000_000), table.schema.field("id").type)
    return pa.concat_tables([table, put(table, "id", keys).cast(table.schema)])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param(a_copy_of_the_label, "E211", id="a feature that is the label"),
        pytest.param(rows_under_new_keys, "E210", id="rows in two splits"),
    ],
)
def test_data_that_tells_the_answer_is_refused_before_anything_is_trained(
    world: World, champion: str, change: Change, code: str
) -> None:
    before = world.live()
    with world.data(change):
        ended = world.release()
    assert_message(ended, 2, code)
    assert world.live() == before


def cooks(share: int) -> Change:
    """Return a change that makes one in so many a cook, whatever they did."""

    def change(table: pa.Table) -> pa.Table:
        chosen = pc.equal(pc.bit_wise_and(table["id"], share - 1), 0)
        return put(table, "job", pc.if_else(chosen, "cook", table["job"]))

    return change


def validation(world: World) -> dict:
    """Return the last validation's report, as a verb lays it down here."""
    return json.loads((world.root / "build" / "validation.json").read_text("utf-8"))


def test_a_first_release_has_nothing_to_be_compared_with_and_says_nothing_wrong(world: World) -> None:
    told = json.loads((world.root / "build-first" / "validation.json").read_text("utf-8"))
    assert (told["compared_with"], told["verdict"]["warnings"]) == (None, [])
    assert told["verdict"]["accepted"]


def test_a_feature_that_has_moved_is_refused_by_name_and_the_champion_serves_on(
    world: World, champion: str
) -> None:
    before = world.live()
    with world.data(cooks(1)):
        ended = world.release()
    assert_message(ended, 2, "E212")
    assert "job moved since the champion was trained" in ended.output
    assert validation(world)["compared_with"]["release_id"] == champion
    assert world.live() == before
    assert world.run("pipelines", "request").code == 0


@pytest.mark.slow
def test_a_feature_that_has_moved_a_little_is_a_warning_and_what_was_judged_is_the_model(
    world: World, champion: str
) -> None:
    with world.data(cooks(2)):
        ended = world.release()
        told, page = validation(world), (world.root / "build" / "report.html").read_text("utf-8")
    assert "✗ E2" not in ended.output
    assert "1 to look at: E212 job" in ended.output
    (warning,) = told["verdict"]["warnings"]
    assert (warning["code"], warning["column"]) == ("E212", "job")
    moved = [each for each in told["expectations"] if (each["rule"], each["column"]) == ("no_drift", "job")]
    assert moved
    assert all(0.25 < value < 1 for value in (each["measured"] for each in moved))
    assert told["compared_with"]["release_id"] == champion
    assert f"E212 {warning['message']}" in html.unescape(page)
    assert world.release().code == 0  # what stood before serves again, if this one came to serve


def test_an_object_that_was_replaced_in_the_bucket_is_refused_by_its_bytes(world: World) -> None:
    """Of the same size, under the same name, with the same note of what its sha256 was."""
    before, s3 = world.live(), world.aws("s3")
    locked = json.loads((world.root / "data.lock").read_text("utf-8"))
    bucket = f"{world.slug}-123456789012-{world.region}"
    place = {"Bucket": bucket, "Key": f"{locked['prefix']}/{locked['files'][0]['key']}"}
    assert world.run("pipelines", "data", "push").code == 0  # other stories have left other rows there
    there = s3.get_object(**place)
    good = there["Body"].read()
    swapped = bytearray(good)
    swapped[len(good) // 2] ^= 1
    s3.put_object(**place, Body=bytes(swapped), Metadata=there["Metadata"])
    try:
        with world.edited("training/model.py", lambda text: text + "# another release\n"):
            ended = world.release()
    finally:
        s3.put_object(**place, Body=good, Metadata=there["Metadata"])
    assert_message(ended, 2, "E201")
    assert "has another sha256 than data.lock says" in ended.output
    assert world.live() == before
    kept = s3.get_object(**place, VersionId=there["VersionId"])["Body"].read()
    assert kept == good  # the version that was locked is still there to be read
