"""Make the new project a git repository that can take the template's later versions, and say what to do next.

In:   the answers and where the template came from; the working directory is the new project
Out:  .cruft.json, a git repository with one commit where there was none around, three commands
Never the network. cruft runs this too, twice an update, in folders of its own: then there is nothing to do.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

# A clone in which somebody ran the checks holds these, and cookiecutter takes whatever lies in the folder.
CACHES = ("__pycache__", ".ruff_cache", ".pytest_cache", ".hypothesis", ".import_linter_cache")
CONTEXT = r'''{{ cookiecutter | tojson }}'''  # fmt: skip


def git(folder, *words):
    """Return what `git words` prints in `folder`, or None when it fails or git is missing."""
    try:
        done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def template_folder(context, here):
    """Return the folder this project was made from; cookiecutter names it as seen from the caller."""
    out = Path(context["_output_dir"])
    for base in (os.environ.get("PWD", here), out, *out.parents):
        folder = Path(base, context["_repo_dir"]).resolve()
        if (folder / "cookiecutter.json").is_file() and (folder / "hooks").is_dir():
            return folder
    return None


def origin(context, folder):
    """Return (template, commit) as cruft wants them, or (None, why not)."""
    if folder is None:
        return None, "the template's folder cannot be seen from here"
    if git(folder, "rev-parse", "--show-toplevel") != str(folder):
        return None, "the template is no git repository"
    commit = git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None, "the template has no commit"
    if git(
        folder, "status", "--porcelain", "--", "cookiecutter.json", "hooks", "*cookiecutter.project_slug*"
    ):
        return None, "the template has changes that no commit holds"
    cloned = context["_repo_dir"] != context["_template"]  # an address, or an abbreviation of one
    return (git(folder, "remote", "get-url", "origin") if cloned else str(folder)), commit


def link(context, folder, project):
    """Write .cruft.json, so that `cruft update` works later; return one line when that is not possible."""
    template, commit = origin(context, folder)
    if template is None:
        return f"No .cruft.json ({commit}): `cruft update` will not bring the template's later versions."
    state = {"template": template, "commit": commit, "checkout": context["_checkout"], "directory": None}
    answers = {name: value for name, value in context.items() if not name.startswith("_")}
    state["context"] = {"cookiecutter": {**answers, "_template": template, "_commit": commit}}
    (project / ".cruft.json").write_text(
        json.dumps(state, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    return ""


def commit_first(project, name):
    """Make `project` a repository with one commit, unless it is inside one; return a line if git fails."""
    if git(project, "rev-parse", "--is-inside-work-tree") == "true":
        return ""
    if git(project, "init", "--quiet") is None:
        return "No git repository: git is missing. The release verbs need one commit."
    git(project, "symbolic-ref", "HEAD", "refs/heads/main")
    git(project, "add", "--all")
    nobody = ("-c", "user.name=cookiecutter", "-c", "user.email=cookiecutter@localhost")
    known = git(project, "config", "user.email") and git(project, "config", "user.name")
    commit = ("-c", "commit.gpgsign=false", "commit", "--quiet", "--no-verify", "-m", f"Create {name}")
    done = git(project, *(() if known else nobody), *commit)
    return "" if done is not None else "No first commit: git refused it. The release verbs need one."


def next_steps(context):
    """Return the three commands to go on with."""
    return f"""
Created {context["project_slug"]}/, a git repository; on AWS its name is {context["project_slug"]}, for good

  cd {context["project_slug"]}
  make setup         once: a virtual environment with the pinned packages
  make local-test    the whole release on this machine, and a report: no AWS account, no Docker

Then, with an AWS account and a repository on GitHub: .venv/bin/python -m pipelines connect
"""


def clean(project):
    """Take out the caches that came along from the template's folder."""
    for name in CACHES:
        for folder in list(project.rglob(name)):
            shutil.rmtree(folder, ignore_errors=True)


def main():
    """Clean, link, commit, and say what comes next."""
    clean(Path.cwd())
    context = json.loads(CONTEXT)
    if (
        "_output_dir" not in context
    ):  # cruft: it keeps .cruft.json itself and compares what it generates file by file
        return
    project = Path.cwd()
    notes = [
        link(context, template_folder(context, project), project),
        commit_first(project, context["project_name"]),
    ]
    print(next_steps(context), *filter(None, notes), sep="\n", flush=True)


if __name__ == "__main__":
    main()
