"""A job says the same whether its libraries were loaded before it began or not."""

from __future__ import annotations

import json

import pytest
from conftest import ROLE

from sagemaker_emulator import itself
from sagemaker_emulator.images import ahead
from sagemaker_emulator.images.store import Store

PROCESSING = "/aws/sagemaker/ProcessingJobs"
COMMAND = ["python", "-m", "part.tells"]
# What belongs to a process and not to the modules in it: whatever a library's import did not change.
STATE = """
import engine
import gc, json, locale, logging, multiprocessing.process, os, random, signal, sys
import tempfile, threading, warnings
import __main__

def umask():
    found = os.umask(0)
    os.umask(found)
    return found

spec = __spec__
print(json.dumps({
    "path": sys.path, "argv": sys.argv, "orig_argv": sys.orig_argv, "flags": list(sys.flags),
    "executable": [sys.executable, sys.prefix],
    "environ": dict(os.environ), "order of environ": list(os.environ),
    "main": sorted(set(vars(__main__)) - {"engine"}), "is main": vars(__main__) is globals(),
    "main of library": engine.MAIN is __main__,
    "builtins": repr(__builtins__), "notes": repr(__annotations__),
    "spec": [spec.name, spec.origin, spec.cached, spec.parent, type(__loader__).__name__],
    "files": [__file__, __cached__],
    "cwd": os.getcwd(), "original": multiprocessing.process.ORIGINAL_DIR, "umask": umask(),
    "start": multiprocessing.get_start_method(), "open": sorted(os.listdir("/dev/fd")),
    "signals": [repr(signal.getsignal(each)).split(" at 0x")[0] for each in sorted(signal.valid_signals())],
    "mask": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])), "group": os.getpgid(0) == os.getpid(),
    "threads": [each.name for each in threading.enumerate()], "seed": random.random(),
    "temporary": tempfile.gettempdir(), "locale": locale.setlocale(locale.LC_ALL), "gc": gc.get_threshold(),
    "warnings": len(warnings.filters), "handlers": repr(logging.getLogger().handlers),
    "streams": [[type(each.buffer).__name__, each.encoding, each.errors, each.line_buffering,
                 each.write_through, each.name, each.mode, each is original]
                for each, original in ((sys.stdout, sys.__stdout__), (sys.stderr, sys.__stderr__))],
    "hooks": [repr(sys.excepthook), repr(sys.warnoptions), sys.getrecursionlimit(),
              [type(each).__name__ for each in sys.meta_path]],
}))
"""
ENGINE = """
import __main__ as MAIN
import multiprocessing, os, random, signal, sys, threading
random.seed(7)
signal.signal(signal.SIGUSR1, lambda *_: None)
threading.Thread(target=threading.Event().wait, name="engine", daemon=True).start()
sys.path.append("/opt/engine")
os.environ["KMP_INIT_AT_FORK"] = "FALSE"
"""
LOGS = """
import logging
print("printed while loading")
print("at once", flush=True)
logging.warning("warned while loading")
log = logging.getLogger("engine")
log.addHandler(logging.StreamHandler())
"""
SETS = """
import os
os.environ["SET"] = "by the library"
os.environ.setdefault("OFFERED", "by the library")
os.environ.pop("TAKEN", None)
del os.environ["DROPPED"]
os.environ["READ"] = os.environ.get("READ", "") + " and more"
"""
SHOWS = """
import engine, os
names = ("SET", "OFFERED", "TAKEN", "DROPPED", "READ", "TQDM_X")
print(*(f"{name}={os.environ.get(name)}" for name in names))
print(getattr(engine, "FOUND", None))
"""
CHILDREN = """
import engine
import multiprocessing, os

def where(_):
    return os.getcwd(), multiprocessing.process.ORIGINAL_DIR

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(where, [1]))
"""
KNOWN = "import sys; _ = open('{}', 'a').write(str('engine' in sys.modules) + ' ')\n"
FAILS = "import engine\n\n\ndef fails():\n    1 / 0\n\n\nfails()\n"


@pytest.fixture
def twice(make_image, process, log_lines, unique, tmp_path):
    """Return a maker of two logs of one job: with libraries loaded ahead, and in a fresh interpreter.

    `counts` says whether what was loaded ahead is to be used.
    """

    def run(program, libraries, job=None, files=None, counts=True):
        folder = tmp_path / "libraries"
        for name, text in libraries.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        dockerfile = (
            "FROM scratch\nWORKDIR /opt/program\n"
            f"ENV PYTHONPATH=/opt/program:{folder} DROPPED=1 TAKEN=1\nCOPY . .\n"
        )
        program = KNOWN.format(tmp_path / "known") + program
        files = {"part/__init__.py": "", "part/tells.py": program, **(files or {})}
        uri = make_image(dockerfile=dockerfile, files=files)
        item = ahead.Program(Store(itself.home()).pushed(uri).digest, "part.tells")
        load(uri, item)
        logs = []
        for name in (f"{unique}-a", f"{unique}-b"):
            spec = {
                "ImageUri": uri,
                "ContainerEntrypoint": COMMAND,
                "ContainerArguments": ["--in", "/opt/ml/x"],
            }
            process(uri, ProcessingJobName=name, AppSpecification=spec, Environment=job or {})
            logs.append([line.replace(name, "JOB") for line in log_lines(PROCESSING, name)])
            assert item not in ahead._waiting
        assert (tmp_path / "known").read_text().startswith(f"{counts} ")
        return logs

    return run


def load(uri, item):
    ahead.Loader().load([(Store(itself.home()).pushed(uri), item)])
    assert item in ahead._waiting


def test_all_that_a_process_is_to_its_program_is_the_same(twice):
    (loaded,), (fresh,) = twice(STATE, {"engine.py": ENGINE})
    loaded, fresh = json.loads(loaded), json.loads(fresh)
    assert {name: (loaded[name], fresh[name]) for name in fresh if loaded[name] != fresh[name]} == {}
    assert fresh["environ"]["KMP_INIT_AT_FORK"] == "FALSE"
    assert fresh["path"][0] == fresh["cwd"] == fresh["original"]


@pytest.mark.parametrize(
    ("program", "libraries", "job", "counts", "expected"),
    [
        pytest.param(
            "import engine\nengine.log.warning('auc=0.9')\n",
            {"engine.py": LOGS},
            {},
            True,
            {"printed while loading", "at once", "WARNING:root:warned while loading", "auc=0.9"},
            id="what an import prints, and where its handlers write",
        ),
        pytest.param(
            SHOWS,
            {"engine.py": SETS},
            {},
            True,
            {"SET=by the library OFFERED=by the library TAKEN=None DROPPED=None READ= and more TQDM_X=None"},
            id="variables that a library sets",
        ),
        pytest.param(
            SHOWS,
            {"engine.py": SETS},
            {"SET": "by the job", "DROPPED": "by the job"},
            True,
            {"SET=by the library OFFERED=by the library TAKEN=None DROPPED=None READ= and more TQDM_X=None"},
            id="a library that sets without asking wins over the job",
        ),
        pytest.param(
            SHOWS,
            {"engine.py": SETS},
            {"OFFERED": "by the job", "READ": "job"},
            False,
            {"SET=by the library OFFERED=by the job TAKEN=None DROPPED=None READ=job and more TQDM_X=None"},
            id="the job wins over a library that asks first",
        ),
        pytest.param(
            SHOWS,
            {"engine.py": "import os\nFOUND = [k for k in os.environ.keys() if k[:5] == 'TQDM_']\n"},
            {"TQDM_X": "1"},
            False,
            {"['TQDM_X']"},
            id="a library that looks through all variables",
        ),
        pytest.param(
            "import os\nos.environ['A_SWITCH'] = 'on'\nimport engine\nprint(engine.FOUND)\n",
            {"engine.py": "import os\nFOUND = os.environ.get('A_SWITCH', 'off')\n"},
            {},
            False,
            {"on"},
            id="a program that sets a variable before it imports",
        ),
        pytest.param(
            "from engine import turn\nprint(callable(turn))\n",
            {"engine/__init__.py": "def turn(): ...\n", "engine/turn.py": ""},
            {},
            True,
            {"True"},
            id="a function with the name of a module",
        ),
        pytest.param(
            "try:\n    import nothing\nexcept ImportError:\n    pass\nimport engine\n",
            {"engine.py": "print('once', flush=True)\nraise RuntimeError('no')\n"},
            {},
            False,
            {"once", "RuntimeError: no"},
            id="a library that fails",
        ),
        pytest.param(
            FAILS, {"engine.py": ""}, {}, True, {"ZeroDivisionError: division by zero"}, id="a traceback"
        ),
        pytest.param(
            CHILDREN, {"engine.py": "import multiprocessing\n"}, {}, True, set(), id="its own processes"
        ),
        pytest.param(
            "import engine, loading\n", {"engine.py": ""}, {}, True, set(), id="no modules of the emulator"
        ),
    ],
)
def test_its_log_is_the_same(twice, program, libraries, job, counts, expected):
    loaded, fresh = twice(program, libraries, job, counts=counts)
    assert loaded == fresh
    assert expected <= set(fresh)


def test_a_file_of_the_image_goes_before_a_library_of_that_name(twice):
    libraries = {"engine.py": "import near\nFOUND = near.WHOSE\n", "near.py": "WHOSE = 'library'\n"}
    own = {"near.py": "WHOSE = 'image'\n"}
    program = "import engine\nprint(engine.FOUND)\n"
    loaded, fresh = twice(program, libraries, files=own, counts=False)
    assert loaded == fresh == ["image"]


def test_metrics_are_found_in_what_a_librarys_handler_writes(make_image, train, aws, unique, tmp_path):
    (tmp_path / "engine.py").write_text(LOGS)
    uri = make_image(
        dockerfile=f"FROM scratch\nWORKDIR /opt/program\nENV PYTHONPATH=/opt/program:{tmp_path}\nCOPY . .\n",
        files={"part/__init__.py": "", "part/tells.py": "import engine\nengine.log.warning('auc=0.9')\n"},
    )
    load(uri, ahead.Program(Store(itself.home()).pushed(uri).digest, "part.tells"))
    definitions = [{"Name": "auc", "Regex": "auc=([0-9.]+)"}]
    job = train(
        uri,
        RoleArn=ROLE,
        AlgorithmSpecification={
            "TrainingImage": uri,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": COMMAND,
            "MetricDefinitions": definitions,
        },
    )
    assert [(each["MetricName"], each["Value"]) for each in job["FinalMetricDataList"]] == [
        ("auc", pytest.approx(0.9))
    ]
