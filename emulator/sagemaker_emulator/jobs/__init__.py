"""Training and processing jobs that run as processes: importing this package registers their operations."""

from sagemaker_emulator.jobs import operations as operations
