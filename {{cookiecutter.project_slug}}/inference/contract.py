"""What a model takes and answers: model.json as a value.

In:   model.json, beside model.onnx
Out:  Contract, whose features say what each column may hold
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

SCHEMA_VERSION = 1
FLOAT32_MAX = float(np.finfo(np.float32).max)  # a double beyond it would become infinite in the graph
# Types are compared by identity: bool is a subclass of int in Python, and true is not the number 1.
NUMBER = frozenset({int, float})
ACCEPTS = {"integer": NUMBER, "number": NUMBER, "string": frozenset({str}), "boolean": frozenset({bool})}


@dataclass(frozen=True)
class Feature:
    """One input of the model, as model.json holds it."""

    name: str
    kind: str  # "number" or "category"
    type: str  # "integer", "number", "string" or "boolean"
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    vocabulary: tuple[str, ...] = ()
    open: bool = False  # an unknown category is then code 0 instead of an error
    statistics: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def codes(self) -> dict[Any, int]:
        """Return value -> code; a boolean's vocabulary is written as text and looked up as a bool."""
        words = [word == "true" for word in self.vocabulary] if self.type == "boolean" else self.vocabulary
        return ({None: 0} if self.nullable else {}) | {word: code for code, word in enumerate(words, start=1)}

    @cached_property
    def accepts(self) -> frozenset[type]:
        """Return the Python types that a value of this feature may have in a request."""
        return ACCEPTS[self.type] | ({type(None)} if self.nullable else set())


@dataclass(frozen=True)
class Contract:
    """What the model takes and answers; written as model.json beside it."""

    task: str
    label: str
    classes: tuple[str, ...]  # empty for regression; for binary the last one is positive
    features: tuple[Feature, ...]  # in the order of a positional row
    versions: Mapping[str, str] = field(default_factory=dict)
    release_id: str = ""
    commit_sha: str = ""

    @classmethod
    def read(cls, path: Path) -> Contract:
        """Read model.json. Raises ValueError when it is of another schema version."""
        content: dict[str, Any] = json.loads(Path(path).read_text())
        version = content.pop("schema_version", None)
        if version != SCHEMA_VERSION:
            raise ValueError(f"{Path(path).name}: schema_version is {version}; expected {SCHEMA_VERSION}")
        features = [
            Feature(**(entry | {"vocabulary": tuple(entry.get("vocabulary", ()))}))
            for entry in content.pop("features")
        ]
        return cls(classes=tuple(content.pop("classes")), features=tuple(features), **content)

    def document(self) -> dict[str, Any]:
        """Return what model.json holds; each kind of feature with its own keys only."""
        foreign = {"number": ("vocabulary", "open"), "category": ("minimum", "maximum")}
        features = [
            {key: value for key, value in asdict(feature).items() if key not in foreign[feature.kind]}
            for feature in self.features
        ]
        return {"schema_version": SCHEMA_VERSION} | asdict(self) | {"features": features}

    @cached_property
    def numbers(self) -> tuple[Feature, ...]:
        """Return the features of the graph's input "numbers", in order."""
        return tuple(feature for feature in self.features if feature.kind == "number")

    @cached_property
    def categories(self) -> tuple[Feature, ...]:
        """Return the features of the graph's input "categories", in order."""
        return tuple(feature for feature in self.features if feature.kind == "category")

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Return the features' names in the order of a positional row."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def limits(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the lowest value, the highest, and "whole only" of each number feature, as columns."""
        low = [-FLOAT32_MAX if feature.minimum is None else feature.minimum for feature in self.numbers]
        high = [FLOAT32_MAX if feature.maximum is None else feature.maximum for feature in self.numbers]
        whole = [feature.type == "integer" for feature in self.numbers]
        return np.array(low)[:, None], np.array(high)[:, None], np.array(whole, dtype=bool)[:, None]
