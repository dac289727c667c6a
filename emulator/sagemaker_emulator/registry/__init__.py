"""The model registry: groups, versions, approval, metadata. Importing it registers its operations."""

from sagemaker_emulator.registry import groups as groups
from sagemaker_emulator.registry import packages as packages
