"""How EventBridge's rules deliver here: to SQS and SNS, and never from a rule that is disabled.

moto stops at a target it does not know and sends from disabled rules too. Its own way is left to log groups,
archives, buses and API destinations.
"""

from __future__ import annotations

import copy
import json
import logging
from datetime import UTC, datetime
from typing import Any

from moto.events.models import Rule
from moto.events.utils import EventTemplateParser

from sagemaker_emulator import itself, seams

log = logging.getLogger(__name__)


@seams.wrap("moto.events.models", "Rule.send_to_targets")
def send_to_targets(original: Any, rule: Rule, original_event: Any, transform_input: bool = True) -> None:
    """Deliver an event to every target that can be reached; one that cannot does not stop the others."""
    if rule.state != "ENABLED" or not rule.event_pattern.matches_event(original_event):
        return
    for target in list(rule.targets):
        try:
            _deliver(original, rule, target, copy.deepcopy(original_event), transform_input)
        except Exception as error:
            log.warning("event=not_delivered target=%s error=%s", target["Arn"], type(error).__name__)


def _deliver(original: Any, rule: Rule, target: dict[str, Any], event: Any, transform: bool) -> None:
    service, region, account = target["Arn"].split(":")[2:5]
    if service == "sns":
        itself.backend("sns", account, region).publish(_body(target, event), arn=target["Arn"])
    elif service == "sqs" and "SqsParameters" not in target:
        name = target["Arn"].rsplit(":", 1)[-1]
        itself.backend("sqs", account, region).send_message(
            queue_name=name, message_body=_body(target, event)
        )
    else:
        alone = copy.copy(rule)
        alone.targets = [target]
        original(alone, event, transform)


def _body(target: dict[str, Any], event: Any) -> str:
    if "Input" in target:
        return target["Input"]
    at = event["time"]
    if not isinstance(at, str):
        event["time"] = datetime.fromtimestamp(float(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if transformer := target.get("InputTransformer"):
        paths = transformer.get("InputPathsMap", {})
        return json.dumps(EventTemplateParser.parse(transformer["InputTemplate"], paths, event))
    return json.dumps({name: value for name, value in event.items() if name != "ingestion-time"})
