"""Pages of AWS's console, in the partition of a region."""

from __future__ import annotations

from sagemaker_gitops.github.summary import CONSOLES


def page(region: str, place: str) -> str:
    """Return the address of a page."""
    hosts = (host for prefix, host in CONSOLES.items() if region.startswith(prefix))
    return f"https://{region}.{next(hosts, 'console.aws.amazon.com')}/{place}"


def job(region: str, kind: str, name: str) -> str:
    """Return the page of a job; its kind is training or processing."""
    return page(region, f"sagemaker/home?region={region}#/{kind}-jobs/{name}")


def log(region: str, group: str) -> str:
    """Return the page of a log group."""
    escaped = group.replace("/", "$252F")
    return page(region, f"cloudwatch/home?region={region}#logsV2:log-groups/log-group/{escaped}")


def quotas(region: str, service: str) -> str:
    """Return the page of a service's quotas."""
    return page(region, f"servicequotas/home/services/{service}/quotas")


def quota(region: str, service: str, code: str) -> str:
    """Return the page on which more of a quota is asked for."""
    return f"{quotas(region, service)}/{code}"
