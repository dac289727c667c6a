"""mlops.toml, read once into frozen models; anything unknown, out of range or contradictory is refused.

In:   mlops.toml, or the file that --settings or MLOPS_SETTINGS names
Out:  Settings; a refusal names the key, its value and what is wanted
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, model_validator

from sagemaker_gitops.errors import SettingsError
from sagemaker_gitops.tables import (
    Amount,
    Drop,
    Environment,
    Environments,
    Machine,
    Share,
    Table,
)

SHARES = ("auc", "average_precision", "brier", "accuracy", "macro_f1", "macro_auc")  # always 0 to 1


class Project(Table):
    """Who this is, where it runs, who lets it into production."""

    slug: str = Field(pattern=r"^[a-z][a-z0-9-]{0,22}[a-z0-9]$")  # SageMaker's names end at 63
    name: str
    description: str = ""
    region: str
    repository: str = Field(default="", pattern=r"^([A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+)?$")
    alarm_email: str = ""
    approval: Literal["gate", "pull-request", "reviewer"] = "gate"


class Data(Table):
    """Which rows, what is predicted, what only slices."""

    lock: str = "data.lock"
    sample: str = "sample.lock"  # of files in git, for where the bucket's are out of reach
    key: str
    label: str
    slices_only: Annotated[tuple[str, ...], Field(strict=False)] = ()  # TOML knows lists only
    splits: Annotated[tuple[Share, Share, Share], Field(strict=False)] = (
        0.7,
        0.15,
        0.15,
    )  # train, validation, test

    @model_validator(mode="after")
    def _splits_make_a_whole(self) -> Data:
        if abs(sum(self.splits) - 1) > 1e-9 or min(self.splits) <= 0:
            raise ValueError("splits|three shares above 0 that sum to 1")
        if self.label in self.slices_only or self.key in (self.label, *self.slices_only):
            raise ValueError("slices_only|columns other than the key and the label")
        return self


class Training(Table):
    """What the training job is told; a project adds its hyperparameters, every key becomes one."""

    task: str
    tracking_uri: str = ""

    @model_validator(mode="after")
    def _tracking_uri_holds_no_password(self) -> Training:
        if names_user(self.tracking_uri):
            raise ValueError(
                "tracking_uri|an address without user and password: jobs show it to every reader"
            )
        return self


class Waiver(Table):
    """Which champion a candidate need not be compared with, where the data no longer holds what it needs."""

    LONGEST_DAYS: ClassVar[int] = 90  # ahead: what lasts longer is a rule and no exception

    champion: str  # its release's id, or the beginning of it
    until: date  # the last day on which it holds, in UTC
    reason: str

    @model_validator(mode="before")
    @classmethod
    def _until_is_a_date(cls, given: Any) -> Any:
        if isinstance(given, dict) and type(given.get("until", date.min)) is not date:
            raise ValueError("until|a date without quotation marks, such as 2030-01-31")
        return given

    @model_validator(mode="after")
    def _one_champion_and_a_reason(self) -> Waiver:
        if not re.fullmatch(r"[0-9a-f]{12,64}", self.champion):
            raise ValueError("champion|a release's id: 12 to 64 of 0-9 and a-f")
        # It becomes a part of a job's argument, of which SageMaker takes 256 characters on one line.
        whole = self.reason.strip() and self.reason.isprintable() and not {*'"\\'} & {*self.reason}
        if not whole or len(self.reason) > 120:
            raise ValueError("reason|one line of 1 to 120 characters, no quotation mark or backslash in it")
        return self

    def spent(self, today: date) -> str:
        """Return why it holds for no champion on this day, whichever serves; nothing where it may hold."""
        if self.until < today:
            return f"ended on {self.until}"
        if self.until > today + timedelta(days=self.LONGEST_DAYS):
            return f"lasts until {self.until}: {self.LONGEST_DAYS} days ahead is the most"
        return ""


class Gate(Table):
    """What a candidate must reach; evaluation applies it, the pipeline's condition reads the verdict."""

    metric: str
    minimum: float | None = None  # the absolute bar, where higher is better
    maximum: float | None = None  # the absolute bar, where lower is better
    max_regression: Drop
    max_possible_regression: Drop | None = None  # that the test rows must rule out
    slice_max_regression: Drop
    slice_min_rows: Amount = 200
    slice_min_positives: Amount = 40
    waiver: Waiver | None = None


class Job(Table):
    """The machine of one job."""

    instance_type: Machine
    volume_gb: Annotated[int, Field(ge=1, le=16_384)] = 30
    max_minutes: Annotated[int, Field(ge=1, le=5 * 24 * 60)] = 60


class Jobs(Table):
    """The machines of the three jobs."""

    validate_: Job = Field(alias="validate")
    train: Job
    evaluate: Job


class Network(Table):
    """What the containers of jobs and endpoints can reach."""

    isolation: bool = True  # nothing: SageMaker brings what they read and fetches what they write
    vpc: bool = False  # they run in the VPC of infra/network.yml


class Reconcile(Table):
    """What the comparison of git with what is live may do by itself."""

    heal: bool = False


class Settings(Table):
    """All of mlops.toml; a project's own subclass names its tasks and its hyperparameters."""

    TASKS: ClassVar[Mapping[str, Mapping[str, bool]]] = {}  # task: metric: more is better

    project: Project
    data: Data
    training: Training
    gate: Gate
    jobs: Jobs
    environments: Environments
    network: Network = Network()
    reconcile: Reconcile = Reconcile()

    @model_validator(mode="after")
    def _gate_fits_the_task(self) -> Settings:
        gate, known = self.gate, self.TASKS.get(self.training.task)
        if known is None:
            raise ValueError(f"training.task|one of {', '.join(self.TASKS)}")
        if gate.metric not in known:
            raise ValueError(f"gate.metric|one of {', '.join(known)} for the task {self.training.task}")
        bar, other = ("minimum", "maximum") if known[gate.metric] else ("maximum", "minimum")
        value = getattr(gate, bar)
        if value is None or getattr(gate, other) is not None:
            raise ValueError(
                f"gate.{bar if value is None else other}|{bar} and not {other}: the bar of {gate.metric}"
            )
        if gate.metric in SHARES and not 0 <= value <= 1:
            raise ValueError(f"gate.{bar}|0 to 1 for {gate.metric}")
        return self

    @model_validator(mode="after")
    def _tracking_is_within_reach(self) -> Settings:
        if self.network.isolation and far(self.training.tracking_uri):
            wanted = "empty, or isolation = false in [network]: an isolated container reaches no server"
            raise ValueError(f"training.tracking_uri|{wanted}")
        return self

    def environment(self, name: str) -> Environment:
        """Return the table of one environment; raise SettingsError where there is none of that name."""
        if name in Environments.model_fields:
            return getattr(self.environments, name)
        raise SettingsError(f"""E501 there is no environment '{name}'
            mlops.toml, [environments]
            known are: {", ".join(Environments.model_fields)}
            name one of them""")

    def steering(self) -> dict[str, Any]:
        """Return the tables that steer the jobs; what belongs to endpoints or the project is left out."""
        return self.model_dump(
            mode="json",
            by_alias=True,
            exclude_none=True,
            include={"data", "training", "gate", "jobs", "network"},
            exclude={"training": {"tracking_uri"}, "data": {"lock", "sample"}},
        )

    def digest(self) -> str:
        """Return the sha256 of the steering tables: what the golden definition was built from."""
        return hashlib.sha256(json.dumps(self.steering(), sort_keys=True).encode()).hexdigest()


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
        # An unknown key first: where it is a misspelt one, that is also why another is missing.
        found = sorted(error.errors(), key=lambda item: item["type"] != "extra_forbidden")
        (key, value, wanted), *others = [_complaint(kind, tables, item) for item in found]
        more = f" (and {len(others)} more: {'; '.join(key for key, *_ in others)})" if others else ""
        message = f"""E501 {source}: {key} is {value}
            {source}, key {key}
            wanted: {wanted}{more}
            correct {"them" if others else "it"} and repeat; nothing was started"""
        told = [f"{key} is {value}; wanted: {wanted}" for key, value, wanted in others]
        raise SettingsError(message, told) from None


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
        near = difflib.get_close_matches(loc[-1], _known(kind, loc[:-1]), 1)
        wanted = f"no such key; did you mean '{near[0]}'?" if near else "no such key"
    wanted = wanted.removeprefix("Input should be ").removeprefix("String should ")
    hidden = isinstance(value, str) and names_user(value)
    return key, "missing" if value == "missing" else "not shown" if hidden else repr(value), wanted


def far(uri: str) -> bool:
    """Say whether an MLflow address is one that only the network leads to, not a file."""
    return urlsplit(uri).scheme not in ("", "file", "sqlite")


def names_user(uri: str) -> bool:
    """Say whether an address holds a user, and so perhaps a password."""
    return "@" in urlsplit(uri).netloc


def _known(kind: type[Settings], path: list[str]) -> list[str]:
    """Return the keys of the table at `path`."""
    table: Any = kind
    for part in path:
        told: Any = next(
            field.annotation for name, field in table.model_fields.items() if part in (name, field.alias)
        )
        table = next(iter(get_args(told)), told)  # of a table that may be left out: the table
    return [field.alias or name for name, field in table.model_fields.items()]
