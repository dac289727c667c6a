"""The release's own decisions: data on its way, images, champion, approval, what a refusal says."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from doubles.aws import (
    ARCHIVE,
    RELEASE,
    STACK,
    Bucket,
    Client,
    error,
    make_aws,
    make_package,
    make_run,
    packages,
)
from pipelines.__main__ import main
from sagemaker_gitops import (
    data,
    delivery,
    execution,
    images,
    registry,
    release,
    report,
    results,
    rollback,
    stack,
    tree,
)
from sagemaker_gitops.data import Lock, LockedFile
from sagemaker_gitops.errors import (
    AccessError,
    DataRefused,
    DeployFailed,
    MLOpsError,
    SettingsError,
    WrongRelease,
)
from sagemaker_gitops.story import Step, Story

BODY = b"parquet"
LOCK = Lock(
    "data/adult",
    "row_id",
    3,
    (LockedFile("part-0.parquet", len(BODY), hashlib.sha256(BODY).hexdigest()),),
    b"{}",
)
KEY = "data/adult/part-0.parquet"


@pytest.fixture
def root(tmp_path):
    """Return a working tree that holds the locked file."""
    (tmp_path / "data/adult").mkdir(parents=True)
    (tmp_path / KEY).write_bytes(BODY)
    return tmp_path


def test_data_is_uploaded_once_with_its_sha256(root):
    bucket, step = Bucket(), Step("data")
    assert data.push(make_aws(s3=bucket), "bucket", LOCK, root, step) == {"part-0.parquet": "v2"}
    assert bucket.objects[KEY] == BODY
    again = Step("data")
    assert data.push(make_aws(s3=bucket), "bucket", LOCK, root, again) == {"part-0.parquet": "v1"}
    assert (step.note, again.note) == ("1 file, 1 uploaded", "1 file, all there")
    assert bucket.operations().count("put_object") == 1


def test_a_file_that_is_not_the_locked_one_is_never_uploaded(root):
    (root / KEY).write_bytes(b"Parquet")
    bucket = Bucket()
    with pytest.raises(DataRefused, match=r"not the file that data\.lock names") as refused:
        data.push(make_aws(s3=bucket), "bucket", LOCK, root, Step("data"))
    assert (refused.value.code, refused.value.exit_code) == ("E201", 2)
    assert not bucket.objects


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param(b"", "0 bytes, locked are 7", id="emptied"),
        pytest.param(b"Parquet", "sha256", id="edited to the same size"),
    ],
)
def test_a_file_edited_after_it_was_locked_is_refused_with_both_ways_out(root, body, why):
    for words in (["init", "--quiet"], ["add", KEY]):
        subprocess.run(["git", "-C", str(root), *words], check=True)
    (root / KEY).write_bytes(body)
    with pytest.raises(DataRefused, match=KEY) as refused:
        data.check(LOCK, root, Story(Console(quiet=True)))
    assert (refused.value.code, refused.value.exit_code) == ("E201", 2)
    assert why in refused.value.why
    assert f"git checkout -- {KEY}" in refused.value.todo
    assert "python -m data_checks.lock data/adult --key row_id" in refused.value.todo


def test_a_file_that_git_does_not_hold_is_not_to_be_restored_from_git(root):
    (root / KEY).write_bytes(b"")
    with pytest.raises(DataRefused, match=KEY) as refused:
        data.check(LOCK, root, Story(Console(quiet=True)))
    assert refused.value.todo.startswith(f"where the bucket has it, take this away: rm {KEY}; or lock it: ")


def told_of(root) -> str:
    """Return what the check of the working tree's data prints."""
    printed = io.StringIO()
    data.check(LOCK, root, Story(Console(file=printed, width=300)))
    return printed.getvalue()


def test_files_that_are_as_locked_or_lie_in_the_bucket_only_are_fine(root):
    assert told_of(root) == ""
    (root / KEY).unlink()
    assert told_of(root) == ""


def test_parquet_files_that_nobody_locked_are_a_step_of_warning(root):
    for name in ("part-1.parquet", "part-2.parquet", "notes.txt"):
        (root / "data/adult" / name).write_bytes(b"new")
    [line] = told_of(root).splitlines()
    assert line.startswith("  ! data.lock")
    assert "1 file locked; 2 more below data/adult not in data.lock" in line
    assert "part-1.parquet, ...; to add: " in line
    assert "-m data_checks.lock data/adult --key row_id" in line


def test_the_report_shows_that_new_data_is_not_in_the_release(root, make_settings, tmp_path):
    (root / "data/adult/part-1.parquet").write_bytes(b"new")
    story = Story(Console(quiet=True))
    data.check(LOCK, root, story)
    page = report.write(story, make_settings(), "release", None, tmp_path).read_text()
    assert '<td class="warned">warned</td>' in page
    assert "-m data_checks.lock data/adult --key row_id" in page


@pytest.mark.parametrize("verb", ["plan", "release", "pipeline", "local-test"])
@pytest.mark.parametrize("days", [pytest.param(90, id="holds"), pytest.param(91, id="a day too long")])
def test_no_release_starts_with_a_waiver_that_cannot_hold(verb, days, make_settings, monkeypatch, capsys):
    until = datetime.now(UTC).date() + timedelta(days)
    waiver = {"champion": "5e41" * 16, "until": until, "reason": "age is gone"}
    client = Client()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("sagemaker_gitops.reading.load", lambda *_: make_settings(**{"gate.waiver": waiver}))
    monkeypatch.setattr("sagemaker_gitops.aws.connect", lambda _: (make_aws(cloudformation=client), "1" * 12))
    assert main([verb]) == 5
    told = capsys.readouterr().err
    if days == 90:
        assert "E503 the pipeline's golden definition was built from other settings" in told
    else:
        assert f"E501 mlops.toml: gate.waiver.until is {until}" in told
        assert f"wanted: {until - timedelta(1)} or before, 90 days ahead" in told
    assert set(client.operations()) <= {"describe_stacks"}


@pytest.mark.parametrize("verb", ["plan", "release", "local-test"])
def test_no_verb_goes_on_with_the_old_bytes_of_an_edited_file(verb, root, make_settings, monkeypatch, capsys):
    (root / KEY).write_bytes(b"Parquet")
    ids = tree.Ids("c", "s", "r", "sha")
    client = Client()  # an answer to everything, and a memory of what was asked
    monkeypatch.chdir(root)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("sagemaker_gitops.reading.load", lambda *_: make_settings())
    monkeypatch.setattr("sagemaker_gitops.tree.read", lambda s, *_: tree.Tree(s, LOCK, ids, "{}", root))
    monkeypatch.setattr("sagemaker_gitops.rehearsal.sampled", lambda settings: settings)
    monkeypatch.setattr("sagemaker_gitops.aws.connect", lambda _: (make_aws(cloudformation=client), "1" * 12))
    assert main([verb]) == 2
    assert capsys.readouterr().err.startswith(f"✗ E201 {KEY} ")
    assert set(client.operations()) <= {"describe_stacks"}  # which account this is


def test_an_object_with_other_bytes_is_replaced(root):
    bucket = Bucket({KEY: b"PARQUET"})
    data.push(make_aws(s3=bucket), "bucket", LOCK, root, Step("data"))
    assert bucket.objects[KEY] == BODY


def test_data_that_is_nowhere_is_asked_for_by_name(tmp_path):
    with pytest.raises(SettingsError, match=f"{KEY}, as it is locked, is neither in the bucket nor here"):
        data.push(make_aws(s3=Bucket()), "bucket", LOCK, tmp_path, Step("data"))


def ecr(*tags: str) -> Client:
    def describe_images(imageIds: list[dict[str, str]], **_: object) -> object:
        tag = imageIds[0]["imageTag"]
        return (
            {"imageDetails": [{"imageDigest": f"sha256:{tag}"}]}
            if tag in tags
            else error("ImageNotFoundException")
        )

    token = {"authorizationData": [{"authorizationToken": "QVdTOnNlY3JldA=="}]}  # AWS:secret
    return Client(describe_images=describe_images, get_authorization_token=token)


CODE = "0123456789abcdef"
BOTH = ("0123456789ab-jobs", "0123456789ab-serve")


def docker(tmp_path, monkeypatch, script: str):
    """Put a docker of our own in DOCKER; return the file where it notes what it was asked."""
    notes = tmp_path / "asked"
    program = tmp_path / "docker.py"
    program.write_text(
        f"import sys\nopen({str(notes)!r}, 'a').write(' '.join(sys.argv[1:]) + chr(10))\n{script}"
    )
    monkeypatch.setenv("DOCKER", f"{sys.executable} {program}")
    return notes


def test_only_the_missing_image_is_built_and_pushed(tmp_path, monkeypatch):
    notes = docker(tmp_path, monkeypatch, "sys.stdin.read() if 'login' in sys.argv else None")
    images.publish(make_aws(ecr=ecr(BOTH[0])), STACK, CODE, Step("image"))
    login, build, push = notes.read_text().splitlines()
    assert "secret" not in login
    assert f"--target serve --tag {STACK.repository}:{BOTH[1]} ." in build
    assert "--provenance=false" in build
    assert push == f"push {STACK.repository}:{BOTH[1]}"


@pytest.mark.parametrize(
    ("text", "where", "why"),
    [
        ("def app(:\n", "inference/app.py, line 1", "SyntaxError: invalid syntax"),
        ("x = 1\nreturn x\n", "inference/app.py, line 2", "SyntaxError: 'return' outside function"),
    ],
)
def test_code_that_is_no_python_is_refused_before_any_image_is_built(tmp_path, monkeypatch, text, where, why):
    notes = docker(tmp_path, monkeypatch, "")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inference").mkdir()
    (tmp_path / "inference/app.py").write_text(text)
    with pytest.raises(SettingsError, match=r"E505 inference/app\.py cannot be compiled") as refused:
        images.publish(make_aws(ecr=ecr()), STACK, CODE, Step("image"))
    assert (refused.value.where, refused.value.why) == (where, why)
    assert not notes.exists()


def test_images_that_are_there_need_no_docker(monkeypatch):
    monkeypatch.setenv("DOCKER", "there-is-no-such-program")
    step = Step("image")
    images.publish(make_aws(ecr=ecr(*BOTH)), STACK, CODE, step)
    assert step.verdict == "reused"


@pytest.mark.parametrize(
    ("script", "what"),
    [
        pytest.param(None, "there is no there-is-no-such-program", id="no docker"),
        pytest.param("sys.exit('no space left')", "docker login failed", id="docker fails"),
    ],
)
def test_a_docker_that_does_not_work_is_said(tmp_path, monkeypatch, script, what):
    monkeypatch.setenv("DOCKER", "there-is-no-such-program")
    if script:
        docker(tmp_path, monkeypatch, script)
    with pytest.raises(SettingsError, match=what) as failed:
        images.publish(make_aws(ecr=ecr()), STACK, CODE, Step("image"))
    assert failed.value.code == "E505"
    if script:
        assert failed.value.detail == ["no space left"]


def test_a_release_without_its_images_names_the_verb_that_makes_them():
    with pytest.raises(SettingsError, match=f"{BOTH[1]} is not in ECR") as refused:
        images.require(make_aws(ecr=ecr(BOTH[0])), STACK, CODE)
    assert "python -m pipelines image" in refused.value.todo


@pytest.mark.parametrize(
    ("approvals", "serving", "version"),
    [
        pytest.param(["Approved", "Approved", "PendingManualApproval"], 1, 1, id="what production serves"),
        pytest.param(
            ["Approved", "Approved", "Rejected"], None, 2, id="the newest approved without an endpoint"
        ),
        pytest.param(["Rejected", "PendingManualApproval"], None, None, id="nobody before the first release"),
    ],
)
def test_the_champion_is(make_settings, approvals, serving, version):
    objects = {f"{number}.tar.gz": ARCHIVE for number in (1, 2)}
    client = packages(*approvals, serving=serving)
    uri = release.champion(make_run(make_settings(), sagemaker=client, s3=Bucket(objects)), "s3://bucket/x")
    assert uri == f"s3://bucket/x/champion/{version or 'none'}"


def test_the_champions_prefix_exists_also_without_a_champion(make_settings):
    bucket = Bucket()
    run = make_run(make_settings(), sagemaker=packages(), s3=bucket)
    uri = release.champion(run, "s3://bucket/releases/x")
    assert json.loads(bucket.objects[uri.removeprefix("s3://bucket/") + "/champion.json"])["package"] is None


def test_a_champion_that_stands_for_another_release_is_called_by_that_ones_id(make_settings):
    bucket = Bucket({"1.tar.gz": ARCHIVE})
    run = make_run(make_settings(), sagemaker=packages("Approved", serving=1), s3=bucket)
    run.stands_for = {"1" * 64: "5e41" * 16}
    release.champion(run, "s3://bucket/x")
    told = json.loads(bucket.objects["x/champion/1/champion.json"])
    assert told["release_id"] == "5e41" * 16


def test_the_champions_own_archive_lies_beside_its_name(make_settings):
    bucket = Bucket({"1.tar.gz": ARCHIVE})
    run = make_run(make_settings(), sagemaker=packages("Approved", serving=1), s3=bucket)
    release.champion(run, "s3://bucket/releases/x")
    [copied] = [request for operation, request in bucket.asked if operation == "copy_object"]
    assert copied["CopySource"] == {"Bucket": "bucket", "Key": "1.tar.gz"}
    assert copied["Key"] == "releases/x/champion/1/model.tar.gz"


def test_a_tracking_server_with_a_password_never_reaches_a_job(make_settings, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:hunter2@mlflow.example.com")
    bucket = Bucket()
    run = make_run(make_settings(), sagemaker=packages(), s3=bucket)
    ids = tree.Ids("c", "s", "r", "sha")
    with pytest.raises(SettingsError, match="user or a password") as refused:
        release.parameters(run, tree.Tree(run.settings, LOCK, ids, "{}", None))
    assert "hunter2" not in "".join(refused.value.lines())
    assert bucket.asked == []


def test_an_mlflow_server_is_refused_where_the_container_could_not_reach_it(make_settings, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mlflow.example.com")
    bucket = Bucket()
    run = make_run(make_settings(), sagemaker=packages(), s3=bucket)
    with pytest.raises(SettingsError, match=r"network\.isolation is true") as refused:
        release.parameters(run, tree.Tree(run.settings, LOCK, tree.Ids("c", "s", "r", "sha"), "{}", None))
    assert "isolation = false" in refused.value.todo
    assert bucket.asked == []


def test_a_champion_whose_archive_was_changed_is_compared_with_nothing(make_settings):
    bucket = Bucket({"1.tar.gz": b"another"})
    run = make_run(make_settings(), sagemaker=packages("Approved", serving=1), s3=bucket)
    with pytest.raises(DeployFailed, match="version 1 is not the model that was evaluated"):
        release.champion(run, "s3://bucket/releases/x")
    assert "copy_object" not in bucket.operations()


def test_a_champion_whose_archive_is_gone_is_named_with_the_ways_out(make_settings):
    bucket = Bucket()
    run = make_run(make_settings(), sagemaker=packages("Approved", serving=1), s3=bucket)
    with pytest.raises(DeployFailed, match="what was evaluated is gone") as stopped:
        release.champion(run, "s3://bucket/releases/x")
    assert (stopped.value.code, stopped.value.where) == ("E402", "s3://bucket/1.tar.gz")
    assert "delete its delete marker" in stopped.value.todo
    assert stopped.value.todo.endswith("or have another champion: python -m pipelines rollback")
    assert "copy_object" not in bucket.operations()


def test_an_execution_of_another_releases_definition_is_not_waited_for(make_settings, monkeypatch):
    monkeypatch.setattr(data, "push", lambda *_: {})
    monkeypatch.setattr(execution, "follow", lambda *_: pytest.fail("a whole training was waited for"))
    started = {
        "PipelineExecutionArn": "arn:x/exec1",
        "PipelineExecutionStatus": "Executing",
        "PipelineExecutionDisplayName": f"release-{RELEASE[:12]}-1",
        "StartTime": 1,
    }
    client = Client(
        describe_pipeline={"PipelineDefinition": "{}", "RoleArn": STACK.role},
        list_pipeline_executions={"PipelineExecutionSummaries": [started]},
        list_pipeline_execution_steps={"PipelineExecutionSteps": []},
        describe_pipeline_definition_for_execution={"PipelineDefinition": '{"Steps": ["theirs"]}'},
    )
    run = make_run(make_settings(), sagemaker=client)
    work = tree.Tree(run.settings, LOCK, tree.Ids("c", "s", RELEASE, "f" * 40), "{}", Path())
    with pytest.raises(MLOpsError, match="another release's definition") as stopped:
        release.produce(run, work, {}, retry=False)
    assert stopped.value.code == "E104"
    assert "stop it (python -m pipelines status says how)" in stopped.value.todo
    assert [(step.name, step.verdict) for step in run.story.steps][-1] == ("pipeline", "failed")


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(error("ThrottlingException"), id="AWS says no"),
        pytest.param(AccessError("E601 no token\nwhere\nwhy\ntodo"), id="no new credentials"),
    ],
)
def test_a_note_about_staging_that_cannot_be_made_does_not_hide_what_stopped_it(
    make_settings, monkeypatch, trouble
):
    def wrong(*_: object) -> None:
        raise WrongRelease("E402 answered wrongly\nendpoint\nwhy\ntodo")

    monkeypatch.setattr(delivery, "prove_on_staging", wrong)
    run = make_run(make_settings(), sagemaker=Client(update_model_package=trouble))
    with pytest.raises(WrongRelease, match="answered wrongly"):
        release.stage(run, make_package())


def test_a_package_is_found_by_its_release_also_by_the_short_form():
    aws = make_aws(sagemaker=packages("Approved", "Approved"))
    assert registry.find(aws, "income-model", "1" * 64).version == 1
    assert registry.find(aws, "income-model", "2" * 12).version == 2
    assert registry.find(aws, "income-model", "3" * 64) is None
    assert registry.find(aws, "income-model", "") is None


def test_a_release_is_never_found_by_digits_that_are_too_few_or_begin_two_of_them():
    client = packages("Approved", "Approved")
    assert registry.find(make_aws(sagemaker=client), "income-model", "2" * 11) is None
    known = client.answers["describe_model_package"]

    def alike(ModelPackageName: str) -> object:
        told = known(ModelPackageName)
        told["CustomerMetadataProperties"]["release_id"] = "ab" * 6 + ModelPackageName[-1] * 52
        return told

    client.answers["describe_model_package"] = alike
    assert registry.find(make_aws(sagemaker=client), "income-model", "ab" * 6) is None
    assert registry.find(make_aws(sagemaker=client), "income-model", "ab" * 6 + "1").version == 1


@pytest.mark.parametrize("approval", ["pull-request", "reviewer"])
def test_where_a_person_decides_the_release_waits_and_says_for_what(make_settings, approval):
    run = make_run(make_settings(**{"project.approval": approval}))
    package = delivery.hold(run, make_package(2))
    assert package.approval == "PendingManualApproval"
    assert run.story.steps[0].verdict == "waiting"
    assert "python -m pipelines promote abababababab" in run.story.steps[0].note


def test_a_revert_finds_the_package_of_the_earlier_content_and_trains_nothing(make_settings, monkeypatch):
    client, trained = packages("Approved", "Approved", serving=2), []
    known = client.answers["describe_model_package"]

    def whole(ModelPackageName: str) -> object:
        told = known(ModelPackageName)
        told["CustomerMetadataProperties"]["story_sha256"] = "0" * 64
        return told

    client.answers["describe_model_package"] = whole
    monkeypatch.setattr(data, "check", lambda *_: None)
    monkeypatch.setattr(images, "require", lambda *_: {})
    monkeypatch.setattr(release, "produce", lambda *_: trained.append("pipeline"))
    monkeypatch.setattr(
        release, "Results", lambda *_: SimpleNamespace(validation={}, evaluation={}, facts=dict)
    )
    run = make_run(make_settings(), sagemaker=client)
    client.answers["describe_pipeline"] = {"PipelineDefinition": "what is taken back", "RoleArn": "role-arn"}
    reverted = tree.Tree(run.settings, LOCK, tree.Ids("c", "s", "1" * 64, "f" * 40), "{}", Path())
    package = release.registered(run, reverted)
    assert trained == []
    assert "update_pipeline" in client.operations()  # the definition goes back, too
    assert (package.version, [step.verdict for step in run.story.steps]) == (1, ["reused"])


def test_a_rejected_release_stays_rejected_until_somebody_says_retry(make_settings):
    run = make_run(make_settings())
    with pytest.raises(DeployFailed, match="rejected earlier") as stopped:
        release.reuse(run, make_package(approval="Rejected"), retry=False)
    assert (stopped.value.code, run.story.steps[0].verdict) == ("E403", "failed")
    assert stopped.value.why == "nobody wrote down why"


def test_what_rejected_a_release_is_said_when_it_comes_again(make_settings):
    why = "rolled back by hand to version 1"
    package = replace(make_package(approval="Rejected"), judged=why)
    with pytest.raises(DeployFailed) as stopped:
        release.reuse(make_run(make_settings()), package, retry=False)
    assert stopped.value.why == why
    assert "--retry" in stopped.value.todo


def outputs(project: str = "income-model") -> Client:
    values = zip(
        ("BucketName", "KeyArn", "ExecutionRoleArn", "RepositoryUri", "ModelPackageGroupName"),
        (STACK.bucket, STACK.key, STACK.role, STACK.repository, STACK.group),
        strict=True,
    )
    made = [{"OutputKey": key, "OutputValue": value} for key, value in values]
    return Client(describe_stacks={"Stacks": [{"StackStatus": "CREATE_COMPLETE", "Outputs": made}]})


@pytest.mark.parametrize(
    "registered",
    [
        pytest.param(packages(), id="no such package"),
        pytest.param(
            packages("PendingManualApproval", staging=""), id="a package that staging has not proven"
        ),
        pytest.param(packages("Rejected"), id="a rejected package"),
    ],
)
def test_a_release_that_is_not_proven_cannot_be_promoted(make_settings, registered):
    with pytest.raises(DeployFailed, match="cannot be promoted"):
        delivery.promote(make_run(make_settings(), sagemaker=registered), "1" * 64)
    assert "update_model_package" not in registered.operations()


def test_without_an_earlier_release_there_is_nothing_to_roll_back_to(make_settings):
    run = make_run(make_settings(), sagemaker=packages("Approved", serving=1))
    with pytest.raises(DeployFailed, match="no earlier release that was proven") as stopped:
        rollback.rollback(run)
    assert stopped.value.code == "E404"
    delete = "aws sagemaker delete-endpoint --region eu-west-1 --endpoint-name income-model-production"
    assert stopped.value.todo.startswith("correct the code and merge")
    assert stopped.value.todo.endswith(delete)


def test_the_stack_that_is_missing_is_named_with_the_verb_that_makes_it():
    missing = Client(describe_stacks=error("ValidationError", "Stack with id income-model does not exist"))
    with pytest.raises(SettingsError, match="not there yet") as stopped:
        stack.outputs(make_aws(cloudformation=missing), "income-model")
    assert stopped.value.code == "E504"
    assert stopped.value.todo.startswith("an administrator makes it: python -m pipelines connect;")
    assert "python -m pipelines stack" in stopped.value.todo


def test_a_failed_stack_is_explained_by_what_failed_first():
    events = [
        {"LogicalResourceId": "Role", "ResourceStatus": "CREATE_FAILED", "ResourceStatusReason": "cancelled"},
        {
            "LogicalResourceId": "Bucket",
            "ResourceStatus": "CREATE_FAILED",
            "ResourceStatusReason": "name taken",
        },
        {"LogicalResourceId": "Key", "ResourceStatus": "CREATE_COMPLETE"},
    ]
    assert stack.first_failure(events) == ("Bucket", "name taken")


def test_a_template_without_changes_leaves_the_stack_alone(tmp_path):
    (tmp_path / "stack.yml").write_text("Resources: {}")
    same = error("ValidationError", "No updates are to be performed.", "UpdateStack")
    client = outputs()
    client.answers["update_stack"] = same
    step = Step("stack")
    stack.apply(make_aws(cloudformation=client), "income-model", step, tmp_path / "stack.yml")
    assert step.note == "income-model is as the template says"


REASON = {
    "code": "E203",
    "column": "age",
    "rule": "not_null",
    "count": 37,
    "row_keys": ["r1", "r2"],
    "message": "age has 37 empty values",
}


VALIDATION = {
    "verdict": {"accepted": False, "reasons": [REASON]},
    "rows": 9,
    "columns": [],
    "splits": {},
    "expectations": [{"success": True}, {"success": False}],
}


def test_refused_data_is_told_by_rule_count_and_row_keys():
    other = REASON | {"code": "E206", "column": None, "rule": "unique_key"}
    refused = results.data_refused([REASON, other], "s3://bucket/validation.json")
    assert refused.code == "E203"
    assert refused.exit_code == 2
    assert refused.lines()[0] == "✗ E203 data refused: age has 37 empty values"
    assert refused.lines()[2] == "  rule not_null, 37 rows, the first: r1, r2; and 1 more: E206 unique_key"


@pytest.mark.parametrize(("count", "why"), [(0, "rule not_null"), (1, "rule not_null, 1 row")])
def test_refused_data_tells_no_rows_where_none_are_counted_and_one_as_one(count, why):
    refused = results.data_refused([REASON | {"count": count, "row_keys": []}], "s3://bucket/validation.json")
    assert refused.why == why


@pytest.mark.parametrize(
    ("value", "code"),
    [pytest.param(0.8, "E301", id="below the bar"), pytest.param(None, "E302", id="no metric at all")],
)
def test_a_refused_model_is_told_by_its_first_reason(value, code):
    rule = {"rule": "bar", "metric": "auc", "value": value, "needs": "at least 0.88", "passed": False}
    refused = results.model_refused(
        {"reasons": ["auc is low.", "worse.", "also worse."], "rules": [rule]}, "s3://b/e.json"
    )
    assert (refused.code, refused.exit_code) == (code, 3)
    assert refused.lines()[0].endswith("model refused: auc is low.")
    assert refused.why == "worse. And 1 more in that report."


@pytest.mark.parametrize(
    ("first", "ends"),
    [(True, "nothing was registered"), (False, "nothing was registered, the champion serves")],
)
def test_where_there_is_no_champion_none_is_said_to_serve(first, ends):
    refused = results.model_refused({"reasons": ["auc is low."], "first_release": first}, "s3://b/e.json")
    assert refused.todo.endswith(ends)


LINE = 'waiver = { champion = "5e415e415e41", until = 2030-01-31, reason = "the rows lack the columns age" }'


def test_a_refusal_that_a_waiver_would_lift_ends_with_the_line_to_paste():
    refused = results.model_refused({"reasons": ["It lacks age."], "waiver_line": LINE}, "s3://b/e.json")
    assert len(refused.lines()) == 4
    kept, bring = "nothing was registered, the champion serves", "bring back what the champion needs"
    assert refused.todo.startswith(f"{kept}; {bring}, or ")
    assert "below [gate] in mlops.toml" in refused.todo
    assert "python -m pipelines definition --write" in refused.todo
    assert refused.todo.endswith(f": {LINE}")


@pytest.mark.parametrize(
    ("verdict", "note"),
    [
        pytest.param({"first_release": True}, "absolute bar, first release", id="a first release"),
        pytest.param({"first_release": False}, "not clearly worse than the champion", id="compared"),
        pytest.param(
            {"first_release": False, "waived": "waived until 2030-01-31 by mlops.toml: why"},
            "absolute bar alone, waived until 2030-01-31 by mlops.toml: why",
            id="waived",
        ),
    ],
)
def test_the_gates_step_says_what_it_measured_by(verdict, note):
    judged = json.dumps({"verdict": {"accepted": True} | verdict}).encode()
    found = results.Results(make_aws(s3=Bucket({"e.json": judged})), "bucket", RELEASE, "e")
    found.evaluation_uri = "s3://bucket/e.json"
    assert found.of("Gate") == ("done", note)


def test_a_refusal_names_the_copy_that_outlives_an_emulator(make_settings, tmp_path):
    """What the message names is where the verb lays it."""
    data, model = (
        results.data_refused([REASON], "s3://b/v.json"),
        results.model_refused({"reasons": []}, "s3://b/e.json"),
    )
    assert (data.where, model.where) == (
        "s3://b/v.json; here: build/validation.json",
        "s3://b/e.json; here: build/evaluation.json",
    )
    story = Story(Console(quiet=True))
    story.facts |= {"validation": VALIDATION}
    report.write(story, make_settings(), "local-test", data, tmp_path / "build")
    assert (tmp_path / data.where.rsplit(" ", 1)[1]).is_file()


def test_what_was_not_judged_counts_as_an_expectation():
    bucket = Bucket({"v.json": json.dumps(VALIDATION | {"not_judged": 3}).encode()})
    found = results.Results(make_aws(s3=bucket), "bucket", RELEASE, "e")
    found.validation_uri = "s3://bucket/v.json"
    assert found.of("Validate") == ("refused", "1 of 5 expectations, 9 rows; 3 not judged")


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        pytest.param(["age"], "1 to look at: E212 age", id="one"),
        pytest.param(
            ["a", None, "c", "d", "e", "f"],
            "6 to look at: E212 a, E212 r, E212 c, E212 d and 2 more",
            id="six",
        ),
    ],
)
def test_a_warning_about_the_data_is_said_in_the_step(columns, told):
    warnings = [{"code": "E212", "column": column, "rule": "r", "message": "moved"} for column in columns]
    verdict = {"accepted": True, "reasons": [], "warnings": warnings}
    bucket = Bucket({"v.json": json.dumps(VALIDATION | {"verdict": verdict}).encode()})
    found = results.Results(make_aws(s3=bucket), "bucket", RELEASE, "e")
    found.validation_uri = "s3://bucket/v.json"
    assert found.of("Validate") == ("done", f"1 of 2 expectations, 9 rows; {told}")
