"""What the images are installed from: each file of pins by its sha256, and the versions that were asked for.

In:   requirements/IMAGE.in, what a person wrote; requirements/IMAGE.txt, what it was resolved to
Out:  {"jobs": {"file", "sha256", "packages": {name: version}}, "serve": ...}; empty where there is no file
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

FOLDER, IMAGES = "requirements", ("jobs", "serve")
ASKED = re.compile(r"(?m)^([A-Za-z0-9][\w.-]*)")
PINNED = re.compile(r"(?m)^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==([^\s;\\]+)")


def of_tree(root: Path) -> dict[str, Any]:
    """Return the pins of each image, as they lie in the working tree."""
    return {image: of_image(root / FOLDER, image) for image in IMAGES}


def of_image(folder: Path, image: str) -> dict[str, Any]:
    """Return one file of pins; of its packages those that the image was asked to have, not what they need."""
    pinned, asked = folder / f"{image}.txt", folder / f"{image}.in"
    if not pinned.is_file():
        return {}
    text = pinned.read_bytes()
    wanted = asked.read_text("utf-8") if asked.is_file() else ""
    return {
        "file": f"{FOLDER}/{pinned.name}",
        "sha256": hashlib.sha256(text).hexdigest(),
        "packages": versions(text.decode(), wanted),
    }


def versions(pinned: str, asked: str) -> dict[str, str]:
    """Return the version of each package that is asked for by name; of all where nobody asked."""
    wanted = {canonicalize_name(name) for name in ASKED.findall(asked)}
    found = {canonicalize_name(name): version for name, version in PINNED.findall(pinned)}
    return {name: found[name] for name in sorted(found) if name in wanted or not wanted}
