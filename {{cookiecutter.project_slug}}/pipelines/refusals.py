"""What AWS says when it says no, in our words: absent things, refused calls, credentials, the network."""

from __future__ import annotations

from botocore import exceptions as boto

from pipelines.errors import AccessError, MLOpsError

REFUSED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "OptInRequired"}
STALE = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "InvalidAccessKeyId",
    "AuthFailure",
    "IncompleteSignature",
}


def code(error: Exception) -> str:
    """Return AWS's error code, or an empty string."""
    return error.response.get("Error", {}).get("Code", "") if isinstance(error, boto.ClientError) else ""


def missing(error: boto.ClientError) -> bool:
    """Say whether AWS's answer means "there is no such thing": SageMaker has no code of its own for it."""
    message = error.response["Error"].get("Message", "").lower()
    absent = ("could not find", "does not exist", "not found", "cannot find")
    return code(error) in (
        "ResourceNotFound",
        "NoSuchKey",
        "404",
        "RepositoryNotFoundException",
        "NoSuchEntity",
    ) or (
        code(error) in ("ValidationException", "ValidationError") and any(text in message for text in absent)
    )


def translate(error: Exception) -> MLOpsError | None:
    """Return our error for one of botocore's, or None for a stranger."""
    where = "the credentials that boto3 finds"
    if isinstance(
        error,
        (
            boto.NoCredentialsError,
            boto.PartialCredentialsError,
            boto.CredentialRetrievalError,
            boto.ProfileNotFound,
            boto.SSOTokenLoadError,
            boto.TokenRetrievalError,
            boto.UnauthorizedSSOTokenError,
        ),
    ):
        return AccessError(
            "E601",
            "there are no AWS credentials",
            where,
            str(error),
            "log in (aws configure, aws sso login), or run it here without AWS: make local-test",
        )
    if isinstance(error, boto.ClientError):
        operation = error.operation_name
        if code(error) in STALE:
            return AccessError(
                "E601",
                "AWS does not accept these credentials",
                where,
                f"{operation}: {code(error)}",
                "log in again and repeat; nothing was started",
            )
        message = error.response["Error"].get("Message", "")
        if code(error) in REFUSED:
            return AccessError(
                "E602",
                f"AWS refused {operation}",
                where,
                message,
                "give the role this permission (infra/stack.yml names what each needs), then repeat",
            )
        return MLOpsError(
            "E103",
            f"AWS answered {operation} with {code(error)}",
            f"operation {operation}",
            message,
            "repeat the verb: it goes on where it stopped",
        )
    if isinstance(error, (boto.HTTPClientError, boto.ConnectionError)):
        address = str(getattr(error, "kwargs", {}).get("endpoint_url", "AWS"))
        return AccessError(
            "E603",
            "AWS cannot be reached",
            address,
            type(error).__name__,
            "check network, proxy, region and AWS_ENDPOINT_URL, then repeat",
        )
    if isinstance(error, boto.BotoCoreError):
        return AccessError(
            "E604",
            "boto3 could not make the request",
            "the AWS configuration of this machine",
            str(error),
            "correct it and repeat",
        )
    return None
