"""What the champion's training rows looked like: the statistics in its model.json.

In:   a folder as the release lays it out for jobs: champion.json, and model.tar.gz where there is a champion
Out:  Reference, with a histogram of each feature; None for a first release
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_checks.archive import ArchiveError, unpack

MODEL_JSON = "model.json"
# What a document of another form, of another time or of somebody's making can raise, looked at as ours.
UNLIKE = (ValueError, LookupError, TypeError, AttributeError, OverflowError)


class ChampionError(Exception):
    """The champion cannot be read; the message says what of it."""


@dataclass(frozen=True)
class Histogram:
    """One feature's values in the champion's training rows, as shares of all rows."""

    rows: int
    missing: float
    shares: tuple[float, ...]  # up to each edge, and beyond the last; or of each word, and of all others
    edges: tuple[float, ...] = ()  # of a number, rising: a value belongs to the first that it does not exceed
    words: tuple[str, ...] = ()  # of a category

    @property
    def all_shares(self) -> tuple[float, ...]:
        """Return the share of each bin, of what is in none of them, and of what is missing."""
        return (*(self.shares or (1.0 - self.missing,)), self.missing)


@dataclass(frozen=True)
class Reference:
    """A champion and its features; those whose model.json holds no histogram, or an odd one, are left out."""

    package: str
    release_id: str
    features: Mapping[str, Histogram]


def read(folder: Path) -> Reference | None:
    """Read the champion's statistics; None where there is no champion, or the job was given none.

    Raises:
        ChampionError: champion.json, the archive or its model.json cannot be used.
    """
    if not folder.is_dir():
        return None
    try:
        about = json.loads((folder / "champion.json").read_bytes())
        package, release = about["package"], str(about.get("release_id") or "")
    except (OSError, *UNLIKE):
        raise ChampionError("champion.json is missing or unreadable") from None
    if package is None:
        return None
    with tempfile.TemporaryDirectory() as scratch:
        try:
            unpack(folder / "model.tar.gz", Path(scratch) / "champion", (MODEL_JSON,))
            document = json.loads((Path(scratch) / "champion" / MODEL_JSON).read_bytes())
            found = dict(histograms(document["features"]))
        except ArchiveError as error:
            raise ChampionError(f"the champion cannot be compared with: {error}") from None
        except (OSError, RecursionError, *UNLIKE):
            raise ChampionError("the champion's model.json is missing or unreadable") from None
    return Reference(str(package), release, found)


def histograms(features: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Histogram]]:
    """Yield each feature that can be compared with."""
    for feature in features:
        with suppress(*UNLIKE):
            yield str(feature["name"]), histogram(feature)


def histogram(feature: Mapping[str, Any]) -> Histogram:
    """Return a feature's histogram.

    Raises:
        ValueError: training has left none that is whole; so say the other types of UNLIKE, too.
    """
    told = feature["statistics"]
    rows, missing = int(told["rows"]), float(told["missing"])
    if feature["kind"] == "number":
        edges, shares = tuple(map(float, told.get("edges", ()))), tuple(map(float, told.get("shares", ())))
        found = Histogram(rows, missing, shares, edges=edges)
    elif feature["kind"] == "category":
        known = tuple(map(float, told["frequencies"]))
        others = max(0.0, 1.0 - missing - sum(known))
        found = Histogram(rows, missing, (*known, others), words=tuple(map(str, feature["vocabulary"])))
    else:
        raise ValueError("neither numbers nor words")
    bins = found.edges or found.words
    if (found.shares or bins) and len(found.shares) != len(bins) + 1:
        raise ValueError("shares and bins differ in number")
    if list(found.edges) != sorted(set(found.edges)) or len(set(found.words)) != len(found.words):
        raise ValueError("a bin stands twice, or the edges do not rise")
    if rows < 1 or not all(map(math.isfinite, (rows, missing, *found.shares, *found.edges))):
        raise ValueError("not a histogram")
    return found
