"""What no validator knows: how this project's workflows use their rights, their sources and their time.

A rule is a pure function of a `Project`; it yields a sentence for each place that breaks it.
"""

from __future__ import annotations

from workflows.contracts import course, queues, rights, sources
from workflows.reading import Project

RULES = (*rights.RULES, *sources.RULES, *queues.RULES, *course.RULES)


def findings(project: Project) -> list[str]:
    """Return what every rule finds, each with the rule's name."""
    return [f"{rule.__name__}: {said}" for rule in RULES for said in rule(project)]
