"""Refusals in the words, codes and forms of each service's protocol."""

from __future__ import annotations

from sagemaker_emulator.faults.answers import Answer, worded
from sagemaker_emulator.faults.identify import Asked

INVALID = "The security token included in the request is invalid."
EXPIRED = "The security token included in the request is expired"
SIGNATURE = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
    "Access Key and signing method. Consult the service documentation for details."
)
# Services whose code of a denial is not that of their protocol.
DENIAL_CODES = {
    "sns": "AuthorizationError",
    "ec2": "UnauthorizedOperation",
    "cloudwatch": "AccessDenied",
    "sqs": "AccessDenied",
}
# Kind of refusal, then per family of protocol: status, code, message.
CREDENTIALS = {
    "unknown key": {
        "s3": (
            403,
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
        ),
        "ec2": (401, "AuthFailure", "AWS was not able to validate the provided access credentials"),
        "query": (403, "InvalidClientTokenId", INVALID),
        "json": (400, "UnrecognizedClientException", INVALID),
        "rest-json": (403, "UnrecognizedClientException", INVALID),
    },
    "expired": {
        "s3": (400, "ExpiredToken", "The provided token has expired."),
        "ec2": (400, "RequestExpired", "Request has expired."),
        "query": (403, "ExpiredToken", EXPIRED),
        "json": (400, "ExpiredTokenException", EXPIRED),
        "rest-json": (403, "ExpiredTokenException", EXPIRED),
    },
    "signature": {
        "s3": (403, "SignatureDoesNotMatch", SIGNATURE),
        "ec2": (401, "AuthFailure", "AWS was not able to validate the provided access credentials"),
        "query": (403, "SignatureDoesNotMatch", SIGNATURE),
        "json": (400, "InvalidSignatureException", SIGNATURE),
        "rest-json": (403, "InvalidSignatureException", SIGNATURE),
    },
    "unsigned": {
        "s3": (403, "AccessDenied", "Access Denied"),
        "ec2": (400, "MissingParameter", "Request must contain the AWSAccessKeyId parameter"),
        "query": (403, "MissingAuthenticationToken", "Request is missing Authentication Token"),
        "json": (400, "MissingAuthenticationTokenException", "Missing Authentication Token"),
        "rest-json": (403, "MissingAuthenticationTokenException", "Missing Authentication Token"),
    },
}
PHRASES = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 501: "Not Implemented"}
EC2_DENIAL = "You are not authorized to perform this operation. "


def credentials(asked: Asked, kind: str) -> Answer:
    """Return what a caller hears whose credentials are no good."""
    status, code, message = CREDENTIALS[kind][_family(asked)]
    return worded(asked, status, PHRASES[status], code, message)


def denied(asked: Asked, message: str) -> Answer:
    """Return what a caller hears who may not."""
    family = _family(asked)
    default = "AccessDeniedException" if family in ("json", "rest-json") else "AccessDenied"
    status = 400 if family == "json" else 403
    said = EC2_DENIAL + message if asked.service == "ec2" else message
    return worded(asked, status, PHRASES[status], DENIAL_CODES.get(asked.service, default), said)


def invalid(asked: Asked, message: str) -> Answer:
    """Return what a caller hears whose request cannot be done as it is."""
    return worded(asked, 400, PHRASES[400], "ValidationError", message)


def not_known(asked: Asked, what: str) -> Answer:
    """Return what a caller hears of a call, or a policy, that nobody here can decide on."""
    text = f"sagemaker-emulator --iam cannot authorize {what} (see COVERAGE.md)"
    return worded(asked, 501, PHRASES[501], "NotImplemented", text)


def _family(asked: Asked) -> str:
    if asked.service == "s3":
        return "s3"
    if asked.protocol in ("ec2", "query", "rest-json"):
        return asked.protocol
    return "json"
