"""What local-test releases: the locked data where git has it, else the committed sample."""

from __future__ import annotations

import json

import pytest

from pipelines import rehearsal


@pytest.fixture
def root(tmp_path):
    """Return a tree whose data.lock names a file in git and one in the bucket; a sample of the first."""

    def lock(*keys: str) -> str:
        files = [{"key": key, "size": 1, "rows": 1, "sha256": "ab" * 32, "version_id": None} for key in keys]
        return json.dumps({"prefix": "data/adult", "key": "row_id", "rows": len(keys), "files": files})

    (tmp_path / "data/adult").mkdir(parents=True)
    (tmp_path / "data/adult/a.parquet").write_text("x")
    (tmp_path / "data.lock").write_text(lock("a.parquet", "b.parquet"))
    (tmp_path / "sample.lock").write_text(lock("a.parquet"))
    return tmp_path


def test_where_the_bucket_alone_has_the_data_the_sample_is_taken(root, make_settings):
    assert rehearsal.sampled(make_settings(), root).data.lock == "sample.lock"


def test_what_git_has_whole_is_taken_itself(root, make_settings):
    (root / "data/adult/b.parquet").write_text("x")
    assert rehearsal.sampled(make_settings(), root).data.lock == "data.lock"


def test_without_a_sample_the_lock_stays_and_its_error_names_the_file(root, make_settings):
    (root / "sample.lock").unlink()
    assert rehearsal.sampled(make_settings(), root).data.lock == "data.lock"
