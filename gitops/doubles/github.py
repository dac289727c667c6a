"""A GitHub on 127.0.0.1: the part of its REST API that the pipelines use, over a real bare git repository.

    with GitHub(folder, "acme/demo") as github:
        os.environ |= github.environ()

Run:  python doubles/github.py FOLDER [PORT]    (FOLDER/origin.git is the repository)

It refuses what GitHub refuses: no token, a branch that is there, a second pull request of one branch, changes
below .github/workflows by a token of Actions. Only the standard library, so that any test can run it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Answer = tuple[int, Any]
TOKEN = "a-token-of-actions"
IDENTITY = {"GIT_AUTHOR_NAME": "github-actions[bot]", "GIT_AUTHOR_EMAIL": "bot@example.com"}
IDENTITY |= {key.replace("AUTHOR", "COMMITTER"): value for key, value in IDENTITY.items()}
BOT = {"login": "github-actions[bot]", "type": "Bot"}  # whoever uses the token of a job
FORBIDDEN = "GitHub Actions is not permitted to create or approve pull requests."


class Refused(Exception):
    """An answer that is a no."""

    def __init__(self, status: int, message: str, *errors: str) -> None:
        super().__init__(message)
        self.status, self.message, self.errors = status, message, errors


class GitHub:
    """One repository: its git objects, issues, pull requests and labels; and every request, recorded."""

    def __init__(self, folder: Path, repository: str = "acme/demo", port: int = 0) -> None:
        self.repository, self.owner = repository, repository.split("/")[0]
        self.git_folder = folder / "origin.git"
        if not self.git_folder.exists():
            subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(self.git_folder)], check=True)
        self.issues: dict[int, dict[str, Any]] = {}  # pull requests too, as on GitHub
        self.comments: dict[int, list[dict[str, Any]]] = {}
        self.labels: dict[str, dict[str, Any]] = {}
        self.runs: list[dict[str, Any]] = []  # id, head_sha, status; workflow, main.yml without; jobs
        self.requests: list[tuple[str, str, Any]] = []  # method, path without the repository, body
        self.refusals: list[tuple[str, str, int, str, int]] = []
        self.lock = threading.RLock()
        self.server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.api, self.page = f"{self.url}/repos/{repository}", f"https://github.com/{repository}"

    def __enter__(self) -> GitHub:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def environ(self) -> dict[str, str]:
        """Return what a job of Actions would have in its environment."""
        return {
            "GITHUB_API_URL": self.url,
            "GITHUB_TOKEN": TOKEN,
            "GITHUB_REPOSITORY": self.repository,
            "GITHUB_SERVER_URL": "https://github.com",
        }

    def refuse(self, method: str, path: str, status: int, message: str = FORBIDDEN, times: int = 99) -> None:
        """Answer requests whose path matches with an error, so many times."""
        self.refusals.append((method, path, status, message, times))

    def writes(self, path: str = "") -> list[tuple[str, str, Any]]:
        """Return the requests that would change something."""
        return [each for each in self.requests if each[0] != "GET" and re.search(path, each[1])]

    def git(self, *words: str, text: str | None = None) -> str:
        """Return what git prints in the bare repository."""
        command = ["git", "-C", str(self.git_folder), *words]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, env=IDENTITY)
        if done.returncode:
            raise Refused(404, "Not Found", done.stderr)
        return done.stdout.strip()

    def merge(self, number: int) -> str:
        """Merge a pull request as its button does; return the merge commit."""
        pull = self.issues[number]
        sides = ["main", pull["head"]["ref"]]
        tree = self.git("merge-tree", "--write-tree", *sides).splitlines()[0]
        parents = [word for side in sides for word in ("-p", self.git("rev-parse", side))]
        commit = self.git("commit-tree", tree, *parents, "-m", f"Merge #{number}")
        self.git("update-ref", "refs/heads/main", commit)
        pull |= {"state": "closed", "merged": True}
        return commit

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Answer:
        """Return status and JSON of one request below /repos/OWNER/NAME."""
        for place, (verb, wanted, status, message, times) in enumerate(self.refusals):
            if times and method == verb and re.search(wanted, path):
                self.refusals[place] = (verb, wanted, status, message, times - 1)
                raise Refused(status, message)
        for verb, wanted, act in ROUTES:
            found = re.fullmatch(wanted, path)
            if verb == method and found:
                return act(self, *found.groups(), **({"query": query} if verb == "GET" else {"body": body}))
        raise Refused(404, f"Not Found: the fake has no {method} {path}")

    # Issues, comments, labels

    def list_issues(self, query: dict[str, str]) -> Answer:
        wanted = set(filter(None, query.get("labels", "").split(",")))
        found = [
            each
            for each in reversed(self.issues.values())
            if query.get("state", "open") in ("all", each["state"])
            and wanted <= {label["name"] for label in each["labels"]}
        ]
        return 200, [self._as_issue(each) for each in found]

    def _as_issue(self, each: dict[str, Any]) -> dict[str, Any]:
        pull = {"pull_request": {"url": f"{self.api}/pulls/{each['number']}"}} if "head" in each else {}
        return {key: value for key, value in each.items() if key not in ("head", "base")} | pull

    def create_issue(self, body: dict[str, Any]) -> Answer:
        labels = [self._label(name) for name in body.get("labels", [])]
        return 201, self._new("issues", body | {"labels": labels})

    def _new(self, kind: str, facts: dict[str, Any]) -> dict[str, Any]:
        number = len(self.issues) + 1
        page = f"{self.page}/{'pull' if kind == 'pulls' else kind}/{number}"
        common = {"number": number, "state": "open", "labels": [], "body": "", "html_url": page}
        self.issues[number] = common | facts | {"url": f"{self.api}/{kind}/{number}"}
        self.issues[number]["issue_url"] = f"{self.api}/issues/{number}"
        self.comments[number] = []
        return self.issues[number]

    def edit_issue(self, number: str, body: dict[str, Any]) -> Answer:
        self.issues[int(number)] |= {key: value for key, value in body.items() if value is not None}
        return 200, self.issues[int(number)]

    def get_issue(self, number: str, query: dict[str, str]) -> Answer:
        if int(number) not in self.issues:
            raise Refused(404, "Not Found")
        return 200, self.issues[int(number)]

    def comment(self, number: str, body: dict[str, Any]) -> Answer:
        id = sum(map(len, self.comments.values())) + 1
        made = {"id": id, "body": body["body"], "url": f"{self.api}/issues/comments/{id}", "user": dict(BOT)}
        self.comments[int(number)].append(made)
        return 201, made

    def list_comments(self, number: str, query: dict[str, str]) -> Answer:
        return 200, self.comments.get(int(number), [])

    def edit_comment(self, id: str, body: dict[str, Any]) -> Answer:
        made = next(each for every in self.comments.values() for each in every if each["id"] == int(id))
        made["body"] = body["body"]
        return 200, made

    def get_label(self, name: str, query: dict[str, str]) -> Answer:
        if unquote(name) not in self.labels:
            raise Refused(404, "Not Found")
        return 200, self.labels[unquote(name)]

    def create_label(self, body: dict[str, Any]) -> Answer:
        if body["name"] in self.labels:
            raise Refused(422, "Validation Failed", "already_exists")
        return 201, self._label(body["name"])

    def _label(self, name: str) -> dict[str, Any]:
        return self.labels.setdefault(name, {"name": name, "url": f"{self.api}/labels/{name}"})

    # Pull requests

    def list_pulls(self, query: dict[str, str]) -> Answer:
        found = [
            each
            for each in self.issues.values()
            if "head" in each
            and query.get("state", "open") in ("all", each["state"])
            and query.get("head") in (None, f"{self.owner}:{each['head']['ref']}")
            and query.get("base") in (None, each["base"]["ref"])
        ]
        return 200, found

    def create_pull(self, body: dict[str, Any]) -> Answer:
        head, base = body["head"], body["base"]
        if self.list_pulls({"head": f"{self.owner}:{head}"})[1]:
            raise Refused(422, "Validation Failed", f"A pull request already exists for {self.owner}:{head}.")
        sides = {
            name: {"ref": name, "sha": self.git("rev-parse", f"refs/heads/{name}")} for name in (head, base)
        }
        if not self.git("rev-list", f"{base}..{head}"):
            raise Refused(422, "Validation Failed", f"No commits between {base} and {head}")
        facts = {
            "title": body["title"],
            "body": body.get("body", ""),
            "head": sides[head],
            "base": sides[base],
        }
        return 201, self._new("pulls", facts)

    # Runs of workflows

    def list_runs(self, workflow: str, query: dict[str, str]) -> Answer:
        runs = [
            run | {"jobs_url": f"{self.api}/actions/runs/{run['id']}/jobs"}
            for run in self.runs
            if run.get("workflow", "main.yml") == workflow
            and all(query.get(key) in (None, run[key]) for key in ("head_sha", "status"))
        ]
        return 200, {"total_count": len(runs), "workflow_runs": runs}

    def list_jobs(self, run: str, query: dict[str, str]) -> Answer:
        jobs = [job for item in self.runs if str(item["id"]) == run for job in item.get("jobs", [])]
        return 200, {"total_count": len(jobs), "jobs": jobs}

    # Git data

    def get_branch(self, name: str, query: dict[str, str]) -> Answer:
        sha = self.git("rev-parse", "--verify", f"refs/heads/{unquote(name)}")
        return 200, {"name": unquote(name), "commit": self._commit(sha)}

    def get_ref(self, name: str, query: dict[str, str]) -> Answer:
        return 200, self._ref(unquote(name))

    def _ref(self, name: str) -> dict[str, Any]:
        sha = self.git("rev-parse", "--verify", f"refs/{name}")
        return {
            "ref": f"refs/{name}",
            "url": f"{self.api}/git/refs/{name}",
            "object": {"type": "commit", "sha": sha},
        }

    def create_ref(self, body: dict[str, Any]) -> Answer:
        if body["ref"] in self.git("for-each-ref", "--format=%(refname)").splitlines():
            raise Refused(422, "Reference already exists")
        self._point(body["ref"], body["sha"])
        return 201, self._ref(body["ref"].removeprefix("refs/"))

    def edit_ref(self, name: str, body: dict[str, Any]) -> Answer:
        self._point(f"refs/{unquote(name)}", body["sha"])
        return 200, self._ref(unquote(name))

    def _point(self, ref: str, sha: str) -> None:
        if self.git("diff", "--name-only", f"{sha}^1", sha, "--", ".github/workflows"):
            raise Refused(403, "Resource not accessible by integration")
        self.git("update-ref", ref, sha)

    def get_git_commit(self, sha: str, query: dict[str, str]) -> Answer:
        return 200, self._git_commit(sha)

    def _git_commit(self, sha: str) -> dict[str, Any]:
        sha, tree, parents, message = self.git("show", "-s", "--format=%H%n%T%n%P%n%B", sha).split("\n", 3)
        return {
            "sha": sha,
            "url": f"{self.api}/git/commits/{sha}",
            "tree": {"sha": tree, "url": f"{self.api}/git/trees/{tree}"},
            "parents": [{"sha": each, "url": f"{self.api}/git/commits/{each}"} for each in parents.split()],
            "message": message,
        }

    def _commit(self, sha: str) -> dict[str, Any]:
        told = self._git_commit(sha)
        return {
            "sha": told["sha"],
            "commit": told,
            "parents": told["parents"],
            "url": f"{self.api}/commits/{sha}",
        }

    def create_git_commit(self, body: dict[str, Any]) -> Answer:
        parents = [word for parent in body["parents"] for word in ("-p", parent)]
        sha = self.git("commit-tree", body["tree"], *parents, text=body["message"])
        return 201, self._git_commit(sha)

    def get_tree(self, sha: str, query: dict[str, str]) -> Answer:
        return 200, self._tree(sha)

    def _tree(self, sha: str) -> dict[str, Any]:
        listed = [
            re.fullmatch(r"(\d+) (\w+) (\w+)\t(.*)", line) for line in self.git("ls-tree", sha).splitlines()
        ]
        tree = [
            dict(zip(("mode", "type", "sha", "path"), found.groups(), strict=True))
            for found in listed
            if found
        ]
        return {
            "sha": self.git("rev-parse", f"{sha}^{{tree}}"),
            "url": f"{self.api}/git/trees/{sha}",
            "tree": tree,
        }

    def create_tree(self, body: dict[str, Any]) -> Answer:
        base = self._tree(body["base_tree"])["tree"] if body.get("base_tree") else []
        entries = {each["path"]: each for each in base}
        for each in body["tree"]:
            entries.pop(each["path"], None)
            if "content" in each:
                each = each | {"sha": self.git("hash-object", "-w", "--stdin", text=each["content"])}
            if each["sha"] is not None:
                entries[each["path"]] = each
        text = "".join(f"{e['mode']} {e['type']} {e['sha']}\t{e['path']}\n" for e in entries.values())
        return 201, self._tree(self.git("mktree", text=text))

    def compare(self, base: str, head: str, query: dict[str, str]) -> Answer:
        base, head = (
            self.git("rev-parse", "--verify", f"{unquote(side)}^{{commit}}") for side in (base, head)
        )
        if not (common := self.git("merge-base", base, head)):
            raise Refused(404, "No common ancestor")
        ahead = self.git("rev-list", "--reverse", f"{base}..{head}").split()
        behind = self.git("rev-list", f"{head}..{base}").split()
        status = {(0, 0): "identical", (1, 0): "ahead", (0, 1): "behind", (1, 1): "diverged"}
        size, page = int(query.get("per_page", 250)), int(query.get("page", 1))
        return 200, {
            "url": f"{self.api}/compare/{base}...{head}",
            "status": status[bool(ahead), bool(behind)],
            "ahead_by": len(ahead),
            "behind_by": len(behind),
            "total_commits": len(ahead),
            "merge_base_commit": self._commit(common),
            "commits": [self._commit(sha) for sha in ahead[size * (page - 1) : size * page]],
        }

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        github = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _do(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else {}
                parts = urlsplit(self.path)
                query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
                path = parts.path.removeprefix(f"/repos/{github.repository}").lstrip("/")
                with github.lock:
                    github.requests.append((self.command, path, body))
                    try:
                        if TOKEN not in self.headers.get("Authorization", ""):
                            raise Refused(401, "Bad credentials")
                        status, told = github.answer(self.command, path, query, body)
                    except Refused as no:
                        status = no.status
                        told = {"message": no.message, "errors": [{"message": each} for each in no.errors]}
                text = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                if status == 403 and "rate limit" in str(told):
                    self.send_header("X-RateLimit-Reset", str(int(time.time()) + 3600))
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _do

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        return Handler


ROUTES: list[tuple[str, str, Callable[..., Answer]]] = [
    (
        "GET",
        r"",
        lambda self, query: (200, {"full_name": self.repository, "url": self.api, "default_branch": "main"}),
    ),
    ("GET", r"issues", GitHub.list_issues),
    ("POST", r"issues", GitHub.create_issue),
    ("GET", r"issues/(\d+)", GitHub.get_issue),
    ("PATCH", r"issues/(\d+)", GitHub.edit_issue),
    ("GET", r"issues/(\d+)/comments", GitHub.list_comments),
    ("POST", r"issues/(\d+)/comments", GitHub.comment),
    ("PATCH", r"issues/comments/(\d+)", GitHub.edit_comment),
    ("GET", r"labels/([^/]+)", GitHub.get_label),
    ("POST", r"labels", GitHub.create_label),
    ("GET", r"pulls", GitHub.list_pulls),
    ("POST", r"pulls", GitHub.create_pull),
    ("GET", r"pulls/(\d+)", GitHub.get_issue),
    ("PATCH", r"pulls/(\d+)", GitHub.edit_issue),
    ("GET", r"branches/(.+)", GitHub.get_branch),
    ("GET", r"actions/workflows/([\w.]+)/runs", GitHub.list_runs),
    ("GET", r"actions/runs/(\d+)/jobs", GitHub.list_jobs),
    ("GET", r"git/ref/(.+)", GitHub.get_ref),
    ("POST", r"git/refs", GitHub.create_ref),
    ("PATCH", r"git/refs/(.+)", GitHub.edit_ref),
    ("GET", r"git/commits/(\w+)", GitHub.get_git_commit),
    ("POST", r"git/commits", GitHub.create_git_commit),
    ("GET", r"git/trees/(\w+)", GitHub.get_tree),
    ("POST", r"git/trees", GitHub.create_tree),
    ("GET", r"compare/(.+)\.\.\.(.+)", GitHub.compare),
]

if __name__ == "__main__":
    with GitHub(Path(sys.argv[1]), port=int(sys.argv[2]) if len(sys.argv) > 2 else 0) as served:
        print(served.url, flush=True)
        threading.Event().wait()
