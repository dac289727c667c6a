"""CreateStack, UpdateStack, DeleteStack, change sets: capabilities asked for, failures rolled back."""

from __future__ import annotations

import logging
from typing import Any

from moto.cloudformation.models import CloudFormationBackend, Event, Stack
from moto.cloudformation.parsing import OutputMap
from moto.core.exceptions import ServiceException

from sagemaker_emulator import itself, seams
from sagemaker_emulator.stacks import differences
from sagemaker_emulator.stacks.resource import ResourceFailed

log = logging.getLogger(__name__)

NAMED = {
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::User": "UserName",
}
BACKEND = "CloudFormationBackend"
NO_CHANGES = (
    "The submitted information didn't contain changes. Submit different information to create a change set."
)


@seams.operation("CreateStack", service="cloudformation")
def create_stack(call: seams.Call) -> Any:
    """Make a stack. Raises AwsError for capabilities that were not given."""
    _ask_for_capabilities(call)
    answer = seams.original(call)
    stack = _stack(call, call.params["StackName"])
    if stack.status == "CREATE_FAILED" and _rolls_back(call.params):
        _roll_back(stack)
        if call.params.get("OnFailure") == "DELETE":
            itself.backend("cloudformation", call.account, call.region).delete_stack(stack.stack_id)
    return answer


@seams.operation("UpdateStack", service="cloudformation")
def update_stack(call: seams.Call) -> Any:
    """Change a stack. Raises AwsError when there is nothing to change, or a capability was not given."""
    _ask_for_capabilities(call)
    stack = _stack(call, call.params["StackName"])
    if stack.status.endswith("ROLLBACK_COMPLETE") and not stack.status.startswith("UPDATE"):
        text = f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated."
        raise seams.AwsError("ValidationError", text)
    _fill_in_previous(call, stack)
    return seams.original(call)


@seams.operation("CreateChangeSet", service="cloudformation")
def create_change_set(call: seams.Call) -> Any:
    """Make a change set. Raises AwsError for capabilities that were not given."""
    _ask_for_capabilities(call)
    if call.params.get("ChangeSetType") == "UPDATE":
        _fill_in_previous(call, _stack(call, call.params["StackName"]))
    return seams.original(call)


@seams.operation("DeleteStack", service="cloudformation")
def delete_stack(call: seams.Call) -> Any:
    """Delete a stack. Raises AwsError while it is protected."""
    backend = itself.backend("cloudformation", call.account, call.region)
    for stack in backend.stacks.values():
        if call.params["StackName"] in (stack.name, stack.stack_id) and stack.enable_termination_protection:
            text = f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
            raise seams.AwsError("ValidationError", text)
    return seams.original(call)


@seams.wrap("moto.cloudformation.models", f"{BACKEND}.create_stack")
def backend_create(
    original: Any, backend: CloudFormationBackend, name: str, *args: Any, **kwargs: Any
) -> Any:
    """Make a stack; one that fails stays, as CREATE_FAILED with its reason."""
    before = set(backend.stacks)
    try:
        return original(backend, name, *args, **kwargs)
    except Exception as error:
        made = [stack for stack_id, stack in backend.stacks.items() if stack_id not in before]
        if not made:
            raise _worded(error) from error
        _failed(made[0], "CREATE_FAILED", error, "create")
        return made[0]


@seams.wrap("moto.cloudformation.models", f"{BACKEND}.update_stack")
def backend_update(
    original: Any, backend: CloudFormationBackend, name: str, template: str, *args: Any, **kwargs: Any
) -> Any:
    """Change a stack; when that fails, change it back. Raises AwsError when nothing would change."""
    stack = backend.get_stack(name)
    given = {item["ParameterKey"]: item["ParameterValue"] for item in kwargs.get("parameters") or []}
    if _same(stack, template, given, kwargs.get("tags")):
        raise seams.AwsError("ValidationError", "No updates are to be performed.")
    return _or_back(stack, lambda: original(backend, name, template, *args, **kwargs))


@seams.wrap("moto.cloudformation.responses", "CloudFormationResponse._validate_different_update")
def validate_different_update(original: Any, *_: Any) -> None:
    """Leave it to `backend_update` and `backend_propose`: a change set without changes is no error."""


@seams.wrap("moto.cloudformation.models", f"{BACKEND}.create_change_set")
def backend_propose(original: Any, backend: CloudFormationBackend, **request: Any) -> Any:
    """Make a change set; one that would change nothing ends as FAILED."""
    arn, stack_id = original(backend, **request)
    change_set, stack = backend.change_sets[arn], backend.stacks[stack_id]
    same = request["change_set_type"] == "UPDATE" and _same(
        stack, request["template"], request["parameters"], request["tags"]
    )
    change_set.status = "FAILED" if same else "CREATE_COMPLETE"
    change_set.execution_status = "UNAVAILABLE" if same else "AVAILABLE"
    change_set.status_reason = NO_CHANGES if same else None
    return arn, stack_id


@seams.wrap("moto.cloudformation.models", f"{BACKEND}.execute_change_set")
def backend_execute(
    original: Any, backend: CloudFormationBackend, change_set_name: str, stack_name: str | None = None
) -> Any:
    """Execute a change set, once; moto forgets the outputs and the parameters of its stack.

    Raises:
        AwsError: it is in no state to be executed.
    """
    change_set = backend.describe_change_set(change_set_name)
    stack = backend.stacks[change_set.stack_id]
    if change_set.execution_status != "AVAILABLE":
        text = f"ChangeSet [{change_set.change_set_id}] cannot be executed in its current execution status"
        raise seams.AwsError("InvalidChangeSetStatus", f"{text} of [{change_set.execution_status}]")

    def execute() -> None:
        original(backend, change_set_name, stack_name)
        stack.template_dict = change_set.template_dict
        stack.output_map = stack._create_output_map()
        stack.parameters, stack.tags = stack.resource_map.input_parameters, change_set.tags or stack.tags

    if change_set.change_set_type == "CREATE":
        try:
            execute()
        except Exception as error:
            _failed(stack, "CREATE_FAILED", error, "create")
            _roll_back(stack)
    else:
        _or_back(stack, execute)
    whole = stack.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
    change_set.execution_status = "EXECUTE_COMPLETE" if whole else "EXECUTE_FAILED"


@seams.wrap("moto.cloudformation.models", f"{BACKEND}.delete_stack")
def backend_delete(original: Any, backend: CloudFormationBackend, name: str) -> None:
    """Delete a stack; one that cannot be deleted stays, as DELETE_FAILED with its reason."""
    stack = next((s for s in backend.stacks.values() if name in (s.name, s.stack_id)), None)
    try:
        original(backend, name)
    except Exception as error:
        if stack is None:
            raise
        backend.stacks[stack.stack_id] = stack
        _failed(stack, "DELETE_FAILED", error, "delete")


def _or_back(stack: Stack, change: Any) -> Any:
    before, parameters = stack.template_dict, dict(stack.resource_map.input_parameters)
    text = stack.template
    stack.stack_status_reason = None
    try:
        return change()
    except Exception as error:
        _failed(stack, "UPDATE_FAILED", error, "update")
        stack.template, stack.template_dict = text, before
        try:
            stack.resource_map.update(before, parameters)
            status = "UPDATE_ROLLBACK_COMPLETE"
        except Exception:
            log.exception("event=rollback_failed stack=%s", stack.name)
            status = "UPDATE_ROLLBACK_FAILED"
        stack.status = status
        stack._add_stack_event(status)
        return stack


def _roll_back(stack: Stack) -> None:
    stack._add_stack_event("ROLLBACK_IN_PROGRESS", resource_status_reason=stack.stack_status_reason)
    try:
        stack.resource_map.delete()
        stack.status = "ROLLBACK_COMPLETE"
    except Exception:
        log.exception("event=rollback_failed stack=%s", stack.name)
        stack.status = "ROLLBACK_FAILED"
    stack._add_stack_event(stack.status)


def _failed(stack: Stack, status: str, error: Exception, verb: str) -> None:
    """Note which resource failed and why, where DescribeStacks and DescribeStackEvents show it."""
    reason = str(error)
    if isinstance(error, ResourceFailed):
        which = f"The following resource(s) failed to {verb}: [{error.logical_id}]"
        reason = f"{which}. {error.resource_type}: {error}"
        stack.events.append(
            Event(
                stack.stack_id,
                stack.name,
                error.logical_id,
                "",
                error.resource_type,
                status,
                str(error),
                None,
            )
        )
    else:
        log.warning("event=stack_failed stack=%s error=%r", stack.name, error)
    stack.status, stack.stack_status_reason = status, reason
    if status == "CREATE_FAILED":  # its outputs would name resources that are not there
        stack.output_map = OutputMap(stack.resource_map, {"Outputs": {}}, stack.stack_id)
    stack._add_stack_event(status, resource_status_reason=reason)


def _worded(error: Exception) -> Exception:
    if isinstance(error, ServiceException):
        return error
    return seams.AwsError("ValidationError", f"Template format error: {error}")


def _stack(call: seams.Call, name: str) -> Stack:
    return itself.backend("cloudformation", call.account, call.region).get_stack(name)


def _same(stack: Stack, template: str, parameters: dict[str, str], tags: dict[str, str] | None) -> bool:
    """Say whether a stack has this template, these tags, and these parameters, defaults filled in."""
    if not stack.has_template(template) or (tags and tags != stack.tags):
        return False
    planned = differences.planned(stack.resource_map, stack.template_dict, parameters)
    return planned.resolved_parameters == stack.stack_parameters


def _fill_in_previous(call: seams.Call, stack: Stack) -> None:
    """Put values where a request says UsePreviousValue. Raises AwsError for a parameter that is new."""
    defaults = stack.template_dict.get("Parameters", {})
    for item in call.params.get("Parameters", []):
        if str(item.pop("UsePreviousValue", "false")).lower() != "true":
            continue
        name = item["ParameterKey"]
        if name not in defaults:
            text = "Cannot specify usePreviousValue as true for a parameter key not in the previous template"
            raise seams.AwsError("ValidationError", f"Invalid input for parameter key {name}. {text}")
        given = stack.resource_map.input_parameters
        item["ParameterValue"] = given[name] if name in given else str(defaults[name]["Default"])


def _rolls_back(params: dict[str, Any]) -> bool:
    return params.get("OnFailure", "ROLLBACK") != "DO_NOTHING" and not params.get("DisableRollback")


def _ask_for_capabilities(call: seams.Call) -> None:
    """Raise AwsError when the template makes IAM resources and the caller did not acknowledge it."""
    body = call.params.get("TemplateBody")
    if not body:
        return
    try:
        resources = Stack.parse_template(body).get("Resources", {}).values()
    except Exception:
        text = "Template format error: unsupported structure."
        raise seams.AwsError("ValidationError", text) from None
    iam = [
        r
        for r in resources
        if str(r.get("Type", "")).startswith("AWS::IAM::") and r["Type"] != "AWS::IAM::OIDCProvider"
    ]
    named = [r for r in iam if NAMED.get(r["Type"], "-") in r.get("Properties", {})]
    given = set(call.params.get("Capabilities", []))
    needed = "CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM"
    enough = {"CAPABILITY_NAMED_IAM"} if named else {"CAPABILITY_NAMED_IAM", "CAPABILITY_IAM"}
    if iam and not enough & given:
        text = f"Requires capabilities : [{needed}]"
        raise seams.AwsError("InsufficientCapabilitiesException", text)
