"""What operators may set, all of it by environment variables that begin with DOCLEDGER_."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.errors import DocledgerError

PREFIX = "DOCLEDGER_"


class SettingsError(DocledgerError):
    """A setting has a value that docledger cannot use."""


class Settings(BaseSettings):
    """Every setting with its default. Use `Settings.load`, whose errors name the variable."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid"
    )

    home: Path = Field(
        default=Path(".docledger"),
        description="where the embedded server and, unless set otherwise, the files live",
    )
    database_url: str | None = Field(
        default=None, repr=False, description="a PostgreSQL of your own; unset: the embedded one"
    )
    storage_url: str | None = Field(
        default=None, description="file:///folder or s3://bucket/prefix; unset: home/uploads"
    )
    migrations_folder: Path | None = Field(
        default=None, description="the numbered SQL files; unset: those of this installation"
    )

    host: str = Field(default="127.0.0.1", description="the address that the API listens on")
    port: int = Field(default=8000, ge=0, le=65_535, description="its port; 0: a free one")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"
    shutdown_seconds: float = Field(
        default=20, gt=0, le=3600, description="how long a stop waits for what is under way"
    )

    max_upload_bytes: int = Field(
        default=1 << 30, gt=0, description="the largest file that is accepted"
    )
    pool_connections: int = Field(
        default=10, ge=2, le=200, description="database connections of one process, at most"
    )
    database_seconds: float = Field(
        default=10,
        ge=1,
        le=3600,
        description="how long one request waits for the database, all in all",
    )
    statement_timeout_seconds: float = Field(
        default=30,
        gt=0,
        description="how long the database may work on one statement of a request, if shorter",
    )
    commit_batch_commands: int = Field(
        default=256, ge=1, le=10_000, description="commands that one transaction appends, at most"
    )
    remembered_documents: int = Field(
        default=16_384,
        ge=1,
        le=10_000_000,
        description="documents that one process keeps in memory between commands, some 4 KB each",
    )
    projector_batch_events: int = Field(
        default=2000, ge=1, le=10_000, description="events that one transaction projects, at most"
    )
    follow_documents: bool = Field(
        default=True, description="whether rows that others put into documents get a workflow"
    )
    poll_seconds: float = Field(
        default=1, gt=0, le=60, description="how often to look for work that nobody announced"
    )
    read_wait_seconds: float = Field(
        default=2, ge=0, le=60, description="how long a read waits for the position it asks for"
    )

    sweep_seconds: float = Field(
        default=6 * 3600, gt=0, description="how often stored files that nothing names are removed"
    )
    sweep_age_seconds: float = Field(
        default=24 * 3600,
        ge=60,
        description="how old such a file must be to be moved to the trash, and there to be deleted",
    )

    seal_seconds: float = Field(
        default=60, gt=0, le=86_400, description="how often what is new in the log is sealed"
    )

    clock_tolerance_seconds: float = Field(
        default=300,
        ge=0,
        le=86_400,
        description="how far ahead of this machine's clock a reported time may be",
    )

    worker_slots: int = Field(
        default_factory=lambda: os.cpu_count() or 1,
        ge=1,
        le=512,
        description="stages that one worker process runs at once; unset: one a core",
    )
    worker_documents: int = Field(
        default=64,
        ge=1,
        le=512,
        description="documents that it has at hand at once where no stage needs a process",
    )
    lease_seconds: float = Field(
        default=30, ge=1, le=3600, description="after how long a silent worker loses its stage"
    )
    stage_memory_bytes: int = Field(
        default=2 << 30, ge=256 << 20, description="memory that one stage's process may take"
    )

    @classmethod
    def load(cls, **given: Any) -> Self:
        """Return the settings of the environment; `given` ones that are not None go before it.

        Raises SettingsError, naming the variable.
        """
        _refuse_misspelt(os.environ, cls.model_fields)
        try:
            return cls(**{name: value for name, value in given.items() if value is not None})
        except ValidationError as error:
            raise SettingsError(_first_problem(error)) from error

    @field_validator("home", "migrations_folder")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @field_validator("database_url")
    @classmethod
    def _known_to_libpq(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                conninfo_to_dict(value)
            except psycopg.ProgrammingError:
                # The library's message can hold the password.
                raise ValueError(
                    "is no PostgreSQL address; it looks like postgresql://user@host:5432/database"
                ) from None
        return value

    @field_validator("storage_url")
    @classmethod
    def _known_storage(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path != "/":
            return value
        if parts.scheme == "s3" and parts.netloc:
            return value
        raise ValueError("is no storage; it looks like file:///folder or s3://bucket/prefix")

    @model_validator(mode="after")
    def _has_home(self) -> Self:
        if self.home.exists() and not self.home.is_dir():
            raise ValueError(f"{PREFIX}HOME: {self.home} is a file; name a folder")
        return self

    @property
    def uses_embedded_postgres(self) -> bool:
        """True when no database was named."""
        return self.database_url is None

    @property
    def storage_location(self) -> str:
        """The URL of the storage: as set, or the folder `uploads` under the home."""
        return self.storage_url or (self.home / "uploads").as_uri()


def runtime_folder() -> Path | None:
    """Return the user's folder for sockets, None where the system names none."""
    named = os.environ.get("XDG_RUNTIME_DIR")
    return Path(named) if named else None


def _refuse_misspelt(environment: Mapping[str, str], known: Mapping[str, object]) -> None:
    names = [PREFIX + name.upper() for name in known]
    for name in environment:
        if name.startswith(PREFIX) and name not in names:
            likely = difflib.get_close_matches(name, names, n=1, cutoff=0.85)
            if likely:
                raise SettingsError(f"{name} is not a setting; did you mean {likely[0]}?")


def _first_problem(error: ValidationError) -> str:
    """Say which variable is wrong and how; values are left out, they may be secret."""
    first = error.errors(include_input=False, include_url=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return message
    return f"{PREFIX}{str(first['loc'][0]).upper()}: {message}"
