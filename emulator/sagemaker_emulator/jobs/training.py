"""Training jobs: CreateTrainingJob's request as a process, and what DescribeTrainingJob says meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sagemaker_emulator import seams
from sagemaker_emulator.images.container import Launch
from sagemaker_emulator.images.store import Image
from sagemaker_emulator.jobs import layout, transfer
from sagemaker_emulator.jobs.checkpoints import Checkpoints
from sagemaker_emulator.jobs.job import Job, JobFailed
from sagemaker_emulator.jobs.metrics import Metrics
from sagemaker_emulator.jobs.process import Ended

MESSAGES = {
    "Starting": "Preparing the instances for training",
    "Downloading": "Downloading the training image and input data",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Stopping": "Stopping the training job",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
}


class TrainingJob(Job):
    """One training job on one instance."""

    kind: ClassVar[str] = "training-job"
    log_group: ClassVar[str] = "/aws/sagemaker/TrainingJobs"
    name_key: ClassVar[str] = "TrainingJobName"
    status_key: ClassVar[str] = "TrainingJobStatus"

    def __init__(self, call: seams.Call) -> None:
        super().__init__(call)
        self._channels: list[dict[str, Any]] = self.request.get("InputDataConfig", [])
        definitions = self._algorithm.get("MetricDefinitions", [])
        self._metrics = Metrics(definitions, self.name, self.account, self.region)
        self._checkpoints: Checkpoints | None = None
        self._timed_out = False
        self._transitions: list[dict[str, Any]] = []
        self._secondary("Starting")

    @property
    def _algorithm(self) -> dict[str, Any]:
        return self.request["AlgorithmSpecification"]

    def image_uri(self) -> str:
        """Return AlgorithmSpecification.TrainingImage."""
        return self._algorithm["TrainingImage"]

    def lay_out(self) -> None:
        """Write input/config and make the folders a container expects."""
        config = self.base / "input" / "config"
        mode = self._algorithm.get("TrainingInputMode", "File")
        layout.write_json(config / "hyperparameters.json", self.request.get("HyperParameters", {}))
        layout.write_json(config / "inputdataconfig.json", layout.input_data_config(self._channels, mode))
        instance = self.request["ResourceConfig"].get("InstanceType", "local")
        layout.write_json(config / "resourceconfig.json", layout.resource_config(instance))
        for name in ("model", "output/data", "input/data", "code"):
            (self.base / name).mkdir(parents=True, exist_ok=True)

    def download(self) -> None:
        """Bring channels and checkpoints. Raises JobFailed."""
        self._secondary("Downloading")
        try:
            for channel in self._channels:
                source = channel["DataSource"]["S3DataSource"]
                folder = self.base / "input" / "data" / channel["ChannelName"]
                transfer.download(self.region, source["S3Uri"], folder, source.get("S3DataType", "S3Prefix"))
            config = self.request.get("CheckpointConfig")
            if config:
                folder = self.opt_ml(config.get("LocalPath", "/opt/ml/checkpoints"))
                self._checkpoints = Checkpoints(self.region, folder, config["S3Uri"])
                self._checkpoints.bring()
        except transfer.TransferError as error:
            raise JobFailed(str(error)) from error

    def prepare(self, image: Image) -> Launch:
        """Start as `docker run IMAGE train`, unless the request brings an entry point of its own."""
        entrypoint = self._algorithm.get("ContainerEntrypoint")
        arguments = self._algorithm.get("ContainerArguments")
        words = (entrypoint, arguments or []) if entrypoint else (image.entrypoint, arguments or ["train"])
        env = {
            **self.request.get("Environment", {}),
            "TRAINING_JOB_NAME": self.name,
            "TRAINING_JOB_ARN": self.arn,
        }
        return self.launch(image, words, env)

    def started(self) -> None:
        """Enter Training."""
        self._metrics.begin()
        self._secondary("Training", TrainingStartTime=datetime.now(UTC))

    def line(self, text: str) -> None:
        """Look for metrics in a log line."""
        if self._metrics.see(text):
            self.update(FinalMetricDataList=self._metrics.final())

    def ran(self, seconds: float) -> None:
        """Bill what ran, as a whole number of seconds."""
        self.update(TrainingTimeInSeconds=round(seconds), BillableTimeInSeconds=max(1, round(seconds)))

    def settle(self, ended: Ended) -> None:
        """Upload the model and end; a stopped or timed-out job keeps what it had saved, as on AWS.

        Raises:
            JobFailed: the process failed, or the model could not be uploaded.
        """
        self._timed_out = ended.timed_out
        try:
            if self._checkpoints is not None:
                self._checkpoints.finish()
            if ended.code and not ended.stopped and not ended.timed_out:
                raise JobFailed(
                    f"AlgorithmError: {self.read_text('output/failure')}, exit code: {ended.code}"
                )
            self._upload()
        except transfer.TransferError as error:
            raise JobFailed(str(error)) from error
        self.complete("Stopped" if ended.stopped or ended.timed_out else "Completed")

    def stopping(self) -> None:
        """Enter Stopping."""
        self._secondary("Stopping")

    def over(self, status: str) -> None:
        """Close the history with the last state; stop copying checkpoints whatever happened."""
        if self._checkpoints is not None:
            self._checkpoints.finish()
        last = "MaxRuntimeExceeded" if self._timed_out and status == "Stopped" else status
        self._secondary(last, TrainingEndTime=datetime.now(UTC))

    def _upload(self) -> None:
        self._secondary("Uploading")
        output = self.request["OutputDataConfig"]
        prefix = f"{output['S3OutputPath'].rstrip('/')}/{self.name}/output"
        plain = output.get("CompressionType") == "NONE"
        for folder, name in ((self.base / "model", "model"), (self.base / "output" / "data", "output")):
            if not any(folder.iterdir()):
                continue
            if plain:
                transfer.upload_tree(self.region, folder, f"{prefix}/{name}", output.get("KmsKeyId") or None)
            else:
                uri = f"{prefix}/{name}.tar.gz"
                transfer.upload_archive(self.region, folder, uri, output.get("KmsKeyId") or None)
        artifact = f"{prefix}/model/" if plain else f"{prefix}/model.tar.gz"
        self.update(ModelArtifacts={"S3ModelArtifacts": artifact})

    def _secondary(self, status: str, **members: Any) -> None:
        now = datetime.now(UTC)
        if self._transitions:
            self._transitions[-1].setdefault("EndTime", now)
        self._transitions.append({"Status": status, "StartTime": now, "StatusMessage": MESSAGES[status]})
        if status not in ("Starting", "Downloading", "Training", "Uploading", "Stopping"):
            self._transitions[-1]["EndTime"] = now
        history = [dict(transition) for transition in self._transitions]
        self.update(SecondaryStatus=status, SecondaryStatusTransitions=history, **members)
