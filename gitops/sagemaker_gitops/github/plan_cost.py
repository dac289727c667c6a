"""What a merge changes in the machines that cost money, by AWS's price list of this moment."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from sagemaker_gitops import errors, prices
from sagemaker_gitops.aws import Aws
from sagemaker_gitops.github.markup import text as plain
from sagemaker_gitops.github.plan_leaves import Document, within
from sagemaker_gitops.github.plan_markup import code

MONTH_HOURS = 730  # as AWS's own calculator counts a month
JOBS = {
    "validate": "Processing",
    "train": "Training",
    "evaluate": "Processing",
}  # job: component of the price list


@dataclass(frozen=True)
class Price:
    """What one machine costs an hour, or why nobody can say."""

    hourly: float | None = None
    currency: str = ""
    why: str = ""


Ask = Callable[[str, str], Price]  # (instance type, component of the price list)
Machines = tuple[str, int]  # (instance type, how many)


def not_connected(kind: str, component: str) -> Price:
    """Return what is known about prices without AWS."""
    return Price(why="AWS is not connected")


def asking(region: str) -> Ask:
    """Return a function that asks the price list about a region's machines; no answer is one, too."""

    def ask(kind: str, component: str) -> Price:
        try:
            told = Aws(prices.LISTS.get(region[:3], prices.LIST)).pricing.get_products(
                **prices.request(kind, region, component)
            )
        except (ClientError, BotoCoreError) as error:
            return Price(why=errors.code(error) or type(error).__name__)
        found = {price for product in told["PriceList"] for price in prices.hourly(json.loads(product))}
        if len(found) != 1:
            return Price(why=f"the price list has {len(found)} of {kind} for {component} in {region}")
        return Price(*next(iter(found)))

    return ask


def lines(before: Document, after: Document, ask: Ask) -> Iterator[str]:
    """Yield one sentence for each environment or job whose machines change, given both mlops.toml."""
    for name in ("production", "staging"):
        old, new = (_environment(side, name) for side in (before, after))
        if old != new:
            told = _delta(old, new, "Hosting", ask, _kept(after, name))
            yield f"{name} {_machines(old)} → {_machines(new)}: {told}"
    for name, component in JOBS.items():
        old, new = (_job(side, name) for side in (before, after))
        if old != new:
            told = _delta(old, new, component, ask, month=False)
            yield f"job {name} {_machines(old)} → {_machines(new)}: {told}"


def _delta(old: Machines, new: Machines, component: str, ask: Ask, month: bool) -> str:
    """Return what the change costs by the hour, and by the month where the machines run all the time."""
    told = [ask(kind, component) if kind else Price(0.0) for kind, _ in (old, new)]
    unknown = next((price.why for price in told if price.hourly is None), "")
    units = {price.currency for price in told if price.currency}
    if unknown or len(units) != 1:
        return f"cost unknown ({plain(unknown or 'two currencies')})"
    before, after = ((price.hourly or 0) * count for price, (_, count) in zip(told, (old, new), strict=True))
    (unit,), hourly = units, after - before
    monthly = f" ({hourly * MONTH_HOURS:+,.2f} {unit} a month of {MONTH_HOURS} hours)"
    return f"{hourly:+,.4f} {unit} an hour{monthly if month else ' while it runs'}"


def _environment(settings: Document, name: str) -> Machines:
    found = within(settings, "environments", name)
    count = found.get("instance_count", 1)
    return str(found.get("instance_type", "")), count if isinstance(count, int) else 1


def _job(settings: Document, name: str) -> Machines:
    return str(within(settings, "jobs", name).get("instance_type", "")), 1


def _kept(settings: Document, name: str) -> bool:
    """Say whether an environment's machines run all the time: staging's only where it is kept."""
    return name == "production" or bool(within(settings, "environments", name).get("keep"))


def _machines(machines: Machines) -> str:
    kind, count = machines
    return code(f"{count} x {kind}") if kind else "none"
