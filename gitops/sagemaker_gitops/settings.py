"""The tables of mlops.toml as frozen models: what each key may be, and which of them contradict others."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

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

    def last(self, today: date) -> date:
        """Return the last day that a waiver may name on this one."""
        return today + timedelta(days=self.LONGEST_DAYS)

    def spent(self, today: date) -> str:
        """Return why it holds for no champion on this day, whichever serves; nothing where it may hold."""
        if self.until < today:
            return f"ended on {self.until}"
        if self.until > self.last(today):
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


def far(uri: str) -> bool:
    """Say whether an MLflow address is one that only the network leads to, not a file."""
    return urlsplit(uri).scheme not in ("", "file", "sqlite")


def names_user(uri: str) -> bool:
    """Say whether an address holds a user, and so perhaps a password."""
    return "@" in urlsplit(uri).netloc
