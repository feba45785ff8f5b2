"""The numbered pairs of SQL files that take the schema up and down."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from domain.errors import DocledgerError

LOG_TABLE = "docledger_events"

_FILE_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.up\.sql")
_CREATED = re.compile(
    r"^CREATE (?:UNLOGGED )?(?:TABLE|VIEW|MATERIALIZED VIEW|SEQUENCE)"
    r" (?:public\.)?([a-z_0-9]+)\b(?!\.)",
    re.MULTILINE,
)
_DROPS_LOG = re.compile(
    rf"^DROP TABLE (?:IF EXISTS )?(?:public\.)?{LOG_TABLE}\b", re.MULTILINE | re.IGNORECASE
)


class MigrationError(DocledgerError):
    """The schema could not be migrated; nothing of the step that failed was kept."""


class DatabaseUnreachable(MigrationError):
    """The database cannot be reached; see that it runs and that DOCLEDGER_DATABASE_URL names it."""


class MigrationChanged(MigrationError):
    """A migration that was applied has been changed since."""


class MigrationUnknown(MigrationError):
    """The database was migrated by a newer docledger than this one."""


class MigrationBusy(MigrationError):
    """Somebody else is migrating this database; try again when they are done."""


class NoSuchMigration(MigrationError):
    """There is no migration of this number."""


class EventsWouldBeDeleted(MigrationError):
    """The log holds events; undoing this step would delete them."""


@dataclass(frozen=True)
class Migration:
    """One numbered pair of SQL files."""

    number: int
    name: str
    up_file: Path

    @cached_property
    def up_sql(self) -> str:
        """The text that takes the schema one step up."""
        return self.up_file.read_text(encoding="utf-8")

    @cached_property
    def down_sql(self) -> str:
        """The text that undoes the step."""
        path = self.up_file.with_name(self.up_file.name.replace(".up.", ".down."))
        return path.read_text(encoding="utf-8")

    @cached_property
    def checksum(self) -> str:
        """SHA-256 of the way up, in hex; a better way down may be written later."""
        return hashlib.sha256(self.up_sql.encode()).hexdigest()

    @cached_property
    def creates(self) -> tuple[str, ...]:
        """The relations that the step makes unconditionally."""
        return tuple(_CREATED.findall(self.up_sql))

    @property
    def drops_log(self) -> bool:
        """True when undoing the step drops the table of events."""
        return _DROPS_LOG.search(self.down_sql) is not None

    def __str__(self) -> str:
        return f"{self.number:04d}_{self.name}"


def default_folder() -> Path:
    """Return where the SQL files are: beside the code in a wheel, else in the source tree."""
    packaged = Path(__file__).with_name("migrations")
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "migrations"


def read_migrations(folder: Path) -> tuple[Migration, ...]:
    """Return the migrations of `folder` in order.

    Raises MigrationError if there are none or their numbers are not 1, 2, 3, …
    """
    found = []
    for path in sorted(folder.glob("*.up.sql")):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path.name}: a migration is called NNNN_name.up.sql")
        found.append(Migration(int(match[1]), match[2], path))
    if [migration.number for migration in found] != list(range(1, len(found) + 1)) or not found:
        raise MigrationError(f"{folder}: expected migrations numbered 0001, 0002, … without a gap")
    return tuple(found)
