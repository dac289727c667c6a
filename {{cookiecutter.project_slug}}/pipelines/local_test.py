"""The whole release against whatever AWS_ENDPOINT_URL names: stack, image, release, request.

The same verbs that a workflow runs, one after the other. It creates and changes things without asking, so it
refuses to run where no endpoint is named: nobody does this to a real account by accident.
"""

from __future__ import annotations

import os

from pipelines import images, stack
from pipelines.aws import Aws
from pipelines.errors import SettingsError
from pipelines.release import release, tree
from pipelines.request import request
from pipelines.settings import Settings
from pipelines.story import Story


def require_endpoint() -> str:
    """Return AWS_ENDPOINT_URL, or raise SettingsError E507."""
    url = os.environ.get("AWS_ENDPOINT_URL", "")
    if not url:
        raise SettingsError(
            "E507",
            "local-test runs against an emulator only",
            "the variable AWS_ENDPOINT_URL",
            "it is empty: this would create and change things in an AWS account",
            "run: make local-test",
        )
    return url


def local_test(aws: Aws, settings: Settings, story: Story) -> None:
    """Run stack, image, release and request, or raise what stopped one of them."""
    work = tree(settings)
    with story.step("stack") as step:
        stack.apply(aws, settings, step)
    with story.step("image") as step:
        images.publish(aws, stack.outputs(aws, settings.project.slug), work.ids.code_id, step)
    release(aws, settings, story)
    if settings.project.approval == "gate":  # else nothing serves yet: promote is somebody's decision
        request(aws, settings, story)
