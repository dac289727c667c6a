"""The VPC that jobs and endpoints may run in: a stack of its own, made where mlops.toml has network.vpc.

connect makes PROJECT-network and tells the project's stack what it made; every other verb asks that one only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sagemaker_gitops import stack
from sagemaker_gitops.aws import Aws
from sagemaker_gitops.errors import SettingsError
from sagemaker_gitops.run import Run
from sagemaker_gitops.stack import Wanted
from sagemaker_gitops.story import Step

# Parameter of the project's stack: output of the VPC's stack, and what stands there until that is made.
JOINED = {
    "Vpc": ("VpcId", "vpc-00000000"),
    "Subnets": ("SubnetIds", "subnet-00000000"),
    "SecurityGroup": ("SecurityGroupId", "sg-00000000"),
}


def wanted(aws: Aws, project: str) -> Wanted:
    """Return the VPC's stack as infra/ wants it: it leads to the project's bucket alone."""
    bucket = {"Bucket": f"{project}-{aws.account()}-{aws.region}"}
    return Wanted(stack.network_name(project), project, stack.NETWORK_TEMPLATE, bucket, "connect")


def parameters(run: Run) -> dict[str, str]:
    """Return what the project's stack is told of the VPC: nothing where mlops.toml wants none."""
    if not run.settings.network.vpc:
        return dict.fromkeys(JOINED, "")
    made = stack.told(stack.describe(run.aws, stack.network_name(run.project)))
    return {name: made.get(output, unknown) for name, (output, unknown) in JOINED.items()}


def apply(run: Run, step: Step) -> None:
    """Bring the project's stack, and the VPC's where one is wanted, to what infra/ and mlops.toml say."""
    if run.settings.network.vpc:
        stack.bring(run.aws, wanted(run.aws, run.project), step)
    given = {"AlarmEmail": run.settings.project.alarm_email, **parameters(run)}
    stack.apply(run.aws, run.project, step, parameters=given)


def differs(run: Run) -> bool:
    """Say whether the project's stack has a VPC that mlops.toml does not want, or the other way round."""
    return run.settings.network.vpc != bool(run.stack.vpc)


def require(run: Run) -> None:
    """Raise SettingsError E504 where jobs would run in another network than mlops.toml says."""
    if differs(run):
        has, wants = ("no", "true") if run.settings.network.vpc else ("a", "false")
        raise SettingsError(f"""E504 the stack '{run.project}' has {has} VPC, mlops.toml says vpc = {wants}
            mlops.toml, key network.vpc
            a merge does not make or leave a VPC: that takes an administrator
            as one: python -m pipelines connect""")


@dataclass(frozen=True)
class Left:
    """A VPC that mlops.toml no longer wants, and how to take it away."""

    name: str
    todo: str


def left(run: Run) -> Left | None:
    """Return the VPC's stack where it is there for nothing."""
    unwanted = taken_away(run)
    there = not run.settings.network.vpc and stack.describe(run.aws, unwanted.name)
    return unwanted if there else None


def taken_away(run: Run) -> Left:
    """Return how the VPC's stack is taken away."""
    name = stack.network_name(run.project)
    delete = f"aws cloudformation delete-stack --region {run.aws.region} --stack-name {name}"
    return Left(name, f"once production has left it, by a release: {delete}")


def of_model(run: Run) -> dict[str, Any]:
    """Return what an endpoint's container can reach, as CreateModel is told it."""
    joined = {"VpcConfig": run.stack.vpc} if run.stack.vpc else {}
    return {"EnableNetworkIsolation": run.settings.network.isolation, **joined}


def refuse_two_accounts(run: Run, apart: bool) -> None:
    """Raise SettingsError E501 where production is to have an account of its own, which gets no VPC."""
    if apart and run.settings.network.vpc:
        raise SettingsError("""E501 network.vpc is true, and production has an account of its own
            mlops.toml, key network.vpc
            infra/production.yml makes no VPC; nothing was changed
            write vpc = false; isolation keeps containers off every network in both accounts""")
