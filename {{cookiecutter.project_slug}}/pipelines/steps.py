"""The eight steps, as the SageMaker SDK v3 builds them: read `compile_pipeline` as the story.

The only module that uses the SDK, and it does so without a network, credentials or a home: the SDK would ask for a region at
import, look into AWS accounts for roles and buckets, and report its use; each line against that says so.
"""

from __future__ import annotations

import json
import logging
import os
import warnings
from typing import Any

from pipelines.settings import Job, Settings

INPUT = "/opt/ml/processing/input"  # AWS's own layout; jobs see it through SAGEMAKER_BASE_DIR
OUTPUT = "/opt/ml/processing/output"
WATCHED = {"binary": "auc", "multiclass": "accuracy", "regression": "rmse"}  # what training logs per epoch


def compile_pipeline(settings: Settings, role: str) -> str:
    """Return the pipeline's definition as JSON text: validate, train, evaluate, gate, register."""
    _quiet()
    from sagemaker.core.workflow.conditions import ConditionEquals
    from sagemaker.core.workflow.functions import Join, JsonGet
    from sagemaker.mlops.workflow.condition_step import ConditionStep
    from sagemaker.mlops.workflow.fail_step import FailStep
    from sagemaker.mlops.workflow.pipeline import Pipeline

    make = _Maker(settings, role)
    accepted = {
        name: ConditionEquals(
            left=JsonGet(step_name=name, property_file=file, json_path="verdict.accepted"), right=True
        )
        for name, file in (("Validate", "Validation"), ("Evaluate", "Evaluation"))
    }

    def refuse(name: str, text: str, report: str) -> Any:
        return FailStep(name=name, error_message=Join(on="", values=[f"{text}, see ", make.uri(report)]))

    validate = make.validate()
    train = make.train(validate)
    evaluate = make.evaluate(validate, train)
    gate = ConditionStep(
        name="Gate",
        conditions=[accepted["Evaluate"]],
        if_steps=[make.register(evaluate)],
        else_steps=[refuse("RefuseModel", "model refused", "evaluate/evaluation/evaluation.json")],
    )
    data_accepted = ConditionStep(
        name="DataAccepted",
        conditions=[accepted["Validate"]],
        if_steps=[train, evaluate, gate],
        else_steps=[refuse("RefuseData", "data refused", "validate/report/validation.json")],
    )
    pipeline = Pipeline(
        name="release",
        parameters=list(make.parameters.values()),
        steps=[validate, data_accepted],
        sagemaker_session=make.session,
        pipeline_experiment_config=None,  # on by default otherwise
    )
    return pipeline.definition()


def _quiet() -> None:
    """Set what the SDK needs before its import, and silence what it says and reports."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")  # classes make clients in their bodies
    os.environ["SAGEMAKER_VALIDATE_ROLE"] = "false"  # else it simulates the role's policies
    logging.getLogger().addHandler(logging.NullHandler())  # else basicConfig(INFO) at import
    logging.getLogger("sagemaker").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    from sagemaker.core.telemetry import telemetry_logging

    telemetry_logging._send_telemetry_request = lambda *_, **__: None  # has no switch but a config file


class _Maker:
    """Makes steps: what they share (session, role, parameters, addresses) is here."""

    def __init__(self, settings: Settings, role: str) -> None:
        from sagemaker.core.workflow.parameters import ParameterString
        from sagemaker.core.workflow.pipeline_context import PipelineSession

        from pipelines.aws import offline_session
        from pipelines.definition import PARAMETERS

        self.settings, self.role = settings, role
        self.session = PipelineSession(boto_session=offline_session(), default_bucket="${BUCKET}")
        self.session.sagemaker_config = {}  # no config files: they cost seconds and change the bytes
        self.session._default_bucket = "${BUCKET}"  # else it creates one
        self.parameters = {name: ParameterString(name=name) for name in PARAMETERS}

    def uri(self, path: str) -> Any:
        """Return where this execution writes `path`."""
        from sagemaker.core.workflow.execution_variables import ExecutionVariables
        from sagemaker.core.workflow.functions import Join

        return Join(
            on="/",
            values=[
                "s3://${BUCKET}/releases",
                self.parameters["ReleaseId"],
                ExecutionVariables.PIPELINE_EXECUTION_ID,
                path,
            ],
        )

    def processing(self, name: str, module: str, job: Job, arguments: list[str], inputs: dict[str, Any],
                   outputs: list[str], report: tuple[str, str, str]) -> Any:  # fmt: skip
        """Return a processing step that runs `python -m MODULE` and offers one property file."""
        from sagemaker.core.processing import Processor
        from sagemaker.core.shapes import (
            ProcessingInput,
            ProcessingOutput,
            ProcessingS3Input,
            ProcessingS3Output,
        )
        from sagemaker.core.workflow.properties import PropertyFile
        from sagemaker.mlops.workflow.steps import ProcessingStep

        processor = Processor(
            role=self.role, image_uri="${IMAGE}-jobs", entrypoint=["python", "-m", module],
            instance_count=1, instance_type=job.instance_type, volume_size_in_gb=job.volume_gb,
            volume_kms_key="${KEY}", output_kms_key="${KEY}", max_runtime_in_seconds=job.max_minutes * 60,
            sagemaker_session=self.session,
        )  # fmt: skip
        arguments = processor.run(
            arguments=arguments,
            inputs=[
                ProcessingInput(input_name=key, s3_input=ProcessingS3Input(
                    s3_uri=uri, local_path=f"{INPUT}/{key}", s3_data_type="S3Prefix", s3_input_mode="File"))
                for key, uri in inputs.items()
            ],
            outputs=[
                ProcessingOutput(output_name=key, s3_output=ProcessingS3Output(
                    s3_uri=self.uri(f"{name.lower()}/{key}"), local_path=f"{OUTPUT}/{key}", s3_upload_mode="EndOfJob"))
                for key in outputs
            ],
        )  # fmt: skip
        file, output, path = report
        return ProcessingStep(
            name=name,
            step_args=arguments,
            property_files=[PropertyFile(name=file, output_name=output, path=path)],
        )

    def output(self, step: Any, name: str) -> Any:
        """Return the address of one output of a processing step."""
        return step.properties.ProcessingOutputConfig.Outputs[name].S3Output.S3Uri

    def columns(self) -> list[str]:
        """Return the arguments that say which column is what."""
        data = self.settings.data
        slices = ["--slices-only", ",".join(data.slices_only)] if data.slices_only else []
        return ["--key", data.key, "--label", data.label, "--task", self.settings.training.task, *slices]

    def validate(self) -> Any:
        """Check the data against the lock and the suite; split it."""
        arguments = [*self.columns(), "--splits", ",".join(map(str, self.settings.data.splits))]
        return self.processing(
            "Validate",
            "data_checks.validate",
            self.settings.jobs.validate_,
            arguments,
            inputs={"data": self.parameters["DataPrefix"], "lock": self.parameters["LockUri"]},
            outputs=["train", "validation", "test", "report"],
            report=("Validation", "report", "validation.json"),
        )

    def train(self, validate: Any) -> Any:
        """Train on the accepted splits; checkpoints are the release's, so that a retry resumes."""
        from sagemaker.core.shapes import CheckpointConfig
        from sagemaker.core.training.configs import (
            Compute,
            InputData,
            OutputDataConfig,
            StoppingCondition,
        )
        from sagemaker.core.workflow.functions import Join
        from sagemaker.mlops.workflow.steps import TrainingStep
        from sagemaker.train.model_trainer import ModelTrainer

        class OwnContainer(TrainingStep):
            """Says what our image runs: the SDK's trainer does so only for images of AWS."""

            @property
            def arguments(self) -> Any:
                request = super().arguments
                request["AlgorithmSpecification"]["ContainerEntrypoint"] = ["python", "-m", "training.train"]
                return request

        job = self.settings.jobs.train
        checkpoints = Join(
            on="/", values=["s3://${BUCKET}/releases", self.parameters["ReleaseId"], "checkpoints"]
        )
        trainer = ModelTrainer(
            training_image="${IMAGE}-jobs", role=self.role, sagemaker_session=self.session, base_job_name="train",
            compute=Compute(instance_type=job.instance_type, instance_count=1, volume_size_in_gb=job.volume_gb,
                            volume_kms_key_id="${KEY}"),
            stopping_condition=StoppingCondition(max_runtime_in_seconds=job.max_minutes * 60),
            output_data_config=OutputDataConfig(s3_output_path=self.uri("train"), kms_key_id="${KEY}"),
            checkpoint_config=CheckpointConfig(s3_uri=checkpoints, local_path="/opt/ml/checkpoints"),
            hyperparameters=self.hyperparameters(),
        ).with_metric_definitions(self.metrics())  # fmt: skip
        channels = ("train", "validation")
        inputs = [InputData(channel_name=name, data_source=self.output(validate, name)) for name in channels]
        return OwnContainer(name="Train", step_args=trainer.train(input_data_config=inputs))

    def metrics(self) -> list[Any]:
        """Return what CloudWatch reads from the log: one `name=value` each."""
        from sagemaker.core.training.configs import MetricDefinition

        logged = ("train_loss", "validation_loss", f"validation_{WATCHED[self.settings.training.task]}")
        return [MetricDefinition(name=name, regex=rf"{name}=([0-9.eE+-]+)") for name in logged]

    def hyperparameters(self) -> dict[str, Any]:
        """Return [training] and the facts about the data, all as strings: SageMaker knows no others."""
        data, training = self.settings.data, self.settings.training
        plain = {
            key.replace("_", "-"): str(value) for key, value in training.model_dump(exclude_none=True).items()
        }
        return plain | {
            "key": data.key,
            "label": data.label,
            "slices-only": ",".join(data.slices_only),
            "experiment": "${PROJECT}",
            "tracking-uri": self.parameters["TrackingUri"],
            "release-id": self.parameters["ReleaseId"],
            "commit-sha": self.parameters["CommitSha"],
        }

    def evaluate(self, validate: Any, train: Any) -> Any:
        """Score candidate and champion on the same rows, apply the gate, pack what will be served."""
        policy = json.dumps(
            self.settings.gate.model_dump(mode="json", exclude_none=True), separators=(",", ":")
        )
        arguments = [*self.columns(), "--policy", policy]  # SageMaker cuts an argument at 256 characters
        return self.processing(
            "Evaluate",
            "training.evaluate",
            self.settings.jobs.evaluate,
            arguments,
            inputs={
                "model": train.properties.ModelArtifacts.S3ModelArtifacts,
                "test": self.output(validate, "test"),
                "validation": self.output(validate, "validation"),
                "champion": self.parameters["ChampionUri"],
            },
            outputs=["evaluation", "artifact"],
            report=("Evaluation", "evaluation", "evaluation.json"),
        )

    def register(self, evaluate: Any) -> Any:
        """Register the served archive, pending: only a proven release is approved."""
        from sagemaker.core.model_metrics import MetricsSource, ModelMetrics
        from sagemaker.core.workflow.execution_variables import ExecutionVariables
        from sagemaker.core.workflow.functions import Join
        from sagemaker.mlops.workflow.model_step import ModelStep
        from sagemaker.serve.model_builder import ModelBuilder

        ids = {
            "release_id": "ReleaseId",
            "code_id": "CodeId",
            "snapshot_id": "SnapshotId",
            "commit_sha": "CommitSha",
        }
        metadata = {key: self.parameters[name] for key, name in ids.items()}
        report = Join(on="/", values=[self.output(evaluate, "evaluation"), "evaluation.json"])
        arguments = ModelBuilder(
            image_uri="${IMAGE}-serve", role_arn=self.role, sagemaker_session=self.session,
            s3_model_data_url=Join(on="/", values=[self.output(evaluate, "artifact"), "model.tar.gz"]),
            dependencies={},  # the default looks for a bucket
            log_level=logging.ERROR, instance_type=self.settings.environments.production.instance_type,
        ).register(
            model_package_group_name="${PROJECT}", approval_status="PendingManualApproval",
            content_types=["application/json", "text/csv"], response_types=["application/json"],
            model_metrics=ModelMetrics(model_statistics=MetricsSource(content_type="application/json", s3_uri=report)),
            customer_metadata_properties=metadata | {"execution_id": ExecutionVariables.PIPELINE_EXECUTION_ID},
        )  # fmt: skip
        return ModelStep(name="Register", step_args=arguments)
