"""What the project does in its life, each verb under the role of its job: recorded, so that it can be judged.

The scenes build on each other, as the history of one repository does; what a role is denied on purpose comes
last, after the record is taken.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from typing import Any

import pyarrow.parquet as pq
from act import changes
from act.world import ACCOUNT, World

from least import templates
from least.jobs import Jobs

QUICK = (
    ("epochs = 12\n", "epochs = 2\n"),
    ("minimum = 0.88 ", "minimum = 0.80 "),
    ("\nmax_regression = 0.002 ", "\nmax_regression = 0.05 "),
    ("slice_max_regression = 0.02\n", "slice_max_regression = 0.2\n"),
)
SAFE = (
    ("instance_count = 1            #", "instance_count = 2            #"),
    ('preset = "small" ', 'preset = "safe" '),
    ("# shadow_minutes = 0 ", "shadow_minutes = 3 "),
    ("# alarms = [] ", 'alarms = ["somebodys-own"] '),
)
IMPOSSIBLE = ("minimum = 0.80 ", "minimum = 0.99 ")
BREAKS = 'if __name__ == "__main__":\n    raise SystemExit(1)\n'
SECONDS = 120  # that anything may take that is waited for here


def play(world: World, say: Callable[[str], Any]) -> list[dict[str, Any]]:
    """Play every scene, those of production alone where it has an account of its own; what was decided."""
    jobs, started = Jobs(world), time.monotonic()
    for scene in SCENES if world.production == ACCOUNT else APART:
        say(f"{time.monotonic() - started:6.0f} s  {scene.__doc__}")
        scene(world, jobs)
    return jobs.decisions()


def before_anything_is_there(world: World, jobs: Jobs) -> None:
    """A pull request, and the schedule, look before the first release."""
    jobs.run("plan", expected=0)
    jobs.run("status", expected=0)
    jobs.run("reconcile", expected=4)  # a commit that nobody has released


def first_release(world: World, jobs: Jobs) -> None:
    """The first release's runner dies on staging; interrupted in production, it leaves no endpoint."""
    world.merge("Two epochs", changes.settings(*QUICK))
    for verb in ("image", "pipeline"):
        jobs.run(verb, expected=0)
    sagemaker = world.client("sagemaker")
    jobs.killed("stage", when=lambda: sagemaker.list_endpoints(NameContains="-staging-")["Endpoints"])
    for verb in (["stage", "--keep-staging"], ["status"]):
        jobs.run(*verb, expected=0)
    told = jobs.interrupted("promote", when=lambda: _state(world))
    assert told.code == 130, told.text
    assert not _state(world)
    assert jobs.release()[-1].code == 0
    jobs.reconcile(expected=0)
    for item in sagemaker.list_endpoints(NameContains="-staging-")["Endpoints"]:
        sagemaker.delete_endpoint(EndpointName=item["EndpointName"])


def looked_at(world: World, jobs: Jobs) -> None:
    """A pull request looks at what is live, and makes its plan."""
    base = world.root / "build/base"
    shutil.copytree(world.root, base, ignore=shutil.ignore_patterns("build", ".git"))
    for words in (["plan"], ["status"], ["plan", "--pull-request"]):
        jobs.run(*words, expected=0)


def safe_release(world: World, jobs: Jobs) -> None:
    """Two machines, a canary, an alarm of somebody's own, and a shadow whose runner dies."""
    quiet = {"MetricName": "Latency", "Namespace": "Own", "Statistic": "Sum", "Period": 60, "Threshold": 1.0}
    quiet |= {"ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1}
    world.client("cloudwatch", world.production).put_metric_alarm(
        AlarmName="somebodys-own", TreatMissingData="notBreaching", **quiet
    )
    world.merge("Carefully", lambda root: (changes.settings(*SAFE)(root), changes.fewer_rows(root)))
    for verb in ("image", "pipeline", "stage"):
        jobs.run(verb, expected=0)
    jobs.killed("promote", when=lambda: "-shadow-" in _state(world))
    _until(lambda: "-shadow-" in _state(world) and _settled(world))
    jobs.run("status", expected=0)
    while_the_shadow_stands(world, jobs)
    assert jobs.release()[-1].code == 0
    jobs.run("plan", expected=0)


def while_the_shadow_stands(world: World, jobs: Jobs) -> None:
    """Another release is trained; an administrator stops its jobs, the gate refuses it."""
    world.merge("Impossible", changes.settings(IMPOSSIBLE))
    jobs.run("image", expected=0)
    for step in ("Validate", "Train"):
        _stop(world, jobs, step)
    jobs.release("pipeline", red=3)
    jobs.run("status", expected=0)
    world.revert()


def rolled_back(world: World, jobs: Jobs) -> None:
    """A release that is wrong in production is taken back, and one that does not come up there."""
    for title, change in (("Answer faster", changes.turns_wrong), ("Start once", changes.starts_once)):
        world.merge(title, change)
        jobs.release(red=4)
        world.revert()


def refused(world: World, jobs: Jobs) -> None:
    """Data checks refuse; a training job breaks, and breaks again; so does what judges, and what serves."""
    for title, change, code in (
        ("Bad rows", changes.bad_rows, 2),
        ("Training breaks", _breaking("training/train.py", "training"), 1),
        ("Judging breaks", _breaking("training/evaluate.py", "training.evaluate"), 1),
        ("Serving breaks", _breaking("inference/server.py", "inference"), 4),
    ):
        world.merge(title, change)
        jobs.release("image", "pipeline", "stage", red=code)
        world.revert()


def by_hand(world: World, jobs: Jobs) -> None:
    """Somebody changes production, and the pipeline, by hand; reconcile mends both."""
    jobs.release()
    world.change_production_by_hand()
    sagemaker = world.client("sagemaker")
    there = sagemaker.describe_pipeline(PipelineName=world.slug)
    told = json.loads(there["PipelineDefinition"]) | {"Metadata": {"changed": "by hand"}}
    sagemaker.update_pipeline(
        PipelineName=world.slug, PipelineDefinition=json.dumps(told), RoleArn=there["RoleArn"]
    )
    jobs.reconcile(expected=4)
    jobs.reconcile("--heal", expected=0)


def asked_there(world: World, jobs: Jobs) -> None:
    """Somebody with the role of production's own account looks at it."""
    given = jobs.environment("production", "reconcile.yml", "")
    for verb in ("status", "request"):
        jobs.run(verb, expected=0, **given)


def taken_back(world: World, jobs: Jobs) -> None:
    """Production is rolled back by hand, once what proves the release before is there again; then pruned."""
    s3, bucket = world.client("s3"), f"{world.slug}-{ACCOUNT}-{world.region}"
    listed = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="releases/")
    keys = [item["Key"] for page in listed for item in page["Contents"]]
    markers = [
        s3.delete_object(Bucket=bucket, Key=key) | {"Key": key}
        for key in keys
        if key.endswith("/golden.json")
    ]
    assert "what was evaluated is gone" in jobs.run("rollback", expected=4).text
    for marker in markers:
        s3.delete_object(Bucket=bucket, Key=marker["Key"], VersionId=marker["VersionId"])
    jobs.run("rollback", expected=0)
    jobs.run("prune", expected=0)
    jobs.run("prune", "--yes", expected=0)


def new_data(world: World, jobs: Jobs) -> None:
    """New data lies in the bucket."""
    new = world.folder / "new.parquet"
    pq.write_table(pq.read_table(world.root / "data/adult/batch=4/part-0.parquet")[:100], new)
    bucket = f"{world.slug}-{ACCOUNT}-{world.region}"
    world.client("s3").upload_file(str(new), bucket, "data/adult/batch=5/part-0.parquet")
    jobs.run("data", "propose", expected=0)
    world.git("checkout", "--quiet", ".")
    world.git("clean", "-qfd", "data")


def infrastructure(world: World, jobs: Jobs) -> None:
    """What the infra role may change of both stacks is changed, and changed back; more it may not."""
    _options(world, ProductionAccount="210987654321", MonthlyBudget="50")
    for title, change in (
        ("Settings of the stacks", templates.changed),
        ("And back", lambda root: world.git("revert", "--no-edit", "--no-commit", "HEAD")),
    ):
        world.merge(title, change)
        jobs.run("infra", "--yes", expected=0)
    assert "nothing to change" in jobs.run("infra", "--yes", expected=0).text
    for change in (templates.widened_trust, templates.widened_boundary):
        world.merge("Widen a role", change)
        assert "E504" in jobs.run("infra", "--yes", expected=5).text
        world.revert()
    _options(world, ProductionAccount="")


SCENES = (
    before_anything_is_there, first_release, looked_at, safe_release, rolled_back, refused, by_hand,
    taken_back, new_data, infrastructure,
)  # fmt: skip


APART = (first_release, safe_release, rolled_back, by_hand, asked_there, taken_back)


def _state(world: World) -> str:
    """Return the config that production's endpoint serves; nothing where there is no endpoint."""
    sagemaker, name = world.client("sagemaker", world.production), f"{world.slug}-production"
    there = sagemaker.list_endpoints(NameContains=name)["Endpoints"]
    return sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"] if there else ""


def _settled(world: World) -> bool:
    sagemaker = world.client("sagemaker", world.production)
    there = sagemaker.describe_endpoint(EndpointName=f"{world.slug}-production")
    return there["EndpointStatus"] == "InService" and "PendingDeploymentSummary" not in there


def _until(true: Callable[[], Any]) -> None:
    ends = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.1)


def _stop(world: World, jobs: Jobs, step: str) -> None:
    """Stop the pipeline as an administrator while one of its steps runs."""
    sagemaker = world.client("sagemaker")
    running = jobs.begin("pipeline")

    def executing() -> str:
        told = sagemaker.list_pipeline_executions(PipelineName=world.slug, SortOrder="Descending")
        newest = told["PipelineExecutionSummaries"][0]
        if newest["PipelineExecutionStatus"] != "Executing":
            return ""
        arn = newest["PipelineExecutionArn"]
        steps = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
        found = [each for each in steps if each["StepName"] == step and each["StepStatus"] == "Executing"]
        return arn if found and any("Arn" in told for told in found[0].get("Metadata", {}).values()) else ""

    _until(executing)
    sagemaker.stop_pipeline_execution(PipelineExecutionArn=executing(), ClientRequestToken="x" * 32 + step)
    text, _ = running.communicate()
    assert "E102" in text, text


def _breaking(path: str, log: str) -> changes.Change:
    """Return the change that ends a job as soon as it starts."""
    line = f'log = logging.getLogger("{log}")\n'
    return lambda root: changes.replace(root / path, (line, line + BREAKS))


def _options(world: World, **given: str) -> None:
    """Give the stack's options other values, as an administrator does."""
    cloudformation = world.client("cloudformation")
    (there,) = cloudformation.describe_stacks(StackName=world.slug)["Stacks"]
    kept = [item["ParameterKey"] for item in there["Parameters"] if item["ParameterKey"] not in given]
    cloudformation.update_stack(
        StackName=world.slug,
        UsePreviousTemplate=True,
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()]
        + [{"ParameterKey": key, "UsePreviousValue": True} for key in kept],
    )
    (there,) = cloudformation.describe_stacks(StackName=world.slug)["Stacks"]
    assert there["StackStatus"] == "UPDATE_COMPLETE", there
