"""Whom the embedded PostgreSQL runs as, and which folders that user may pass through.

PostgreSQL refuses to run as root. For root another user runs it, who then has to reach the data
folder and the programs; nothing is opened further than that.
"""

from __future__ import annotations

import logging
import os
import pwd
import stat
from contextlib import suppress
from pathlib import Path

from domain.errors import DocledgerError

_logger = logging.getLogger(__name__)

# The first of these that exists runs the server for root.
_SERVER_USERS = ("docledger", "postgres", "nobody")


class EmbeddedPostgresError(DocledgerError):
    """The embedded PostgreSQL could not be started or stopped."""


def account_for(data_folder: Path) -> pwd.struct_passwd | None:
    """Return whom the server on this data folder runs as, None for ourselves.

    Raises EmbeddedPostgresError if it is somebody else's and we are not root.
    """
    owner = data_folder.stat().st_uid if data_folder.exists() else None
    if os.geteuid() != 0:
        if owner not in (None, os.geteuid()):
            raise foreign(data_folder)
        return None
    return pwd.getpwuid(owner) if owner else _server_user()


def foreign(folder: Path) -> EmbeddedPostgresError:
    """Return the error for a folder of another user."""
    return EmbeddedPostgresError(
        f"{folder} belongs to another user; run docledger as that user, or set DOCLEDGER_HOME to "
        "a folder of your own"
    )


def _server_user() -> pwd.struct_passwd:
    for name in _SERVER_USERS:
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise EmbeddedPostgresError(
        f"root may not run PostgreSQL and none of the users {', '.join(_SERVER_USERS)} exists; "
        "make one of them, or run docledger as another user"
    )


def hand_over(path: Path, account: pwd.struct_passwd | None) -> None:
    """Make the server's user the owner; nothing to do where that is ourselves."""
    if account is not None:
        os.chown(path, account.pw_uid, account.pw_gid)


def make_readable(folder: Path) -> None:
    """Let every user read a package that was installed for root alone."""
    if folder.stat().st_mode & 0o055 == 0o055:
        return
    for path in (folder, folder.with_name(folder.name + ".libs")):
        for each in (path, *path.rglob("*")):
            mode = each.stat().st_mode
            each.chmod(mode | ((mode & 0o500) >> 3) | ((mode & 0o500) >> 6))


def share_private(folder: Path, account: pwd.struct_passwd) -> None:
    """Let the server's group, and nobody else, pass through a folder that was root's alone."""
    mode = folder.stat().st_mode
    if not mode & 0o077:
        os.chown(folder, -1, account.pw_gid)
        folder.chmod(mode | stat.S_IXGRP)


def make_reachable(folder: Path, account: pwd.struct_passwd) -> None:
    """Let the server's user pass through the folder and its parents, and no more than pass."""
    for path in (folder, *folder.parents):
        found = path.stat()
        if found.st_uid == account.pw_uid:
            needed = stat.S_IXUSR
        elif found.st_gid == account.pw_gid:
            needed = stat.S_IXGRP
        else:
            needed = stat.S_IXOTH
        if not found.st_mode & needed:
            path.chmod(found.st_mode | needed)
            _logger.warning(
                "let user %s, who runs PostgreSQL for root, pass through %s", account.pw_name, path
            )
