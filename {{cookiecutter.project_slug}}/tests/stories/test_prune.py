"""Prune where production has moved to another account: what it served here goes on until it is deleted."""

from __future__ import annotations

from dataclasses import replace

from sagemaker_gitops import prune, registry

from tests.drill import presets

OTHER = "210987654321"


def configs(production) -> set[str]:
    """Return the endpoint configs that there are."""
    listed = production.sagemaker.list_endpoint_configs(NameContains=production.endpoint)
    return {item["EndpointConfigName"] for item in listed["EndpointConfigs"]}


def test_the_endpoint_that_production_left_behind_keeps_its_config_and_its_model(production):
    before = production.describe()["EndpointConfigName"]
    production.release(production.good())
    left = production.describe()["EndpointConfigName"]
    run = presets.quiet(production.run.settings)
    for day in (1, 2):  # two releases of the other account: the one that serves, and where a rollback goes
        served_at = {"production": "proven", "served_at": f"2999-01-0{day}"}
        noted = registry.annotate(run.aws, production.good(), served_at)
        registry.annotate(run.aws, noted, {"served_in": OTHER})
    run.__dict__["stack"] = replace(production.run.stack, production=OTHER)
    prune.prune(run, yes=True)
    assert before not in configs(production)
    assert left in configs(production)
    told = production.sagemaker.describe_endpoint_config(EndpointConfigName=left)
    production.sagemaker.describe_model(ModelName=told["ProductionVariants"][0]["ModelName"])
