"""The command line: sagemaker-emulator up | down | status | coverage | run -- CMD | docker build|push."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from importlib import resources
from pathlib import Path

from sagemaker_emulator import access, clock

PORT = 5566
HOME = Path(".emulator")


def main(argv: list[str] | None = None) -> int:
    """Do what the arguments ask for and return the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    if getattr(args, "minute", None):
        os.environ[clock.VARIABLE] = str(args.minute)
    if getattr(args, "iam", False):
        os.environ[access.VARIABLE] = "enforce"
    # Imports wait until they are needed: moto takes a second, `status` and `docker` need none of it.
    if args.verb == "docker":
        from sagemaker_emulator.images import docker

        return docker.main(args.rest)
    if args.verb == "coverage":
        text = resources.files("sagemaker_emulator").joinpath("COVERAGE.md").read_text(encoding="utf-8")
        print(text, end="")
        return 0
    if args.verb == "run":
        return _run(args)
    from sagemaker_emulator import daemon

    home = args.home.resolve()
    if args.verb in ("up", "serve"):
        return getattr(daemon, args.verb)(args.port, home, args.region)
    return getattr(daemon, args.verb)(home)


def _run(args: argparse.Namespace) -> int:
    from sagemaker_emulator import command, daemon, listening

    words = args.rest[1:] if args.rest[:1] == ["--"] else args.rest
    if not words:
        print("sagemaker-emulator run: expected a command after --", file=sys.stderr)
        return 2
    try:
        return command.run(words, args.port, args.home, args.region)
    except listening.PortTaken:
        return daemon.port_taken(args.port)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sagemaker-emulator", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    up = verbs.add_parser("up", help="start one in the background and write .emulator/env")
    serve = verbs.add_parser("serve", help="the same in the foreground")
    for verb in (up, serve):
        verb.add_argument("--port", type=int, default=PORT, help="0 picks a free one (default: %(default)s)")
        verb.add_argument("--region", help="AWS_REGION in the variables (default: yours, or us-east-1)")
    down = verbs.add_parser("down", help="stop it and everything it started")
    status = verbs.add_parser("status", help="say whether it is up: exit 0 when it is")
    for verb in (up, serve, down, status):
        verb.add_argument("--home", type=Path, default=HOME, help="state folder (default: %(default)s)")
    run = verbs.add_parser("run", help="run a command under an emulator of its own: run -- CMD")
    run.add_argument("--port", type=int, default=0, help="default: a free one")
    run.add_argument("--home", type=Path, help="state folder, kept (default: a temporary one)")
    run.add_argument("--region", help="AWS_REGION in the variables (default: yours, or us-east-1)")
    run.add_argument("rest", nargs=argparse.REMAINDER, metavar="-- CMD")
    for verb in (up, serve, run):
        text = "seconds that stand for a minute of AWS's mere waiting (default: 1s)"
        verb.add_argument("--iam", action="store_true", help="enforce IAM: deny what policies do not allow")
        verb.add_argument("--minute", type=clock.parse_minute, metavar="SECONDS", help=text)
    verbs.add_parser(
        "coverage", help="say what runs here, what only answers, what is refused and what differs"
    )
    docker = verbs.add_parser("docker", help="build and push to the image store: docker build|push ...")
    docker.add_argument("rest", nargs=argparse.REMAINDER)
    return parser


if __name__ == "__main__":
    sys.exit(main())
