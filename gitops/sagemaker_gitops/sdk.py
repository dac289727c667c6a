"""What we use of the SageMaker SDK v3, imported so that it asks nobody and tells nobody.

Left alone, the SDK asks for a region at import, looks into accounts for roles and buckets, reads config files
in homes, takes over the log and reports its use. The only module that imports it.
"""
# ruff: noqa: F401 - what is imported here is handed on by name

from __future__ import annotations

import logging
import os
import warnings
from types import SimpleNamespace
from typing import Any

from sagemaker_gitops.aws import offline_session


def load() -> Any:
    """Import the SDK (3 s) and return what we use by name; its own annotations are not to be relied on."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")  # classes make clients in their bodies
    os.environ["SAGEMAKER_VALIDATE_ROLE"] = "false"  # else it simulates the role's policies
    logging.getLogger().addHandler(logging.NullHandler())  # else basicConfig(INFO) at import
    logging.getLogger("sagemaker").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    from sagemaker.core import shapes
    from sagemaker.core.model_metrics import MetricsSource, ModelMetrics
    from sagemaker.core.network import NetworkConfig
    from sagemaker.core.processing import Processor
    from sagemaker.core.telemetry import telemetry_logging
    from sagemaker.core.training import configs
    from sagemaker.core.workflow.conditions import ConditionEquals
    from sagemaker.core.workflow.execution_variables import ExecutionVariables
    from sagemaker.core.workflow.functions import Join, JsonGet
    from sagemaker.core.workflow.parameters import ParameterString
    from sagemaker.core.workflow.properties import PropertyFile
    from sagemaker.mlops.workflow.condition_step import ConditionStep
    from sagemaker.mlops.workflow.fail_step import FailStep
    from sagemaker.mlops.workflow.model_step import ModelStep
    from sagemaker.mlops.workflow.pipeline import Pipeline
    from sagemaker.mlops.workflow.steps import ProcessingStep, TrainingStep
    from sagemaker.serve.model_builder import ModelBuilder
    from sagemaker.train.model_trainer import ModelTrainer

    setattr(telemetry_logging, "_send_telemetry_request", _nothing)  # noqa: B010 - no switch but a config file
    return SimpleNamespace(**locals())


def session(bucket: str) -> Any:
    """Return a pipeline session that looks for no config file and no bucket."""
    from sagemaker.core.workflow.pipeline_context import PipelineSession

    made = PipelineSession(boto_session=offline_session(), default_bucket=bucket)
    made.sagemaker_config = {}  # files cost seconds and change the bytes
    made._default_bucket = bucket  # else it creates one
    return made


def _nothing(*_: Any, **__: Any) -> None:
    """Send no telemetry."""
