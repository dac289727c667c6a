"""The command line: what it passes on, how it stops, and that it leaves nothing behind."""

from __future__ import annotations

import os
import pty
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import sagemaker_emulator
from sagemaker_emulator import children, command

EMULATOR = [sys.executable, "-m", "sagemaker_emulator"]
# A command that takes half a second to clean up after Ctrl-C and counts how often it came.
PATIENT = """
import signal, sys, time
count = 0
def interrupted(*_):
    global count
    count += 1
    print("interrupted", count, flush=True)
signal.signal(signal.SIGINT, interrupted)
print("ready", flush=True)
while not count: time.sleep(0.02)
time.sleep(0.5)
print("cleaned up after", count, flush=True)
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Work in a folder of one's own, with an environment that names no emulator."""
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_ENDPOINT_URL", "SAGEMAKER_EMULATOR_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_PROFILE", "somebody")
    monkeypatch.setenv(
        "PYTHONPATH", str(Path(sagemaker_emulator.__file__).parents[1])
    )  # also where not installed
    return tmp_path


@pytest.fixture
def temporary(home, monkeypatch):
    """Return the folder for temporary files, this test's own."""
    folder = home / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def run(*words, **options):
    return subprocess.run([*EMULATOR, *words], capture_output=True, text=True, timeout=60, **options)


def processes_of(marker):
    """Return the processes whose command line holds `marker`, this one aside."""
    listed = subprocess.run(
        ["ps", "-eo", "pid=,stat=,args="], capture_output=True, text=True
    ).stdout.splitlines()
    rows = [line.split(None, 2) for line in listed]
    return [row[2] for row in rows if marker in row[2] and "Z" not in row[1] and int(row[0]) != os.getpid()]


@pytest.mark.parametrize("code", [0, 3])
def test_run_passes_the_exit_code_on(home, code):
    assert run("run", "--", "sh", "-c", f"exit {code}").returncode == code


STACK = """
import boto3, json, os
alarm = {"Namespace": "n", "MetricName": "m", "Statistic": "Sum", "Period": 60, "Threshold": 1}
alarm["EvaluationPeriods"] = 1
alarm["ComparisonOperator"] = "GreaterThanThreshold"
template = {"Resources": {"A": {"Type": "AWS::CloudWatch::Alarm", "Properties": alarm}}}
cloudformation = boto3.client("cloudformation")
cloudformation.create_stack(StackName="s", TemplateBody=json.dumps(template))
print(cloudformation.describe_stacks()["Stacks"][0]["StackStatus"], os.environ.get("AWS_PROFILE"))
"""


def test_a_profile_of_the_user_reaches_neither_the_command_nor_the_emulator(home):
    done = run("run", "--", sys.executable, "-c", STACK)
    assert done.stdout == "CREATE_COMPLETE None\n", done.stderr


ADDRESSES = """
import boto3
names = ("s3", "sts", "sagemaker", "sagemaker-runtime", "ecr", "logs")
print({boto3.client(name).meta.endpoint_url.rsplit(":", 1)[0] for name in names})
boto3.client("sts").get_caller_identity()
boto3.client("sagemaker").list_training_jobs()
"""
ELSEWHERE = "http://127.0.0.2:9"


@pytest.fixture
def settings(home, monkeypatch):
    """Lead every client elsewhere, by all the ways there are."""
    for name in ("S3", "STS", "SAGEMAKER", "SAGEMAKER_RUNTIME"):
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{name}", ELSEWHERE)
    for name in ("IGNORE_CONFIGURED_ENDPOINT_URLS", "USE_FIPS_ENDPOINT", "USE_DUALSTACK_ENDPOINT"):
        monkeypatch.setenv(f"AWS_{name}", "true")
    section = f"services = mine\nendpoint_url = {ELSEWHERE}\nuse_fips_endpoint = true\n"
    config = f"[default]\n{section}[services mine]\necr =\n  endpoint_url = {ELSEWHERE}\n"
    (home / "config").write_text(config + f"logs =\n  endpoint_url = {ELSEWHERE}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(home / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(home / "config"))


def test_no_endpoint_of_the_users_settings_reaches_the_command(settings):
    done = run("run", "--", sys.executable, "-c", ADDRESSES)
    assert (done.returncode, done.stdout) == (0, "{'http://127.0.0.1'}\n"), done.stderr


def test_no_endpoint_of_the_users_settings_survives_the_env_file(settings, home):
    run("up", "--port", "0")
    try:
        (home / "addresses.py").write_text(ADDRESSES)
        # XRAY: set only after the file was written.
        script = f"export AWS_ENDPOINT_URL_XRAY=x; . .emulator/env; env; {sys.executable} addresses.py"
        sourced = subprocess.run(["sh", "-c", script], capture_output=True, text=True)
    finally:
        run("down")
    assert sourced.stdout.endswith("\n{'http://127.0.0.1'}\n"), sourced.stderr
    assert "AWS_ENDPOINT_URL_" not in sourced.stdout and ELSEWHERE not in sourced.stdout


def test_run_leaves_nothing_in_the_folder_it_was_called_in(home, temporary):
    run("run", "--", "true")
    assert os.listdir(home) == ["temporary"] and os.listdir(temporary) == []


def test_what_a_command_leaves_running_ends_with_it(home):
    run("run", "--", "sh", "-c", "sh -c 'sleep 600; :' marker-of-the-rest & :")
    assert processes_of("marker-of-the-rest") == []


def test_a_group_that_has_ended_is_watched_no_more(monkeypatch):
    told = []
    monkeypatch.setattr(children, "_tell_guardian", lambda sign, word: told.append((sign, word)))
    monkeypatch.setattr(command, "_on_terminal", lambda: False)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        assert command._run_child(["sh", "-c", "true"], dict(os.environ), lambda child: child.wait()) == 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert [sign for sign, _ in told] == ["+", "-"] and told[0][1] == told[1][1]


def test_a_command_that_does_not_exist_is_127(home):
    done = run("run", "--", "no-such-command")
    assert (done.returncode, done.stderr) == (
        127,
        "sagemaker-emulator: cannot run no-such-command: No such file or directory\n",
    )


def test_a_taken_port_is_said_in_four_lines_and_exits_5(home):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for words in (("run", "--port", str(port), "--", "true"), ("up", "--port", str(port))):
            done = run(*words)
            assert done.returncode == 5
            assert done.stderr.startswith(f"✗ E509 port {port} is taken\n") and done.stderr.count("\n") == 4


def test_ctrl_c_reaches_the_command_once_and_run_waits_for_it(home):
    runner = subprocess.Popen(
        [*EMULATOR, "run", "--", sys.executable, "-c", PATIENT],
        stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert runner.stdout.readline() == "ready\n"
    os.killpg(runner.pid, signal.SIGINT)  # what a terminal does, without one
    assert runner.wait(timeout=20) == 130
    assert runner.stdout.read() == "interrupted 1\ncleaned up after 1\n"
    runner.stdout.close()


def test_on_a_terminal_ctrl_c_reaches_the_command_once_as_well(home):
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [*EMULATOR, "run", "--", sys.executable, "-c", PATIENT])
    seen = read_until(terminal, "ready")
    os.write(terminal, b"\x03")
    seen += read_until(terminal, "cleaned up after 1")
    assert "interrupted 2" not in seen
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130
    os.close(terminal)


def read_until(terminal, text, seconds=20.0):
    seen = ""
    deadline = time.monotonic() + seconds
    while text not in seen and time.monotonic() < deadline:
        seen += os.read(terminal, 4096).decode()
    assert text in seen
    return seen


JOB = """
import boto3, sys, time
marker = sys.argv[1]
open("Dockerfile", "w").write('FROM scratch\\nENTRYPOINT ["sh", "-c", "echo up; sleep 600 # %s"]\\n' % marker)
import os, shlex, subprocess
boto3.client("ecr").create_repository(repositoryName="images")
uri = "123456789012.dkr.ecr.us-east-1.amazonaws.com/images:1"
for words in (["build", "--tag", uri, "."], ["push", uri]):
    subprocess.run([*shlex.split(os.environ["DOCKER"]), *words], check=True, stdout=subprocess.DEVNULL)
sagemaker, logs = boto3.client("sagemaker"), boto3.client("logs")
sagemaker.create_processing_job(
    ProcessingJobName="sleeper", RoleArn="arn:aws:iam::123456789012:role/anybody",
    AppSpecification={"ImageUri": uri},
    ProcessingResources={
        "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
    },
)
while True:
    try:
        if logs.describe_log_streams(logGroupName="/aws/sagemaker/ProcessingJobs")["logStreams"]: break
    except logs.exceptions.ResourceNotFoundException: time.sleep(0.02)
print("running", flush=True)
if "wait" in sys.argv: time.sleep(600)
"""


def test_a_job_that_still_runs_ends_with_the_emulator(home):
    done = run("run", "--region", "us-east-1", "--", sys.executable, "-c", JOB, "marker-of-the-end")
    assert (done.returncode, done.stdout) == (0, "running\n"), done.stderr
    assert processes_of("marker-of-the-end") == []


def test_an_emulator_that_is_killed_takes_its_jobs_its_command_and_its_folder_along(home, temporary):
    words = ["run", "--region", "us-east-1", "--", sys.executable, "-c", JOB, "marker-of-the-crash", "wait"]
    runner = subprocess.Popen([*EMULATOR, *words], stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert runner.stdout.readline() == "running\n"
    assert processes_of("marker-of-the-crash") and os.listdir(temporary)
    runner.kill()
    runner.wait()
    deadline = time.monotonic() + 5
    while (processes_of("marker-of-the-crash") or os.listdir(temporary)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_of("marker-of-the-crash") == [] and os.listdir(temporary) == []
    runner.stdout.close()


def test_up_status_down(home):
    assert run("status").returncode == 1
    up = run("up", "--port", "0")
    assert up.returncode == 0 and up.stdout.startswith("up at http://127.0.0.1:")
    listing = "import boto3; print(boto3.client('s3').list_buckets()['Buckets'])"
    sourced = subprocess.run(
        ["sh", "-c", f'. .emulator/env; {sys.executable} -c "{listing}"'], capture_output=True, text=True
    )
    assert sourced.stdout == "[]\n", sourced.stderr
    assert run("status").returncode == 0
    assert run("up").stdout.startswith("already up at http://127.0.0.1:")
    assert run("down").stdout == "down\n"
    assert (run("down").returncode, run("status").returncode) == (0, 1)
    assert sorted(os.listdir(home / ".emulator")) == ["emulator.log", "lock"]


def test_a_crash_leaves_no_lock(home):
    run("up", "--port", "0")
    pid = int(run("status").stdout.split()[-1])
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while run("status").returncode == 0 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert run("status").stdout == "down\n"
    assert run("up", "--port", "0").returncode == 0
    assert run("down").returncode == 0


STRANGER = """
import boto3, botocore.exceptions
try:
    boto3.client("sagemaker", aws_access_key_id="AKIASTRANGER", aws_secret_access_key="x").list_models()
    print("welcome")
except botocore.exceptions.ClientError as error:
    print(error.response["Error"]["Code"])
"""


@pytest.mark.parametrize(("flags", "said"), [((), "welcome"), (("--iam",), "UnrecognizedClientException")])
def test_iam_is_enforced_where_it_is_asked_for(home, flags, said):
    done = run("run", *flags, "--", sys.executable, "-c", STRANGER)
    assert done.stdout == f"{said}\n", done.stderr


@pytest.mark.parametrize("minute", ["0", "fast"])
def test_a_minute_that_makes_no_sense_is_refused(home, minute):
    done = run("run", "--minute", minute, "--", "true")
    assert done.returncode == 2 and "--minute" in done.stderr
