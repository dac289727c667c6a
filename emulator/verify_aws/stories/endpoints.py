"""An endpoint, and an update that an alarm takes back."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from functools import partial
from typing import Any

from verify_aws.story import ClientError, Run, Story

REST = ("InService", "Failed", "UpdateRollbackFailed", "OutOfService")
PATIENCE = 30  # minutes until an endpoint is in service
UPDATE = 40  # minutes that the update may take
NAMESPACE = "VerifyAws"


def put_model(run: Run, text: str) -> str:
    """Put an archive with this text on S3; return its URI."""
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as tar:
        info = tarfile.TarInfo("model.txt")
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text.encode()))
    run.aws.s3.put_object(**run.key(f"{text}/model.tar.gz"), Body=body.getvalue())
    return run.uri(f"{text}/model.tar.gz")


def config(run: Run, text: str, count: int) -> str:
    """Make a model that answers with this text, and a config of `count` instances; return its name."""
    name = run.make("model", run.name(text))
    container = {"Image": run.ground.image, "ModelDataUrl": put_model(run, text)}
    run.aws.sagemaker.create_model(
        ModelName=name, ExecutionRoleArn=run.ground.role, PrimaryContainer=container
    )
    variant = {
        "VariantName": "main",
        "ModelName": name,
        "InitialInstanceCount": count,
        "InstanceType": run.ground.instance_type,
    }
    run.make("endpoint-config", name)
    run.aws.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    return name


def in_service(run: Run, name: str, config_name: str) -> Any:
    """Make an endpoint and wait for it; return what describes it."""
    run.make("log-group", f"/aws/sagemaker/Endpoints/{name}")
    run.make("endpoint", name)
    run.aws.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config_name)
    describe = partial(run.aws.sagemaker.describe_endpoint, EndpointName=name)
    _, statuses = run.wait(describe, "EndpointStatus", REST, PATIENCE)
    run.same("statuses until it serves", statuses, ["Creating", "InService"])
    return describe


def ask(run: Run, name: str) -> dict[str, str]:
    """Invoke the endpoint; return what came back."""
    told = run.aws.runtime.invoke_endpoint(EndpointName=name, ContentType="text/plain", Body=b"hello")
    return {"text": told["Body"].read().decode(), "variant": told.get("InvokedProductionVariant", "")}


def endpoint(run: Run) -> None:
    """Create, ask, delete."""
    name = run.name("endpoint")
    describe = in_service(run, name, config(run, "single", 1))
    run.same("an answer", ask(run, name), {"text": "single", "variant": "main"})
    (variant,) = describe()["ProductionVariants"]
    shown = {key: variant.get(key) for key in ("CurrentWeight", "CurrentInstanceCount")}
    run.same("the variant", shown, {"CurrentWeight": 1.0, "CurrentInstanceCount": 1})
    run.refused(
        "a second endpoint of that name",
        lambda: run.aws.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=run.name("single")),
        "ValidationException",
        "^Cannot create already existing endpoint",
    )
    run.aws.sagemaker.delete_endpoint(EndpointName=name)
    try:
        run.wait(describe, "EndpointStatus", (), PATIENCE)
    except ClientError as error:
        gone = f"{error.response['Error']['Code']}: {error.response['Error']['Message']}"
        run.like("in the end", gone, "^ValidationException: Could not find endpoint")


def rolled_back(run: Run) -> None:
    """Half of the fleet goes first, an alarm fires meanwhile."""
    name, alarm = run.name("canary"), run.make("alarm", run.name("alarm"))
    old, new = config(run, "old", 2), config(run, "new", 2)
    complain = watched(run, alarm)
    describe = in_service(run, name, old)
    run.aws.sagemaker.update_endpoint(
        EndpointName=name, EndpointConfigName=new, DeploymentConfig=canary(alarm)
    )
    run.refused(
        "an update during an update",
        lambda: run.aws.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=old),
        "ValidationException",
        "^Cannot update in-progress endpoint",
    )
    found = updated(run, name, describe, complain)
    run.same("the old config serves", found["EndpointConfigName"], old)
    run.same("who answers", ask(run, name)["text"], "old")
    reason = found.get("FailureReason")
    run.like("FailureReason names the alarm, or is not there", reason, f"^$|{alarm}")
    run.notes["FailureReason"] = reason


def watched(run: Run, alarm: str) -> Callable[[], object]:
    """Make an alarm that fires on one complaint; return what complains."""
    metric = {"MetricName": "Complaints", "Dimensions": [{"Name": "Alarm", "Value": alarm}]}
    run.aws.cloudwatch.put_metric_alarm(
        AlarmName=alarm,
        Namespace=NAMESPACE,
        **metric,
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
    )
    data = [{**metric, "Value": 1.0, "Unit": "Count"}]
    return partial(run.aws.cloudwatch.put_metric_data, Namespace=NAMESPACE, MetricData=data)


def updated(
    run: Run, name: str, describe: Callable[[], dict[str, Any]], complain: Callable[[], object]
) -> dict[str, Any]:
    """Ask the endpoint and complain of its new fleet until the update is over; return the last answer."""
    statuses, phases, failures = [], [], 0
    for found in run.looks(describe, UPDATE + PATIENCE):
        statuses += [found["EndpointStatus"]] if found["EndpointStatus"] not in statuses[-1:] else []
        shown = fleet(found)
        phases += [each for each in shown if each not in phases]
        if "Baking" in shown:
            complain()
        if found["EndpointStatus"] in REST and "PendingDeploymentSummary" not in found:
            break
        try:
            ask(run, name)
        except ClientError:
            failures += 1
    run.provisioned(found)
    run.same("statuses of the update", statuses, ["Updating", "RollingBack", "InService"])
    run.same("the new fleet was shown baking", "Baking" in phases, True)
    run.same("requests that failed meanwhile", failures, 0)
    run.notes["phases"] = phases
    return found


def fleet(found: dict[str, Any]) -> list[str]:
    """Return what DescribeEndpoint tells of the new fleet."""
    variants = found.get("PendingDeploymentSummary", {}).get("ProductionVariants", [])
    return [each["Status"] for variant in variants for each in variant.get("VariantStatus", [])]


def canary(alarm: str) -> dict[str, Any]:
    """Return the DeploymentConfig: half first, five minutes of watching."""
    routing = {
        "Type": "CANARY",
        "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 50},
        "WaitIntervalInSeconds": 300,
    }
    policy = {
        "TrafficRoutingConfiguration": routing,
        "TerminationWaitInSeconds": 120,
        "MaximumExecutionTimeoutInSeconds": UPDATE * 60,
    }
    alarms = {"Alarms": [{"AlarmName": alarm}]}
    return {"BlueGreenUpdatePolicy": policy, "AutoRollbackConfiguration": alarms}


STORIES = [
    Story(
        "endpoint",
        "Creating, InService, an answer, the name is taken, deleted",
        (("Hosting", 1, 2 * PATIENCE),),
        endpoint,
    ),
    Story(
        "update-rolled-back",
        "a canary that its alarm takes back: statuses, phases, no failed request, FailureReason; busy",
        (("Hosting", 2, UPDATE + 2 * PATIENCE), ("Hosting", 2, UPDATE)),
        rolled_back,
    ),
]
