"""The pipeline: built with the SageMaker SDK, kept as a golden file in git, sent with boto3.

The SDK is imported inside one function and only by `python -m pipelines definition`; a release reads the
golden file, puts real names in place of the sentinels and sends it. So a pull request shows the pipeline's
change as a diff.

Run:  python -m pipelines definition --write
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sagemaker_gitops.errors import SettingsError
from sagemaker_gitops.settings import Settings
from sagemaker_gitops.stack import Stack

GOLDEN = Path("pipelines/definition.json")  # verbs run at the repository's root
Compile = Callable[[Any, str], str]  # a project's settings and a role's ARN: the definition, JSON text
ROLE = "arn:aws:iam::000000000000:role/${PROJECT}-execution"  # the SDK wants a whole ARN, or it asks IAM
SUBNETS, SECURITY_GROUP = "${SUBNETS}", "${SECURITY_GROUP}"
SENTINEL = re.compile(r"\$\{[A-Z_]+\}|:000000000000:")


def golden(settings: Settings, path: Path = GOLDEN) -> str:
    """Return the golden file's text, or raise SettingsError E503 where it was built from other settings."""
    text, built_from = "", None
    try:
        text = path.read_text("utf-8")
        built_from = json.loads(text)["Metadata"]["settings_sha256"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        pass
    if built_from == settings.digest():
        return text
    what = "was built from other settings" if built_from else "is missing or damaged"
    why = f"it carries {str(built_from)[:12]}, mlops.toml gives {settings.digest()[:12]}"
    raise SettingsError(f"""E503 the pipeline's golden definition {what}
        pipelines/definition.json
        {why if built_from else "a release sends this file and nothing else"}
        run: python -m pipelines definition --write, and commit the file with the settings""")


def substitute(text: str, values: Mapping[str, str]) -> str:
    """Put real names in place of the sentinels; raise SettingsError E503 where one is left."""
    for sentinel, value in values.items():  # the role first: it holds the project's sentinel
        text = text.replace(sentinel, value)
    left = SENTINEL.search(text)
    if left:
        raise SettingsError(f"""E503 the sentinel {left[0]} has no value
            pipelines/definition.json
            release knows no name for it
            the steps must use the sentinels of sagemaker_gitops.definition: correct pipelines/steps.py""")
    return json.dumps(json.loads(text), separators=(",", ":"))


def sentinels(made: Stack, project: str, image: str) -> dict[str, str]:
    """Return what takes the place of each sentinel, in the order of replacement."""
    real = {ROLE: made.role, "${PROJECT}": project, "${BUCKET}": made.bucket, "${KEY}": made.key}
    real["${IMAGE}"] = image
    if made.vpc:
        subnets, (group,) = made.vpc["Subnets"], made.vpc["SecurityGroupIds"]
        real |= {f'"{SUBNETS}"': json.dumps(subnets)[1:-1], SECURITY_GROUP: group}  # one sentinel, any number
    return real


def build(settings: Settings, compiled: Compile) -> str:
    """Return the golden file's text as the SDK makes it now: sorted, one member a line, for its diff."""
    made: dict[str, Any] = json.loads(compiled(settings, ROLE))
    del made["MlflowConfig"]  # the SDK's, always null; tracking is a hyperparameter here
    made["Metadata"] = {"settings_sha256": settings.digest()}
    return json.dumps(made, indent=2, sort_keys=True) + "\n"


def difference(before: str, after: str) -> str:
    """Return how a definition changes, as a unified diff; empty where it does not."""
    name = str(GOLDEN)
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), name, name, lineterm="", n=1)
    return "\n".join(lines)


def check(text: str, path: Path = GOLDEN) -> None:
    """Raise SettingsError E503 unless the golden file is what the SDK builds now."""
    if not path.is_file() or path.read_text("utf-8") != text:
        raise SettingsError("""E503 the golden definition differs from what is built now
            pipelines/definition.json
            settings, pipelines/steps.py or the SDK have changed
            run: python -m pipelines definition --write, and read its diff""")
