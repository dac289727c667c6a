"""AWS's own managed policies, loaded when the first of them is asked for."""

from __future__ import annotations

import os
import threading
from typing import Any

from moto.iam.models import IAMBackend

from sagemaker_emulator import seams

AWS_OWNED = ":iam::aws:policy/"
VARIABLE = "MOTO_IAM_LOAD_MANAGED_POLICIES"
_lock = threading.Lock()


@seams.wrap("moto.iam.models", "IAMBackend.attach_role_policy")
def attach_role_policy(original: Any, backend: IAMBackend, policy_arn: str, role_name: str) -> None:
    """Attach a policy; one of AWS's own is there without anyone having made it."""
    _load_aws_policies(backend, policy_arn)
    original(backend, policy_arn, role_name)


@seams.wrap("moto.iam.models", "IAMBackend.get_policy")
def get_policy(original: Any, backend: IAMBackend, policy_arn: str) -> Any:
    """Return a policy, one of AWS's own included."""
    _load_aws_policies(backend, policy_arn)
    return original(backend, policy_arn)


def _load_aws_policies(backend: IAMBackend, arn: str) -> None:
    """Load AWS's thousand policies when the first of them is asked for: it takes more than a second."""
    with _lock:
        if AWS_OWNED not in arn or backend.aws_managed_policies:
            return
        before = os.environ.get(VARIABLE)
        os.environ[VARIABLE] = "true"
        try:
            backend.aws_managed_policies = backend._init_aws_policies()
        finally:
            os.environ.pop(VARIABLE) if before is None else os.environ.update({VARIABLE: before})
        backend.managed_policies |= {policy.arn: policy for policy in backend.aws_managed_policies}
