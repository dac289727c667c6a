"""The image store: what a Dockerfile becomes, and which refusals docker gives."""

from __future__ import annotations

import base64
import io
import json
import os
from pathlib import Path

import pytest

from sagemaker_emulator.images import docker
from sagemaker_emulator.images.build import build
from sagemaker_emulator.images.dockerfile import DockerfileError, parse
from sagemaker_emulator.images.ignore import Ignore
from sagemaker_emulator.images.store import ImageMissing, Store


@pytest.fixture
def make(tmp_path):
    """Return make(dockerfile, target=..., files={...}, **build args) -> Image."""

    def make(dockerfile, target=None, files=None, tag="local:1", **build_args):
        context = tmp_path / "context"
        for name, text in (files or {}).items():
            (context / name).parent.mkdir(parents=True, exist_ok=True)
            (context / name).write_text(text, encoding="utf-8")
        context.mkdir(exist_ok=True)
        (context / "Dockerfile").write_text(dockerfile, encoding="utf-8")
        return build(Store(tmp_path), tag, context, context / "Dockerfile", target, build_args)

    return make


def tree(image):
    return {
        p.relative_to(image.files).as_posix(): p.read_text() for p in image.files.rglob("*") if p.is_file()
    }


def test_a_target_inherits_from_the_stages_it_names(make):
    image = make(
        'FROM python:3.11 AS base\nWORKDIR /app\nENV A=1 B=two\nCOPY common.py .\nCMD ["x"]\n'
        'FROM base AS jobs\nCOPY jobs.py ./\nENTRYPOINT ["python"]\n'
        "FROM base AS serve\nCOPY serve.py .\n",
        target="jobs",
        files={"common.py": "c", "jobs.py": "j", "serve.py": "s"},
    )
    assert tree(image) == {"app/common.py": "c", "app/jobs.py": "j"}
    assert (image.workdir, image.env) == ("/app", {"A": "1", "B": "two"})
    assert (image.entrypoint, image.cmd) == (["python"], []), "an ENTRYPOINT resets what the base had as CMD"


def test_copy_takes_files_folders_patterns_and_other_stages(make):
    image = make(
        "FROM a AS one\nCOPY src/ /from/\nCOPY a.txt b.txt /many/\n"
        "COPY *.txt /pattern/\nCOPY a.txt /renamed\n"
        "FROM scratch\nWORKDIR /w\nCOPY --from=one /from/deep ./d\nCOPY --from=0 --chown=1:1 /renamed r\n",
        files={"src/deep/x": "x", "a.txt": "a", "b.txt": "b"},
    )
    assert tree(image) == {"w/d/x": "x", "w/r": "a"}


def test_build_arguments_and_variables_are_filled_in(make):
    image = make(
        "ARG BASE=one\nFROM ${BASE} AS x\nARG WHERE=/default\nARG BASE\nWORKDIR ${WHERE}/${UNSET:-sub}\n"
        'ENV SEEN=$BASE LITERAL=\\$HOME\nLABEL v="a b"\n',
        WHERE="/given",
    )
    assert image.workdir == "/given/sub"
    assert image.env == {"SEEN": "one", "LITERAL": "$HOME"}
    assert image.labels == {"v": "a b"}


def test_run_is_recorded_and_not_run(make, tmp_path):
    image = make(
        f"FROM a\nRUN touch {tmp_path}/ran && \\\n    # a comment\n    true\nRUN <<EOF\nexit 1\nEOF\n"
    )
    assert not (tmp_path / "ran").exists()
    assert len(image.runs) == 2


def test_what_only_run_would_make_is_said_and_left_out(make, capsys):
    image = make(
        "FROM a AS b\nRUN make\nFROM scratch\nCOPY --from=b /opt/venv /opt/venv\nCOPY --from=uv:1 /uv /bin/\n"
    )
    assert tree(image) == {}
    said = capsys.readouterr().err
    assert "line 4: COPY --from=b /opt/venv skipped: RUN makes it" in said
    assert "line 5: COPY --from=uv:1 skipped" in said


@pytest.mark.parametrize(
    ("dockerfile", "words"),
    [
        pytest.param(
            "FROM a\nCOPY missing .\n", r'line 2: COPY missing: "/missing": not found', id="no such file"
        ),
        pytest.param("FROM a\nCOPY ../x .\n", "outside of the build context", id="out of the context"),
        pytest.param("FROM a\nONBUILD RUN x\n", "line 2: ONBUILD is not offered", id="not offered"),
        pytest.param("FROM a\nADD https://x/y .\n", "line 2: ADD from a URL", id="a URL"),
        pytest.param("WORKDIR /x\n", "line 1: WORKDIR before the first FROM", id="no FROM"),
        pytest.param(
            "FROM a\nCOPY <<EOF /x\nEOF\n", "line 2: COPY from a here-document", id="a heredoc file"
        ),
    ],
)
def test_what_cannot_be_built_is_refused_by_line(make, dockerfile, words):
    with pytest.raises(DockerfileError, match=words):
        make(dockerfile)


def test_an_unknown_target_is_refused(make):
    with pytest.raises(DockerfileError, match="'nobody' could not be found"):
        make("FROM a\n", target="nobody")


def test_the_shell_forms_start_a_shell(make):
    image = make("FROM a\nENTRYPOINT echo hello\n")
    assert image.entrypoint == ["/bin/sh", "-c", "echo hello"]


def test_the_digest_is_a_function_of_what_the_image_is(make):
    first = make("FROM a\nCOPY x .\n", files={"x": "1"})
    assert make("FROM a\nCOPY x .\n", files={"x": "1"}, tag="other:2").digest == first.digest
    assert make("FROM a\nCOPY x .\n", files={"x": "2"}).digest != first.digest
    assert make("FROM a\nCOPY x .\nENV A=1\n", files={"x": "1"}).digest != first.digest


def test_an_image_keeps_the_files_it_was_built_from(make, tmp_path):
    image = make("FROM a\nCOPY x .\n", files={"x": "old"})
    make("FROM a\nCOPY x .\n", files={"x": "new"}, tag="local:2")
    assert tree(image) == {"x": "old"}
    assert tree(Store(tmp_path).local("local:2")) == {"x": "new"}


@pytest.mark.parametrize(
    ("path", "hidden"),
    [
        ("data/x.csv", True),
        ("data/keep/y.csv", False),
        ("a/b/c.pyc", True),
        ("c.pyc", True),
        ("tests", True),
        ("src/tests/x.py", False),
        ("notes.md", True),
        ("README.md", False),
    ],
)
def test_dockerignore_hides_what_docker_hides(path, hidden):
    rules = Ignore(["# comment", "data", "!data/keep", "**/*.pyc", "tests/", "/*.md", "!README.md"])
    assert rules.hides(path) is hidden


def test_a_copied_folder_leaves_out_what_dockerignore_names(make):
    files = {
        "a.py": "a",
        ".git/config": "g",
        "build/x": "x",
        ".dockerignore": ".git\nbuild\n.dockerignore\nDockerfile\n",
    }
    assert tree(make("FROM a\nCOPY . /app\n", files=files)) == {"app/a.py": "a"}


def test_an_image_is_not_there_for_jobs_until_it_is_pushed(make, tmp_path):
    make("FROM a\n", tag="r:1")
    with pytest.raises(ImageMissing):
        Store(tmp_path).pushed("r:1")


def test_a_table_names_commands_for_images_that_were_never_built(tmp_path):
    entry = {"*/sagemaker-scikit-learn:*": {"entrypoint": ["python3"], "env": {"A": "1"}}}
    (tmp_path / "images.json").write_text(json.dumps(entry), encoding="utf-8")
    image = Store(tmp_path).pushed(
        "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1"
    )
    assert (image.entrypoint, image.env) == (["python3"], {"A": "1"})


def test_parse_gives_the_line_of_each_step():
    (stage,) = parse("# one\n\nFROM a\n\nCOPY \\\n  x \\\n  y\n", {})
    assert (stage.line, stage.steps[0].line, stage.steps[0].sources) == (3, 5, ["x"])


def test_what_ecr_has_jobs_can_pull_also_where_a_push_is_killed_at_its_end(aws, tmp_path, monkeypatch):
    aws.ecr.create_repository(repositoryName="killed")
    uri = "123456789012.dkr.ecr.us-east-1.amazonaws.com/killed:1"
    (tmp_path / "Dockerfile").write_text("FROM scratch\nENV KILLED=1\n", encoding="utf-8")
    assert docker.main(["build", "--tag", uri, str(tmp_path)]) == 0
    put = docker._put

    def killed(*words):
        put(*words)
        raise SystemExit(-9)

    monkeypatch.setattr(docker, "_put", killed)
    with pytest.raises(SystemExit):
        docker.main(["push", uri])
    (image,) = aws.ecr.describe_images(repositoryName="killed")["imageDetails"]
    store = Store(Path(os.environ["SAGEMAKER_EMULATOR_HOME"]))
    assert store.pushed(uri).env == {"KILLED": "1"}
    assert store.pushed(f"{uri.rsplit(':', 1)[0]}@{image['imageDigest']}").env == {"KILLED": "1"}


def test_push_gives_ecr_the_digest_of_the_content(aws, make_image):
    image = make_image("echo 1")
    tag = image.rsplit(":", 1)[-1]
    details = aws.ecr.describe_images(repositoryName="images", imageIds=[{"imageTag": tag}])["imageDetails"]
    again = make_image("echo 1")
    twin = aws.ecr.describe_images(repositoryName="images", imageIds=[{"imageTag": again.rsplit(":", 1)[-1]}])
    assert details[0]["imageDigest"] == twin["imageDetails"][0]["imageDigest"]


def test_push_twice_is_fine_also_where_tags_are_immutable(aws, tmp_path, capsys):
    aws.ecr.create_repository(repositoryName="frozen", imageTagMutability="IMMUTABLE")
    uri = "123456789012.dkr.ecr.us-east-1.amazonaws.com/frozen:1"
    (tmp_path / "Dockerfile").write_text("FROM scratch\nENV A=1\n", encoding="utf-8")
    assert docker.main(["build", "--tag", uri, str(tmp_path)]) == 0
    assert [docker.main(["push", uri]), docker.main(["push", uri])] == [0, 0]
    (tmp_path / "Dockerfile").write_text("FROM scratch\nENV A=2\n", encoding="utf-8")
    assert docker.main(["build", "--tag", uri, str(tmp_path)]) == 0
    assert docker.main(["push", uri]) == 1
    assert "ImageTagAlreadyExistsException" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("123456789012.dkr.ecr.us-east-1.amazonaws.com/nobody:1", "RepositoryNotFoundException"),
        ("docker.io/library/x:1", "is not in ECR"),
    ],
)
def test_push_says_why_ecr_refuses(aws, tmp_path, capsys, uri, words):
    (tmp_path / "Dockerfile").write_text("FROM scratch\n", encoding="utf-8")
    assert docker.main(["build", "--tag", uri, str(tmp_path)]) == 0
    assert docker.main(["push", uri]) == 1
    assert words in capsys.readouterr().err


def test_push_of_what_was_not_built_is_refused(aws, capsys):
    assert docker.main(["push", "123456789012.dkr.ecr.us-east-1.amazonaws.com/images:never"]) == 1
    assert "no such image" in capsys.readouterr().err


def test_a_container_finds_its_code_in_its_working_directory(process, make_image, unique, log_lines):
    image = make_image(
        dockerfile="FROM python:3.11\nWORKDIR /opt/program\n"
        "ENV PYTHONPATH=/opt/program WHERE=/opt/program/data\n"
        'COPY pkg ./pkg\nENTRYPOINT ["python", "-m", "pkg.main", "/opt/program/pkg/data.txt"]\n',
        files={
            "pkg/__init__.py": "",
            "pkg/main.py": "import os, sys\n"
            "print(open(sys.argv[1]).read(), os.environ['WHERE'], sys.executable)",
            "pkg/data.txt": "found",
        },
    )
    job = process(image)
    (line,) = log_lines("/aws/sagemaker/ProcessingJobs", unique)
    assert job["ProcessingJobStatus"] == "Completed"
    assert line.startswith("found /") and "/opt/program/data " in line
    assert os.path.basename(line.split()[-1]).startswith("python")


def test_who_logs_in_with_an_ecr_password_pushes_without_credentials_in_the_environment(
    aws, tmp_path, capsys, monkeypatch
):
    repository = aws.ecr.create_repository(repositoryName="logged-in")["repository"]["repositoryUri"]
    token = aws.ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, _, password = base64.b64decode(token).decode().partition(":")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    assert docker.main(["build", "--tag", f"{repository}:1", str(tmp_path)]) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO(password))
    assert docker.main(["login", "--username", user, "--password-stdin", repository]) == 0
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert docker.main(["push", f"{repository}:1"]) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("a password of somebody's own"))
    assert docker.main(["login", "--username", user, "--password-stdin", repository]) == 1
    assert "login attempt failed" in capsys.readouterr().err


def test_a_container_that_rewrites_its_own_code_imports_the_new_one(make_image, process, log_lines, unique):
    program = "open('own.py', 'w').write('SAYS = 2\\n')\nimport own\nprint(own.SAYS)\n"
    uri = make_image(
        dockerfile='FROM scratch\nWORKDIR /opt/program\nCOPY . .\nENTRYPOINT ["python", "-m", "rewrites"]\n',
        files={"rewrites.py": program, "own.py": "SAYS = 1\n"},
    )
    process(uri)
    assert log_lines("/aws/sagemaker/ProcessingJobs", unique) == ["2"]
