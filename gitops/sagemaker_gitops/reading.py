"""Read mlops.toml; what is unknown, out of range or contradictory is refused by key, value and wanted range.

In:   mlops.toml, or the file that --settings or MLOPS_SETTINGS names
Out:  a project's Settings
"""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import ValidationError

from sagemaker_gitops.errors import SettingsError
from sagemaker_gitops.settings import Settings, names_user

Own = TypeVar("Own", bound=Settings)


def load(path: Path, kind: type[Own] = Settings) -> Own:
    """Read settings, or raise SettingsError E501 with the key, the value and what is wanted."""
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"""E501 there is no settings file {path}
            {path.absolute()}
            every verb reads it first
            run from the repository's root, or pass --settings PATH""") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"""E501 {path} is not TOML
            {path}
            {error}
            fix that line, then repeat""") from None
    return build(tables, str(path), kind)


def build(tables: dict[str, Any], source: str = "mlops.toml", kind: type[Own] = Settings) -> Own:
    """Check tables, or raise SettingsError E501 for the first complaint; the others stand above it."""
    try:
        return kind.model_validate(tables)
    except ValidationError as error:
        (key, value, wanted), *others = [_complaint(kind, tables, item) for item in _causes(kind, error)]
        more = f" (and {len(others)} more: {'; '.join(key for key, *_ in others)})" if others else ""
        message = f"""E501 {source}: {key} is {value}
            {source}, key {key}
            wanted: {wanted}{more}
            correct {"them" if others else "it"} and repeat; nothing was started"""
        told = [f"{key} is {value}; wanted: {wanted}" for key, value, wanted in others]
        raise SettingsError(message, told) from None


def _causes(kind: type[Settings], error: ValidationError) -> list[Any]:
    """Return pydantic's complaints, unknown keys first; what is missing since it is misspelt is left out."""
    found = sorted(error.errors(), key=lambda item: item["type"] != "extra_forbidden")
    unknown = [item["loc"] for item in found if item["type"] == "extra_forbidden"]
    meant = [(*loc[:-1], near) for loc in unknown for near in _near(kind, [str(part) for part in loc])]
    return [item for item in found if item["type"] != "missing" or item["loc"] not in meant]


def _near(kind: type[Settings], loc: list[str]) -> list[str]:
    """Return the known key that an unknown one is close to, none where it is to none."""
    return difflib.get_close_matches(loc[-1], _known(kind, loc[:-1]), 1)


def _complaint(kind: type[Settings], tables: dict[str, Any], item: Any) -> tuple[str, str, str]:
    """Return (key, value, wanted) of one pydantic complaint."""
    loc, wanted = [str(part) for part in item["loc"]], item["msg"].removeprefix("Value error, ")
    if item["type"] == "value_error":  # ours: "key|wanted"
        key, _, wanted = wanted.partition("|")
        loc += key.split(".")
    key, value = ".".join(loc), tables
    for part in loc:
        value = value.get(part, "missing") if isinstance(value, dict) else item["input"]
    if item["type"] == "missing":
        wanted = "a value"
    elif item["type"] == "extra_forbidden":
        near = _near(kind, loc)
        wanted = f"no such key; did you mean '{near[0]}'?" if near else "no such key"
    wanted = wanted.removeprefix("Input should be ").removeprefix("String should ")
    hidden = isinstance(value, str) and names_user(value)
    shown = "a table" if isinstance(value, dict) else "not shown" if hidden else repr(value)
    return key, "missing" if value == "missing" else shown, wanted


def _known(kind: type[Settings], path: list[str]) -> list[str]:
    """Return the keys of the table at `path`."""
    table: Any = kind
    for part in path:
        told: Any = next(
            field.annotation for name, field in table.model_fields.items() if part in (name, field.alias)
        )
        table = next(iter(get_args(told)), told)  # of a table that may be left out: the table
    return [field.alias or name for name, field in table.model_fields.items()]
