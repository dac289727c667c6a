"""`cruft update` brings a later template and keeps what its user wrote: from several earlier ones to this."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from conftest import INNER, ROOT
from test_hooks import bake_from, cruft

from tools import bake as tool

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
WHO = ("-c", "user.name=someone", "-c", "user.email=someone@localhost", "-c", "commit.gpgsign=false")
BEFORE_THE_LIBRARY = "f209334d968e02d2690e7fca627e19cbc3578754"  # the verbs lay in the project: record 20

# What a user changes first: a setting, what data must look like, the network, a verb, a page.
EDITS = {
    "mlops.toml": ("epochs = 12\n", "epochs = 5\n"),
    "data_checks/suite.py": ('"age", min_value=37, max_value=40', '"age", min_value=36, max_value=41'),
    "training/model.py": ("            nn.ReLU(),\n", "            nn.GELU(),\n"),
    "Makefile": ("status: setup", "ours: setup  ## A verb of ours\n\t@echo ours\n\nstatus: setup"),
    "README.md": ("\n## ", "\n## Our team\n\nAsk us in our channel.\n\n## "),
}
ADDED = {"training/ours.py": '"""A module of ours."""\n', "notes/ours.md": "# Notes of ours\n"}
COMMANDS = ("-m data_checks.lock data/mine --key row_id", "-m pipelines definition --write")


def git_tree(commit):
    """Return what writes the template as it was at a commit of this repository."""

    def write(folder):
        archive = subprocess.run(
            ["git", "-C", str(ROOT), "archive", commit, "--", *tool.TEMPLATE], check=True, capture_output=True
        )
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(folder, filter="tar")

    return write


def by_hand(folder):
    """Write today's template less some lines, with a file more, one less, and a wheel of other bytes."""
    tool.copy_tracked(folder)
    inner = folder / INNER.name
    for name, (now, then) in {
        "Makefile": ("## Show this list", "## List them"),
        "README.md": ("## All targets", "## Targets"),
        "pipelines/steps.py": ('"""', '"""Then: '),
        "mlops.toml": ("keep = false ", "keep = true  "),
    }.items():
        text = (inner / name).read_text("utf-8")
        assert now in text
        (inner / name).write_text(text.replace(now, then, 1), "utf-8")
    (inner / "training/then.py").write_text('"""It went since."""\n')
    (inner / "training/tasks.py").unlink()
    for wheel in (inner / "vendor").glob("*.whl"):
        wheel.write_bytes(b"\x89\r\n\0" + wheel.read_bytes()[::-1])


def earlier():
    """Return the templates to come from, by name; a shallow clone has only the one that is made here."""
    found = [pytest.param(by_hand, id="one made by hand")]
    git = ["git", "-C", str(ROOT)]
    log = [*git, "log", "-20", "--format=%H", "--", *tool.TEMPLATE]
    for commit in subprocess.run(log, capture_output=True, text=True).stdout.split():
        if subprocess.run([*git, "diff", "--quiet", commit, "--", *tool.TEMPLATE]).returncode == 1:
            found.append(pytest.param(git_tree(commit), id="the commit before"))
            break
    if not subprocess.run([*git, "cat-file", "-e", BEFORE_THE_LIBRARY], capture_output=True).returncode:
        found.append(pytest.param(git_tree(BEFORE_THE_LIBRARY), id="before the verbs were a library"))
    return found


@pytest.mark.parametrize("write_earlier", earlier())
def test_an_update_gives_what_the_new_template_and_the_users_work_give(
    write_earlier, template, tmp_path, monkeypatch
):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))  # cookiecutter keeps its clone there
    upstream = tmp_path / "upstream"
    publish(upstream, write_earlier)
    bake_from(tmp_path, f"git+file://{upstream}", "-o", "out")
    project = tmp_path / "out" / "income-model"
    assert cruft(project, "check").returncode == 0
    work_as_a_user(project)
    publish(upstream, tool.copy_tracked)

    checked = cruft(project, "check")
    assert (checked.returncode, "out of date" in checked.stdout) == (1, True)
    updated = cruft(project, "update", "-y")

    assert updated.returncode == 0, updated.stdout + updated.stderr
    assert not list(project.rglob("*.rej")), updated.stderr
    wanted = tool.bake(template, tmp_path / "wanted", {})
    new_wheels = wheels(wanted)
    work_as_a_user(wanted)
    assert differing(project, wanted) == set()
    assert wheels(project) == new_wheels != {}
    commit(project, "Update from the template")
    assert cruft(project, "check").returncode == 0
    make_check(project)


def test_where_both_changed_one_line_both_stand_there_and_git_names_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    upstream, project = tmp_path / "upstream", tmp_path / "out" / "income-model"
    publish(upstream, by_hand)
    bake_from(tmp_path, f"git+file://{upstream}", "-o", "out")
    settings = project / "mlops.toml"
    ours = settings.read_text("utf-8").replace("keep = true  ", "keep = true # ours  ")
    settings.write_text(ours, "utf-8")
    commit(project, "Our work")
    publish(upstream, tool.copy_tracked)

    assert cruft(project, "update", "-y").returncode == 0  # cruft takes it for done

    assert "UU mlops.toml\n" in tool.git(project, "status", "--porcelain")
    lines = settings.read_text("utf-8").splitlines()
    assert [line[:16] for line in lines if line.startswith("keep =")] == [
        "keep = true # ou",
        "keep = false    ",
    ]


def publish(upstream, write):
    """Let the template's repository hold what `write` writes, as one more commit."""
    upstream.mkdir(exist_ok=True)
    for path in upstream.iterdir():
        if path.name != ".git":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    write(upstream)
    tool.git(upstream, "init", "--quiet", "--initial-branch=main")
    commit(upstream, "A version of the template")


def work_as_a_user(project):
    """Edit, add, bring data of one's own, pin it, write the definition, commit."""
    for name, (old, new) in EDITS.items():
        text = (project / name).read_text("utf-8")
        assert old in text, name
        (project / name).write_text(text.replace(old, new, 1), "utf-8")
    for name, text in ADDED.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(text)
    shutil.copytree(project / "data/adult/batch=1", project / "data/mine/batch=1")
    for command in COMMANDS:
        subprocess.run([sys.executable, *command.split()], cwd=project, check=True, capture_output=True)
    commit(project, "Our work")


def commit(folder, message):
    """Commit everything that lies in a folder."""
    tool.git(folder, "add", "--all")
    tool.git(folder, *WHO, "commit", "--quiet", "-m", message)


def wheels(project):
    """Return the bytes of the vendored wheels, by name."""
    return {path.name: path.read_bytes() for path in (project / "vendor").iterdir()}


def differing(left, right):
    """Return the tracked files that are not byte for byte the same in both, but for the template's link."""
    names = set()
    for folder in (left, right):
        listed = tool.git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        names |= set(listed.split("\0")) - {"", ".cruft.json"}
    return {name for name in names if content(left / name) != content(right / name)}


def content(path: Path):
    """Return a file's bytes and whether it may be run; None where there is no such file."""
    return (path.read_bytes(), os.access(path, os.X_OK)) if path.is_file() else None


def make_check(project):
    """Run the project's own check in this environment."""
    command = ["make", "--no-print-directory", "--old-file=setup", "check", f"VENV={sys.prefix}"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
