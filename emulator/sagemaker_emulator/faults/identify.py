"""Which service and which operation a request is, in botocore's names, before anything acts on it.

Read off the request as AWS's protocols lay it down: the scope of the signature names the service; a header,
a form member or a path names the operation.
"""

from __future__ import annotations

import functools
import io
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, parse_qsl

from botocore.exceptions import DataNotFoundError, UnknownServiceError
from botocore.model import OperationModel
from moto.core.utils import get_service_model

# Signing names that are not botocore's name of the service, or stand for several; of those, what moto has.
SIGNED_AS = {
    "aoss": ("opensearchserverless",),
    "apigateway": ("apigateway", "apigatewayv2"),
    "aps": ("amp",),
    "aws-marketplace": ("meteringmarketplace",),
    "bedrock": ("bedrock", "bedrock-agent", "bedrock-runtime"),
    "cloudhsm": ("cloudhsmv2",),
    "dynamodb": ("dynamodb", "dynamodbstreams"),
    "elasticfilesystem": ("efs",),
    "elasticloadbalancing": ("elbv2", "elb"),
    "elasticmapreduce": ("emr",),
    "es": ("opensearch", "es"),
    "execute-api": ("apigatewaymanagementapi",),
    "iotdata": ("iot-data",),
    "kinesisanalytics": ("kinesisanalyticsv2",),
    "kinesisvideo": ("kinesisvideo", "kinesis-video-archived-media"),
    "lex": ("lexv2-models",),
    "mediastore": ("mediastore", "mediastore-data"),
    "mobiletargeting": ("pinpoint",),
    "monitoring": ("cloudwatch",),
    "s3": ("s3", "s3control"),
    "sagemaker": ("sagemaker", "sagemaker-runtime", "sagemaker-metrics", "sagemaker-featurestore-runtime"),
    "servicecatalog": ("servicecatalog", "servicecatalog-appregistry"),
    "servicequotas": ("service-quotas",),
    "ses": ("sesv2", "ses"),
    "sso": ("sso-admin",),
    "states": ("stepfunctions",),
    "tagging": ("resourcegroupstaggingapi",),
    "timestream": ("timestream-query", "timestream-write"),
}
CREDENTIAL = re.compile(r"Credential=[^/,]+/\d{8}/[^/,]+/([^/,]+)/aws4_request")
CBOR_PATH = re.compile(r"/service/([^/]+)/operation/([^/]+)$")
MOST_FORM_BYTES = 16 * 1024 * 1024
_known = dict(SIGNED_AS)


@dataclass(frozen=True)
class Asked:
    """What a request asks for; names are empty where nothing tells, the protocol is botocore's word."""

    service: str
    operation: str
    protocol: str


@dataclass(frozen=True)
class Route:
    """How one operation of a REST service looks on the wire."""

    operation: str
    method: str
    path: re.Pattern[str]
    query: dict[str, str]  # items that the operation is told by; the value may be empty
    headers: tuple[str, ...]  # as WSGI names them
    rank: tuple[int, ...]  # the most telling first


def identify(environ: dict[str, Any]) -> Asked:
    """Return what a request asks for. Never raises; reads a form's body and puts it back."""
    signed = _signed(environ)
    services = _known.get(signed, (signed,)) if signed else ()
    if found := CBOR_PATH.search(environ.get("PATH_INFO", "")):
        return Asked(_by_prefix(services, found[1]), found[2], "smithy-rpc-v2-cbor")
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        prefix, _, operation = target.rpartition(".")
        return Asked(_by_prefix(services, prefix), operation, "json")
    if action := _action(environ):
        protocol = "ec2" if services == ("ec2",) else "query"
        # Of all calls with Action, only those of STS come without a signature.
        return Asked(services[0] if services else "sts", action, protocol)
    return _by_route(services, environ)


def know(service: str) -> None:
    """Make sure that requests of a service are told by its name, whatever name they are signed with."""
    metadata = get_service_model(service).metadata
    signed = metadata.get("signingName", metadata["endpointPrefix"]).lower()
    services = _known.get(signed, (signed,))
    if service not in services:
        _known[signed] = (*(each for each in services if _model(each) is not None), service)


def _signed(environ: dict[str, Any]) -> str:
    """Return the service that the request was signed for, empty without a signature."""
    text = environ.get("HTTP_AUTHORIZATION", "")
    if not text and "X-Amz-Credential" in environ.get("QUERY_STRING", ""):
        text = "Credential=" + parse_qs(environ["QUERY_STRING"]).get("X-Amz-Credential", [""])[0]
    found = CREDENTIAL.search(text)
    return found[1].lower() if found else ""


def _by_prefix(services: tuple[str, ...], prefix: str) -> str:
    for service in services if len(services) > 1 else ():
        if (model := _model(service)) is not None and model.metadata.get("targetPrefix") == prefix:
            return service
    return services[0] if services else prefix


def _action(environ: dict[str, Any]) -> str:
    """Return the Action of the query protocol, from the form or the query string."""
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        try:
            length = min(int(environ.get("CONTENT_LENGTH") or 0), MOST_FORM_BYTES)
        except ValueError:
            return ""
        body = environ["wsgi.input"].read(length)
        environ["wsgi.input"] = io.BytesIO(body)
        return parse_qs(body.decode("utf-8", "replace")).get("Action", [""])[0]
    if "Action=" in environ.get("QUERY_STRING", ""):
        return parse_qs(environ["QUERY_STRING"]).get("Action", [""])[0]
    return ""


def _by_route(services: tuple[str, ...], environ: dict[str, Any]) -> Asked:
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    # Unsigned: a runtime client without credentials, else a public bucket.
    for service in services or ("sagemaker-runtime", "s3"):
        for route in _routes(service):
            if _fits(route, environ, query):
                return Asked(service, route.operation, _rest(service))
    return Asked(services[0] if services else "s3", "", _rest(services[0] if services else "s3"))


def _fits(route: Route, environ: dict[str, Any], query: dict[str, str]) -> bool:
    return (
        route.method == environ["REQUEST_METHOD"]
        and all(name in query and value in ("", query[name]) for name, value in route.query.items())
        and all(name in environ for name in route.headers)
        and route.path.fullmatch(environ.get("PATH_INFO", "")) is not None
    )


def _rest(service: str) -> str:
    model = _model(service)
    return model.metadata["protocol"] if model is not None else "rest-json"


@functools.cache
def _model(service: str) -> Any:
    try:
        return get_service_model(service)
    except (UnknownServiceError, DataNotFoundError):
        return None


@functools.cache
def _routes(service: str) -> list[Route]:
    model = _model(service)
    if model is None or not model.metadata["protocol"].startswith("rest-"):
        return []
    return sorted(
        (_route(model.operation_model(name)) for name in model.operation_names), key=lambda r: r.rank
    )


def _route(operation: OperationModel) -> Route:
    path, _, fixed = operation.http["requestUri"].partition("?")
    query = dict(parse_qsl(fixed, keep_blank_values=True))
    headers = []
    shape = operation.input_shape
    for name in shape.required_members if shape else ():
        where = shape.members[name].serialization
        if where.get("location") == "querystring":
            query.setdefault(where["name"], "")
        elif where.get("location") == "header":
            headers.append(f"HTTP_{where['name'].upper().replace('-', '_')}")
    parts = re.split(r"(\{[^}]+\})", path.rstrip("/"))
    pattern = "".join(_part(part) for part in parts) + "/?"
    literals = sum(len(part) for part in parts if not part.startswith("{"))
    rank = (-literals, -len(query) - len(headers), path.count("+}"), int(operation.deprecated))
    return Route(
        operation.name, operation.http["method"], re.compile(pattern, re.DOTALL), query, tuple(headers), rank
    )


def _part(part: str) -> str:
    if not part.startswith("{"):
        return re.escape(part)
    return ".+" if part.endswith("+}") else "[^/]+"
