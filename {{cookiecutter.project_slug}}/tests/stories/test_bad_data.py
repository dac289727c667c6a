"""Data that looks right and would train a wrong model: it is refused, and what serves is left alone."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tests.stories.test_refusals import Change, assert_message, put
from tests.stories.world import World


def a_copy_of_the_label(table: pa.Table) -> pa.Table:
    """Write the label into a feature, in words that are allowed there."""
    rich = pc.equal(table["income"], ">50K")
    return put(table, "relationship", pc.if_else(rich, "Husband", "Wife"))


def rows_under_new_keys(table: pa.Table) -> pa.Table:
    """Repeat a tenth of the rows under keys of their own: they fall into other splits."""
    again = table.slice(0, table.num_rows // 10)
    keys = pc.cast(pc.add(again["row_id"], 1_000_000), table.schema.field("row_id").type)
    return pa.concat_tables([table, put(again, "row_id", keys).cast(table.schema)])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param(a_copy_of_the_label, "E211", id="a feature that is the label"),
        pytest.param(rows_under_new_keys, "E210", id="rows in two splits"),
    ],
)
def test_data_that_tells_the_answer_is_refused_before_anything_is_trained(
    world: World, change: Change, code: str
) -> None:
    before = world.live()
    with world.data(change):
        ended = world.release()
    assert_message(ended, 2, code)
    assert world.live() == before


def test_an_object_that_was_replaced_in_the_bucket_is_refused_by_its_bytes(world: World) -> None:
    """Of the same size, under the same name, with the same note of what its sha256 was."""
    before, s3 = world.live(), world.aws("s3")
    locked = json.loads((world.root / "data.lock").read_text("utf-8"))
    bucket = f"{world.slug}-123456789012-{world.region}"
    place = {"Bucket": bucket, "Key": f"{locked['prefix']}/{locked['files'][0]['key']}"}
    there = s3.get_object(**place)
    good = there["Body"].read()
    swapped = bytearray(good)
    swapped[len(good) // 2] ^= 1
    s3.put_object(**place, Body=bytes(swapped), Metadata=there["Metadata"])
    try:
        with world.edited("mlops.toml", lambda text: text.replace("epochs = 12", "epochs = 11")):
            written = world.run("pipelines", "definition", "--write")
            assert written.code == 0, written.output
            ended = world.release()
    finally:
        s3.put_object(**place, Body=good, Metadata=there["Metadata"])
        assert world.run("pipelines", "definition", "--write").code == 0
    assert_message(ended, 2, "E201")
    assert "has another sha256 than data.lock says" in ended.output
    assert world.live() == before
    kept = s3.get_object(**place, VersionId=there["VersionId"])["Body"].read()
    assert kept == good  # the version that was locked is still there to be read
