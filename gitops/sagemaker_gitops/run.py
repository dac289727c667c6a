"""What a verb works with: settings, AWS, the stack, and the story that it tells."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

from sagemaker_gitops import accounts, errors, names, registry, report, stack
from sagemaker_gitops import aws as door
from sagemaker_gitops.aws import Aws
from sagemaker_gitops.errors import SettingsError
from sagemaker_gitops.github import stories
from sagemaker_gitops.registry import Package
from sagemaker_gitops.settings import Settings
from sagemaker_gitops.stack import Stack
from sagemaker_gitops.story import Story

TOLD = ("release", "pipeline", "stage", "promote", "rollback", "report", "local-test")


@dataclass
class Run:
    """One run of a verb. AWS is asked for when something first needs it."""

    settings: Settings
    story: Story
    words: tuple[str, ...] = ()  # as the user typed them
    stands_for: dict[str, str] = field(default_factory=dict)  # a release of a sample: that of the locked data

    @cached_property
    def connection(self) -> tuple[Aws, str]:
        """The clients and the account; raises what keeps us out."""
        return door.connect(self.settings.project.region)

    @property
    def aws(self) -> Aws:
        """The clients."""
        return self.connection[0]

    @cached_property
    def stack(self) -> Stack:
        """What the stack made; raises SettingsError E504 where there is none."""
        return stack.outputs(self.aws, self.project)

    @property
    def project(self) -> str:
        """The project's slug."""
        return self.settings.project.slug

    def endpoint(self, environment: str, release_id: str = "") -> str:
        """Return the name of an environment's endpoint; staging's is one release's own."""
        return names.endpoint(self.project, environment, release_id)

    def serving(self) -> Package | None:
        """Return what production serves; raise DeployFailed E405 where nobody knows.

        From the registry's account, where it is another one, as production's deploy has noted it.
        """
        if accounts.PRODUCTION in accounts.here(self.stack):
            return registry.served(self.aws, self.stack.group, self.endpoint("production"))
        return registry.noted(self.aws, self.stack.group, self.stack.production)

    def only_here(self, verb: str) -> None:
        """Refuse a verb that is the other account's, or the workflows'; before anything is made.

        Raises:
            SettingsError: E516, E522.
        """
        if verb in accounts.VERBS or verb in accounts.BY_WORKFLOWS:
            try:
                made = self.stack
            except SettingsError:  # E504: the verb itself says what it lacks without a stack
                return
            accounts.refuse(made, verb, shlex.join(self.words))
            if accounts.by_workflows(made, verb):
                caller = self.aws.sts.get_caller_identity()["Arn"]
                accounts.refuse_people(made, verb, f"{self.project}-{self.aws.region}-deploy", caller)

    @contextmanager
    def shown(self, verb: str) -> Iterator[None]:
        """Run a verb with its steps shown; one that tells a release's story leaves build/report.html."""
        self.only_here(verb)
        where = os.environ.get("AWS_ENDPOINT_URL") or f"AWS account {self.connection[1]}"
        self.story.say(f"{self.project}: {verb} in {self.aws.region}, {where}")
        ended: BaseException | None = None
        try:
            with self.story.shown():
                yield
        except BaseException as error:
            ended = errors.translate(error) or error
            raise
        finally:
            if self.story.steps:  # else the last page stays: nothing has happened
                self._told(verb, ended)

    def _told(self, verb: str, ended: BaseException | None) -> None:
        """Leave what a verb has done where people and the workflow's last job look for it."""
        if verb in TOLD:
            page = report.write(self.story, self.settings, verb, ended)
            self.story.say(f"  report: {page}   {self.story.seconds():.1f} s")
        if verb in stories.VERBS and "stack" in self.__dict__:  # else no verb got as far as the bucket
            facts = report.outcome(self.story, verb, ended)
            if lost := stories.leave(self.aws, self.stack.bucket, verb, facts):
                self.story.say(f"  {lost}")
