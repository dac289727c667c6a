"""The base of a CloudFormation type that is made by calling the emulator's API, as CloudFormation does."""

from __future__ import annotations

import functools
from typing import Any, ClassVar

import botocore.session
from botocore.model import Shape


class ResourceFailed(Exception):
    """A resource could not be made, changed or deleted; the message is the status reason."""

    def __init__(self, logical_id: str, resource_type: str, reason: str) -> None:
        super().__init__(reason)
        self.logical_id, self.resource_type = logical_id, resource_type


class ApiResource:
    """Mix into a class that derives from moto's CloudFormationModel directly (moto looks no deeper).

    A subclass names its type, the property that names it, the properties it applies and its attributes, and
    implements `make(name, properties, region)` returning (physical id, attributes) and `unmake`. A property
    it does not apply fails the resource instead of being dropped.
    """

    TYPE: ClassVar[str]
    NAME: ClassVar[str] = ""
    PROPERTIES: ClassVar[tuple[str, ...]]
    ATTRIBUTES: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if hasattr(cls, "TYPE"):
            cls.cloudformation_type = staticmethod(lambda: cls.TYPE)
            cls.cloudformation_name_type = staticmethod(lambda: cls.NAME)

    def __init__(
        self, physical_id: str, attributes: dict[str, str], properties: dict[str, Any], region: str
    ) -> None:
        self.physical_id, self.attributes = physical_id, attributes
        self.properties, self.region = properties, region

    @property
    def physical_resource_id(self) -> str:
        """Return what Ref gives."""
        return self.physical_id

    def is_created(self) -> bool:
        """Making is synchronous."""
        return True

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Return whether Fn::GetAtt knows the attribute."""
        return attr in cls.ATTRIBUTES

    def get_cfn_attribute(self, name: str) -> str:
        """Return what Fn::GetAtt gives.

        Raises:
            UnformattedGetAttTemplateException: it has no such attribute.
        """
        from moto.cloudformation.exceptions import UnformattedGetAttTemplateException

        if name not in self.attributes:
            raise UnformattedGetAttTemplateException
        return self.attributes[name]

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
        **_: Any,
    ) -> Any:
        """Make the resource; moto calls this."""
        properties = cloudformation_json.get("Properties", {})
        refuse_unknown(properties, cls.PROPERTIES)
        # Where moto has the type, too, it passes a name of its own making.
        name = properties.get(cls.NAME) or resource_name
        physical_id, attributes = cls.make(name, properties, region_name)
        return cls(physical_id, attributes, properties, region_name)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> Any:
        """Change the resource: in place where the API can, else the new one first, then away with the old."""
        properties = cloudformation_json.get("Properties", {})
        refuse_unknown(properties, cls.PROPERTIES)
        if original_resource.change(properties):
            original_resource.properties = properties
            return original_resource
        name = properties.get(cls.NAME, original_resource.physical_id if not cls.NAME else new_resource_name)
        new = cls.create_from_cloudformation_json(name, cloudformation_json, account_id, region_name)
        if new.physical_id != original_resource.physical_id:
            original_resource.unmake()
        return new

    def delete(self, account_id: str, region_name: str) -> None:
        """Delete the resource; moto calls this."""
        self.unmake()

    @classmethod
    def make(cls, name: str, properties: dict[str, Any], region: str) -> tuple[str, dict[str, str]]:
        """Call the API; return physical id and attributes.

        Raises:
            NotImplementedError: a kind of resource gives this.
        """
        raise NotImplementedError

    def change(self, properties: dict[str, Any]) -> bool:
        """Change in place and return True; False: the resource has to be made anew (or put again)."""
        return False

    def unmake(self) -> None:
        """Call the API to delete.

        Raises:
            NotImplementedError: a kind of resource gives this.
        """
        raise NotImplementedError


def refuse_unknown(properties: dict[str, Any], applied: tuple[str, ...]) -> None:
    """Raise ValueError for a property that would be dropped without a word."""
    unknown = sorted(set(properties) - set(applied))
    if unknown:
        raise ValueError(f"sagemaker-emulator does not implement the properties {', '.join(unknown)}")


def coerced(value: Any, service: str, operation: str) -> dict[str, Any]:
    """Return properties in the types of an operation's input: templates write numbers as text."""
    return _coerced(value, _service(service).operation_model(operation).input_shape)


def _coerced(value: Any, shape: Shape) -> Any:
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        return {k: _coerced(v, shape.members[k]) if k in shape.members else v for k, v in value.items()}
    if kind == "list" and isinstance(value, list):
        return [_coerced(item, shape.member) for item in value]
    if isinstance(value, str) and kind in ("integer", "long"):
        return int(value)
    if isinstance(value, str) and kind in ("double", "float"):
        return float(value)
    if isinstance(value, str) and kind == "boolean":
        return value.lower() == "true"
    if kind == "string" and isinstance(value, bool):
        return str(value).lower()
    if kind == "string" and isinstance(value, int | float):
        return str(value)
    return value


@functools.cache
def _service(name: str) -> Any:
    return botocore.session.get_session().get_service_model(name)
