"""The verbs, `python -m pipelines VERB`: what make targets and workflows call; they hold no logic.

The verbs are the library's, sagemaker_gitops; this project gives it its settings and its pipeline.
"""

from __future__ import annotations

import sys

from sagemaker_gitops import cli

from pipelines.settings import Settings


def compiled(settings: Settings, role: str) -> str:
    """Return the pipeline's definition as JSON text."""
    from pipelines.steps import compile_pipeline  # imports the SageMaker SDK: 3 s

    return compile_pipeline(settings, role)


def main(argv: list[str] | None = None) -> int:
    """Run a verb; return its exit code."""
    return cli.main(cli.Project(Settings, compiled), argv)


if __name__ == "__main__":
    sys.exit(main())
