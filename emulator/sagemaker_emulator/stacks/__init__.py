"""CloudFormation that fails when it should, with the resource types that moto lacks."""

from sagemaker_emulator.stacks import bucket as bucket
from sagemaker_emulator.stacks import differences as differences
from sagemaker_emulator.stacks import failing as failing
from sagemaker_emulator.stacks import functions as functions
from sagemaker_emulator.stacks import guards as guards
from sagemaker_emulator.stacks import hosting as hosting
from sagemaker_emulator.stacks import log_group as log_group
from sagemaker_emulator.stacks import network as network
from sagemaker_emulator.stacks import operations as operations
from sagemaker_emulator.stacks import repository as repository
from sagemaker_emulator.stacks import role as role
from sagemaker_emulator.stacks import types as types
