"""Documents stay true: what they name exists, pictures and tables are the workflows', notes stay short."""

from __future__ import annotations

import re
from fnmatch import fnmatch

import pytest
from conftest import INNER, ROOT
from workflows.reading import Project, facts

from tools import bake as tool

TEXTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("hooks/*.py")]
TEXTS += [path for path in INNER.glob("**/*.md") if "vendor" not in path.parts]
PLACES = [pytest.param(ROOT, id="template"), pytest.param(INNER, id="generated")]
# What runs with a role: workflows, stacks, the verbs and their pins, `make setup`, what images are made of.
RUNS_WITH_ROLES = (".github/", "infra/", "pipelines/", "vendor/", "requirements/", "Makefile", "Dockerfile")
MADE = ("build/", ".emulator/", ".venv", "vendor/")  # come to be by running something


@pytest.mark.parametrize("place", PLACES)
def test_the_agents_notes_are_short_and_name_only_what_exists(place):
    text = (place / "AGENTS.md").read_text()
    assert len(text.splitlines()) <= 40
    named = re.findall(r"`((?:[\w.-]+|\{\{[\w.]+\}\})(?:/[\w.-]+)*/?)`", text)
    paths = [name for name in named if "/" in name or re.search(r"\w\.(toml|md|py|lock)$", name)]
    assert paths
    assert [name for name in paths if not (place / name).exists() and not name.startswith(MADE)] == []


@pytest.mark.parametrize("place", PLACES)
def test_every_make_target_that_the_agents_notes_name_exists(place):
    phony = re.search(r"^\.PHONY: (.*)$", (place / "Makefile").read_text(), re.MULTILINE).group(1).split()
    assert set(re.findall(r"`make ([a-z-]+)`", (place / "AGENTS.md").read_text())) <= set(phony)


def test_every_decision_is_listed_and_says_what_was_rejected():
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text())
    assert listed == sorted(path.name for path in folder.glob("0*.md"))
    for name in listed:
        text = (folder / name).read_text()
        assert re.match(r"# \d+\. ", text)
        assert "**Context.**" in text
        assert "**Decision.**" in text


@pytest.fixture(scope="module")
def release():
    """The project's workflows, and the jobs of a release: those of release.yml and of deploy.yml."""
    project = Project(INNER, facts(INNER))
    return project, {job.name: job for job in project.jobs if job.file in ("release.yml", "deploy.yml")}


def picture():
    """Return the first Mermaid picture of the generated README, line by line."""
    text = (INNER / "README.md").read_text()
    return re.search(r"```mermaid\n(.*?)```", text, re.DOTALL).group(1).splitlines()


def test_the_picture_of_a_release_has_its_jobs_and_no_other(release):
    nodes = {name for line in picture() for name in re.findall(r"(\w+)\[", line)}
    assert nodes == set(release[1])


def test_the_pictures_arrows_are_what_the_jobs_need(release):
    needed = set()
    for name, job in release[1].items():
        needs = job.body.get("needs", [])
        needed |= {(before, name) for before in ([needs] if isinstance(needs, str) else needs)}
    drawn = set()
    for line in picture():
        sides = re.split(r"-->|-\.->", re.sub(r"\[.*?\]", "", line))
        if len(sides) == 2:
            drawn |= {(before.strip(), sides[1].strip()) for before in sides[0].split("&")}
    assert drawn == needed


def test_the_table_of_a_release_names_each_jobs_role(release):
    listed = dict(re.findall(r"(?m)^\| `(\w+)` \| ([a-z-]+) \|", (INNER / "README.md").read_text()))
    inside = {name: release[0].inside(job) for name, job in release[1].items()}
    roles = {name: {role for job in jobs for role in job.roles} for name, jobs in inside.items()}
    told = {name: {role.upper().replace("-", "_")} - {"NONE"} for name, role in listed.items()}
    assert told == {name: found for name, found in roles.items() if len(inside[name]) == 1}


def test_the_required_check_has_the_name_that_the_readme_gives_it(release):
    (ready,) = [job for job in release[0].jobs if (job.file, job.name) == ("pull_request.yml", "ready")]
    assert f"`{ready.body['name']}` as required check" in (INNER / "README.md").read_text()


def test_every_verb_that_a_document_names_exists(release):
    told = {path: set(re.findall(r"-m pipelines ([a-z][a-z-]*)", path.read_text())) for path in TEXTS}
    assert {"connect", "reconcile"} <= set().union(*told.values())
    assert {path.name: names - release[0].facts.verbs for path, names in told.items()} == {
        path.name: set() for path in told
    }


def test_the_readme_of_the_verbs_names_every_module_of_theirs():
    folder = ROOT / "gitops"
    named = re.findall(r"`([\w*]+\.py)`", (folder / "README.md").read_text())
    package = folder / "sagemaker_gitops"
    there = [path.relative_to(package) for path in package.rglob("*.py") if path.name != "__init__.py"]
    assert [str(path) for path in there if not any(fnmatch(path.name, name) for name in named)] == []


def test_every_command_of_awss_that_a_document_prints_names_its_region():
    told = [line for path in TEXTS for line in re.findall(r"`(aws \w+ [a-z]+-[^`]*)`", path.read_text())]
    assert [line for line in told if "--region" not in line and "get-caller-identity" not in line] == []
    assert any("delete-endpoint" in line for line in told)


def test_every_workflow_and_stack_that_a_document_names_exists():
    known = {path.name for path in (*ROOT.glob(".github/**/*.yml"), *INNER.glob("**/*.yml"))}
    told = {name for path in TEXTS for name in re.findall(r"`(?:[\w./]*/)?(\w+\.yml)`", path.read_text())}
    assert {"deploy.yml", "github.yml"} <= told <= known


SIZED = (ROOT / "README.md", ROOT / "docs/decisions/0020-the-verbs-are-a-library.md")


@pytest.mark.parametrize("path", SIZED, ids=lambda path: path.stem)
def test_a_document_says_how_many_lines_a_generated_project_has_and_that_they_are_too_many(path):
    code = [name for name in tool.tracked() if name.startswith(INNER.name) and name.endswith(".py")]
    outside = [ROOT / name for name in code if not name.startswith(f"{INNER.name}/tests/")]
    lines = sum(len(path.read_text().splitlines()) for path in outside)
    said, after = re.search(r"about ([\d,]+) lines of Python outside tests(.*)", path.read_text()).groups()
    assert abs(int(said.replace(",", "")) - lines) <= lines / 50, f"{lines:,} lines"
    assert "more than we want" in after


def owned(project):
    """Return who owns what: pattern and owner of each line of CODEOWNERS that counts."""
    lines = (project / ".github" / "CODEOWNERS").read_text().splitlines()
    return dict(line.split() for line in lines if line and not line.startswith("#"))


def test_code_owners_are_the_repositorys_owner_and_own_what_is_there(cookiecutter, tmp_path):
    assert cookiecutter(into=tmp_path, github_repository="acme/churn").returncode == 0
    owners = owned(tmp_path / "income-model")
    assert set(owners.values()) == {"@acme"}
    gate = {f"/training/{name}.py" for name in ("gate", "policy", "evaluate", "assess", "metrics")}
    assert {"/.github/", "/infra/", "/mlops.toml", "/data_checks/suite.py", *gate} < set(owners)
    assert {f"/{name}" for name in RUNS_WITH_ROLES} <= set(owners)
    there = {pattern for pattern in owners if (tmp_path / "income-model" / pattern.strip("/")).exists()}
    assert set(owners) - there == {"/production.lock"}  # comes with the first promotion


def test_what_runs_with_the_roles_is_named_where_security_says_what_to_own():
    text = (ROOT / "SECURITY.md").read_text()
    said = text.split("**What is merged runs with the roles.**")[1].split("\n- **")[0]
    assert [name for name in RUNS_WITH_ROLES if f"`{name}`" not in said] == []
    assert [name for name in RUNS_WITH_ROLES if not (INNER / name).exists()] == []


def test_without_a_repository_nobody_owns_anything_and_the_file_says_how_to_fill_it(default_bake):
    assert owned(default_bake) == {}
    assert "put a user or a team in the place of OWNER" in (default_bake / ".github/CODEOWNERS").read_text()
