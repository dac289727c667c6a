"""Processing jobs: CreateProcessingJob's request as a process."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sagemaker_emulator.images.container import Launch
from sagemaker_emulator.images.store import Image
from sagemaker_emulator.jobs import layout, transfer
from sagemaker_emulator.jobs.job import Job, JobFailed
from sagemaker_emulator.jobs.process import Ended


class ProcessingJob(Job):
    """One processing job on one instance."""

    kind: ClassVar[str] = "processing-job"
    log_group: ClassVar[str] = "/aws/sagemaker/ProcessingJobs"
    name_key: ClassVar[str] = "ProcessingJobName"
    status_key: ClassVar[str] = "ProcessingJobStatus"

    @property
    def _outputs(self) -> list[dict[str, Any]]:
        return self.request.get("ProcessingOutputConfig", {}).get("Outputs", [])

    def image_uri(self) -> str:
        """Return AppSpecification.ImageUri."""
        return self.request["AppSpecification"]["ImageUri"]

    def lay_out(self) -> None:
        """Write /opt/ml/config and make the output folders."""
        cluster = self.request["ProcessingResources"]["ClusterConfig"]
        request = {"ProcessingJobArn": self.arn, **self.request}
        layout.write_json(self.base / "config" / "processingjobconfig.json", request)
        layout.write_json(
            self.base / "config" / "resourceconfig.json", layout.resource_config(cluster["InstanceType"])
        )
        for output in self._outputs:
            self.opt_ml(output["S3Output"]["LocalPath"]).mkdir(parents=True, exist_ok=True)
        (self.base / "output").mkdir(exist_ok=True)

    def download(self) -> None:
        """Bring the inputs. Raises JobFailed."""
        for item in self.request.get("ProcessingInputs", []):
            source = item["S3Input"]
            try:
                folder = self.opt_ml(source["LocalPath"])
                transfer.download(self.region, source["S3Uri"], folder, source.get("S3DataType", "S3Prefix"))
            except transfer.TransferError as error:
                raise JobFailed(str(error)) from error

    def prepare(self, image: Image) -> Launch:
        """Start as `docker run IMAGE`, unless the request brings entry point or arguments of its own."""
        spec = self.request["AppSpecification"]
        entrypoint, arguments = spec.get("ContainerEntrypoint"), spec.get("ContainerArguments")
        if entrypoint:
            words = (entrypoint, arguments or [])
        else:
            words = (image.entrypoint, arguments or image.cmd)
        env = {**self.request.get("Environment", {}), "PROCESSING_JOB_NAME": self.name}
        return self.launch(image, words, env)

    def started(self) -> None:
        """Note the start."""
        self.update(ProcessingStartTime=datetime.now(UTC))

    def settle(self, ended: Ended) -> None:
        """Upload the outputs of a job that succeeded; continuous ones have what there was in any case.

        Raises:
            JobFailed: the process failed, or an output could not be uploaded.
        """
        message = self.read_text("output/message")
        if message:
            self.update(ExitMessage=message)
        failed = bool(ended.code) or ended.stopped or ended.timed_out
        try:
            for output in self._outputs:
                target = output["S3Output"]
                if failed and target.get("S3UploadMode") != "Continuous":
                    continue
                kms_key = self.request["ProcessingOutputConfig"].get("KmsKeyId") or None
                transfer.upload_tree(self.region, self.opt_ml(target["LocalPath"]), target["S3Uri"], kms_key)
        except transfer.TransferError as error:
            raise JobFailed(str(error)) from error
        if ended.stopped or ended.timed_out:
            self.complete("Stopped")
        elif ended.code:
            raise JobFailed(f"AlgorithmError: See job logs for more information, exit code: {ended.code}")
        else:
            self.complete()

    def over(self, status: str) -> None:
        """Note the end."""
        self.update(ProcessingEndTime=datetime.now(UTC))
