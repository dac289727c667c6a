"""What the project does in its life, each verb under the role of its job: recorded, so that it can be judged.

The scenes build on each other, as the history of one repository does; none may be denied anything.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
from act import changes, rewrite
from act.world import ACCOUNT, World

from least.jobs import Jobs

QUICK = (
    ("epochs = 12\n", "epochs = 2\n"),
    ("minimum = 0.88 ", "minimum = 0.80 "),
    ("max_regression = 0.002 ", "max_regression = 0.05 "),
    ("slice_max_regression = 0.02\n", "slice_max_regression = 0.2\n"),
)
MACHINES = 'instance_count = 1            # all of them cost money all the time; a canary needs two or more\n'
SAFE = (
    (MACHINES, "instance_count = 2\n"),
    ('preset = "small" ', 'preset = "safe" '),
    ("# shadow_minutes = 0 ", "shadow_minutes = 3 "),
    ("# alarms = [] ", 'alarms = ["somebodys-own"] '),
)
TRAIN = 'log = logging.getLogger("training")\n'
EVALUATE = 'log = logging.getLogger("training.evaluate")\n'
RAISE = 'if __name__ == "__main__":\n    raise SystemExit(1)\n'


def play(world: World, say) -> list[dict]:
    """Play every scene; return what was decided."""
    jobs = Jobs(world)
    for scene in SCENES:
        say(f"  {scene.__doc__.splitlines()[0]}")
        scene(world, jobs)
    return jobs.decisions()


def before_anything_is_there(world: World, jobs: Jobs) -> None:
    """A pull request looks before the first release."""
    jobs.run("plan", expected=0)
    jobs.run("status", expected=0)
    jobs.run("reconcile")


def first_release(world: World, jobs: Jobs) -> None:
    """The first release is interrupted, which leaves no endpoint, and then goes through."""
    world.merge("Two epochs", changes.settings(*QUICK))
    jobs.release("image", "pipeline", "stage")
    sagemaker = world.client("sagemaker")
    there = lambda: sagemaker.list_endpoints(NameContains="production")["Endpoints"]
    assert jobs.interrupted("promote", when=there).code == 130
    assert not there()
    assert jobs.release("promote")[-1].code == 0
    jobs.run("reconcile", expected=0)


def looked_at(world: World, jobs: Jobs) -> None:
    """A pull request looks at what is live, and makes its plan."""
    base = world.root / "build/base"
    shutil.rmtree(base, ignore_errors=True)
    shutil.copytree(world.root, base, ignore=shutil.ignore_patterns("build", ".git"))
    for words in (["plan"], ["status"], ["plan", "--pull-request"]):
        jobs.run(*words, expected=0)


def safe_release(world: World, jobs: Jobs) -> None:
    """Two machines, a canary, a shadow before it, and an alarm of somebody's own."""
    quiet = {"MetricName": "Latency", "Namespace": "Own", "Statistic": "Sum", "Period": 60, "Threshold": 1.0}
    quiet |= {"ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1}
    quiet |= {"TreatMissingData": "notBreaching"}
    world.client("cloudwatch").put_metric_alarm(AlarmName="somebodys-own", **quiet)
    world.merge("Carefully", lambda root: (changes.settings(*SAFE)(root), changes.fewer_rows(root)))
    told = jobs.release()
    assert told[-1].code == 0, told[-1].text
    jobs.run("plan", expected=0)


def rolled_back(world: World, jobs: Jobs) -> None:
    """A release that is wrong in production is taken back."""
    world.merge("Answer faster", changes.turns_wrong)
    told = jobs.release()
    assert told[-1].code == 4, told[-1].text
    world.git("revert", "--no-edit", "HEAD")


def refused(world: World, jobs: Jobs) -> None:
    """Gate and data checks refuse; jobs break, and are run again."""
    for title, change, code in (
        ("Impossible", changes.settings(("minimum = 0.80 ", "minimum = 0.99 ")), 3),
        ("Bad rows", changes.bad_rows, 2),
        ("Training breaks", lambda root: changes.replace(root / "training/train.py", (TRAIN, TRAIN + RAISE)), 1),
        ("Judging breaks", lambda root: changes.replace(root / "training/evaluate.py", (EVALUATE, EVALUATE + RAISE)), 1),
    ):
        world.merge(title, change)
        told = jobs.release("image", "pipeline")
        assert told[-1].code == code, told[-1].text
        if code == 1:
            jobs.run("pipeline", expected=1)  # RetryPipelineExecution
        world.git("revert", "--no-edit", "HEAD")
    world.git("push", "--quiet", "origin", "HEAD:main")


def by_hand(world: World, jobs: Jobs) -> None:
    """Somebody changes production, and the pipeline, by hand; reconcile mends both."""
    world.change_production_by_hand()
    sagemaker = world.client("sagemaker")
    role = sagemaker.describe_pipeline(PipelineName=world.slug)["RoleArn"]
    told = json.loads(sagemaker.describe_pipeline(PipelineName=world.slug)["PipelineDefinition"])
    told["Metadata"] = {"changed": "by hand"}
    sagemaker.update_pipeline(PipelineName=world.slug, PipelineDefinition=json.dumps(told), RoleArn=role)
    jobs.run("reconcile", expected=4)
    jobs.run("reconcile", "--heal", expected=0)


def taken_back(world: World, jobs: Jobs) -> None:
    """Production is rolled back by hand; what nobody needs is pruned."""
    jobs.run("rollback", expected=0)
    jobs.run("prune", expected=0)
    jobs.run("prune", "--yes", expected=0)


def new_data(world: World, jobs: Jobs) -> None:
    """New data lies in the bucket."""
    path = world.root / "data/adult/batch=4/part-0.parquet"
    table = pq.read_table(path)[:100]
    new = world.folder / "new.parquet"
    pq.write_table(table, new)
    bucket = f"{world.slug}-{ACCOUNT}-{world.region}"
    world.client("s3").upload_file(str(new), bucket, "data/adult/batch=5/part-0.parquet")
    jobs.run("data", "propose", expected=0)
    world.git("checkout", "--quiet", ".")
    world.git("clean", "-qfd", "data")


SCENES = (
    before_anything_is_there, first_release, looked_at, safe_release, rolled_back, refused, by_hand,
    taken_back, new_data,
)
