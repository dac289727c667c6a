"""Run by its own interpreter: load libraries, wait to be told which container to be, then be it.

In:   argv[1] a socket's descriptor, argv[2] the program that it is for (`ps` shows it), argv[3:] modules;
      on the socket, later, one JSON object:
      {"command": ["python", "-m", "package.module", ...], "cwd": "...", "env": {...}, "given": {...}},
      or nothing at its end; `given` is the environment that this process was started with
Out:  that command, in that folder, with that environment

To its program this process is what a fresh interpreter would be. Where it cannot be - a library read a
variable that the container's environment changes, or the container has a file that goes before a library -
nothing that was loaded counts, and it becomes a fresh interpreter.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib
import json
import os
import runpy
import shutil
import socket
import sys
import tempfile
import types
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path

# Read by code that asks the system and not Python, or by Python itself as it starts.
NATIVE = (
    *("OMP_", "GOMP_", "KMP_", "MKL_", "DNNL_", "ONEDNN_", "OPENBLAS_", "GOTO_", "BLIS_", "VECLIB_"),
    *("NUMEXPR_", "TBB_", "TORCH_", "PYTORCH_", "ARROW_", "CUDA_", "NCCL_"),
    *("LD_", "DYLD_", "MALLOC_", "GLIBC_", "TZ", "LANG", "LC_", "PYTHON"),
)
OURS = {"PYTHONPATH", "TMPDIR"}  # which `become` puts in force afterwards
# Every job's own, so of no account for a library that only looks through all variables for a few of its own.
BROUGHT = ("AWS_", "SAGEMAKER_", "TRAINING_JOB_", "PROCESSING_JOB_", "NO_PROXY", "no_proxy")
PLACE = __file__  # stands on sys.path, while libraries are loaded, for the container's own folders
READ_HERE = "matplotlibrc"  # matplotlib looks for it in the folder in which it is imported


def main() -> None:
    """Load, wait, become."""
    line, modules, began = socket.socket(fileno=int(sys.argv[1])), sys.argv[3:], dict(os.environ)
    line.set_inheritable(False)
    hide()
    output, noted = Output(), Noted()
    noted.load(modules)
    with line, line.makefile("rb") as told:
        with contextlib.suppress(OSError):  # who waits for it may have left
            line.send(b".")
        order = told.read()
    if order:
        become(json.loads(order), began, output, noted)


def hide() -> None:
    """Leave nothing of this module where a library may look: its folder, its arguments, its `__main__`."""
    sys.path[: 0 if sys.flags.safe_path else 1] = [PLACE]
    sys.argv = ["-m"]
    program = types.ModuleType("__main__")
    vars(program).update(__file__=__file__, __builtins__=builtins, __annotations__={})
    sys.modules["__main__"] = program


class Output:
    """Descriptors 1 and 2, held back in a file: the log of the job has not begun.

    `sys.stdout` and `sys.stderr` stay what they are, so handlers that a library makes write to the job's log.
    """

    def __init__(self) -> None:
        self._own = [os.dup(1), os.dup(2)]
        self._held = tempfile.TemporaryFile()  # noqa: SIM115 (until `give_back`)
        for number in (1, 2):
            os.dup2(self._held.fileno(), number)

    def give_back(self, with_what_was_held: bool) -> None:
        """Let both lead to the log again, which begins with what was written meanwhile, or without it."""
        for number, own in zip((1, 2), self._own, strict=True):
            os.dup2(own, number)
            os.close(own)
        with self._held, open(1, "wb", closefd=False) as log:
            self._held.seek(0)
            if with_what_was_held:
                shutil.copyfileobj(self._held, log)


class Noted:
    """What libraries read and wrote of the environment while they were loaded, and whether one failed."""

    def __init__(self) -> None:
        self.read: set[str] = set()
        self.all = False  # somebody looked through them all
        self.written: dict[str, str | None] = {}  # None: deleted
        self.failed = False

    def load(self, modules: list[str]) -> None:
        """Import what can be imported, up to what fails: the program itself meets that, in its own words."""
        with self._watching():
            for name in modules:
                try:
                    self._import(name)
                except BaseException:
                    self.failed = True
                    return

    def _import(self, name: str) -> None:
        package, _, last = name.rpartition(".")
        if hasattr(sys.modules.get(package), last):  # `from a import b` takes what `a` has
            return
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as missing:
            if missing.name != name:
                raise

    @contextlib.contextmanager
    def _watching(self) -> Iterator[None]:
        kind = type(os.environ)
        names = ("__getitem__", "__setitem__", "__delitem__", "__iter__")
        get, put, delete, iterate = own = [getattr(kind, name) for name in names]

        def noted_get(environ: os._Environ, name: str | bytes) -> str | bytes:
            if (word := os.fsdecode(name)) not in self.written:
                self.read.add(word)
            return get(environ, name)

        def noted_put(environ: os._Environ, name: str | bytes, value: str | bytes) -> None:
            put(environ, name, value)
            self.written[os.fsdecode(name)] = os.fsdecode(value)

        def noted_delete(environ: os._Environ, name: str | bytes) -> None:
            delete(environ, name)
            self.written[os.fsdecode(name)] = None

        def noted_iterate(environ: os._Environ) -> Iterator:
            self.all = True
            return iterate(environ)

        for name, function in zip(names, (noted_get, noted_put, noted_delete, noted_iterate), strict=True):
            setattr(kind, name, function)
        try:
            yield
        finally:
            for name, function in zip(names, own, strict=True):
                setattr(kind, name, function)

    def differs(self, given: dict[str, str], env: dict[str, str]) -> bool:
        """Say whether a variable that was read while loading, or may have been, has another value now."""
        every = given.keys() | env.keys()
        names = {name for name in every if name.startswith(NATIVE)} | self.read
        if self.all:
            names |= {name for name in every if not name.startswith(BROUGHT)}
        return any(given.get(name) != env.get(name) for name in names - (OURS - self.written.keys()))


def become(order: dict, began: dict[str, str], output: Output, noted: Noted) -> None:
    """Run a module as `python -m` does; where what was loaded does not count, in a fresh interpreter."""
    command, env, given = order["command"], order["env"], order["given"]
    os.chdir(order["cwd"])
    counts = not (noted.failed or noted.differs(given, env) or elsewhere(given, env))
    output.give_back(with_what_was_held=counts)
    if not counts:
        os.execve(command[0], command, env)  # noqa: S606
    own = {name: value for name, value in began.items() if name not in given}  # Python's, such as LC_CTYPE
    adopt(env | own, noted.written)
    named, place = python_path(env), sys.path.index(PLACE)
    sys.path[place:] = [*here(), *named, *(each for each in sys.path[place + 1 :] if each not in named)]
    importlib.invalidate_caches()
    tempfile.tempdir = None
    if "multiprocessing.process" in sys.modules:
        sys.modules["multiprocessing.process"].ORIGINAL_DIR = str(Path.cwd())
    sys.argv, sys.orig_argv = ["-m", *command[3:]], command
    run(command[2])


def elsewhere(given: dict[str, str], env: dict[str, str]) -> bool:
    """Say whether a fresh interpreter would find something that was loaded or looked for elsewhere."""
    named = python_path(env)
    if PLACE not in sys.path or not set(python_path(given)) <= set(named) or Path(READ_HERE).exists():
        return True
    names = {each.partition(".")[0] for each in sys.modules} - {"__main__"}
    for name in names | {"sitecustomize", "usercustomize"}:  # Python looks for these two as it starts
        spec = PathFinder.find_spec(name, [*here(), *named])
        loaded = getattr(sys.modules.get(name), "__spec__", None)
        if spec and spec.loader and spec.origin != getattr(loaded, "origin", None):
            return True
    return False


def here() -> list[str]:
    """Return what `python -m` puts first on sys.path."""
    return [] if sys.flags.safe_path else [str(Path.cwd())]


def python_path(env: dict[str, str]) -> list[str]:
    """Return the folders that PYTHONPATH names, as Python puts them on sys.path: absolute, each once."""
    words = env["PYTHONPATH"].split(os.pathsep) if env.get("PYTHONPATH") else []
    return list(dict.fromkeys(os.path.abspath(word) for word in words))  # noqa: PTH100 (keeps links)


def adopt(env: dict[str, str], written: dict[str, str | None]) -> None:
    """Make an environment this process's, and do again what libraries did to it."""
    os.environ.clear()
    os.environ.update(env)
    for name, value in written.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def run(module: str) -> None:
    """Run a module as `python -m` does, with a traceback that begins where a fresh interpreter's does."""
    try:
        runpy._run_module_as_main(module)  # type: ignore[attr-defined]
    except Exception as error:
        trace = error.__traceback__.tb_next if error.__traceback__ else None  # the first frame is this one
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        sys.exit(1)


if __name__ == "__main__":
    main()
