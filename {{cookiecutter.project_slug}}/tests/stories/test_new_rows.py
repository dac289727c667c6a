"""New rows that somebody left on S3 as a CSV: `data add`, a commit, and a model that learnt from them."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pyarrow.csv
import pytest

from tests.stories.sample import FOLDER, ROWS
from tests.stories.world import copy_with_sample, started
from tests.training.makers import make_rows

NEW = 500


@pytest.mark.slow
def test_rows_from_a_csv_on_s3_become_a_released_model(tmp_path: Path) -> None:
    with started(copy_with_sample(tmp_path)) as world:
        body = io.BytesIO()
        more = make_rows(ROWS + NEW, seed=0).slice(ROWS)  # other keys than those that are there
        pyarrow.csv.write_csv(make_rows(NEW, seed=5, id=more["id"]), body)
        s3 = world.aws("s3")
        place = {"CreateBucketConfiguration": {"LocationConstraint": world.region}}
        s3.create_bucket(Bucket="somebody-elses", **place)
        s3.put_object(Bucket="somebody-elses", Key="drop/2024/rows.csv", Body=body.getvalue())

        added = world.run("pipelines", "data", "add", "s3://somebody-elses/drop/")
        assert added.code == 0, added.output
        assert f"{ROWS:,} + {NEW} = {ROWS + NEW:,}" in added.output
        assert "Cork" not in added.output  # a town in most of the rows
        again = world.run("pipelines", "data", "add", "s3://somebody-elses/drop/")
        assert (again.code, again.message()[0][:6]) == (2, "✗ E206"), again.output

        released = world.run("pipelines", "local-test")
        assert released.code == 0, released.output
        assert world.live().endpoints
        locked = json.loads((world.root / "data.lock").read_text("utf-8"))
        assert (locked["rows"], locked["files"][-1]["key"]) == (ROWS + NEW, "batch=3/part-0.parquet")
        bucket = f"{world.slug}-123456789012-{world.region}"
        head = s3.head_object(Bucket=bucket, Key=f"{FOLDER}/batch=3/part-0.parquet")
        assert head["Metadata"]["sha256"] == locked["files"][-1]["sha256"]
