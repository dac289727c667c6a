"""Refuse answers that no AWS name, TOML string or workflow could hold: all at once, one sentence each.

In:   the answers, after cookiecutter.json has trimmed, slugified and cut them
Out:  exit 1 and nothing created when one breaks its rule
"""

import json
import re
import sys

# `tojson` writes an apostrophe as \u0027: no answer ends this literal. Unrendered, the file is still Python.
ANSWERS = r'''{{ cookiecutter | tojson }}'''  # fmt: skip

# No control character, backslash or brace: the answer is written into TOML, and rendered again by cruft.
TEXT = r"[^\x00-\x1f\x7f\\{}]"
REGION = r"(af|ap|ca|cn|eu|il|me|mx|sa|us|us-gov)-(central|(north|south)(east|west)?|east|west)-\d"

# (answer, what it must look like, the sentence)
RULES = (
    ("project_name", TEXT + "{1,60}", "is 1 to 60 characters without backslash or braces"),
    # SageMaker's names end at 63 and carry environment, release and version too; two prefixes are S3's own.
    (
        "project_slug",
        r"(?!unnamed$|sthree-|amzn-s3-demo-)[a-z][a-z0-9-]{0,22}[a-z0-9]",
        "comes from project_name and names everything on AWS: begin with a letter, as in 'Churn model'",
    ),
    ("description", TEXT + "{0,200}", "is at most 200 characters on one line, without backslash or braces"),
    ("aws_region", REGION, "is a region's code, as in 'eu-west-1'"),
    (
        "github_repository",
        r"|[A-Za-z0-9](-?[A-Za-z0-9]){0,38}/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}",
        "is owner/name or the repository's address on github.com, or empty",
    ),
    ("approval", "gate|pull-request|reviewer", "is gate, pull-request or reviewer"),
    (
        "alarm_email",
        r"|[A-Za-z0-9._%+'-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+",
        "is one e-mail address, or empty",
    ),
)


def complaints(answers):
    """Return one sentence for each answer that breaks its rule."""
    broken = [(name, says) for name, pattern, says in RULES if not re.fullmatch(pattern, answers[name])]
    return [f"{name} {says}; this is '{answers[name]}'." for name, says in broken]


def main():
    """Print every complaint and stop, or say nothing."""
    found = complaints(json.loads(ANSWERS))
    if found:
        print("Nothing was created. Please change:", *found, sep="\n  ", flush=True)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
