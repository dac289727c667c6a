"""A process whose libraries were loaded before its job is, to its program, as any other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import uuid

import pytest
from conftest import ended
from pipelines_by_hand import SHELL, create, image, processing, start, steps_of, wait

from sagemaker_emulator import children, itself
from sagemaker_emulator.images import ahead, imports, loading
from sagemaker_emulator.images.store import Store

GROUP = "/aws/sagemaker/ProcessingJobs"
DOCKERFILE = "FROM scratch\nWORKDIR /opt/program\nENV PYTHONPATH=/opt/program PYTHONUNBUFFERED=1\nCOPY . .\n"
# `json.tool` is no library of the image's: numpy is, and a fresh interpreter has it not yet.
TELLS = """
import sys
before = "numpy" in sys.modules
import numpy
import json, os
from near import NAME
told = {
    "before": before, "name": __name__, "arguments": sys.argv[1:], "file": __file__, "path": sys.path[0],
    "cwd": os.getcwd(), "near": NAME, "tmp": os.environ["TMPDIR"], "own": os.environ.get("OWN", ""),
    "package": __spec__.name, "leader": os.getpgid(0) == os.getpid(), "seed": float(numpy.random.random()),
}
print(json.dumps(told))
"""
FILES = {"part/__init__.py": "", "part/tells.py": TELLS, "near.py": "NAME = 'near'\n"}
COMMAND = {"ContainerEntrypoint": ["python", "-m", "part.tells"], "ContainerArguments": ["--in", "/opt/ml/x"]}


@pytest.fixture
def loaded(make_image):
    """Return a maker of images with one program for which libraries are loaded already."""

    def make(module="part.tells", **files):
        uri = make_image(dockerfile=DOCKERFILE, files=FILES | files)
        image = Store(itself.home()).pushed(uri)
        program = ahead.Program(image.digest, module)
        ahead.Loader().load([(image, program)])
        return uri, program

    return make


def told(log_lines, job):
    """Return what a job's program says of itself."""
    (line,) = log_lines(GROUP, job)
    return json.loads(line)


def test_a_program_finds_the_same_as_in_a_fresh_interpreter(process, loaded, log_lines, unique):
    uri, _ = loaded()
    spec = {"ImageUri": uri, **COMMAND}
    for name in (f"{unique}-a", f"{unique}-b"):  # the second one has nothing to take
        job = process(uri, ProcessingJobName=name, AppSpecification=spec)
        assert job["ProcessingJobStatus"] == "Completed"
    first, second = (told(log_lines, name) for name in (f"{unique}-a", f"{unique}-b"))
    assert (first.pop("before"), second.pop("before")) == (True, False)
    assert first.pop("seed") != second.pop("seed")
    own = [
        {key: str(value).replace(name, "") for key, value in each.items()}
        for each, name in ((first, f"{unique}-a"), (second, f"{unique}-b"))
    ]
    assert own[0] == own[1]
    assert first["name"] == "__main__"
    assert first["leader"]


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "PYTHONHASHSEED"])
def test_what_is_read_outside_of_python_makes_a_fresh_interpreter(process, loaded, log_lines, unique, name):
    uri, _ = loaded()
    process(uri, AppSpecification={"ImageUri": uri, **COMMAND}, Environment={name: "1"})
    assert told(log_lines, unique)["before"] is False


def test_any_other_variable_does_not(process, loaded, log_lines, unique):
    uri, _ = loaded()
    process(uri, AppSpecification={"ImageUri": uri, **COMMAND}, Environment={"OWN": "1"})
    assert (told(log_lines, unique)["before"], told(log_lines, unique)["own"]) == (True, "1")


def test_a_variable_that_a_library_read_while_it_was_loaded_counts(tmp_path, monkeypatch):
    (tmp_path / "a_library.py").write_text("import os\nTHEN = os.environ.get('A_SWITCH')\n")
    monkeypatch.syspath_prepend(tmp_path)
    noted = loading.Noted()
    noted.load(["a_library", "no_such_library"])
    assert noted.differs({}, {"A_SWITCH": "on"})
    assert not noted.differs({"A_SWITCH": "on"}, {"A_SWITCH": "on", "ANOTHER": "1"})


def test_an_exit_code_and_a_traceback_are_the_programs(process, loaded, log_lines, unique):
    uri, _ = loaded(**{"part/tells.py": "import numpy\nprint('first')\nraise SystemExit(3)\n"})
    job = process(uri, AppSpecification={"ImageUri": uri, **COMMAND})
    assert job["FailureReason"].endswith("exit code: 3")
    uri, _ = loaded(**{"part/tells.py": "import numpy\n\n\ndef fails():\n    1 / 0\n\n\nfails()\n"})
    job = process(uri, ProcessingJobName=f"{unique}-b", AppSpecification={"ImageUri": uri, **COMMAND})
    lines = log_lines(GROUP, f"{unique}-b")
    assert job["FailureReason"].endswith("exit code: 1")
    assert lines[-1] == "ZeroDivisionError: division by zero"
    assert any("/opt/program/part/tells.py" in line and "line 5" in line for line in lines)


def test_it_is_stopped_as_any_other(aws, process, loaded, log_lines, unique):
    uri, _ = loaded(**{"part/tells.py": "import numpy, time\nprint('up', flush=True)\ntime.sleep(60)\n"})
    process(uri, wait=False, AppSpecification={"ImageUri": uri, **COMMAND})
    until(lambda: log_lines(GROUP, unique) == ["up"])
    aws.sagemaker.stop_processing_job(ProcessingJobName=unique)
    job = ended(lambda: aws.sagemaker.describe_processing_job(ProcessingJobName=unique))
    assert job["ProcessingJobStatus"] == "Stopped"


def test_processes_that_it_starts_find_its_program(process, loaded, log_lines, unique):
    text = """
import multiprocessing
import numpy

def double(number):
    return 2 * number

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(double, [1, 2]))
"""
    uri, _ = loaded(**{"part/tells.py": text})
    process(uri, AppSpecification={"ImageUri": uri, **COMMAND})
    assert log_lines(GROUP, unique) == ["[2, 4]"]


def test_what_died_while_it_waited_is_replaced_by_a_fresh_one(process, loaded, log_lines, unique):
    uri, program = loaded()
    child = ahead._waiting[program].child
    child.kill()
    child.wait()
    assert process(uri, AppSpecification={"ImageUri": uri, **COMMAND})["ProcessingJobStatus"] == "Completed"
    assert told(log_lines, unique)["before"] is False


def programs():
    """Return which programs the processes are for that this emulator started and that wait."""
    listed = subprocess.run(["ps", "-ww", "-eo", "ppid=,args="], capture_output=True, text=True, check=True)
    ours = [line.split() for line in listed.stdout.splitlines() if line.split()[0] == str(os.getpid())]
    return [words[4] for words in ours if len(words) > 4 and words[2].endswith("images/loading.py")]


def settled():
    """Wait until nothing more is about to be loaded; return what `programs` does."""
    for thread in threading.enumerate():
        if thread.name == "load-ahead":
            thread.join(30)
    return programs()


@pytest.fixture
def begin(aws, make_image, tmp_path, unique):
    """Return begin(first, seconds, code): start an execution of a shell step, two Python ones, RegisterModel.

    The first step runs `first`; the Python ones import, for so many seconds, a library, and exit with `code`.
    """
    aws.sagemaker.create_model_package_group(ModelPackageGroupName=unique)
    image(SHELL, ["true"])

    def make(first, seconds=0, code=0):
        log = tmp_path / "loaded"
        log.write_text("")
        (tmp_path / "slow.py").write_text(
            f"import time\ntime.sleep({seconds})\nprint('', file=open('{log}', 'a'))\n"
        )
        files = {f"part/{name}.py": f"import slow\nexit({code})\n" for name in ("second", "third", "serves")}
        dockerfile = DOCKERFILE.replace("=/opt/program ", f"=/opt/program:{tmp_path} ")
        uri = make_image(
            dockerfile=f'{dockerfile}ENTRYPOINT ["python", "-m", "part.serves"]\n',
            files={"part/__init__.py": f"# {uuid.uuid4()}\n", **files},
        )
        steps = [processing("first", first)]
        for name in ("second", "third"):
            step = processing(name, "", DependsOn=[steps[-1]["Name"]])
            spec = {"ImageUri": uri, "ContainerEntrypoint": ["python", "-m", f"part.{name}"]}
            step["Arguments"]["AppSpecification"] = spec
            steps.append(step)
        specification = {
            "Containers": [{"Image": uri, "ModelDataUrl": "s3://lake/model.tar.gz"}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        }
        arguments = {"ModelPackageGroupName": unique, "InferenceSpecification": specification}
        register = {
            "Name": "register",
            "Type": "RegisterModel",
            "Arguments": arguments,
            "DependsOn": ["third"],
        }
        return uri, start(aws.sagemaker, create(aws.sagemaker, *steps, register))

    return make


def test_nothing_is_loaded_for_an_execution_that_failed(aws, begin):
    before = programs()
    _, arn = begin("sleep 0.3; exit 1", seconds=1)
    assert wait(aws.sagemaker, arn)["PipelineExecutionStatus"] == "Failed"
    assert settled() == before


def test_nothing_is_loaded_for_an_execution_that_was_stopped(aws, begin):
    before = programs()
    _, arn = begin("exec sleep 30", seconds=1)
    until(lambda: len(programs()) > len(before))
    aws.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken="0" * 32)
    assert wait(aws.sagemaker, arn)["PipelineExecutionStatus"] == "Stopped"
    assert settled() == before


def test_a_server_waits_on_only_for_a_model_that_was_registered_and_only_the_last(aws, begin, tmp_path):
    all_loaded = f"until [ $(wc -l < {tmp_path}/loaded) -ge 3 ]; do sleep 0.1; done"
    before = programs()
    _, arn = begin(all_loaded, code=1)
    assert wait(aws.sagemaker, arn)["PipelineExecutionStatus"] == "Failed"
    assert settled() == before
    for _ in range(2):
        uri, arn = begin(all_loaded)
        assert wait(aws.sagemaker, arn)["PipelineExecutionStatus"] == "Succeeded"
        assert settled() == ["part.serves"]
        assert [item.image for item in ahead._waiting] == [Store(itself.home()).pushed(uri).digest]


@pytest.mark.parametrize(
    ("table", "error"),
    [("{not json", "JSONDecodeError"), ('{"*": {"entry_point": ["true"]}}', "TypeError")],
    ids=["no JSON", "a word that no image has"],
)
def test_a_table_of_images_that_cannot_be_read_ends_the_execution(
    aws, monkeypatch, tmp_path, caplog, table, error
):
    made = create(aws.sagemaker, processing("first", "true"), processing("second", "true"))
    (tmp_path / "images.json").write_text(table)
    monkeypatch.setenv("SAGEMAKER_EMULATOR_HOME", str(tmp_path))
    arn = start(aws.sagemaker, made)
    assert wait(aws.sagemaker, arn)["PipelineExecutionStatus"] == "Failed"
    assert steps_of(aws.sagemaker, arn)["first"]["FailureReason"].startswith("InternalServerError: ")
    assert error in caplog.text  # what is wrong stands in the emulator's log


def test_two_executions_of_one_image_load_it_once(make_image, monkeypatch):
    found = Store(itself.home()).pushed(make_image(dockerfile=DOCKERFILE, files=FILES))
    item, both = ahead.Program(found.digest, "part.tells"), threading.Barrier(2)
    monkeypatch.setattr(imports, "libraries", lambda *_: [both.wait(10)][:0])  # both past their first look
    before, loaders = children.living(), [ahead.Loader(), ahead.Loader()]
    threads = [threading.Thread(target=each.load, args=([(found, item)],)) for each in loaders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert children.living() == before + 1
    for each in loaders:
        each.end()
    assert children.living() == before


def until(happens):
    deadline = time.monotonic() + 20
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_later_step_takes_what_was_loaded_while_the_first_ran(aws, make_image, log_lines):
    uri = make_image(dockerfile=DOCKERFILE, files=FILES)
    second = processing("second", "", DependsOn=["first"])
    second["Arguments"]["AppSpecification"] = {"ImageUri": uri, **COMMAND}
    arn = start(aws.sagemaker, create(aws.sagemaker, processing("first", "sleep 2"), second))
    assert wait(aws.sagemaker, arn)["PipelineExecutionStatus"] == "Succeeded"
    job = steps_of(aws.sagemaker, arn)["second"]["Metadata"]["ProcessingJob"]["Arn"].rsplit("/", 1)[1]
    assert told(log_lines, job)["before"] is True


def test_switched_off_nothing_is_loaded_ahead(loaded, monkeypatch):
    monkeypatch.setenv(ahead.VARIABLE, "0")
    _, program = loaded()
    assert program not in ahead._waiting


def test_libraries_are_read_from_the_source_in_the_order_of_the_program(tmp_path):
    files = {
        "own/__init__.py": "import zlib\nimport yaml\n",
        "own/first.py": "import boto3\nfrom own import second\nimport requests\n",
        "own/second.py": "from werkzeug.serving import make_server\nfrom .first import x\n"
        "def later():\n    import torch\n",
        "own/main.py": "from __future__ import annotations\nimport os\nimport own.first as it\n",
        "own/broken.py": "def (:\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    wanted = ["boto3", "yaml", "werkzeug.serving", "werkzeug.serving.make_server", "requests"]
    found = imports.libraries(tmp_path, "own.main")
    assert sorted(found) == sorted(wanted)
    assert found.index("boto3") < found.index("werkzeug.serving") < found.index("requests")
    assert imports.libraries(tmp_path, "own.broken") == []
    assert imports.libraries(tmp_path, "no.such") == []


def test_a_command_that_is_no_python_module_is_no_program():
    assert ahead.program("digest", [sys.executable, "-c", "1"]) is None
    assert ahead.program("digest", ["sh", "-m", "x"]) is None
    assert ahead.program("", [sys.executable, "-m", "x"]) is None
    assert os.environ.get(ahead.VARIABLE) != "0"
