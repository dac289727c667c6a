"""CloudWatch, its logs, EventBridge, SNS and SQS."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sagemaker_emulator.access.needs.table import Call, Need, on, rule, tags

# --- CloudWatch


@rule("cloudwatch", "PutMetricAlarm", "SetAlarmState", "DescribeAlarmHistory")
def _alarm(call: Call) -> Iterable[Need]:
    context: dict[str, Any] = tags(call.params)
    if call.params.get("AlarmActions"):
        context["cloudwatch:AlarmActions"] = call.params["AlarmActions"]
    arn = call.arn(f"alarm:{call.params.get('AlarmName', '*')}")
    yield Need(f"cloudwatch:{call.operation}", arn, context)
    if call.params.get("Tags"):
        yield Need("cloudwatch:TagResource", arn, context)


@rule("cloudwatch", "DescribeAlarms", "DeleteAlarms", "EnableAlarmActions", "DisableAlarmActions")
def _alarms(call: Call) -> Iterable[Need]:
    prefix = call.params.get("AlarmNamePrefix")
    for name in call.params.get("AlarmNames") or [f"{prefix or ''}*"]:
        yield Need(f"cloudwatch:{call.operation}", call.arn(f"alarm:{name}"))


@rule("cloudwatch", "PutMetricData")
def _put_metric_data(call: Call) -> Iterable[Need]:
    yield Need("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": call.params.get("Namespace", "")})


on(
    "cloudwatch",
    "*",
    (
        *("GetMetricData", "GetMetricStatistics", "ListMetrics", "DescribeAlarmsForMetric", "ListDashboards"),
        "GetMetricWidgetImage",
    ),
)
on("cloudwatch", "{ResourceARN}", ("TagResource", "UntagResource", "ListTagsForResource"))


@rule("cloudwatch", "PutDashboard", "GetDashboard", "DeleteDashboards")
def _dashboard(call: Call) -> Iterable[Need]:
    for name in call.params.get("DashboardNames") or [call.params.get("DashboardName", "*")]:
        arn = f"arn:{call.partition}:cloudwatch::{call.caller.account}:dashboard/{name}"
        yield Need(f"cloudwatch:{call.operation}", arn)


# --- CloudWatch Logs: a stream's ARN is its group's with `:log-stream:` and the name

ON_A_GROUP = (
    *("CreateLogGroup", "DeleteLogGroup", "DescribeLogStreams", "FilterLogEvents", "PutRetentionPolicy"),
    *("DeleteRetentionPolicy", "PutMetricFilter", "DeleteMetricFilter", "PutSubscriptionFilter"),
    *(
        "DescribeSubscriptionFilters",
        "DescribeMetricFilters",
        "AssociateKmsKey",
        "DisassociateKmsKey",
        "StartQuery",
    ),
    *("ListTagsLogGroup", "TagLogGroup"),
)


@rule("logs", *ON_A_GROUP)
def _log_group(call: Call) -> Iterable[Need]:
    yield Need(f"logs:{call.operation}", f"{_group(call)}:*", tags(call.params, "tags"))


@rule("logs", "GetLogEvents", "PutLogEvents", "CreateLogStream", "DeleteLogStream")
def _log_stream(call: Call) -> Iterable[Need]:
    stream = call.params.get("logStreamName", "*")
    yield Need(f"logs:{call.operation}", f"{_group(call)}:log-stream:{stream}")


def _group(call: Call) -> str:
    given = call.params.get("logGroupIdentifier") or call.params.get("logGroupName", "*")
    return call.arn(given.removesuffix(":*") if given.startswith("arn:") else f"log-group:{given}")


on("logs", "log-group:*", ("DescribeLogGroups",))
on("logs", "{resourceArn}", ("TagResource", "UntagResource", "ListTagsForResource"))
on("logs", "*", ("GetQueryResults", "DescribeQueries", "StopQuery"))

# --- EventBridge

ON_A_RULE = (
    *("PutRule", "DeleteRule", "DescribeRule", "EnableRule", "DisableRule", "PutTargets", "RemoveTargets"),
    "ListTargetsByRule",
)


@rule("events", *ON_A_RULE)
def _event_rule(call: Call) -> Iterable[Need]:
    name = call.params.get("Rule") or call.params.get("Name", "*")
    bus = str(call.params.get("EventBusName", "default")).rsplit("/", 1)[-1]
    arn = call.arn(f"rule/{name}" if bus == "default" else f"rule/{bus}/{name}")
    yield Need(f"events:{call.operation}", arn, tags(call.params))
    roles = [call.params.get("RoleArn"), *(t.get("RoleArn") for t in call.params.get("Targets") or [])]
    for role in (each for each in roles if each):
        yield Need("iam:PassRole", role, {"iam:PassedToService": "events.amazonaws.com"})


@rule("events", "PutEvents")
def _put_events(call: Call) -> Iterable[Need]:
    for entry in call.params.get("Entries", []):
        bus = entry.get("EventBusName", "default")
        context = {
            "events:source": entry.get("Source", ""),
            "events:detail-type": entry.get("DetailType", ""),
        }
        yield Need("events:PutEvents", call.arn(f"event-bus/{bus}"), context)


on("events", "*", ("ListRules", "ListEventBuses", "ListRuleNamesByTarget"))
on("events", "{ResourceARN}", ("TagResource", "UntagResource", "ListTagsForResource"))

# --- SNS and SQS


@rule("sns", "CreateTopic")
def _create_topic(call: Call) -> Iterable[Need]:
    arn = call.arn(call.params.get("Name", "*"))
    yield Need("sns:CreateTopic", arn, tags(call.params))
    if call.params.get("Tags"):
        yield Need("sns:TagResource", arn, tags(call.params))


@rule("sns", "Subscribe", "Publish", "PublishBatch")
def _topic(call: Call) -> Iterable[Need]:
    context = {
        key: call.params[member]
        for key, member in (("sns:Protocol", "Protocol"), ("sns:Endpoint", "Endpoint"))
        if call.params.get(member)
    }
    action = "sns:Publish" if call.operation.startswith("Publish") else "sns:Subscribe"
    yield Need(action, call.params.get("TopicArn") or call.params.get("TargetArn", "*"), context)


on(
    "sns",
    "{TopicArn}",
    (
        *("GetTopicAttributes", "SetTopicAttributes", "DeleteTopic", "ListSubscriptionsByTopic"),
        *("AddPermission", "RemovePermission", "ConfirmSubscription"),
    ),
)
on("sns", "{ResourceArn}", ("TagResource", "UntagResource", "ListTagsForResource"))
on(
    "sns",
    "*",
    (
        *("ListTopics", "ListSubscriptions", "Unsubscribe", "GetSubscriptionAttributes"),
        "SetSubscriptionAttributes",
    ),
)


@rule("sqs", "CreateQueue", "GetQueueUrl")
def _named_queue(call: Call) -> Iterable[Need]:
    yield Need(f"sqs:{call.operation}", call.arn(call.params.get("QueueName", "*")))


@rule(
    "sqs",
    *("SendMessage", "ReceiveMessage", "DeleteMessage", "DeleteQueue", "PurgeQueue", "SendMessageBatch"),
    *("GetQueueAttributes", "SetQueueAttributes", "DeleteMessageBatch"),
)
def _queue(call: Call) -> Iterable[Need]:
    parts = str(call.params.get("QueueUrl", "*/*")).rstrip("/").split("/")
    action = call.operation.removesuffix("Batch")
    yield Need(f"sqs:{action}", call.arn(parts[-1], account=parts[-2]))


on("sqs", "*", ("ListQueues",))
