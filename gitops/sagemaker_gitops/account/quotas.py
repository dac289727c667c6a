"""How many machines the account may start, held against what mlops.toml asks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator

from botocore.exceptions import BotoCoreError, ClientError

from sagemaker_gitops import errors
from sagemaker_gitops.account import console
from sagemaker_gitops.account.findings import Finding, bad, ok, warn
from sagemaker_gitops.aws import Aws
from sagemaker_gitops.settings import Settings

SERVICE, BOTH = "sagemaker", ("staging", "production")


def needed(settings: Settings, here: Collection[str] = BOTH) -> dict[str, int]:
    """Return the quotas that a release needs, by Amazon's names, with the machines that it starts at once.

    `here` are the environments of this account; jobs run where staging is.
    """
    jobs, environments = settings.jobs, settings.environments
    wanted: Counter[str] = Counter()
    staging, production = environments.staging, environments.production
    if "production" in here:
        fleets = 1 if production.rollout.strategy == "rolling" else 2  # the old serves until the new one does
        wanted[f"{production.instance_type} for endpoint usage"] += fleets * production.instance_count
    if "staging" not in here:
        return dict(wanted)
    for job in (jobs.validate_, jobs.evaluate):
        wanted[f"{job.instance_type} for processing job usage"] = 1
    wanted[f"{jobs.train.instance_type} for training job usage"] = 1
    if staging.keep:
        wanted[f"{staging.instance_type} for endpoint usage"] += staging.instance_count
    else:  # gone before production's rollout begins, but beside the fleet that serves
        name = f"{staging.instance_type} for endpoint usage"
        same = "production" in here and staging.instance_type == production.instance_type
        beside = production.instance_count if same else 0
        wanted[name] = max(wanted[name], beside + staging.instance_count)
    return dict(wanted)


def check(aws: Aws, settings: Settings, here: Collection[str] = BOTH) -> Iterator[Finding]:
    """Yield a finding for each quota that a release needs in this account."""
    wanted = needed(settings, here)
    try:
        pages = aws.quotas.get_paginator("list_service_quotas").paginate(ServiceCode=SERVICE)
        found = {
            item["QuotaName"]: item
            for page in pages
            for item in page["Quotas"]
            if item["QuotaName"] in wanted
        }
    except (ClientError, BotoCoreError) as error:
        yield _untold(wanted, aws.region, f"not readable: {errors.code(error) or type(error).__name__}")
        return
    for name in (name for name in wanted if name in found):
        yield judged(name, wanted[name], found[name], aws.region)
    if missing := {name: count for name, count in wanted.items() if name not in found}:
        yield _untold(
            missing, aws.region, f"AWS does not tell {len(missing)} of the {len(wanted)} that a release needs"
        )


def _untold(wanted: dict[str, int], region: str, why: str) -> Finding:
    needs = ", ".join(f"{count} {name}" for name, count in wanted.items())
    return warn("quotas", why, f"needed: {needs}", fix=f"look: {console.quotas(region, SERVICE)}")


def judged(name: str, count: int, quota: dict[str, object], region: str) -> Finding:
    """Return the finding about one quota."""
    value, code = float(str(quota["Value"])), str(quota["QuotaCode"])
    what = f"{value:g} {name}, a release needs {count}"
    if value >= count:
        return ok("quotas", what)
    fix = f"ask for {count}: {console.quota(region, SERVICE, code)}"
    return bad("quotas", what, "new accounts begin with few or none; AWS answers in minutes or days", fix=fix)
