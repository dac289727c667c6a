"""One run: the ground, the stories on it, and whatever happens, the cleaning and the transcript."""

from __future__ import annotations

import argparse
import time
import uuid
from types import SimpleNamespace
from typing import Any

import boto3

from verify_aws import exits, ground, transcript
from verify_aws.clean import clean, undisturbed
from verify_aws.ledger import Ledger
from verify_aws.story import AS_CLAIMED, DIFFERS, NOT_RUN, Run, Story, told


class Telling:
    """What the stories of one run share."""

    def __init__(
        self, aws: SimpleNamespace, calls: transcript.Calls, ledger: Ledger, args: argparse.Namespace
    ) -> None:
        self.aws, self.calls, self.ledger, self.args = aws, calls, ledger, args
        self.prefix = f"verify-aws-{uuid.uuid4().hex[:8]}"
        self.records: list[dict[str, Any]] = []

    def tell(self, chosen: list[Story]) -> int:
        """Tell the stories; return the exit code. Raises Refused without a ground, KeyboardInterrupt."""
        began, interrupted = transcript.now(), False
        try:
            here = ground.made(self.aws, self._given(), self.ledger, self.prefix)
            for story in chosen:
                self._tell(story, here)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            with undisturbed():
                if interrupted:
                    print("Interrupted: removing what was made.", flush=True)
                    time.sleep(2)  # a request that was on its way is answered by then
                exits.say_left(clean(self.aws, self.ledger), self.ledger)
                self._write(began)
        verdicts = {each["verdict"] for each in self.records}
        if interrupted:
            return exits.INTERRUPTED
        if DIFFERS in verdicts:
            return exits.DIFFERENT
        return exits.TOLD if verdicts == {AS_CLAIMED} else exits.INCOMPLETE

    def _given(self) -> ground.Ground:
        args, caller = self.args, self.aws.caller
        partition, region = caller["Arn"].split(":")[1], self.aws.sagemaker.meta.region_name
        return ground.Ground(
            caller["Account"], region, partition, args.instance_type, args.bucket, args.role, args.image
        )

    def _tell(self, story: Story, here: ground.Ground) -> None:
        run = Run(self.aws, here, self.ledger, self.prefix)
        self.calls.take()  # what made the ground is no part of a story
        made, began = len(self.ledger.made), time.monotonic()
        record: dict[str, Any] = {"name": story.name, "verdict": NOT_RUN, "reason": "interrupted"}
        self.records.append(record)
        print(f"{story.name} ...", flush=True)
        try:
            record["verdict"], record["reason"] = told(story, run)
        finally:
            record |= {
                "seconds": round(time.monotonic() - began, 1),
                "claims": run.claims,
                "notes": run.notes,
                "calls": self.calls.take(),
            }
        print(": ".join(filter(None, (story.name, record["verdict"], record["reason"]))), flush=True)
        with undisturbed():
            clean(self.aws, self.ledger, made)

    def _write(self, began: str) -> None:
        if not self.records:
            return
        document = {
            "against": "emulator" if self.args.emulator else "aws",
            "began": began,
            "region": self.aws.sagemaker.meta.region_name,
            "instance_type": self.args.instance_type,
            "boto3": boto3.__version__,
            "stories": self.records,
            "left": self.ledger.made,
        }
        print(f"Transcript: {transcript.write(self.args.out, document, self.aws.caller)}")
