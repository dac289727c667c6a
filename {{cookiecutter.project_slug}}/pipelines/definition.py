"""The pipeline: built with the SageMaker SDK, kept as a golden file in git, sent with boto3.

The SDK is imported inside one function and only by `python -m pipelines definition`; a release reads the
golden file, puts real names in place of the sentinels and sends it. So a pull request shows the pipeline's
change as a diff.

Run:  python -m pipelines definition --write
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.errors import SettingsError
from pipelines.settings import Settings

GOLDEN = Path(__file__).with_name("definition.json")
ROLE = "arn:aws:iam::000000000000:role/${PROJECT}-execution"  # the SDK wants a whole ARN, or it asks IAM
SENTINEL = re.compile(r"\$\{[A-Z_]+\}|:000000000000:")


def render(definition: dict[str, Any]) -> str:
    """Return the golden file's text: stable order, one member a line, so that its diff can be read."""
    return json.dumps(definition, indent=2, sort_keys=True) + "\n"


def golden(settings: Settings, path: Path = GOLDEN) -> str:
    """Return the golden file's text, or raise SettingsError E503 where it was built from other settings."""
    refresh = "run: python -m pipelines definition --write, and commit the file with the settings"
    try:
        text = path.read_text("utf-8")
        built_from = json.loads(text)["Metadata"]["settings_sha256"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        raise SettingsError(
            "E503",
            "the pipeline's golden definition is missing or damaged",
            "pipelines/definition.json",
            "a release sends this file and nothing else",
            refresh,
        ) from None
    if built_from != settings.digest():
        raise SettingsError(
            "E503",
            "the golden definition was built from other settings",
            "pipelines/definition.json",
            f"it carries {built_from[:12]}, mlops.toml gives {settings.digest()[:12]}",
            refresh,
        )
    return text


def substitute(text: str, values: Mapping[str, str]) -> str:
    """Put real names in place of the sentinels; raise SettingsError E503 where one is left."""
    for sentinel, value in values.items():  # the role first: it holds the project's sentinel
        text = text.replace(sentinel, value)
    left = SENTINEL.search(text)
    if left:
        raise SettingsError(
            "E503",
            f"the sentinel {left[0]} has no value",
            "pipelines/definition.json",
            "release knows no name for it",
            "correct pipelines/steps.py or pipelines/release.py",
        )
    return json.dumps(json.loads(text), separators=(",", ":"))


def sentinels(project: str, bucket: str, key: str, role: str, image: str) -> dict[str, str]:
    """Return what takes the place of each sentinel, in the order of replacement."""
    return {ROLE: role, "${PROJECT}": project, "${BUCKET}": bucket, "${KEY}": key, "${IMAGE}": image}


def build(settings: Settings) -> dict[str, Any]:
    """Return the definition as the SDK writes it, with the digest of the settings in its Metadata."""
    from pipelines.steps import compile_pipeline  # imports the SDK: 3 s

    definition = json.loads(compile_pipeline(settings, ROLE))
    del definition["MlflowConfig"]  # the SDK's, always null; tracking is a hyperparameter here
    definition["Metadata"] = {"settings_sha256": settings.digest()}
    return definition


def check(text: str, path: Path = GOLDEN) -> None:
    """Raise SettingsError E503 unless the golden file is what the SDK builds now."""
    if not path.is_file() or path.read_text("utf-8") != text:
        raise SettingsError(
            "E503",
            "the golden definition differs from what is built now",
            "pipelines/definition.json",
            "settings, pipelines/steps.py or the SDK have changed",
            "run: python -m pipelines definition --write, and read its diff",
        )
