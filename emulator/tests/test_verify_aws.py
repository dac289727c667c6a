"""The stories for AWS, told to an emulator that enforces IAM: verdicts, transcript, nothing left behind."""

from __future__ import annotations

import http.server
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from pathlib import Path
from types import SimpleNamespace

import boto3
import botocore.session
import pytest
from botocore.validate import ParamValidator

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from sagemaker_emulator import environment  # noqa: E402
from verify_aws import price, transcript  # noqa: E402
from verify_aws.ground import Ground, policy, trust  # noqa: E402
from verify_aws.stories import STORIES  # noqa: E402
from verify_aws.story import Run, Story, told  # noqa: E402

pytestmark = pytest.mark.long
ACCOUNT, SECRET = "555566667777", "nobody-may-read-this"
IMAGE = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/of-the-test"
CALLER = {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/me"}
LISTS = {  # all of which is the same before and after
    "s3": [("list_buckets", "Buckets", "Name")],
    "iam": [("list_roles", "Roles", "RoleName")],
    "ecr": [("describe_repositories", "repositories", "repositoryName")],
    "cloudwatch": [("describe_alarms", "MetricAlarms", "AlarmName")],
    "logs": [("describe_log_groups", "logGroups", "logGroupName")],
    "sagemaker": [
        ("list_models", "Models", "ModelName"),
        ("list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"),
        ("list_endpoints", "Endpoints", "EndpointName"),
        ("list_pipelines", "PipelineSummaries", "PipelineName"),
        ("list_model_package_groups", "ModelPackageGroupSummaryList", "ModelPackageGroupName"),
    ],
}


@pytest.fixture(scope="module")
def account(tmp_path_factory):
    """Run `sagemaker-emulator serve --iam`; return what tells stories to it, and what it holds."""
    home = tmp_path_factory.mktemp("home")
    words = [sys.executable, "-m", "sagemaker_emulator", "serve", "--port", "0", "--iam", "--home", str(home)]
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SAGEMAKER_"))}
    serving = subprocess.Popen(words, cwd=ROOT, env=plain, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (home / "state.json").exists():
        assert serving.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    url = json.loads((home / "state.json").read_text())["url"]
    keys = {"AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": SECRET}
    env = {**plain, **environment.variables(url, home, "us-east-1"), **keys, "PYTHONUNBUFFERED": "1"}
    yield Account(env)
    serving.send_signal(signal.SIGTERM)
    assert serving.wait(30) is not None


class Account:
    """An account of the emulator, seen from outside."""

    def __init__(self, env):
        self.env = env
        session = boto3.Session(ACCOUNT, SECRET, region_name="us-east-1")
        names = (*LISTS, "sts")
        url = env["AWS_ENDPOINT_URL"]
        self.clients = SimpleNamespace(**{each: session.client(each, endpoint_url=url) for each in names})

    def start(self, *words, **env):
        """Start `python -m verify_aws` with these words."""
        command = [sys.executable, "-m", "verify_aws", *words]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen(command, cwd=ROOT, env={**self.env, **env}, text=True, **pipes)

    def run(self, *words, answer="", **env):
        """Run it to its end; return exit code and output."""
        process = self.start(*words, **env)
        said, _ = process.communicate(answer, timeout=240)
        return process.returncode, said

    def holds(self):
        """Return the names of everything, and jobs that run."""
        found = {}
        for client, lists in LISTS.items():
            for operation, key, name in lists:
                answer = getattr(getattr(self.clients, client), operation)()
                found[operation] = sorted(each[name] for each in answer[key])
        for word in ("training", "processing"):
            listed = getattr(self.clients.sagemaker, f"list_{word}_jobs")(StatusEquals="InProgress")
            found[word] = listed[f"{word.title()}JobSummaries"]
        return found

    def image(self, program):
        """Build and push an image of this program as docker would; return its URI."""
        if "of-the-test" not in self.holds()["describe_repositories"]:
            self.clients.ecr.create_repository(repositoryName="of-the-test")
        folder = Path(self.env["SAGEMAKER_EMULATOR_HOME"]) / f"context-{len(program)}"
        folder.mkdir(exist_ok=True)
        (folder / "run.py").write_text(program)
        (folder / "Dockerfile").write_bytes((ROOT / "verify_aws" / "image" / "Dockerfile").read_bytes())
        uri = f"{IMAGE}:{folder.name}"
        for words in (["build", "--tag", uri, str(folder)], ["push", uri]):
            subprocess.run([*shlex.split(self.env["DOCKER"]), *words], env=self.env, check=True)
        return uri

    def denied(self, *actions):
        """Return the environment of a user who may do everything but this."""
        iam, name = self.clients.iam, f"denied-{uuid.uuid4().hex[:8]}"
        iam.create_user(UserName=name)
        rules = {"Allow": "*", "Deny": list(actions)}
        statements = [{"Effect": effect, "Action": each, "Resource": "*"} for effect, each in rules.items()]
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}

    def fault(self, **members):
        """Make calls go wrong until the block is left."""
        return Fault(self.env["AWS_ENDPOINT_URL"], members)


class Fault:
    def __init__(self, url, members):
        self.url, self.members = f"{url}/_emulator/faults", members

    def __enter__(self):
        self._ask("POST", json.dumps(self.members).encode())

    def __exit__(self, *_):
        self._ask("DELETE")

    def _ask(self, method, body=None):
        with urllib.request.urlopen(urllib.request.Request(self.url, body, method=method)):
            pass


@pytest.fixture(scope="module")
def image(account):
    """Return the stories' own image, pushed once."""
    return account.image((ROOT / "verify_aws" / "image" / "run.py").read_text())


@pytest.fixture(scope="module")
def whole(account, tmp_path_factory):
    """Tell all stories with everything made by the program, as on AWS."""
    out, before = tmp_path_factory.mktemp("out"), account.holds()
    code, said = account.run("--emulator", "--out", str(out), answer="yes\n")
    (path,) = out.iterdir()
    return SimpleNamespace(code=code, said=said, path=path, before=before, after=account.holds())


def written(out):
    """Return the one transcript of a folder."""
    (path,) = out.glob("verify-*.json")
    return json.loads(path.read_text())


def test_every_story_is_told_as_claimed(whole):
    document = json.loads(whole.path.read_text())
    verdicts = {each["name"]: (each["verdict"], each["reason"]) for each in document["stories"]}
    assert verdicts == {story.name: ("as claimed", "") for story in STORIES}, whole.said
    assert whole.code == 0
    assert all(each["claims"] and each["calls"] for each in document["stories"])


def test_nothing_is_left_but_records(whole):
    assert whole.after == whole.before
    assert "what was made is gone" in whole.said


def test_the_price_comes_before_the_question_and_is_unknown_where_nobody_tells(whole):
    offer, _, rest = whole.said.partition("Type yes to make it all: ")
    assert "Machines altogether: unknown (pricing:GetProducts: NotImplemented)" in offer
    assert all(story.name in offer for story in STORIES)
    assert "as claimed" in rest and "as claimed" not in offer


def test_each_call_of_the_transcript_is_one_that_botocore_would_send(whole):
    session = botocore.session.get_session()
    document = json.loads(whole.path.read_text())
    calls = [call for each in document["stories"] for call in each["calls"]]
    for call in calls:
        shape = session.get_service_model(call["service"]).operation_model(call["operation"]).input_shape
        if shape is not None:
            assert not ParamValidator().validate(call["request"], shape).has_errors(), call
    asked = {call["operation"] for call in calls}
    assert asked >= {"CreateTrainingJob", "UpdateEndpoint", "InvokeEndpoint", "StartPipelineExecution"}
    update = next(call for call in calls if call["operation"] == "UpdateEndpoint")
    assert update["request"]["DeploymentConfig"]["BlueGreenUpdatePolicy"]
    refused = [call for call in calls if call["error"]]
    assert {call["status"] for call in refused} == {400, 404}
    assert sum(call["times"] for call in calls) > len(calls)  # polls are counted, not repeated


def test_the_transcript_holds_no_secret_and_no_account(whole):
    text = whole.path.read_text()
    assert SECRET not in text and ACCOUNT not in text and "authorizationToken" not in text
    assert whole.path.name.startswith("verify-emulator-")  # it must not pass for one of AWS


def test_an_answer_that_is_not_the_claimed_one_is_a_difference(account, image, tmp_path):
    other = account.image("import sys\nsys.exit(9)\n")
    before = account.holds()
    words = ("processing-job", "training-job-fails", "--emulator", "--yes", "--image", other)
    code, said = account.run(*words, "--out", str(tmp_path))
    document = written(tmp_path)
    assert code == 1, said
    assert [each["verdict"] for each in document["stories"]] == ["differs", "differs"]
    claims = [each for each in document["stories"][0]["claims"] if not each["holds"]]
    assert {"statuses", "ExitMessage is /opt/ml/output/message"} <= {each["claim"] for each in claims}
    assert claims[0]["seen"] == ["InProgress", "Failed"]
    assert account.holds() == before


def test_a_story_that_cannot_go_on_leaves_nothing_and_says_why(account, image, tmp_path):
    before = account.holds()
    with account.fault(kind="error", service="sagemaker", operation="CreateEndpoint", times=50):
        words = ("endpoint", "taken", "--emulator", "--yes", "--image", image)
        code, said = account.run(*words, "--out", str(tmp_path))
    verdicts = {each["name"]: each["verdict"] for each in written(tmp_path)["stories"]}
    assert verdicts == {"taken": "as claimed", "endpoint": "not run"}
    assert code == 3 and "InternalFailure" in said
    assert account.holds() == before


def until(process, holds):
    """Wait until something is there."""
    deadline = time.monotonic() + 60
    while not holds():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("story", "there", "presses"),
    [
        pytest.param("update-rolled-back", "list_endpoints", 1, id="an endpoint comes up"),
        pytest.param("update-rolled-back", "list_endpoints", 2, id="pressed again while it cleans"),
        pytest.param("stopped-job", "training", 1, id="a job runs"),
        pytest.param("pipeline", "processing", 1, id="a step of a pipeline runs"),
    ],
)
def test_after_ctrl_c_nothing_is_left(account, image, tmp_path, story, there, presses):
    before = account.holds()
    process = account.start(story, "--emulator", "--yes", "--image", image, "--out", str(tmp_path))
    until(process, lambda: account.holds()[there])
    for _ in range(presses):
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 130, said
    (told_,) = written(tmp_path)["stories"]
    assert (told_["verdict"], told_["reason"]) == ("not run", "interrupted")
    assert told_["calls"]
    assert account.holds() == before
    assert not list(tmp_path.glob("left*"))


def test_after_a_power_cut_the_ledger_cleans(account, image, tmp_path):
    before = account.holds()
    words = ("endpoint", "--emulator", "--yes", "--image", image, "--out", str(tmp_path))
    process = account.start(*words)
    until(process, lambda: account.holds()["list_endpoints"])
    process.kill()
    process.communicate()
    code, said = account.run(*words)
    assert code == 2 and "an earlier run left" in said and "--clean" in said
    cleaning = ("--clean", "--emulator", "--out", str(tmp_path))
    stranger = account.start(*cleaning, AWS_ACCESS_KEY_ID="888877776666")
    assert "888877776666" in stranger.communicate(timeout=60)[0]  # has nothing of ours, and forgets nothing
    assert account.holds() != before
    code, said = account.run(*cleaning)
    assert code == 0, said
    assert account.holds() == before
    assert not list(tmp_path.glob("left*"))


def test_a_bucket_and_role_of_ones_own_stay(account, image, tmp_path):
    s3, iam = account.clients.s3, account.clients.iam
    s3.create_bucket(Bucket="mine")
    s3.put_object(Bucket="mine", Key="precious", Body=b"1")
    ground = Ground(ACCOUNT, "us-east-1", "aws", "ml.m5.large", "mine", f"arn:aws:iam::{ACCOUNT}:role/mine")
    role = iam.create_role(RoleName="mine", AssumeRolePolicyDocument=json.dumps(trust(ground)))["Role"]["Arn"]
    iam.put_role_policy(RoleName="mine", PolicyName="p", PolicyDocument=json.dumps(policy(ground)))
    words = ("processing-job", "--emulator", "--yes", "--image", image, "--bucket", "mine", "--role", role)
    code, said = account.run(*words, "--out", str(tmp_path))
    assert code == 0, said
    assert [each["Key"] for each in s3.list_objects_v2(Bucket="mine")["Contents"]] == ["precious"]
    assert "mine" in account.holds()["list_roles"]


@pytest.mark.parametrize(
    ("words", "env", "why"),
    [
        pytest.param(["--yes"], {}, "this is not AWS", id="an address that is not AWS's"),
        pytest.param(
            ["--yes", "--emulator"],
            {"AWS_ENDPOINT_URL": "https://sts.us-east-1.amazonaws.com"},
            "--emulator was given, and this is AWS",
            id="AWS's address and --emulator",
        ),
        pytest.param(["--emulator", "novel"], {}, "there is no story novel", id="a story nobody knows"),
        pytest.param(["--emulator"], {}, "nothing was made", id="an answer that is not yes"),
        pytest.param(
            ["--emulator", "--yes"], {"DOCKER": "/no/docker"}, "docker login failed", id="no docker"
        ),
    ],
)
def test_refused_in_four_lines_and_nothing_is_made(account, tmp_path, words, env, why):
    before = account.holds()
    process = account.start(*words, "--out", str(tmp_path), **env)
    said, _ = process.communicate("no\n", timeout=60)
    assert process.returncode == 2, said
    lines = said[said.index("✗") :].splitlines()
    assert why in lines[0] and len(lines) == 4
    assert account.holds() == before
    assert list(tmp_path.iterdir()) == []


def test_a_ground_that_aws_does_not_give_is_refused_and_removed(account, tmp_path):
    before, env = account.holds(), account.denied("ecr:GetAuthorizationToken")
    code, said = account.run("refused", "--emulator", "--yes", "--out", str(tmp_path), **env)
    assert code == 2, said
    lines = said[said.index("✗") :].splitlines()
    assert len(lines) == 4 and "password" in lines[0] and "AccessDenied" in lines[2]
    assert account.holds() == before
    assert list(tmp_path.iterdir()) == []


def test_a_connection_lost_while_the_ground_is_made_is_no_difference(account, tmp_path):
    before = account.holds()
    with account.fault(kind="drop-after", service="ecr", operation="CreateRepository", times=50):
        code, said = account.run("refused", "--emulator", "--yes", "--out", str(tmp_path))
    assert code == 2 and "✗ the ECR repository" in said and "Traceback" not in said
    assert account.holds() == before  # the repository, too, of whose making no answer told


def test_what_is_left_goes_before_why_nothing_was_told(account, tmp_path):
    before, env = account.holds(), account.denied("s3:DeleteBucket", "ecr:GetAuthorizationToken")
    words = ("--emulator", "--out", str(tmp_path))
    code, said = account.run("refused", "--yes", *words, **env)
    assert code == 4, said
    assert "Left behind:\nbucket verify-aws-" in said and "password" in said
    assert account.holds() != before
    code, said = account.run("--clean", *words)
    assert code == 0, said
    assert account.holds() == before


def test_what_is_left_goes_before_a_second_ctrl_c(account, image, tmp_path):
    before, env = account.holds(), account.denied("s3:DeleteBucket")
    words = ("--emulator", "--out", str(tmp_path))
    process = account.start("stopped-job", "--yes", "--image", image, *words, **env)
    until(process, lambda: account.holds()["training"])
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 4, said
    assert account.run("--clean", *words)[0] == 0
    assert account.holds() == before


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_made(account, tmp_path):
    before, out = account.holds(), tmp_path / "file" / "out"
    out.parent.write_text("no folder")
    code, said = account.run("refused", "--emulator", "--yes", "--out", str(out))
    assert code == 2, said
    lines = said[said.index("✗") :].splitlines()
    assert str(out) in lines[1] and "--out" in lines[3] and len(lines) == 4
    assert account.holds() == before


def test_what_nobody_expected_is_no_difference(account, tmp_path):
    (tmp_path / f"left-emulator-{ACCOUNT}-us-east-1.json").write_text("spoiled")
    code, said = account.run("refused", "--emulator", "--yes", "--out", str(tmp_path))
    assert code == 3 and "JSONDecodeError" in said


def refuse_a_quota(run):
    error = {"Code": "ResourceLimitExceeded", "Message": "The account-level service limit is 0"}
    answer = {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 400}}
    raise botocore.exceptions.ClientError(answer, "CreateEndpoint")


def lack_machines(run):
    run.provisioned({"FailureReason": "CapacityError: Unable to provision requested ML compute capacity."})


@pytest.mark.parametrize(
    ("tell", "words"),
    [
        pytest.param(refuse_a_quota, "service limit is 0", id="a quota"),
        pytest.param(lack_machines, "Unable to provision", id="no machine to be had"),
        pytest.param(lambda run: {}["gone"], "the story itself broke: KeyError", id="a fault of the story"),
    ],
)
def test_what_says_nothing_of_sagemaker_is_no_difference(tell, words):
    verdict, reason = told(Story("s", "", (), tell), Run(None, None, None, ""))
    assert verdict == "not run" and words in reason


class PriceList(http.server.BaseHTTPRequestHandler):
    """Answers GetProducts with what the test says."""

    prices: tuple[str, ...] = ()

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        filters = {each["Field"]: each["Value"] for each in asked["Filters"]}
        assert filters.keys() == {"instanceName", "component", "regionCode"}
        terms = [{"unit": "Hrs", "pricePerUnit": {"USD": each}} for each in self.prices]
        products = [{"terms": {"OnDemand": {"o": {"priceDimensions": {"d": each}}}}} for each in terms]
        body = json.dumps({"PriceList": [json.dumps(each) for each in products]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.mark.parametrize(
    ("prices", "words"),
    [
        pytest.param(("0.12",), "at most 0.32 USD", id="the bound is rounded up"),
        pytest.param((), "unknown (the price list has 0 of", id="no price"),
        pytest.param(("0.12", "0.13"), "unknown (the price list has 2 of", id="two prices"),
    ],
)
def test_the_price_is_the_lists_or_unknown(monkeypatch, emulator, prices, words):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), PriceList)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(PriceList, "prices", prices)
    monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", f"http://127.0.0.1:{server.server_port}")
    price.hourly.cache_clear()
    try:
        story = Story("s", "", (("Hosting", 2, 60), ("Training", 1, 36)), lambda run: None)
        assert price.at_most([story], "ml.m5.large", "eu-west-1").startswith(words)
    finally:
        price.hourly.cache_clear()
        server.shutdown()
        server.server_close()


def test_coverage_tells_the_stories_and_their_last_runs():
    text = transcript.COVERAGE.read_text(encoding="utf-8")
    assert text == transcript.covered(text, STORIES, transcript.last_runs()), "python -m verify_aws --table"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert ("None of it has been run against AWS yet" in readme) == (not transcript.last_runs())


def test_the_last_run_is_the_newest_against_aws_that_was_told_to_its_end(tmp_path):
    runs = [  # written in no order: the files' names tell nothing
        ("aws", "2027-02-01T18:30:00+00:00", {"endpoint": "differs", "taken": "not run"}),
        ("aws", "2027-01-01T09:00:00+00:00", {"taken": "as claimed", "pipeline": "not run"}),
        ("aws", "2027-02-01T09:00:00+00:00", {"endpoint": "as claimed"}),
        ("emulator", "2027-03-01T09:00:00+00:00", {"endpoint": "as claimed"}),
    ]
    for against, began, verdicts in runs:
        stories = [{"name": name, "verdict": verdict} for name, verdict in verdicts.items()]
        transcript.write(tmp_path, {"against": against, "began": began, "stories": stories}, CALLER)
    last = transcript.last_runs(tmp_path)
    assert last == {"endpoint": ("2027-02-01", "differs"), "taken": ("2027-01-01", "as claimed")}
    text = transcript.covered(transcript.COVERAGE.read_text(encoding="utf-8"), STORIES, last)
    assert "Last run against AWS: **2027-02-01**" in text
    rows = [line for line in text.splitlines() if line.startswith("| endpoint |")]
    assert rows[0].endswith("| 2027-02-01: differs |")


def test_no_transcript_is_written_over_another(tmp_path):
    document = {"against": "aws", "began": "2027-02-01T09:00:00+00:00", "stories": []}
    first, _, third = (transcript.write(tmp_path, {**document, "n": n}, CALLER) for n in range(3))
    first.unlink()
    for n in (3, 4):
        transcript.write(tmp_path, {**document, "n": n}, CALLER)
    assert json.loads(third.read_text())["n"] == 2
    assert sorted(json.loads(path.read_text())["n"] for path in tmp_path.iterdir()) == [1, 2, 3, 4]
