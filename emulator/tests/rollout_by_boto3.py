"""A deploy script that knows boto3 and AWS's documentation, and nothing of what answers it.

In:   an endpoint in service, a config of two instances to deploy, an alarm's name; whether to trip it
Out:  one JSON line: statuses and phases that DescribeEndpoint showed, how it ended, who answered meanwhile

Run:  AWS_ENDPOINT_URL=... python rollout_by_boto3.py ENDPOINT CONFIG ALARM trip|leave
It would run against AWS as it stands, in hours instead of seconds.
"""

import json
import sys
import time

import boto3

endpoint, config, alarm, wish = sys.argv[1:]
sagemaker, cloudwatch = boto3.client("sagemaker"), boto3.client("cloudwatch")
runtime = boto3.client("sagemaker-runtime")
metric = {"MetricName": "Complaints", "Dimensions": [{"Name": "EndpointConfigName", "Value": config}]}

cloudwatch.put_metric_alarm(
    AlarmName=alarm,
    Namespace="Somebody/Else",
    **metric,
    Statistic="Sum",
    Period=60,
    EvaluationPeriods=1,
    Threshold=1,
    ComparisonOperator="GreaterThanOrEqualToThreshold",
    TreatMissingData="notBreaching",
)
sagemaker.update_endpoint(
    EndpointName=endpoint,
    EndpointConfigName=config,
    DeploymentConfig={
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {
                "Type": "CANARY",
                "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 50},
                "WaitIntervalInSeconds": 180,
            },
            "TerminationWaitInSeconds": 120,
            "MaximumExecutionTimeoutInSeconds": 1800,
        },
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": alarm}]},
    },
)

statuses, phases, answers = [], [], {}
deadline = time.time() + 3600
while time.time() < deadline:
    found = sagemaker.describe_endpoint(EndpointName=endpoint)
    pending = found.get("PendingDeploymentSummary")
    if found["EndpointStatus"] not in statuses:
        statuses.append(found["EndpointStatus"])
    if pending:
        phase = pending["ProductionVariants"][0]["VariantStatus"][0]["Status"]
        if phase not in phases:
            phases.append(phase)
        if phase == "Baking" and wish == "trip":
            data = [{**metric, "Value": 1.0, "Unit": "Count"}]
            cloudwatch.put_metric_data(Namespace="Somebody/Else", MetricData=data)
    elif found["EndpointStatus"] == "InService":
        break
    body = runtime.invoke_endpoint(EndpointName=endpoint, Body=b"hello")["Body"].read()
    answers[body.split()[0].decode()] = answers.get(body.split()[0].decode(), 0) + 1
    time.sleep(0.02)

history = cloudwatch.describe_alarms(AlarmNames=[alarm])["MetricAlarms"][0]["StateValue"]
print(
    json.dumps(
        {
            "statuses": statuses,
            "phases": phases,
            "config": found["EndpointConfigName"],
            "status": found["EndpointStatus"],
            "reason": found.get("FailureReason"),
            "alarm": history,
            "answers": answers,
            "last": found["LastDeploymentConfig"],
        }
    )
)
