"""IAM's decision, without any AWS behind it: a request and policy documents in, allowed or not and why out.

    request = Request(principal="arn:aws:sts::1:assumed-role/r/s", action="s3:GetObject", resource="arn:...",
                      role="arn:aws:iam::1:role/r", context={"aws:SecureTransport": "true"})
    evaluate(request, [document, ...], resource_policy=None).allowed

patterns    wildcards, policy variables, ARNs       conditions   the Condition element
statements  what one statement says to a request    evaluation   deny over allow, both sides of an account
"""

from sagemaker_emulator.policies.evaluation import Decision, Request, evaluate
from sagemaker_emulator.policies.statements import UnsupportedPolicy

__all__ = ["Decision", "Request", "UnsupportedPolicy", "evaluate"]
