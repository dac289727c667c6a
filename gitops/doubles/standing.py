"""Production as it should be: three commits, two packages, one that serves."""

from __future__ import annotations

from doubles.aws import GROUP
from sagemaker_gitops.reconcile import Live
from sagemaker_gitops.registry import Package

NEW, MIDDLE, OLD = "c" * 40, "b" * 40, "a" * 40


def package(version: int, asked: str, approval: str = "Approved", production: str = "proven") -> Package:
    facts = {"release_id": str(version) * 64, "asked_by": asked, "production": production}
    return Package(f"{GROUP}/{version}", approval, "image", "s3://bucket/m", facts)


ONE, TWO = package(1, OLD), package(2, MIDDLE)


ALL_IS_WELL = Live(
    commits=(NEW, MIDDLE, OLD),
    packages=(TWO, ONE),
    serving=TWO,
    endpoint={"EndpointStatus": "InService", "EndpointConfigName": "config-2"},
    config="config-2",
    outcome="gate refused",
    definition=True,
    stacks={"income-model": True},
)
