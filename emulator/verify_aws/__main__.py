"""`python -m verify_aws [STORY ...]`: tell the stories of COVERAGE.md to AWS and write down what it answers.

In:   your AWS credentials and region; Docker, or an image that it built (--image)
Out:  transcripts/verify-aws-DATE.json; exit 0 as claimed, 1 AWS differs, 2 nothing was made, 3 not all told,
      4 something is left, 130 interrupted
Run:  python -m verify_aws               # lists, prices, asks; makes, tells, removes
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
import uuid
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from verify_aws import ground, price, transcript
from verify_aws.clean import clean, undisturbed
from verify_aws.ground import Ground, Refused
from verify_aws.ledger import Ledger
from verify_aws.stories import STORIES
from verify_aws.story import AS_CLAIMED, DIFFERS, NOT_RUN, Run, Story, told

CLIENTS = {name: name for name in ("s3", "iam", "sagemaker", "logs", "cloudwatch", "ecr", "sts")}
CLIENTS["runtime"] = "sagemaker-runtime"
AWS_HOSTS = (".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".api.aws")
RETRIES = Config(retries={"mode": "standard", "total_max_attempts": 5})
# How often AWS is looked at, and until a new role is known everywhere. Waiting is scaled in the emulator.
PACE = {False: {"poll_seconds": 5, "role_seconds": 15}, True: {"poll_seconds": 0.05, "role_seconds": 0}}
DIFFERENT, NOTHING_MADE, INCOMPLETE, LEFT, INTERRUPTED = 1, 2, 3, 4, 130


def main(argv: list[str] | None = None) -> int:
    """Say what it would cost, ask, tell the stories, clean up, write the transcript; return the exit code."""
    args = _parser().parse_args(argv)
    if args.table:
        text = transcript.covered(transcript.COVERAGE.read_text("utf-8"), STORIES, transcript.last_runs())
        transcript.COVERAGE.write_text(text, encoding="utf-8")
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        aws, calls = _connected(args.emulator)
        # Another account or region has none of it: it must not make us believe that all is gone.
        against = "emulator" if args.emulator else "aws"
        where = f"{against}-{aws.caller['Account']}-{aws.sagemaker.meta.region_name}"
        ledger = Ledger(args.out / f"left-{where}.json")
        if args.clean:
            with undisturbed():
                return _say_left(clean(aws, ledger), ledger)
        chosen = _chosen(args.story)
        _agree(chosen, aws, ledger, args)
        return _Telling(aws, calls, ledger, args).tell(chosen)
    except Refused as error:
        print(f"✗ {error}", file=sys.stderr)
        return NOTHING_MADE
    except KeyboardInterrupt:  # before the first story, or while the last things were removed
        return INTERRUPTED


def _chosen(names: list[str]) -> list[Story]:
    """Return the stories of these names, all without any. Raises Refused."""
    known = [story.name for story in STORIES]
    if unknown := set(names) - set(known):
        raise Refused(
            f"there is no story {', '.join(sorted(unknown))}\n  the command line\n"
            f"  the stories are {', '.join(known)}\n  name one of these, or none for all"
        )
    return [story for story in STORIES if not names or story.name in names]


def _connected(emulator: bool) -> tuple[SimpleNamespace, transcript.Calls]:
    """Return boto3's clients and the note of their calls. Raises Refused where it is not AWS, or is."""
    try:
        session = boto3.Session(region_name=os.environ.get("AWS_REGION"))  # boto3 alone reads another name
        calls = transcript.Calls(session)
        clients = {name: session.client(service, config=RETRIES) for name, service in CLIENTS.items()}
        _refuse_wrong_address([client.meta.endpoint_url for client in clients.values()], emulator)
        caller = clients["sts"].get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        todo = "give credentials and a region; try: aws sts get-caller-identity"
        raise Refused(
            f"AWS cannot be asked\n  this shell's credentials and region\n  {error}\n  {todo}"
        ) from None
    return SimpleNamespace(**clients, caller=caller, **PACE[emulator]), calls


def _refuse_wrong_address(urls: list[str], emulator: bool) -> None:
    """Raise Refused where AWS is wanted and one address is another's, or the other way round."""
    elsewhere = [url for url in urls if not (urlsplit(url).hostname or "").endswith(AWS_HOSTS)]
    if not emulator and elsewhere:
        raise Refused(
            f"this is not AWS\n  {elsewhere[0]}\n  AWS_ENDPOINT_URL, or AWS's configuration file, says so\n"
            "  unset it, or add --emulator"
        )
    if emulator and len(elsewhere) < len(urls):
        raise Refused(
            "--emulator was given, and this is AWS\n  this shell\n  AWS_ENDPOINT_URL is not set\n"
            "  sagemaker-emulator run -- python -m verify_aws --emulator"
        )


def _agree(chosen: list[Story], aws: SimpleNamespace, ledger: Ledger, args: argparse.Namespace) -> None:
    """Say what it would cost at most and take a yes. Raises Refused without one."""
    if ledger.made:
        raise Refused(
            f"an earlier run left {len(ledger.made)} things\n  {ledger.path}\n  they may cost money\n"
            "  python -m verify_aws --clean"
        )
    kind, region, account = args.instance_type, aws.sagemaker.meta.region_name, aws.caller["Account"]
    where = "the emulator" if args.emulator else f"account {account}"
    print(f"{len(chosen)} stories in {where}, {region}, on {kind}. Bounds, not estimates:\n")
    for story in chosen:
        cost = price.at_most([story], kind, region).split(" (")[0]
        print(f"  {story.name:<22}{story.machine_minutes:>4} machine minutes   {cost}")
    print(f"\nMachines altogether: {price.at_most(chosen, kind, region)}.")
    print("Storage, requests, logs and an alarm come on top; nobody was asked what those cost.")
    if not args.yes:
        print("Type yes to make it all: ", end="", flush=True)
        if sys.stdin.readline().strip() != "yes":
            raise Refused(
                "nothing was made\n  this shell\n  the answer was not yes\n  add --yes where nobody can"
            )


class _Telling:
    """One run: the ground, the stories on it, and whatever happens, the cleaning and the transcript."""

    def __init__(
        self, aws: SimpleNamespace, calls: transcript.Calls, ledger: Ledger, args: argparse.Namespace
    ) -> None:
        self.aws, self.calls, self.ledger, self.args = aws, calls, ledger, args
        self.prefix = f"verify-aws-{uuid.uuid4().hex[:8]}"
        self.records: list[dict[str, Any]] = []

    def tell(self, chosen: list[Story]) -> int:
        """Tell the stories and return the exit code. Raises Refused where the ground cannot be made."""
        began, interrupted = transcript.today(), False
        try:
            here = self._ground()
            for story in chosen:
                self._tell(story, here)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            with undisturbed():
                if interrupted:
                    print("Interrupted: removing what was made.", flush=True)
                    time.sleep(2)  # a request that was on its way is answered by then
                left = _say_left(clean(self.aws, self.ledger), self.ledger)
                self._write(began)
        verdicts = {each["verdict"] for each in self.records}
        if left or interrupted:
            return left or INTERRUPTED
        return DIFFERENT if DIFFERS in verdicts else 0 if verdicts == {AS_CLAIMED} else INCOMPLETE

    def _ground(self) -> Ground:
        """Return the ground; what was not given is made. Raises Refused."""
        aws, args, caller = self.aws, self.args, self.aws.caller
        partition, region = caller["Arn"].split(":")[1], aws.sagemaker.meta.region_name
        here = Ground(
            caller["Account"], region, partition, args.instance_type, args.bucket, args.role, args.image
        )
        if here.bucket:
            self.ledger.add("objects", f"{here.bucket}/{self.prefix}/")
        else:
            here = replace(here, bucket=ground.bucket(aws, here, self.ledger, self.prefix))
        here = replace(here, image=here.image or ground.image(aws, self.ledger, self.prefix))
        if not here.role:
            here = replace(here, role=ground.role(aws, here, self.ledger, self.prefix))
            time.sleep(aws.role_seconds)
        return here

    def _tell(self, story: Story, here: Ground) -> None:
        run = Run(self.aws, here, self.ledger, self.prefix)
        self.calls.take()  # what made the ground is no part of a story
        made, began = len(self.ledger.made), time.monotonic()
        record: dict[str, Any] = {"name": story.name, "verdict": NOT_RUN, "reason": "interrupted"}
        self.records.append(record)
        print(f"{story.name} ...", flush=True)
        try:
            record["verdict"], record["reason"] = told(story, run)
        finally:
            seconds = round(time.monotonic() - began, 1)
            record |= {
                "seconds": seconds,
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
            "date": began,
            "region": self.aws.sagemaker.meta.region_name,
            "instance_type": self.args.instance_type,
            "boto3": boto3.__version__,
            "stories": self.records,
            "left": self.ledger.made,
        }
        print(f"Transcript: {transcript.write(self.args.out, document, self.aws.caller)}")


def _say_left(left: list[str], ledger: Ledger) -> int:
    """Say what is left; return the exit code for it."""
    if left:
        print(
            "\n".join(
                ["Left behind:", *left, f"Again, {ledger.path} tells what: python -m verify_aws --clean"]
            )
        )
        return LEFT
    gone = "what was made is gone. Records of jobs and of metrics stay; they cost nothing."
    print(f"Nothing in {ledger.path.name}: {gone}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m verify_aws", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("story", nargs="*", help="default: all")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--emulator", action="store_true", help="tell them to the emulator at AWS_ENDPOINT_URL"
    )
    parser.add_argument(
        "--instance-type", default="ml.m5.large", help="of all machines (default: %(default)s)"
    )
    parser.add_argument("--image", default="", help="ECR URI of verify_aws/image (default: built and pushed)")
    parser.add_argument("--role", default="", help="ARN of an execution role (default: made and removed)")
    parser.add_argument("--bucket", default="", help="a bucket of yours (default: made and removed)")
    parser.add_argument("--out", type=Path, default=transcript.FOLDER, help="folder of transcripts")
    parser.add_argument("--clean", action="store_true", help="remove what an earlier run left")
    parser.add_argument("--table", action="store_true", help="write the stories' table into COVERAGE.md")
    return parser


if __name__ == "__main__":
    sys.exit(main())
