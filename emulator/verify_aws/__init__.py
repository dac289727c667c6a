"""The stories of COVERAGE.md against AWS itself, in your account: `make verify-aws`.

Knows boto3 and AWS's documentation, nothing of the emulator. Not part of its distribution.
"""
