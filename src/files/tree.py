"""The uploads tree: a document's current files under the names that people know."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Protocol, TypeAlias

from domain.file_names import document_folder, is_component
from domain.storage_errors import BlobNotFound, PathRefused
from files.blobs import BlobStore, pieces_of, system_errors
from files.durable import CONTENT_MODE, FOLDER_MODE, DurableFolders, file_lock, sync_folder

Plan: TypeAlias = "dict[str, Plan | str | None]"
"""What a folder is to hold: names to folders, to checksums of files, to None if left alone."""

_ATTEMPTS = 8
_NO_LINK = frozenset(
    {errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS}
)
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class DocumentTree(Protocol):
    """The folder of each document, made to match what is wanted."""

    def reconcile(
        self, document_id: str, wanted: Mapping[str, str], kept: Collection[str] = ()
    ) -> None:
        """Make the document's folder hold exactly these files: path below the root to checksum.

        What lies at the paths of `kept` is left alone. Raises PathRefused before anything is
        touched if a path leaves the folder, BlobNotFound after everything else is done if content
        is missing, and StorageFull.
        """

    def remove(self, document_id: str) -> None:
        """Remove the document's folder."""

    def sync(self) -> None:
        """Make what was done so far survive a power cut."""

    def exclusive(self) -> AbstractContextManager[bool]:
        """Keep other processes off the tree; yields False if one of them is at work."""

    def sweep(self, older_than_seconds: float) -> int:
        """Remove what killed processes left behind; gives the number of files."""


def planned(document_id: str, wanted: Mapping[str, str], kept: Collection[str] = ()) -> Plan:
    """Arrange the wanted paths by folder, refusing any outside the document's own.

    Paths of `kept` that lie elsewhere, or where a wanted file goes, say nothing.
    """
    plan: Plan = {}
    root = ["documents", document_folder(document_id)]
    for path, checksum in wanted.items():
        parts = path.split("/")
        if parts[:2] != root or len(parts) < 3 or not all(map(is_component, parts)):
            raise PathRefused
        _insert(plan, parts[2:], checksum)
    for path in kept:
        parts = path.split("/")
        if parts[:2] == root and len(parts) >= 3 and all(map(is_component, parts)):
            with suppress(PathRefused):
                _insert(plan, parts[2:], None)
    return plan


def _insert(plan: Plan, parts: list[str], checksum: str | None) -> None:
    for folder in parts[:-1]:
        below = plan.setdefault(folder, {})
        if not isinstance(below, dict):
            raise PathRefused("A path leads through a file of the same document.")
        plan = below
    if checksum is None and parts[-1] in plan:
        return
    if isinstance(plan.get(parts[-1]), dict):
        raise PathRefused("A file has the name of a folder of the same document.")
    plan[parts[-1]] = checksum


class UploadsTree:
    """Read-only hard links to the blobs below `root/documents`; copies where a link fails.

    Works on open folders and never follows a symbolic link below `documents`: one that was planted
    is removed like any file that is not wanted. One process at a time works on it; what vanishes or
    appears under its hands all the same, for people have hands too, is looked at again. New files
    are made in `root/.tree`, so `blobs`, `documents` and that are on one file system.
    """

    def __init__(self, root: Path, blobs: BlobStore) -> None:
        self._documents = root.absolute() / "documents"
        self._workshop = root.absolute() / ".tree"
        self._blobs = blobs
        self._folders = DurableFolders(root.absolute())
        self._unsynced: set[Path] = set()

    def reconcile(
        self, document_id: str, wanted: Mapping[str, str], kept: Collection[str] = ()
    ) -> None:
        """Make the document's folder hold exactly the wanted files, and what is kept."""
        plan = planned(document_id, wanted, kept)
        if plan:
            with system_errors():
                _repeat(lambda: self._match_document(document_folder(document_id), plan))
        else:
            self.remove(document_id)

    def remove(self, document_id: str) -> None:
        """Remove the document's folder."""
        with system_errors():
            _repeat(lambda: self._remove_document(document_folder(document_id)))

    def sync(self) -> None:
        """Make the folders that were changed durable; the files in them are already."""
        with system_errors():
            while self._unsynced:
                folder = self._unsynced.pop()
                with suppress(FileNotFoundError, NotADirectoryError):
                    sync_folder(folder)

    @contextmanager
    def exclusive(self) -> Iterator[bool]:
        """Hold the tree's lock file, unless another process does."""
        with system_errors():
            self._folders.make(self._workshop)
        with file_lock(self._workshop / "lock", exclusive=True, wait=False) as is_held:
            yield is_held

    def sweep(self, older_than_seconds: float) -> int:
        """Remove temporary files of processes that were killed."""
        before = time.time() - older_than_seconds
        with system_errors(), self._opened_documents() as (_, temporary_fd):
            with os.scandir(temporary_fd) as entries:
                names = [entry.name for entry in entries]
            old = [name for name in names if _changed_before(temporary_fd, name, before)]
            for name in old:
                _remove(temporary_fd, name)
        return len(old)

    @contextmanager
    def _opened_documents(self) -> Iterator[tuple[int, int]]:
        """Open `documents`, and the folder of temporary files, with nobody else at work there."""
        temporary = self._workshop / "tmp"
        self._folders.make(self._documents)
        self._folders.make(temporary)
        with (
            file_lock(self._workshop / "busy", exclusive=True),
            _opened_folder(self._documents) as fd,
            _opened_folder(temporary) as temporary_fd,
        ):
            yield fd, temporary_fd

    def _match_document(self, folder: str, plan: Plan) -> None:
        with self._opened_documents() as (documents_fd, temporary_fd):
            path = self._documents / folder
            with self._opened(documents_fd, path) as fd:
                missing = self._match(fd, path, plan, temporary_fd)
        if missing:
            raise missing[0]

    def _match(self, fd: int, path: Path, plan: Plan, temporary_fd: int) -> list[BlobNotFound]:
        """Make an open folder match; gives the errors of files whose content is missing."""
        missing = []
        with os.scandir(fd) as entries:
            held = {entry.name for entry in entries}
        for name in held - plan.keys():
            _remove(fd, name)
            self._unsynced.add(path)
        for name, wanted in plan.items():
            if isinstance(wanted, dict):
                with self._opened(fd, path / name) as below:
                    missing += self._match(below, path / name, wanted, temporary_fd)
                continue
            if wanted is None:
                continue
            try:
                if self._place(fd, name, wanted, temporary_fd):
                    self._unsynced.add(path)
            except BlobNotFound as error:
                missing.append(error)
        return missing

    def _place(self, fd: int, name: str, checksum: str, temporary_fd: int) -> bool:
        """Put content under a name unless it is there; tells whether it was put."""
        with self._blobs.local_path(checksum) as source:
            if _holds(fd, name, source):
                return False
            temporary = secrets.token_hex(16)
            try:
                _link_or_copy(source, temporary_fd, temporary)
                _rename(temporary_fd, temporary, fd, name)
            finally:
                # Still there after a failure, or if both names were links to one file already.
                with suppress(FileNotFoundError):
                    os.unlink(temporary, dir_fd=temporary_fd)
        return True

    def _remove_document(self, folder: str) -> None:
        with self._opened_documents() as (documents_fd, _):
            if _exists(documents_fd, folder):
                _remove(documents_fd, folder)
                self._unsynced.add(self._documents)

    @contextmanager
    def _opened(self, parent_fd: int, path: Path) -> Iterator[int]:
        """Open a folder, making it where there is none or something else in its place."""
        try:
            fd = os.open(path.name, _FOLDER_FLAGS, dir_fd=parent_fd)
        except OSError as error:
            if error.errno in (errno.ENOTDIR, errno.ELOOP):
                _remove(parent_fd, path.name)
            elif error.errno != errno.ENOENT:
                raise
            os.mkdir(path.name, FOLDER_MODE, dir_fd=parent_fd)
            self._unsynced.add(path.parent)
            fd = os.open(path.name, _FOLDER_FLAGS, dir_fd=parent_fd)
        try:
            yield fd
        finally:
            os.close(fd)


@contextmanager
def _opened_folder(folder: Path) -> Iterator[int]:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def _repeat(act: Callable[[], None]) -> None:
    """Do it again when somebody changed a folder in the meantime."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return act()
        except (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError):
            continue
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.ELOOP, errno.ESTALE):
                raise
    return act()


def _exists(fd: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _remove(fd: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=fd)
    except IsADirectoryError:
        shutil.rmtree(name, dir_fd=fd)


def _rename(from_fd: int, from_name: str, to_fd: int, to_name: str) -> None:
    try:
        os.rename(from_name, to_name, src_dir_fd=from_fd, dst_dir_fd=to_fd)
    except IsADirectoryError:
        _remove(to_fd, to_name)
        os.rename(from_name, to_name, src_dir_fd=from_fd, dst_dir_fd=to_fd)


def _link_or_copy(source: Path, fd: int, name: str) -> None:
    try:
        os.link(source, name, dst_dir_fd=fd, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        _copy(source, fd, name)


def _copy(source: Path, fd: int, name: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, 0o600, dir_fd=fd), "wb") as copy:
        copy.writelines(pieces_of(source))
        copy.flush()
        os.fchmod(copy.fileno(), CONTENT_MODE)
        os.fsync(copy.fileno())


def _holds(fd: int, name: str, source: Path) -> bool:
    """Tell whether a name is a link to the source, or a read-only file of the same content."""
    try:
        found = os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    expected = source.stat()
    if (found.st_dev, found.st_ino) == (expected.st_dev, expected.st_ino):
        return True
    is_plain = stat.S_ISREG(found.st_mode) and not found.st_mode & 0o222
    return is_plain and found.st_size == expected.st_size and _same_content(fd, name, source)


def _same_content(fd: int, name: str, source: Path) -> bool:
    opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
    with os.fdopen(opened, "rb") as held:
        return all(held.read(len(piece)) == piece for piece in pieces_of(source))


def _changed_before(fd: int, name: str, before: float) -> bool:
    # A new link has the age of its blob; its change time is when it was linked.
    try:
        return os.stat(name, dir_fd=fd, follow_symlinks=False).st_ctime < before
    except FileNotFoundError:
        return False
