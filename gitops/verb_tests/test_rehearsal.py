"""What local-test releases: the locked data where git has it, else the committed sample."""

from __future__ import annotations

import json
import subprocess
from types import SimpleNamespace

import pytest

from doubles.aws import make_run, packages
from sagemaker_gitops import data, registry, rehearsal, tree
from sagemaker_gitops.errors import SettingsError


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
    assert rehearsal.sampled(make_settings(), root).digest() == make_settings().digest()


def test_what_git_has_whole_is_taken_itself(root, make_settings):
    (root / "data/adult/b.parquet").write_text("x")
    assert rehearsal.sampled(make_settings(), root).data.lock == "data.lock"


def test_without_a_sample_the_lock_stays_and_its_error_names_the_file(root, make_settings):
    (root / "sample.lock").unlink()
    assert rehearsal.sampled(make_settings(), root).data.lock == "data.lock"


def test_a_base_on_the_sample_stands_for_its_release_on_the_locked_data(root, make_settings):
    """A waiver names the champion that production serves, also on a runner that cannot have its data."""
    (root / "build").mkdir()
    ids = {"release_id": "5a" * 32, "code_id": "c0" * 32}
    (root / "build/local-test.json").write_text(json.dumps({"ids": ids}))
    real = tree.release_id("c0" * 32, data.read_lock(root / "data.lock").snapshot_id())
    assert rehearsal.stands_for(root, "data.lock") == {"5a" * 32: real}
    assert real != tree.release_id("c0" * 32, data.read_lock(root / "sample.lock").snapshot_id())


@pytest.mark.parametrize("story", [None, {}, {"ids": None}], ids=["no run", "nothing told", "no ids"])
def test_a_base_that_was_not_released_stands_for_nothing(root, story):
    (root / "build").mkdir()
    if story is not None:
        (root / "build/local-test.json").write_text(json.dumps(story))
    assert rehearsal.stands_for(root, "data.lock") == {}


def test_a_base_that_git_does_not_know_is_refused(tmp_path):
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-qm", "x", "--allow-empty"], check=True)
    rehearsal.refuse_unknown("HEAD", tmp_path)
    with pytest.raises(SettingsError, match="git has no commit nosuchref") as refused:
        rehearsal.refuse_unknown("nosuchref", tmp_path)
    assert refused.value.code == "E521"


def test_it_is_refused_before_anything_is_made(tmp_path, make_settings, monkeypatch):
    monkeypatch.setattr(rehearsal, "sampled", lambda settings: settings)
    monkeypatch.setattr(rehearsal.tree, "read", lambda _: SimpleNamespace(root=tmp_path))
    run = make_run(make_settings())
    with pytest.raises(SettingsError, match="git has no commit main"):
        rehearsal.rehearse(run, "main")
    assert run.story.steps == []


@pytest.mark.parametrize("approval", ["pull-request", "reviewer"])
def test_where_a_person_lets_it_in_local_test_is_that_person_and_says_so(
    make_settings, monkeypatch, approval
):
    client, said = packages("PendingManualApproval"), []
    run = make_run(make_settings(**{"project.approval": approval}), sagemaker=client)
    monkeypatch.setattr(rehearsal.release, "registered", lambda run, _: registry.find(run.aws, "g", "1" * 64))
    monkeypatch.setattr(rehearsal.delivery, "prove_on_staging", lambda _, package: package)
    monkeypatch.setattr(rehearsal.delivery, "to_production", lambda _, package, commit: said.append(commit))
    rehearsal.released(run, SimpleNamespace(ids=SimpleNamespace(commit_sha="c")))  # type: ignore[arg-type]
    assert said == ["c"]
    [step] = run.story.steps
    assert (step.name, step.verdict) == ("approve", "done")
    assert "local-test lets it in, in place of" in step.note
    assert "python -m pipelines promote" not in step.note


def test_what_a_local_test_leaves_is_one_command_away(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/build/mlflow.db")
    assert rehearsal.look()[1].endswith("mlflow ui --backend-store-uri sqlite:///build/mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    assert rehearsal.look() == ["  data docs: python -m pipelines data docs"]
