"""A stack with a resource that nobody made fails, by name, instead of CREATE_COMPLETE.

Moto skips the types it lacks, loses resources it cannot update and lets an exception escape as a 500. Here
each becomes a ResourceFailed; `operations` turns that into ROLLBACK_COMPLETE or UPDATE_ROLLBACK_COMPLETE with
a reason.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError
from moto.cloudformation import parsing
from moto.core.exceptions import ServiceException

from sagemaker_emulator import seams
from sagemaker_emulator.stacks import permission
from sagemaker_emulator.stacks.resource import ResourceFailed

_doing = threading.local()


class Refused:
    """Stands for a type that nobody makes: templates parse, making it fails."""

    @staticmethod
    def cloudformation_name_type() -> str:
        """It has no name property."""
        return ""

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Any attribute may be named: the stack fails before it is read."""
        return True

    @classmethod
    def create_from_cloudformation_json(cls, name: str, document: dict[str, Any], *_: Any, **__: Any) -> Any:
        """Fail, naming the type.

        Raises:
            NotImplementedError: always: the stack fails by the type's name, as CloudFormation's does.
        """
        raise NotImplementedError(f"sagemaker-emulator does not implement the type {document['Type']}")


@seams.wrap("moto.cloudformation.parsing", "resource_class_from_type")
def resource_class_from_type(original: Any, resource_type: str) -> Any:
    """Return the class of a type; `Refused` where moto has none."""
    if resource_type in parsing.NULL_MODELS or resource_type.startswith("Custom::"):
        return original(resource_type)
    return parsing.get_model_map().get(resource_type, Refused)


@seams.wrap("moto.cloudformation.parsing", "parse_and_create_resource")
def parse_and_create_resource(
    original: Any, logical_id: str, document: dict[str, Any], *args: Any, **kwargs: Any
) -> Any:
    """Make one resource. Raises ResourceFailed, whatever went wrong."""
    with _checked(permission.to_make):
        return _or_fail(logical_id, document["Type"], original, logical_id, document, *args, **kwargs)


@seams.wrap("moto.cloudformation.parsing", "parse_and_update_resource")
def parse_and_update_resource(
    original: Any, logical_id: str, document: dict[str, Any], *args: Any, **kwargs: Any
) -> Any:
    """Change one resource. Raises ResourceFailed, also for a type that moto cannot change and would lose."""
    model = parsing.resource_class_from_type(document["Type"])
    if hasattr(getattr(model, "update_from_cloudformation_json", None), "__isabstractmethod__"):
        text = f"sagemaker-emulator does not implement updates of {document['Type']}"
        raise ResourceFailed(logical_id, document["Type"], text)
    with _checked(permission.to_change):
        return _or_fail(logical_id, document["Type"], original, logical_id, document, *args, **kwargs)


@seams.wrap("moto.cloudformation.parsing", "ResourceMap._delete_resource")
def delete_resource(original: Any, resources: Any, resource: Any, document: dict[str, Any]) -> None:
    """Delete one resource that the caller may delete. Raises acting.Refused."""
    where = (resources._account_id, resources._region_name)
    name = getattr(resource, "physical_resource_id", None) or "*"
    permission.to_unmake(type(resource), document, name, *where)
    original(resources, resource, document)


@seams.wrap("moto.cloudformation.parsing", "parse_resource_and_generate_name")
def parse_resource_and_generate_name(
    original: Any, logical_id: str, document: dict[str, Any], resources: Any
) -> Any:
    """Return what a resource is, once it is known that the caller may do with it what is being done."""
    found = original(logical_id, document, resources)
    check = getattr(_doing, "check", None)
    if found and check is not None:
        check(*found, resources._account_id, resources._region_name)
    return found


@contextlib.contextmanager
def _checked(check: Callable[..., None]) -> Iterator[None]:
    """Have `check` look at what moto makes or changes, once its functions are resolved; makings nest."""
    before = getattr(_doing, "check", None)
    _doing.check = check
    try:
        yield
    finally:
        _doing.check = before


def _or_fail(logical_id: str, resource_type: str, function: Any, *args: Any, **kwargs: Any) -> Any:
    try:
        return function(*args, **kwargs)
    except ResourceFailed:
        raise
    except ServiceException as error:
        raise ResourceFailed(logical_id, resource_type, error.message) from error
    except ClientError as error:
        raise ResourceFailed(logical_id, resource_type, error.response["Error"]["Message"]) from error
    except KeyError as error:
        reason = f"Encountered a missing property: {error.args[0]}"
        raise ResourceFailed(logical_id, resource_type, reason) from error
    except Exception as error:
        raise ResourceFailed(logical_id, resource_type, str(error) or type(error).__name__) from error


parsing.get_model_list.cache_clear()
parsing.get_model_map.cache_clear()
parsing.get_name_type_map.cache_clear()
