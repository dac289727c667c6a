"""What EventBridge hears: SageMaker of endpoints, CloudWatch of alarms; and how rules deliver it."""

from __future__ import annotations

import json
import time

import boto3
import pytest
from models_by_hand import Account
from rollouts_by_hand import canary


@pytest.fixture
def account(aws):
    made = Account(aws)
    yield made
    made.clean()


@pytest.fixture
def listen(aws, unique):
    """Return listen(pattern, ...): a rule with a queue as its target; call what it returns to read."""
    events, made = boto3.client("events"), []

    def make(pattern, state="ENABLED", kind="sqs"):
        name = f"{unique}-{len(made)}"
        queue = aws.sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = aws.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        if kind == "sns":
            topic = aws.sns.create_topic(Name=name)["TopicArn"]
            raw = {"RawMessageDelivery": "true"}
            aws.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=raw)
            arn = topic
        events.put_rule(Name=name, EventPattern=json.dumps(pattern), State=state)
        lost = {"Id": "0", "Arn": "arn:aws:lambda:us-east-1:123456789012:function:nobody"}
        events.put_targets(Rule=name, Targets=[lost, {"Id": "1", "Arn": arn}])
        made.append(name)
        return lambda enough, seconds=5: read(aws, queue, enough, seconds)

    yield make
    for name in made:
        events.remove_targets(Rule=name, Ids=["0", "1"])
        events.delete_rule(Name=name)


def read(aws, queue, enough, seconds):
    """Return the events in a queue, in the order of their arrival, once there are enough of them."""
    found, deadline = [], time.monotonic() + seconds
    while not enough(found) and time.monotonic() < deadline:
        answer = aws.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=0)
        for message in answer.get("Messages", []):
            found.append(json.loads(message["Body"]))
            aws.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        time.sleep(0.05)
    return found


def of(source, kind, **detail):
    return {
        "source": [source],
        "detail-type": [kind],
        "detail": {key: [value] for key, value in detail.items()},
    }


@pytest.mark.parametrize("kind", ["sqs", "sns"])
def test_an_endpoint_tells_of_each_status_it_gets(account, listen, kind):
    heard = listen(
        {"source": ["aws.sagemaker"], "detail-type": ["SageMaker Endpoint State Change"]}, kind=kind
    )
    config = account.config()
    name = account.endpoint(config)
    account.delete(name)
    events = heard(lambda found: any(each["detail"]["EndpointStatus"] == "DELETING" for each in found))
    events = [each for each in events if each["detail"]["EndpointName"] == name]
    assert [each["detail"]["EndpointStatus"] for each in events][-2:] == ["IN_SERVICE", "DELETING"]
    event = next(each for each in events if each["detail"]["EndpointStatus"] == "IN_SERVICE")
    arn = event["detail"]["EndpointArn"]
    assert (event["resources"], event["account"], event["region"]) == ([arn], "123456789012", "us-east-1")
    assert event["detail"]["EndpointConfigName"] == config
    assert event["detail"]["ProductionVariants"][0]["DesiredInstanceCount"] == 1
    assert abs(event["detail"]["CreationTime"] / 1000 - time.time()) < 60
    assert event["detail"]["Tags"] == {}
    assert time.strptime(event["time"], "%Y-%m-%dT%H:%M:%SZ")


def test_a_deployment_tells_what_is_pending_and_how_it_ended(account, listen):
    old, new = account.config("old", count=2), account.config("new", count=2)
    name = account.endpoint(old)
    heard = listen(of("aws.sagemaker", "SageMaker Endpoint Deployment State Change", EndpointName=name))
    account.sagemaker.update_endpoint(
        EndpointName=name, EndpointConfigName=new, DeploymentConfig=canary(count=1, wait=30)
    )
    account.settled(name)
    events = heard(lambda found: any(each["detail"]["EndpointStatus"] == "IN_SERVICE" for each in found))
    first, last = events[0]["detail"], events[-1]["detail"]
    assert (first["EndpointStatus"], first["EndpointConfigName"]) == ("UPDATING", old)
    assert first["PendingDeploymentSummary"]["EndpointConfigName"] == new
    assert first["PendingDeploymentSummary"]["ProductionVariants"][0]["VariantName"] == "main"
    assert (last["EndpointStatus"], last["EndpointConfigName"]) == ("IN_SERVICE", new)
    assert "PendingDeploymentSummary" not in last
    rows = [event["detail"].get("PendingDeploymentSummary", {"ProductionVariants": []}) for event in events]
    phases = {row["VariantStatus"][0]["Status"] for each in rows for row in each["ProductionVariants"]}
    assert phases >= {"Creating", "ActivatingTraffic", "Baking"}


def test_an_alarm_tells_of_each_change_with_both_states(aws, listen, unique):
    heard = listen(of("aws.cloudwatch", "CloudWatch Alarm State Change", alarmName=unique))
    aws.cloudwatch.put_metric_alarm(
        AlarmName=unique,
        AlarmDescription="words",
        Namespace=unique,
        MetricName="m",
        Dimensions=[{"Name": "A", "Value": "b"}],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0.0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    try:
        (event,) = heard(lambda found: len(found) == 1)
        aws.cloudwatch.set_alarm_state(AlarmName=unique, StateValue="ALARM", StateReason="by hand")
        second = heard(lambda found: len(found) >= 1)[0]
    finally:
        aws.cloudwatch.delete_alarms(AlarmNames=[unique])
    detail = event["detail"]
    assert (detail["previousState"]["value"], detail["state"]["value"]) == ("INSUFFICIENT_DATA", "OK")
    assert json.loads(detail["state"]["reasonData"])["threshold"] == 0.0
    assert event["resources"][0].endswith(f":alarm:{unique}")
    (watched,) = detail["configuration"]["metrics"]
    metric = {"namespace": unique, "name": "m", "dimensions": {"A": "b"}}
    assert watched["metricStat"] == {"metric": metric, "period": 60, "stat": "Sum"}
    assert (second["detail"]["state"]["value"], second["detail"]["state"]["reason"]) == ("ALARM", "by hand")


def test_a_disabled_rule_delivers_nothing_and_a_lost_target_keeps_nothing_from_the_others(listen, unique):
    pattern = {"source": [unique]}
    heard, silent = listen(pattern), listen(pattern, state="DISABLED")
    entry = {"Source": unique, "DetailType": "x", "Detail": json.dumps({"number": 7})}
    boto3.client("events").put_events(Entries=[entry])
    (event,) = heard(lambda found: found)
    assert (event["detail"], event["detail-type"]) == ({"number": 7}, "x")
    assert silent(lambda found: found, seconds=0.5) == []
