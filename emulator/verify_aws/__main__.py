"""`python -m verify_aws [STORY ...]`: tell the stories of COVERAGE.md to AWS and write down what it answers.

In:   your AWS credentials and region; Docker, or an image that it built (--image)
Out:  transcripts/verify-aws-DATE.json; exit 0 as claimed, 1 AWS differs, 2 refused before the first story,
      3 not all told, 4 this run, or --clean, left something, whatever else happened, 130 interrupted
Run:  python -m verify_aws               # lists, prices, asks; makes, tells, removes
"""

from __future__ import annotations

import argparse
import signal
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

from verify_aws import exits, transcript
from verify_aws.clean import clean, undisturbed
from verify_aws.connection import connected
from verify_aws.consent import agree
from verify_aws.ground import Refused
from verify_aws.ledger import Ledger
from verify_aws.stories import STORIES
from verify_aws.story import Story
from verify_aws.telling import Telling


def main(argv: list[str] | None = None) -> int:
    """Do what the command line says; return the exit code."""
    args = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _write_table() if args.table else _ask_aws(args)
    except (Exception, KeyboardInterrupt) as error:  # nothing is made yet, or exits.code has seen to it
        return exits.said(error)


def _ask_aws(args: argparse.Namespace) -> int:
    """Say what it would cost, ask, tell the stories, clean up; or only clean up. Raises Refused."""
    aws, calls = connected(args.emulator)
    # Another account or region has none of it: it must not make us believe that all is gone.
    against = "emulator" if args.emulator else "aws"
    where = f"{against}-{aws.caller['Account']}-{aws.sagemaker.meta.region_name}"
    ledger = Ledger(args.out / f"left-{where}.json")
    if args.clean:
        return exits.code(partial(_clean, aws, ledger), ledger)
    chosen = _chosen(args.story)
    agree(chosen, aws, ledger, args)
    return exits.code(partial(Telling(aws, calls, ledger, args).tell, chosen), ledger)


def _clean(aws: SimpleNamespace, ledger: Ledger) -> int:
    with undisturbed():
        exits.say_left(clean(aws, ledger), ledger)
    return 0


def _write_table() -> int:
    text = transcript.covered(transcript.COVERAGE.read_text("utf-8"), STORIES, transcript.last_runs())
    transcript.COVERAGE.write_text(text, encoding="utf-8")
    return 0


def _chosen(names: list[str]) -> list[Story]:
    """Return the stories of these names, all without any. Raises Refused."""
    known = [story.name for story in STORIES]
    if unknown := set(names) - set(known):
        raise Refused(
            f"there is no story {', '.join(sorted(unknown))}\n  the command line\n"
            f"  the stories are {', '.join(known)}\n  name one of these, or none for all"
        )
    return [story for story in STORIES if not names or story.name in names]


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
