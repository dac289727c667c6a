"""The last third of a release in a process of its own: what two runners do at once.

Run:  python -m tests.stories.racer CHECKOUT RELEASE
"""

from __future__ import annotations

import sys
from pathlib import Path

from sagemaker_gitops import errors, history, promotion, registry
from sagemaker_gitops.tree import Ids, Tree

from tests.drill import presets


def main(checkout: str, release: str) -> int:
    """Bring an approved release to production for the commit of a checkout; return the verb's exit code."""
    run, root = presets.quiet(presets.settings("small")), Path(checkout)
    commit = history.git(root, "rev-parse", "HEAD") or ""
    work = Tree(run.settings, None, Ids("", "", release, commit), "", root)  # type: ignore[arg-type]
    package = registry.find(run.aws, run.stack.group, release)
    assert package, release
    try:
        promotion.to_production(run, work, package)
    except Exception as error:
        known = errors.translate(error)
        if known is None:
            raise
        print("\n".join(known.lines()))
        return known.exit_code
    print(*(f"{step.name} {step.verdict}" for step in run.story.steps), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
