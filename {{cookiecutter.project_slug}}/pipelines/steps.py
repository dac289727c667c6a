"""The eight steps of the pipeline, as the SageMaker SDK builds them: read `compile_pipeline` as the story."""

from __future__ import annotations

import json
import logging
from typing import Any

from sagemaker_gitops import sdk
from sagemaker_gitops.definition import SECURITY_GROUP, SUBNETS
from sagemaker_gitops.settings import Job

from pipelines.settings import Settings

PARAMETERS = (
    "ReleaseId", "CodeId", "SnapshotId", "CommitSha", "DataPrefix", "LockUri", "ChampionUri", "TrackingUri",
)  # fmt: skip
METADATA = {
    "release_id": "ReleaseId",
    "code_id": "CodeId",
    "snapshot_id": "SnapshotId",
    "commit_sha": "CommitSha",
}
INPUT = "/opt/ml/processing/input"  # AWS's own layout; jobs see it through SAGEMAKER_BASE_DIR
OUTPUT = "/opt/ml/processing/output"
WATCHED = {"binary": "auc", "multiclass": "accuracy", "regression": "rmse"}  # what training logs per epoch


def compile_pipeline(settings: Settings, role: str) -> str:
    """Return the pipeline's definition as JSON text: validate, train, evaluate, gate, register."""
    make = Maker(settings, role)
    validate = make.validate()
    train = make.train(validate)
    evaluate = make.evaluate(validate, train)
    refuse_model = make.refuse("RefuseModel", "model refused", "evaluate/evaluation/evaluation.json")
    gate = make.accepted("Gate", "Evaluate", "Evaluation", [make.register(evaluate)], refuse_model)
    refuse_data = make.refuse("RefuseData", "data refused", "validate/report/validation.json")
    go_on = make.accepted("DataAccepted", "Validate", "Validation", [train, evaluate, gate], refuse_data)
    return make.sdk.Pipeline(
        name="release",
        parameters=list(make.parameters.values()),
        steps=[validate, go_on],
        sagemaker_session=make.session,
        pipeline_experiment_config=None,  # on by default otherwise
    ).definition()


class Maker:
    """Makes steps; what they share (session, role, parameters, addresses) is here."""

    def __init__(self, settings: Settings, role: str) -> None:
        self.sdk = sdk.load()
        self.settings, self.role = settings, role
        self.session = sdk.session("${BUCKET}")
        self.parameters = {name: self.sdk.ParameterString(name=name) for name in PARAMETERS}
        self.execution_id = self.sdk.ExecutionVariables.PIPELINE_EXECUTION_ID

    def join(self, *parts: Any, on: str = "/") -> Any:
        """Return parts joined when the pipeline runs."""
        return self.sdk.Join(on=on, values=list(parts))

    def uri(self, path: str) -> Any:
        """Return where this execution writes `path`."""
        return self.join("s3://${BUCKET}/releases", self.parameters["ReleaseId"], self.execution_id, path)

    def output(self, step: Any, name: str) -> Any:
        """Return the address of one output of a processing step."""
        return step.properties.ProcessingOutputConfig.Outputs[name].S3Output.S3Uri

    def accepted(self, name: str, step: str, file: str, then: list[Any], otherwise: Any) -> Any:
        """Return the branch on whether a step's report says "accepted"."""
        verdict = self.sdk.JsonGet(step_name=step, property_file=file, json_path="verdict.accepted")
        accepted = self.sdk.ConditionEquals(left=verdict, right=True)
        return self.sdk.ConditionStep(name=name, conditions=[accepted], if_steps=then, else_steps=[otherwise])

    def refuse(self, name: str, text: str, report: str) -> Any:
        """Return the end of an execution whose report says no."""
        return self.sdk.FailStep(name=name, error_message=self.join(f"{text}, see ", self.uri(report), on=""))

    def columns(self) -> list[str]:
        """Return the arguments that say which column is what."""
        data = self.settings.data
        slices = ["--slices-only", ",".join(data.slices_only)] if data.slices_only else []
        return ["--key", data.key, "--label", data.label, "--task", self.settings.training.task, *slices]

    def network(self, kind: Any) -> Any:
        """Return what a job can reach, as a class of the SDK's; nothing said where it can reach all."""
        wanted = self.settings.network
        joined = {"subnets": [SUBNETS], "security_group_ids": [SECURITY_GROUP]} if wanted.vpc else {}
        if not (wanted.isolation or joined):
            return None
        return kind(enable_network_isolation=wanted.isolation, **joined)

    def processing(self, name: str, module: str, job: Job, arguments: list[str], **io: Any) -> Any:
        """Return a step that runs `python -m MODULE`, with inputs, outputs and one report for conditions."""
        shapes, file = self.sdk.shapes, io["report"]
        processor = self.sdk.Processor(
            role=self.role,
            image_uri="${IMAGE}-jobs",
            entrypoint=["python", "-m", module],
            instance_count=1,
            instance_type=job.instance_type,
            volume_size_in_gb=job.volume_gb,
            volume_kms_key="${KEY}",
            output_kms_key="${KEY}",
            max_runtime_in_seconds=job.max_minutes * 60,
            network_config=self.network(self.sdk.NetworkConfig),
            sagemaker_session=self.session,
        )
        inputs = []
        for key, uri in io["inputs"].items():
            kind = {"s3_data_type": "S3Prefix", "s3_input_mode": "File"}
            source = shapes.ProcessingS3Input(s3_uri=uri, local_path=f"{INPUT}/{key}", **kind)
            inputs.append(shapes.ProcessingInput(input_name=key, s3_input=source))
        outputs = []
        for key in io["outputs"]:
            place = {"s3_uri": self.uri(f"{name.lower()}/{key}"), "local_path": f"{OUTPUT}/{key}"}
            target = shapes.ProcessingS3Output(s3_upload_mode="EndOfJob", **place)
            outputs.append(shapes.ProcessingOutput(output_name=key, s3_output=target))
        return self.sdk.ProcessingStep(
            name=name,
            step_args=processor.run(arguments=arguments, inputs=inputs, outputs=outputs),
            property_files=[self.sdk.PropertyFile(name=file[0], output_name=file[1], path=file[2])],
        )

    def validate(self) -> Any:
        """Check the data against the lock and the suite; split it."""
        return self.processing(
            "Validate",
            "data_checks.validate",
            self.settings.jobs.validate_,
            [*self.columns(), "--splits", ",".join(map(str, self.settings.data.splits))],
            inputs={
                "data": self.parameters["DataPrefix"],
                "lock": self.parameters["LockUri"],
                "champion": self.parameters["ChampionUri"],  # what has moved since it was trained
            },
            outputs=["train", "validation", "test", "report"],
            report=("Validation", "report", "validation.json"),
        )

    def train(self, validate: Any) -> Any:
        """Train on the accepted splits; checkpoints are the release's, so that a retry resumes."""
        configs, job = self.sdk.configs, self.settings.jobs.train
        machine = {
            "instance_type": job.instance_type,
            "instance_count": 1,
            "volume_size_in_gb": job.volume_gb,
        }
        checkpoints = self.join("s3://${BUCKET}/releases", self.parameters["ReleaseId"], "checkpoints")
        kept = self.sdk.shapes.CheckpointConfig(s3_uri=checkpoints, local_path="/opt/ml/checkpoints")
        trainer = self.sdk.ModelTrainer(
            training_image="${IMAGE}-jobs",
            role=self.role,
            sagemaker_session=self.session,
            base_job_name="train",
            compute=configs.Compute(**machine, volume_kms_key_id="${KEY}"),
            stopping_condition=configs.StoppingCondition(max_runtime_in_seconds=job.max_minutes * 60),
            output_data_config=configs.OutputDataConfig(
                s3_output_path=self.uri("train"), kms_key_id="${KEY}"
            ),
            checkpoint_config=kept,
            networking=self.network(configs.Networking),
            hyperparameters=self.hyperparameters(),
        ).with_metric_definitions(self.metrics())
        channels = {name: self.output(validate, name) for name in ("train", "validation")}
        inputs = [configs.InputData(channel_name=name, data_source=uri) for name, uri in channels.items()]

        class OwnContainer(self.sdk.TrainingStep):
            """Says what our image runs: the SDK's trainer does so for images of AWS only."""

            @property
            def arguments(self) -> Any:
                request = super().arguments
                request["AlgorithmSpecification"]["ContainerEntrypoint"] = ["python", "-m", "training.train"]
                return request

        return OwnContainer(name="Train", step_args=trainer.train(input_data_config=inputs))

    def metrics(self) -> list[Any]:
        """Return what CloudWatch reads from the log: one `name=value` each."""
        logged = ("train_loss", "validation_loss", f"validation_{WATCHED[self.settings.training.task]}")
        make = self.sdk.configs.MetricDefinition
        return [make(name=name, regex=rf"{name}=([0-9.eE+-]+)") for name in logged]

    def hyperparameters(self) -> dict[str, Any]:
        """Return [training] and the facts about the data, all as strings: SageMaker knows no others."""
        data, training = self.settings.data, self.settings.training.model_dump(exclude_none=True)
        return {key.replace("_", "-"): str(value) for key, value in training.items()} | {
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
        policy = self.settings.gate.model_dump(mode="json", exclude_none=True)
        waiver = policy.pop("waiver", None)  # an argument of its own: SageMaker takes 256 characters of one
        waived = ["--waiver", as_argument(waiver)] if waiver else []
        return self.processing(
            "Evaluate",
            "training.evaluate",
            self.settings.jobs.evaluate,
            [*self.columns(), "--policy", as_argument(policy), *waived],
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
        metadata = {key: self.parameters[name] for key, name in METADATA.items()}
        report = self.join(self.output(evaluate, "evaluation"), "evaluation.json")
        quality = self.sdk.MetricsSource(content_type="application/json", s3_uri=report)
        builder = self.sdk.ModelBuilder(
            image_uri="${IMAGE}-serve",
            role_arn=self.role,
            sagemaker_session=self.session,
            s3_model_data_url=self.join(self.output(evaluate, "artifact"), "model.tar.gz"),
            dependencies={},  # the default looks for a bucket
            log_level=logging.ERROR,
            instance_type=self.settings.environments.production.instance_type,
        )
        arguments = builder.register(
            model_package_group_name="${PROJECT}",
            approval_status="PendingManualApproval",
            content_types=["application/json", "text/csv"],
            response_types=["application/json"],
            model_metrics=self.sdk.ModelMetrics(model_statistics=quality),
            customer_metadata_properties=metadata | {"execution_id": self.execution_id},
        )
        return self.sdk.ModelStep(name="Register", step_args=arguments)


def as_argument(table: dict[str, Any]) -> str:
    """Return a table of mlops.toml as one argument of a job: JSON, as short as it goes."""
    return json.dumps(table, separators=(",", ":"), ensure_ascii=False)
