"""IAM, enforced: with `--iam` every request is allowed or denied as AWS does, and each decision is recorded.

callers    who signed a request            needs/       which permissions a call needs
directory  identities and their policies   resources    resource policies, owners, keys
gate       the decision on the wire        wording      denials in each protocol's form
decisions  the record                      trust        who may be which role
web_identity, issuer                       tokens of GitHub's kind: checked, and given out for tests
"""

from __future__ import annotations

import os

VARIABLE = "SAGEMAKER_EMULATOR_IAM"


def enforced() -> bool:
    """Whether requests are authorized."""
    return os.environ.get(VARIABLE) == "enforce"
