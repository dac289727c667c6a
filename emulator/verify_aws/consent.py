"""What stands before the first thing that is made: nothing left of earlier, a price, a yes."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

from verify_aws import price
from verify_aws.ground import Refused
from verify_aws.ledger import Ledger
from verify_aws.story import Story


def agree(chosen: list[Story], aws: SimpleNamespace, ledger: Ledger, args: argparse.Namespace) -> None:
    """Say what it would cost at most and take a yes. Raises Refused without one."""
    if ledger.made:
        raise Refused(
            f"an earlier run left {len(ledger.made)} things\n  {ledger.path}\n  they may cost money\n"
            "  python -m verify_aws --clean"
        )
    _refuse_unwritable(args.out)
    _offer(chosen, aws, args)
    if not args.yes:
        print("Type yes to make it all: ", end="", flush=True)
        if sys.stdin.readline().strip() != "yes":
            raise Refused(
                "nothing was made\n  this shell\n  the answer was not yes\n  add --yes where nobody can"
            )


def _refuse_unwritable(folder: Path) -> None:
    """Raise Refused where no ledger could be kept: what is made would be forgotten."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise Refused(
            f"the ledger and the transcript cannot be written\n  {folder}\n  {error.strerror}\n"
            "  --out FOLDER names a folder where you may write"
        ) from None


def _offer(chosen: list[Story], aws: SimpleNamespace, args: argparse.Namespace) -> None:
    kind, region = args.instance_type, aws.sagemaker.meta.region_name
    where = "the emulator" if args.emulator else f"account {aws.caller['Account']}"
    print(f"{len(chosen)} stories in {where}, {region}, on {kind}. Bounds, not estimates:\n")
    for story in chosen:
        cost = price.at_most([story], kind, region).split(" (")[0]
        print(f"  {story.name:<22}{story.machine_minutes:>4} machine minutes   {cost}")
    print(f"\nMachines altogether: {price.at_most(chosen, kind, region)}.")
    print("Storage, requests, logs and an alarm come on top; nobody was asked what those cost.")
