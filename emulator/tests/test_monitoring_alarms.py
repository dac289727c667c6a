"""Alarms as a client sees them: their states, their history, and who is told."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

from sagemaker_emulator.monitoring import alarms

ACCOUNT, REGION = "123456789012", "us-east-1"
# A program that knows nothing of this project: it makes an alarm, puts data, looks, and prints what it saw.
PROGRAM = """
import json, sys, time, boto3
name = sys.argv[1]
cloudwatch, sns, sqs = boto3.client("cloudwatch"), boto3.client("sns"), boto3.client("sqs")
queue = sqs.create_queue(QueueName=name)["QueueUrl"]
arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
topic = sns.create_topic(Name=name)["TopicArn"]
sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
cloudwatch.put_metric_alarm(
    AlarmName=name, AlarmDescription="too many", Namespace=name, MetricName="Errors", Statistic="Average",
    Period=60, EvaluationPeriods=1, Threshold=0.5, ComparisonOperator="GreaterThanThreshold",
    AlarmActions=[topic],
)
states, seen = [], []
def look():
    alarm = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
    if not states or states[-1] != alarm["StateValue"]:
        states.append(alarm["StateValue"])
        seen.append([alarm["StateValue"], alarm["StateReason"]])
    return states[-1]
look()
for value, wanted in ((0, "OK"), (1, "ALARM"), (0, "OK")):
    deadline = time.time() + 10
    while look() != wanted and time.time() < deadline:
        cloudwatch.put_metric_data(Namespace=name, MetricData=[{"MetricName": "Errors", "Value": value}])
        time.sleep(0.05)
messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=5).get("Messages", [])
history = cloudwatch.describe_alarm_history(AlarmName=name, ScanBy="TimestampAscending")["AlarmHistoryItems"]
print(json.dumps({
    "seen": seen,
    "messages": [json.loads(message["Body"]) for message in messages],
    "history": [[item["HistoryItemType"], item["HistorySummary"]] for item in history],
}))
"""


@pytest.fixture
def make(aws, unique):
    """Return make(**changes): an alarm on the metric `m` of a namespace of the test's own; its name."""
    made = []

    def put(name=unique, **changes):
        request = {
            "AlarmName": name,
            "Namespace": unique,
            "MetricName": "m",
            "Statistic": "Maximum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 1.0,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            **changes,
        }
        aws.cloudwatch.put_metric_alarm(**{key: value for key, value in request.items() if value is not None})
        made.append(name)
        return name

    yield put
    aws.cloudwatch.delete_alarms(AlarmNames=made)


@pytest.fixture
def put(aws, unique):
    """Return put(value, ...): data of that metric, or of another."""

    def put_values(*values, name="m"):
        data = [{"MetricName": name, "Value": value} for value in values]
        aws.cloudwatch.put_metric_data(Namespace=unique, MetricData=data)

    return put_values


def described(aws, name):
    (found,) = aws.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return found


def until(aws, name, state, feed=lambda: None, seconds=8):
    """Feed and look until the alarm has the state; return its description."""
    deadline = time.monotonic() + seconds
    while (found := described(aws, name))["StateValue"] != state:
        assert time.monotonic() < deadline, found
        feed()
        time.sleep(0.05)
    return found


def states_through(aws, name, seconds):
    """Return every state that the alarm shows for some seconds."""
    seen, deadline = set(), time.monotonic() + seconds
    while time.monotonic() < deadline:
        seen.add(described(aws, name)["StateValue"])
        time.sleep(0.1)
    return seen


def test_a_program_of_somebody_else_sees_an_alarm_come_and_go_and_is_told_once(emulator, unique):
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, unique], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert [state for state, _ in told["seen"]] == ["INSUFFICIENT_DATA", "OK", "ALARM", "OK"]
    assert told["seen"][0][1] == "Unchecked: Initial alarm creation"
    assert "was greater than the threshold (0.5) (minimum 1 datapoint for OK -> ALARM" in told["seen"][2][1]
    (envelope,) = told["messages"]
    assert envelope["Subject"] == f'ALARM: "{unique}" in US East (N. Virginia)'
    message = json.loads(envelope["Message"])
    assert (message["OldStateValue"], message["NewStateValue"]) == ("OK", "ALARM")
    assert message["NewStateReason"] == told["seen"][2][1]
    assert (message["AlarmDescription"], message["AWSAccountId"]) == ("too many", ACCOUNT)
    assert (message["Trigger"]["MetricName"], message["Trigger"]["Statistic"]) == ("Errors", "AVERAGE")
    updates = [summary for kind, summary in told["history"] if kind == "StateUpdate"]
    changes = ("INSUFFICIENT_DATA to OK", "OK to ALARM", "ALARM to OK")
    assert updates == [f"Alarm updated from {change}" for change in changes]
    assert [kind for kind, _ in told["history"]].count("Action") == 1


def test_what_is_answered_fits_botocores_model(aws, make, put, unique):
    make(DatapointsToAlarm=1, Dimensions=[{"Name": "A", "Value": "b"}], Unit="Count")
    model = aws.cloudwatch.meta.service_model
    calls = {
        "DescribeAlarms": aws.cloudwatch.describe_alarms(AlarmNames=[unique]),
        "DescribeAlarmHistory": aws.cloudwatch.describe_alarm_history(AlarmName=unique),
        "ListMetrics": aws.cloudwatch.list_metrics(),
    }
    for operation, answer in calls.items():
        answer.pop("ResponseMetadata")
        assert any(answer.values())
        shape = model.operation_model(operation).output_shape
        assert not ParamValidator().validate(answer, shape).has_errors()
        assert set(answer) <= set(shape.members)
    (alarm,) = calls["DescribeAlarms"]["MetricAlarms"]
    assert set(alarm) <= set(model.shape_for("MetricAlarm").members)
    assert alarm["StateTransitionedTimestamp"] == alarm["StateUpdatedTimestamp"]
    assert "Metrics" not in alarm


def test_an_alarm_is_evaluated_by_itself_when_nobody_asks(aws, make, put):
    name, seen = make(), set()
    deadline = time.monotonic() + 8
    while "ALARM" not in seen and time.monotonic() < deadline:
        put(5)
        seen = {json.loads(item["HistoryData"])["newState"]["stateValue"] for item in updates(aws, name)}
        time.sleep(0.05)
    assert "ALARM" in seen


def updates(aws, name):
    return aws.cloudwatch.describe_alarm_history(AlarmName=name, HistoryItemType="StateUpdate")[
        "AlarmHistoryItems"
    ]


@pytest.mark.parametrize(("treatment", "state"), [("breaching", "ALARM"), ("notBreaching", "OK")], ids=str)
def test_without_any_data_the_treatment_decides_after_a_minute_and_not_before(aws, make, treatment, state):
    name = make(TreatMissingData=treatment)
    assert described(aws, name)["StateValue"] == "INSUFFICIENT_DATA"
    until(aws, name, state)


@pytest.mark.parametrize("treatment", ["missing", "ignore"])
def test_without_any_data_and_a_treatment_that_says_nothing_it_stays_without(aws, make, treatment):
    assert states_through(aws, make(TreatMissingData=treatment), 1.6) == {"INSUFFICIENT_DATA"}


def test_a_state_set_by_hand_lasts_until_the_next_evaluation_and_acts(aws, make, put, unique):
    queue, topic = subscribed(aws, unique)
    name = make(AlarmActions=[topic])
    until(aws, name, "OK", lambda: put(0))
    aws.cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a fire drill")
    assert described(aws, name)["StateReason"] == "a fire drill"
    until(aws, name, "OK", lambda: put(0), seconds=3)
    (message,) = received(aws, queue)
    assert json.loads(message["Message"])["NewStateReason"] == "a fire drill"


def test_disabled_actions_are_not_done(aws, make, put, unique):
    queue, topic = subscribed(aws, unique)
    name = make(AlarmActions=[topic], OKActions=[topic])
    aws.cloudwatch.disable_alarm_actions(AlarmNames=[name])
    until(aws, name, "ALARM", lambda: put(1))
    aws.cloudwatch.enable_alarm_actions(AlarmNames=[name])
    until(aws, name, "OK", lambda: put(0))
    assert [message["Subject"].split(":")[0] for message in received(aws, queue)] == ["OK"]


def test_an_action_that_cannot_be_done_is_in_the_history(aws, make, put):
    absent = f"arn:aws:sns:{REGION}:{ACCOUNT}:nobody-made-this"
    name = make(AlarmActions=[absent])
    until(aws, name, "ALARM", lambda: put(1))
    deadline = time.monotonic() + 3
    while not (items := actions_of(aws, name)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert items[0]["HistorySummary"] == f"Failed to execute action {absent}"


def actions_of(aws, name):
    return aws.cloudwatch.describe_alarm_history(AlarmName=name, HistoryItemType="Action")[
        "AlarmHistoryItems"
    ]


def test_put_again_an_alarm_keeps_its_state_and_gets_its_new_rule(aws, make, put):
    name = make()
    until(aws, name, "ALARM", lambda: put(5))
    make(Threshold=9.0)
    changed = described(aws, name)
    assert (changed["StateValue"], changed["Threshold"]) == ("ALARM", 9.0)
    until(aws, name, "OK", lambda: put(5))


def test_two_of_three_needs_two_bad_minutes(aws, make, put):
    name = make(EvaluationPeriods=3, DatapointsToAlarm=2, Statistic="Average")
    until(aws, name, "OK", lambda: put(0))
    time.sleep(1.0 - time.time() % 1.0 + 0.1)  # the beginning of a minute, which is a second here
    put(5)
    time.sleep(1.0)
    put(0)
    assert states_through(aws, name, 0.8) == {"OK"}
    until(aws, name, "ALARM", lambda: put(5))


def test_an_alarm_on_metric_math_compares_two_metrics_of_the_same_minute(aws, make, put, unique):
    def latency(of):
        metric = {"Namespace": unique, "MetricName": of, "Dimensions": []}
        stat = {"Metric": metric, "Period": 60, "Stat": "p90"}
        return {"Id": of, "MetricStat": stat, "ReturnData": False}

    ratio = {"Id": "ratio", "Expression": "new / IF(usual > 10, usual, 10)", "Label": "x slower"}
    usual = {"Id": "usual", "Expression": "FILL(old, 100)", "ReturnData": False}
    single = dict.fromkeys(("Namespace", "MetricName", "Statistic", "Period"))
    name = make(Metrics=[latency("new"), latency("old"), usual, ratio], Threshold=3.0, **single)
    described_math = described(aws, name)
    assert [query["Id"] for query in described_math["Metrics"]] == ["new", "old", "usual", "ratio"]
    assert "MetricName" not in described_math and "Period" not in described_math

    def both(new, old=None):
        put(*new, name="new")
        if old is not None:
            put(*old, name="old")

    until(aws, name, "OK", lambda: both([250, 250], [100, 110]))
    until(aws, name, "ALARM", lambda: both([50, 400, 400], [100, 110]))
    until(aws, name, "OK", lambda: both([400], [200]))
    until(aws, name, "ALARM", lambda: both([400]))  # the old one is silent: held against the baseline


def test_alarms_on_a_percentile_see_the_tail(aws, make, put):
    name = make(Statistic=None, ExtendedStatistic="p95", Threshold=100.0)
    until(aws, name, "OK", lambda: put(*[1] * 19, 500))
    until(aws, name, "ALARM", lambda: put(*[1] * 9, 500))


def test_filters_of_describe_alarms_narrow_each_other(aws, make, put, unique):
    loud, quiet = make(f"{unique}-loud", Threshold=1.0), make(f"{unique}-quiet", Threshold=100.0)
    until(aws, loud, "ALARM", lambda: put(5))
    until(aws, quiet, "OK", lambda: put(5))

    def names(**asked):
        found = aws.cloudwatch.describe_alarms(AlarmNamePrefix=unique, **asked)
        return [alarm["AlarmName"] for alarm in found["MetricAlarms"]]

    assert names() == [loud, quiet]
    assert names(StateValue="ALARM") == [loud]
    assert names(AlarmTypes=["CompositeAlarm"]) == []
    pages = aws.cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=unique, MaxRecords=1)
    assert [len(page["MetricAlarms"]) for page in pages] == [1, 1]


def test_a_deleted_alarm_has_no_state_but_a_history(aws, make, unique):
    name = make()
    assert alarms.state(ACCOUNT, REGION, name) == "INSUFFICIENT_DATA"
    aws.cloudwatch.delete_alarms(AlarmNames=[name])
    assert alarms.state(ACCOUNT, REGION, name) is None
    items = aws.cloudwatch.describe_alarm_history(AlarmName=name)["AlarmHistoryItems"]
    assert [item["HistorySummary"] for item in items] == [
        f'Alarm "{name}" deleted',
        f'Alarm "{name}" created',
    ]


def test_the_state_is_fresh_for_whoever_asks_inside(aws, make, put):
    name = make()
    until(aws, name, "OK", lambda: put(0))
    time.sleep(1.0 - time.time() % 1.0 + 0.02)
    put(7)
    time.sleep(1.0 - time.time() % 1.0 + 0.005)  # the minute is over: no thread needs to have looked
    assert alarms.state(ACCOUNT, REGION, name) == "ALARM"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ExtendedStatistic": "tm90", "Statistic": None}, "statistic tm90"),
        ({"Period": 45}, "Period 45 is not valid"),
        ({"DatapointsToAlarm": 2}, "DatapointsToAlarm must be less"),
        ({"TreatMissingData": "zero"}, "Option zero is not supported"),
        ({"ComparisonOperator": "LessThanLowerThreshold"}, "LessThanLowerThreshold"),
        ({"Statistic": None}, "Exactly one of Statistic"),
        ({"EvaluateLowSampleCountPercentile": "ignore"}, "EvaluateLowSampleCountPercentile"),
        ({"Metrics": [{"Id": "e1", "Expression": "TIME_SERIES(1)"}]}, "must not be specified together"),
    ],
)
def test_an_alarm_that_could_not_be_evaluated_is_refused_by_name(make, change, words):
    with pytest.raises(ClientError, match=words):
        make(**change)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("ANOMALY_DETECTION_BAND(m1)", "ANOMALY_DETECTION_BAND is not supported"),
        ("[m1, m1]", "must give one time series"),
        ("MAX(m1)", "not a number"),
        ("m1 / m2", "no metric or expression has the Id 'm2'"),
    ],
)
def test_metric_math_that_no_alarm_can_watch_is_refused(make, expression, words):
    stat = {"Metric": {"Namespace": "N", "MetricName": "m"}, "Period": 60, "Stat": "Sum"}
    queries = [{"Id": "m1", "MetricStat": stat, "ReturnData": False}, {"Id": "e1", "Expression": expression}]
    with pytest.raises(ClientError, match=words):
        make(Metrics=queries, Namespace=None, MetricName=None, Statistic=None, Period=None)


def test_composite_alarms_are_refused_by_name(aws, unique):
    with pytest.raises(ClientError, match=r"NotImplemented.*PutCompositeAlarm"):
        aws.cloudwatch.put_composite_alarm(AlarmName=unique, AlarmRule="ALARM(x)")


def subscribed(aws, name):
    """Return a queue and the topic that it is subscribed to."""
    queue = aws.sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = aws.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = aws.sns.create_topic(Name=name)["TopicArn"]
    aws.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return queue, topic


def received(aws, queue):
    """Return the messages of a queue, once there are any."""
    answer = aws.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=3)
    return [json.loads(message["Body"]) for message in answer.get("Messages", [])]
