"""Each permission of recorded roles: needed by what was recorded, left out with a reason, or superfluous."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from sagemaker_emulator.policies.patterns import like_arn

from least import excluded, replay
from least.permissions import Permission, Recorded, permissions

ASKED = re.compile(r'perform: (?P<action>\S+) on resource: "?(?P<resource>[^\s"]+)')


@dataclass
class Weighed:
    """What became of every permission."""

    recorded: Recorded
    needed: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, list[Permission]] = field(default_factory=dict)
    superfluous: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)  # denials that do not name the resource

    def __str__(self) -> str:
        """Return the count of each role, and what was left out and why."""
        left = [permission for found in self.reasons.values() for permission in found]
        lines, all_of = [], 0
        for name, role in self.recorded.roles.items():
            out = sum(each.role == name for each in left)
            of = len(list(permissions(role))) - out
            all_of += of
            asked = len(self.recorded.requests[name])
            needed = f"{self.needed[name]:3} of {of:3} needed"
            lines.append(f"  {name:13} {needed}, {out:2} left out, {asked} requests")
        lines.append(f"{self.needed.total()} of {all_of} permissions needed; left out {len(left)}:")
        for why, found in sorted(self.reasons.items()):
            lines += [f"  {why}", *(f"    {permission}" for permission in sorted(found))]
        return "\n".join(lines)


def weigh(recorded: Recorded, apart: bool = False) -> Weighed:
    """Take every permission of the roles away in turn, and see who is denied what without it.

    `apart`: these are the roles of production's own account.
    """
    told = Weighed(recorded)
    for name in recorded.roles:
        for permission, denial in replay.denials(recorded, name):
            if denial:
                found = ASKED.search(denial)
                if not found or not _named(permission, found["resource"]):
                    told.wrong.append(denial)
                told.needed[name] += 1
            elif why := excluded.reason(permission, apart):
                told.reasons.setdefault(why, []).append(permission)
            else:
                told.superfluous.append(str(permission))
    return told


def _named(permission: Permission, resource: str) -> bool:
    return permission.resource == "*" or like_arn(permission.resource, resource)
