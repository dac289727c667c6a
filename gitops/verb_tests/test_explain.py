"""The story of one release: found, put together, held against its hashes, shown."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from doubles.aws import RELEASE, STACK, Bucket, Client, error, make_package, make_run, packages
from doubles.told import AT, COMMIT, EXECUTION, ROOT, make_story, pushed, registered
from sagemaker_gitops import explain, explained, watch
from sagemaker_gitops.errors import SettingsError
from sagemaker_gitops.proof import Ready

EVENT = {"seconds": 1.0, "status": "Updating", "phase": "", "share": 1.0, "alarms": {}, "new": 1, "wrong": 0}
ROLLOUT = {
    "verdict": "rolled back",
    "why": "alarm x: wrong answers",
    "rollout": {"strategy": "canary"},
    "alarms": {"watched": ["x", "y"], "fired": {"x": "wrong answers"}},
    "probes": {"new": 5, "old": 7, "wrong": 2, "failed": 0},
    "events": [EVENT | {"seconds": float(number)} for number in range(20)],
}
EVALUATION = f"{ROOT}/{EXECUTION}/evaluate/evaluation/evaluation.json"


def told(make_settings, client: Client | None = None, bucket: Bucket | None = None, wanted: str = "", **more):
    """Return the story of a release as the verb puts it together."""
    usual = registered()
    clients = {"sagemaker": client or usual[0], "s3": bucket or usual[1], "ecr": pushed()} | more
    return explain.explain(make_run(make_settings(), **clients), wanted)


def printed(document, **console) -> str:
    """Return what a person sees."""
    stream = io.StringIO()
    explained.show(Console(file=stream, width=160, **console), document)
    return stream.getvalue()


@pytest.mark.parametrize("wanted", ["", "2", RELEASE, RELEASE[:12], RELEASE[:6], COMMIT[:7]])
def test_a_release_is_found_by_id_by_commit_by_version_or_as_what_serves(make_settings, wanted):
    found = told(make_settings, wanted=wanted)
    assert found["package"]["version"] == 2
    assert found["story"] == make_story()


def test_the_whole_story_is_there_and_every_check_is_good(make_settings):
    found = told(make_settings)
    assert found["became"] == {"is": "serves", "sentence": "serves production since 2026-11-23 16:00"}
    checked = {check["what"]: check["same"] for check in found["checks"]}
    assert checked == dict.fromkeys(("release.json", "evaluation.json", "2.tar.gz", "image serve"), True)
    text = "".join(printed(found).split())
    story = make_story()
    for part in (
        COMMIT, RELEASE, story["snapshot_id"], "version 2 of income-model", "v-one", "torch 2.13.0",
        "train-1",
        f"MLflow run {story['tracking']['run']}", "0.9200 (0.9100 to 0.9300)", "champion 0.9000",
        "auc differs by +0.0200 (-0.0100 to +0.0300)", "accepted, against version 1", "auc is 0.9200.",
        "proven on staging, the gate decides", "assumed-role/income-model-eu-west-1-deploy/a-job",
        "registered 2026-11-23 15:40", "✓ release.json",
    ):  # fmt: skip
        assert "".join(part.split()) in text, part


def test_it_fits_80_columns_and_two_screens_and_shows_no_value_of_the_data(make_settings):
    found = told(make_settings)
    text = printed(found)
    assert max(map(len, text.splitlines())) <= 80
    assert len(text.splitlines()) <= 80
    assert "a value of the data" not in text + json.dumps(found)


@pytest.mark.parametrize(
    ("key", "body", "what"),
    [
        pytest.param(f"{ROOT}/release.json", b'{"edited": true}', "release.json", id="the story"),
        pytest.param(EVALUATION, b"{}", "evaluation.json", id="the evaluation"),
        pytest.param("2.tar.gz", b"another", "2.tar.gz", id="the archive"),
    ],
)
@pytest.mark.parametrize("gone", [False, True], ids=["edited", "gone"])
def test_what_is_not_as_registered_is_red_and_the_rest_is_shown(make_settings, key, body, what, gone):
    client, bucket = registered()
    if gone:
        del bucket.objects[key]
    else:
        bucket.objects[key] = body
    found = told(make_settings, client, bucket)
    assert [check["what"] for check in found["checks"] if not check["same"]] == [what]
    wrong = f"✗ {what} is{' gone, registered was' if gone else ''}"
    assert wrong in printed(found)
    [style] = [style for _, text, style in explained.rows(found) if text.startswith("✗")]
    assert style == "bold red"
    assert COMMIT in printed(found)


def test_a_tag_that_is_another_image_now_is_red(make_settings):
    found = told(make_settings, ecr=pushed("sha256:another"))
    assert [check["what"] for check in found["checks"] if not check["same"]] == ["image serve"]


def test_a_package_that_was_cut_off_before_it_was_whole_is_told_as_far_as_it_goes(make_settings):
    client, bucket = packages("Approved", "PendingManualApproval"), Bucket()
    found = told(make_settings, client, bucket, wanted="2")
    assert found["story"] == {}
    assert "never registered: the pipeline was cut off" in " ".join(printed(found).split())


@pytest.mark.parametrize(
    ("package", "serves", "became"),
    [
        pytest.param(make_package(1, "Approved"), 1, "serves", id="what serves"),
        pytest.param(make_package(1, "Rejected"), 1, "serves", id="rejected, and still there"),
        pytest.param(make_package(1, "Rejected", production="taken back"), 2, "taken back", id="taken back"),
        pytest.param(make_package(1, "Rejected"), 2, "rejected", id="never in production"),
        pytest.param(make_package(1, "Approved", production="proven"), 2, "superseded", id="superseded"),
        pytest.param(make_package(1, "Approved"), 2, "waiting", id="approved, not there yet"),
        pytest.param(make_package(1, staging="proven"), None, "waiting", id="waits for a person"),
    ],
)
def test_what_became_of_a_release(package, serves, became):
    other = replace(make_package(serves or 1, "Approved"))
    assert explain.became(package, other if serves else None)["is"] == became


def test_each_rollout_is_told_with_its_alarms_and_its_moments(make_settings):
    client, bucket = registered()
    key = f"{ROOT}/rollout.json"
    bucket.objects[key] = json.dumps(ROLLOUT).encode()
    listed = [
        {"Key": key, "VersionId": "two", "LastModified": AT.replace(minute=50)},
        {"Key": key, "VersionId": "one", "LastModified": AT},
        {"Key": f"{key}.bak", "VersionId": "x", "LastModified": AT},
    ]
    bucket.answers["list_object_versions"] = {"Versions": listed}
    found = told(make_settings, client, bucket)
    assert [item["version_id"] for item in found["rollouts"]] == ["one", "two"]
    assert found["documents"]["last rollout"] == f"s3://bucket/{key}"
    text = " ".join(printed(found).split())
    assert (
        "2026-11-23 15:40 rolled back (canary); answers: 5 by the new, 7 by the old, 2 wrong, 0 failed"
        in text
    )
    assert "alarms watched: 2, fired: x" in text
    assert "... 14 more: --json" in text


def test_a_rollout_whose_end_nobody_saw_says_so(make_settings):
    client, bucket = registered()
    unseen = watch.unwatched(Ready("endpoint", "new", make_package(2), {}), {}, 10)
    bucket.objects[f"{ROOT}/rollout.json"] = json.dumps(unseen).encode()
    bucket.answers["list_object_versions"] = error("AccessDenied", "", "ListObjectVersions")
    text = " ".join(printed(told(make_settings, client, bucket)).split())
    assert "promoted, unwatched (unknown); answers: 10 by the new, 0 by the old" in text
    assert "why: nobody watched its end" in text


def test_who_may_not_list_versions_reads_the_last_rollout(make_settings):
    client, bucket = registered()
    bucket.objects[f"{ROOT}/rollout.json"] = json.dumps(ROLLOUT).encode()
    bucket.answers["list_object_versions"] = error("AccessDenied", "", "ListObjectVersions")
    assert [item["verdict"] for item in told(make_settings, client, bucket)["rollouts"]] == ["rolled back"]


def test_only_outcomes_of_this_release_are_told(make_settings):
    client, bucket = registered(asked_by="a" * 40)
    mine = {
        "outcome": "released",
        "release_id": RELEASE,
        "at": "2026-11-23T16:01:00",
        "run": {"url": "https://github.com/o/r/actions/runs/1"},
        "steps": [{"verb": "stage", "name": "staging", "note": "9 golden requests answered rightly"}],
    }
    bucket.objects[f"outcomes/{COMMIT}.json"] = json.dumps(mine).encode()
    bucket.objects[f"outcomes/{'a' * 40}.json"] = json.dumps(mine | {"release_id": "other"}).encode()
    found = told(make_settings, client, bucket)
    assert list(found["outcomes"]) == [COMMIT]
    assert "2026-11-23 16:01 released: https://github.com/o/r/actions/runs/1" in printed(found)
    assert "9 golden requests answered rightly" in printed(found)


@pytest.mark.parametrize("wanted", ["3", "9" * 12, "9" * 6, "c6e1ab"])
def test_a_release_that_is_not_there_is_told_with_those_that_are(make_settings, wanted):
    with pytest.raises(SettingsError, match=f"E508 there is no release {wanted}") as refused:
        told(make_settings, wanted=wanted)
    assert refused.value.why == f"it has version 2 ({RELEASE[:12]}), version 1 (111111111111)"
    assert len(refused.value.lines()) == 4


def test_a_beginning_of_two_releases_names_none(make_settings):
    client = registered()[0]
    known = client.answers["describe_model_package"]

    def alike(ModelPackageName: str) -> object:
        told = known(ModelPackageName)
        first = {"release_id": RELEASE[:6] + "0" * 58} if ModelPackageName.endswith("/1") else {}
        facts = told["CustomerMetadataProperties"] | first
        return told | {"CustomerMetadataProperties": facts}

    client.answers["describe_model_package"] = alike
    with pytest.raises(SettingsError, match=f"E508 {RELEASE[:6]} names 2 releases"):
        told(make_settings, client, wanted=RELEASE[:6])


def test_where_nothing_serves_nothing_is_explained_unasked(make_settings):
    with pytest.raises(SettingsError, match="E508 production serves no release") as refused:
        told(make_settings, packages())
    assert (refused.value.why, refused.value.todo) == ("no release is registered", "release: make release")


@pytest.mark.parametrize("wanted", ["abc", "v2", "1.0"])
def test_what_can_name_no_release_is_refused_before_anything_is_asked(make_settings, wanted):
    client = Client()
    with pytest.raises(SettingsError, match="E501") as refused:
        told(make_settings, client, wanted=wanted)
    assert (client.asked, refused.value.exit_code) == ([], 5)


def test_with_production_apart_the_registry_says_what_serves_there(make_settings):
    client, bucket = registered(serving=None, served_in="210987654321")
    run = make_run(make_settings(), sagemaker=client, s3=bucket, ecr=pushed())
    run.__dict__["stack"] = replace(STACK, production="210987654321")
    assert explain.explain(run, "")["became"]["is"] == "serves"
    assert "describe_endpoint" not in client.operations()


def test_on_a_terminal_a_document_that_was_changed_is_red(make_settings):
    client, bucket = registered()
    bucket.objects["2.tar.gz"] = b"another"
    text = printed(told(make_settings, client, bucket), force_terminal=True, color_system="standard")
    [line] = [line for line in text.splitlines() if "✗" in line]
    assert "\x1b[1;31m✗ 2.tar.gz is" in line


def test_it_changes_nothing(make_settings):
    client, bucket = registered()
    told(make_settings, client, bucket)
    asked = {name.split("_")[0] for name in (*client.operations(), *bucket.operations())}
    assert asked <= {"describe", "list", "get", "head"}
