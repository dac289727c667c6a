"""Everything that can stop a verb, as one tree; every message has four lines and ends with the next step.

MLOpsError        E1xx  exit 1   a job or AWS failed (E105 untold, E106 runs on, E108 out of time, E109 a
│                                 quota); its log is named
├── DataRefused   E2xx  exit 2   the data broke its contract: nothing was trained
├── ModelRefused  E3xx  exit 3   the gate said no: nothing was registered
├── DeployFailed  E4xx  exit 4   not proven (E402), rejected earlier (E403), unknown what serves (E405),
│   │                             not as git has it (E415)
│   ├── WrongRelease     exit 4   rolled back (E401, E412) or answered wrongly (E402): its package is rejected
│   └── NotStarted       exit 4   an alarm would watch nothing (E407 to E411), or another release was quicker
│                                 (E413): the endpoint was not asked
├── SettingsError E5xx  exit 5   settings, region, stack, image, an account that the verb is not for (E516),
│                                 no workflow run to tell of (E520), no such base (E521), what the workflows
│                                 alone do (E522), no registry (E523),
│                                 a file of this machine (E524): nothing was started
└── AccessError   E6xx  exit 6   AWS, or what answers for it (E603), or GitHub (E605, E608), did not let us in
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any
from unicodedata import category
from urllib.parse import urlsplit

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

INTERRUPTED = 130  # 128 + SIGINT, as shells report it
REFUSED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "OptInRequired", "403"}
HEADS = {  # answered without words: what each needs
    "HeadObject": "s3:GetObject, and s3:ListBucket to be told that there is none",
    "HeadBucket": "s3:ListBucket",
}
STALE = {
    "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException",
    "SignatureDoesNotMatch", "InvalidAccessKeyId", "AuthFailure", "IncompleteSignature",
}  # fmt: skip
LIMIT = re.compile(r"service limit '([^']+)'")  # how SageMaker names a quota
KEYLESS = ("KMS.", "DisabledException", "KMSInvalidStateException")  # how such a code begins; S3 adds "KMS."
SKEWED = ("RequestTimeTooSkewed", "Signature expired", "Signature not yet current")  # a code, or the words
ABSENT = {
    "ResourceNotFound", "ResourceNotFoundException", "NoSuchKey", "404", "RepositoryNotFoundException",
    "NoSuchEntity",
}  # fmt: skip
ABSENT_WORDS = ("could not find", "does not exist", "not found", "cannot find")
UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # Unicode's categories: controls, what turns the direction, line ends
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")  # what boto3 reads, in small letters, too
NO_CREDENTIALS = (
    boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError,
    boto.SSOTokenLoadError, boto.TokenRetrievalError, boto.UnauthorizedSSOTokenError,
)  # fmt: skip


class MLOpsError(Exception):
    """A stop with a code and four lines: what, where, why, what to do."""

    verdict = "failed"  # of the step that it ends

    def __init__(self, message: str, detail: Sequence[str] = ()) -> None:
        """Take the four lines as printed; what a service wrote stands third and may hold line breaks."""
        first, self.where, *why, self.todo = (" ".join(line.split()) for line in message.split("\n"))
        self.code, self.what = first.split(" ", 1)
        self.why = " ".join(filter(None, why)) or "no reason given"
        self.detail = list(detail)  # the end of a log, shown above the four lines
        super().__init__(first)

    @property
    def exit_code(self) -> int:
        """The process's exit code: the code's first digit."""
        return int(self.code[1])

    def lines(self) -> list[str]:
        """Return the four lines, whatever the names in them hold."""
        lines = [f"✗ {self.code} {self.what}", f"  {self.where}", f"  {self.why}", f"  {self.todo}"]
        return [harmless(line) for line in lines]


class DataRefused(MLOpsError):
    """The data broke its contract; nothing was trained."""

    verdict = "refused"


class ModelRefused(MLOpsError):
    """The gate said no; nothing was registered."""

    verdict = "refused"


class DeployFailed(MLOpsError):
    """The release could not be served, or not be proven."""


class WrongRelease(DeployFailed):
    """The release itself was rolled back or answered wrongly: no fault of AWS, its package is rejected."""


class NotStarted(DeployFailed):
    """The endpoint was not asked: no alarm would have sent a bad release back, or another was quicker."""


class SettingsError(MLOpsError):
    """Settings, region, stack, image or files are not as they must be; nothing was started."""


class AccessError(MLOpsError):
    """AWS did not let us in, or could not be reached."""


# Whatever asking AWS can end with: its no, no answer, and credentials that cannot be renewed.
TROUBLE = (MLOpsError, boto.ClientError, boto.BotoCoreError)


def harmless(text: str) -> str:
    """Return text as a terminal can bear it: names and logs of others may hold what moves its cursor."""
    return "".join(
        letter.encode("unicode_escape").decode()
        if category(letter) in UNSEEN and letter not in "\n\t"
        else letter
        for letter in text
    )


def code(error: Exception) -> str:
    """Return AWS's error code, or an empty string."""
    return error.response.get("Error", {}).get("Code", "") if isinstance(error, boto.ClientError) else ""


def container_status(error: Exception) -> int:
    """Return the status with which a model's container answered InvokeEndpoint, or 0 where it did not."""
    told: Any = error.response if isinstance(error, boto.ClientError) else {}
    return told.get("OriginalStatusCode", 0)


def missing(error: boto.ClientError) -> bool:
    """Say whether AWS's answer means "there is no such thing": SageMaker has no code of its own for it."""
    message = error.response.get("Error", {}).get("Message", "").lower()
    unclear = code(error) in ("ValidationException", "ValidationError")
    return code(error) in ABSENT or (unclear and any(words in message for words in ABSENT_WORDS))


def translate(error: BaseException) -> MLOpsError | None:
    """Return our error for one of botocore's, our own as it is, or None for a stranger."""
    where = "the credentials that boto3 finds"
    match error:
        case MLOpsError():
            return error
        case boto.ClientError():
            return _refused(error, where)
        case boto.ProfileNotFound():
            return AccessError(f"""E601 there is no AWS profile {error.kwargs["profile"]}
                AWS_PROFILE, or AWS_DEFAULT_PROFILE
                {error}
                correct it (aws configure list-profiles shows which there are), or unset it; then repeat""")
        case _ if isinstance(error, NO_CREDENTIALS):
            return AccessError(f"""E601 there are no AWS credentials
                {where}
                {error}
                log in (aws configure, aws sso login), or without AWS: make local-test, make local-up""")
        case boto.HTTPClientError() | boto.ConnectionError():
            return _unreachable(error)
        case ResponseParserError():
            return not_aws(os.environ.get("AWS_ENDPOINT_URL", "AWS"), str(error))
        case boto.BotoCoreError():
            return AccessError(f"""E604 boto3 could not make the request
                the AWS configuration of this machine
                {error}
                correct it and repeat""")
        case OSError():
            return unwritten(error)
    return None


def unwritten(error: OSError) -> SettingsError:
    """Return our error for a file of this machine that cannot be had, or made."""
    return SettingsError(f"""E524 a file could not be written or read
        {error.filename or "a file of this machine"}
        {error.strerror or error}
        make room, correct the right or the name, as the third line says; then repeat""")


def _unreachable(error: boto.BotoCoreError) -> MLOpsError:
    """Return our error for an AWS, or an emulator, that does not answer."""
    told = getattr(error, "kwargs", {})
    where = str(told.get("endpoint_url") or told.get("proxy_url") or "AWS")
    todo = f"check network, region, AWS_ENDPOINT_URL and proxy ({proxies()}), then repeat"
    if isinstance(error, boto.ProxyConnectionError):
        todo = f"the proxy does not answer: start it, correct or unset its variable ({proxies()}), repeat"
    elif urlsplit(where).hostname in ("127.0.0.1", "localhost"):
        todo = "no emulator runs there: make local-up (it starts empty), or unset AWS_ENDPOINT_URL"
    return AccessError(f"""E603 AWS cannot be reached
        {where}
        {type(error).__name__}
        {todo}""")


def not_aws(where: str, told: str) -> AccessError:
    """Return the error for an answer that is none of AWS: a proxy's page, or another server's."""
    return AccessError(f"""E603 what answered is not AWS
        {where}
        {told}
        check AWS_ENDPOINT_URL, the proxy ({proxies()}) and a network that asks to log in; then repeat""")


def bad_address(error: ValueError) -> AccessError:
    """Return the error for an address at which boto3 can ask nobody."""
    return AccessError(f"""E604 boto3 cannot use the address of AWS
        the variable AWS_ENDPOINT_URL, one of a single service's, or endpoint_url in AWS's configuration
        {error}
        write http:// or https:// and a host, or unset it for AWS itself; then repeat""")


def proxies(environ: Mapping[str, str] = os.environ) -> str:
    """Return the proxy variables that are set, without what they hold: that can be a password."""
    names = [name for name in PROXIES if environ.get(name) or environ.get(name.lower())]
    return f"set: {', '.join(names)}" if names else f"none of {', '.join(PROXIES)} is set"


def _refused(error: boto.ClientError, where: str) -> MLOpsError:
    """Return our error for an answer of AWS that is a no."""
    operation, message = error.operation_name, error.response.get("Error", {}).get("Message", "")
    if any(words in f"{code(error)} {message}" for words in SKEWED):
        return AccessError(f"""E611 this machine's clock is wrong, says AWS
            the clock of this machine
            {operation}: {message}
            set it (AWS forgives 5 minutes), then repeat: nothing is done twice""")
    if code(error).startswith(KEYLESS):
        return AccessError(f"""E610 AWS cannot use the key of what {operation} asked for
            the KMS key that encrypts it
            {message}
            enable it (aws kms enable-key, or cancel-key-deletion), then repeat: nothing is done twice""")
    if code(error) in STALE:
        return AccessError(f"""E601 AWS does not accept these credentials
            {where}
            {operation}: {code(error)}
            log in again and repeat; nothing was started""")
    if code(error) in REFUSED:
        if operation in HEADS:
            noted = ", ".join(getattr(error, "__notes__", ())) or f"the {operation[4:].lower()}"
            message = f"{noted} takes {HEADS[operation]}"
        return AccessError(f"""E602 AWS refused {operation}
            {where}
            {message}
            give the role this permission (infra/stack.yml names what each needs), then repeat""")
    if code(error) == "ResourceLimitExceeded":
        return quota(operation, message)
    return MLOpsError(f"""E103 AWS answered {operation} with {code(error)}
        operation {operation}
        {message}
        repeat the verb: it goes on where it stopped""")


def quota(where: str, told: str) -> MLOpsError:
    """Return the error for a request that the account's quota leaves no room for; asking again is no use."""
    named = LIMIT.search(told)
    return MLOpsError(f"""E109 a quota of the account is used up: {named[1] if named else "AWS names none"}
        {where}
        {told}
        ask AWS for more (python -m pipelines doctor says where), or change mlops.toml; then repeat""")


def annotation(error: MLOpsError, environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the GitHub Actions annotation of an error, or None outside of Actions."""
    if environ.get("GITHUB_ACTIONS") != "true":
        return None
    title, *body = (line.replace("%", "%25") for line in error.lines())
    title = title.lstrip("✗ ").replace(":", "%3A").replace(",", "%2C")
    return f"::error title={title}::{'%0A'.join(body)}"
