"""Which ARNs an action knows: cfn-lint's list, made finer where it takes one kind for another."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from cfnlint.data import AdditionalSpecs
from cfnlint.helpers import load_resource

from tests.infra.reading import ARN

FINER = {
    "logs:log-group": ["arn:[^:]*:logs:[^:]*:[^:]*:log-group:[^:]*(:x|x)"],  # ends in :*, or in a pattern
    "logs:log-stream": [
        "arn:[^:]*:logs:[^:]*:[^:]*:log-group:[^:]*(:log-stream:.*|:x)?"
    ],  # :* means all of them
    "s3:bucket": ["arn:[^:]*:s3:::[^/]*"],
    "s3:object": ["arn:[^:]*:s3:::[^/]*/.*"],
    "sagemaker:pipeline": ["arn:[^:]*:sagemaker:[^:]*:[^:]*:pipeline/[^/]*"],
    "sagemaker:pipeline-execution": ["arn:[^:]*:sagemaker:[^:]*:[^:]*:pipeline/[^/]*/execution/.*"],
}
# What AWS asks for besides what its list says. CreateModel is asked of another account's package, too:
# https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-deploy.html
ALSO = {"sagemaker:CreateModel": ["model-package"]}
# A group's tags are asked for by an ARN without :*.
TAGS = {
    f"logs:{name}": ("arn:[^:]*:logs:[^:]*:[^:]*:log-group:[^:]*",)
    for name in ("TagResource", "UntagResource", "ListTagsForResource")
}


@cache
def services() -> dict[str, Any]:
    """Return cfn-lint's list of services, actions and resources."""
    return load_resource(AdditionalSpecs, "Policies.json")


def of_action(action: str) -> tuple[str, ...]:
    """Return the patterns of ARNs that an action knows; raise KeyError for one that there is not."""
    if action in TAGS:
        return TAGS[action]
    service, name = action.split(":")
    told = services()[service]
    kinds = [*told["Actions"][name.lower()].get("Resources", []), *ALSO.get(action, [])]
    formats = {kind.lower(): known["ARNFormats"] for kind, known in told["Resources"].items()}
    return tuple(text for kind in kinds for text in FINER.get(f"{service}:{kind}", formats[kind.lower()]))


def matches(name: str, formats: tuple[str, ...]) -> bool:
    """Say whether a resource, its own wildcards taken as characters, is of one of some kinds."""
    own = re.sub(r"[*?]", "x", name.replace(ARN, "arn:aws", 1))
    return any(re.fullmatch(re.sub(r"\$\{\w+\}", "[^:]*", text), own) for text in formats)
