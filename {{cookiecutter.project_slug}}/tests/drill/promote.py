"""One release to production in a process of its own, which the drill can kill: what a runner does.

Run:  python -m tests.drill.promote PRESET RELEASE
"""

from __future__ import annotations

import sys

from sagemaker_gitops import delivery, errors

from tests.drill import presets


def main(preset: str, release: str) -> int:
    """Bring a proven release to production; return the exit code that the verb would have."""
    try:
        delivery.promote(presets.quiet(presets.settings(preset)), release)
    except Exception as error:
        known = errors.translate(error)
        if known is None:
            raise
        print("\n".join(known.lines()))
        return known.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
