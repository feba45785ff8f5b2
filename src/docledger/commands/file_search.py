"""Which files `docledger process` takes of the paths that it is given, and which it passes over."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from domain.errors import DocledgerError

_NAMED_AT_MOST = 5


class NothingToProcess(DocledgerError):
    """No file was found under the paths given."""


class Unreadable(DocledgerError):
    """A file that was to be read cannot be."""


class Reason(StrEnum):
    """Why a path is passed over; the text is what the user is told."""

    HIDDEN = "hidden"
    LINK = "a link (--follow-links takes it in)"
    BROKEN_LINK = "a link to nothing"
    SEARCHED = "a folder that was searched already"
    SAME_FILE = "the same file again"
    SPECIAL = "neither a file nor a folder"
    UNREADABLE = "not readable"


@dataclass
class FoundFiles:
    """The files to take in, sorted within each folder, and what was passed over and why."""

    files: list[Path] = field(default_factory=list)
    passed_over: list[tuple[Path, Reason]] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """False when something that was asked for could not be read."""
        return all(reason is not Reason.UNREADABLE for _, reason in self.passed_over)

    def lines(self) -> list[str]:
        """Return one line for each reason: how many paths, and the first of them."""
        by_reason: dict[Reason, list[str]] = {}
        for path, reason in self.passed_over:
            by_reason.setdefault(reason, []).append(_shown("/".join(path.parts[-2:])))
        return [_line(reason, names) for reason, names in by_reason.items()]


def _shown(name: str) -> str:
    """Return a name, which can be any bytes, as a terminal can be given it."""
    return "".join(char if char.isprintable() else "?" for char in name)


def _line(reason: Reason, names: Sequence[str]) -> str:
    more = ", …" if len(names) > _NAMED_AT_MOST else ""
    return f"passed over {len(names)}, {reason}: {', '.join(names[:_NAMED_AT_MOST])}{more}"


def find_files(paths: Sequence[Path], *, follow_links: bool = False) -> FoundFiles:
    """Return the files among `paths` and in the folders among them, each once.

    A path that is named is taken whatever it is called and also if it is a link. In folders,
    hidden files and folders are passed over, and links unless they are followed. Raises
    NothingToProcess, naming the path, for one that is not there or holds no file.
    """
    search = _Search(follow_links)
    for path in paths:
        before = len(search.found.files), len(search.found.passed_over)
        search.named(path)
        if (len(search.found.files), len(search.found.passed_over)) == before:
            raise NothingToProcess(f"{path} holds no file; name files, or folders with files.")
    if not search.found.files:
        told = "; ".join(search.found.lines())
        raise NothingToProcess(f"There is no file to process: {told}.")
    return search.found


class _Search:
    def __init__(self, follow_links: bool) -> None:
        self.found = FoundFiles()
        self._follow_links = follow_links
        self._files: set[str] = set()
        self._folders: set[tuple[int, int]] = set()

    def named(self, path: Path) -> None:
        """Take a path that the user has named."""
        try:
            mode = path.stat().st_mode
        except OSError as error:
            raise NothingToProcess(
                f"{path} cannot be processed ({error.strerror}); name files, or folders with files."
            ) from None
        if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
            raise NothingToProcess(f"{path} is neither a file nor a folder.")
        waiting = [path]
        while waiting:
            waiting += reversed(self._take(waiting.pop()))

    def _take(self, path: Path) -> Sequence[Path]:
        """Note a file, or return what is to be taken of a folder."""
        try:
            found = path.stat()
        except OSError:
            is_link = path.is_symlink()
            self._pass_over(path, Reason.BROKEN_LINK if is_link else Reason.UNREADABLE)
            return ()
        if stat.S_ISDIR(found.st_mode):
            return self._folder(path, (found.st_dev, found.st_ino))
        if stat.S_ISREG(found.st_mode):
            self._file(path)
        else:
            self._pass_over(path, Reason.SPECIAL)
        return ()

    def _file(self, path: Path) -> None:
        real = os.path.realpath(path)
        if real in self._files:
            self._pass_over(path, Reason.SAME_FILE)
            return
        self._files.add(real)
        self.found.files.append(path)

    def _folder(self, path: Path, identity: tuple[int, int]) -> Sequence[Path]:
        if identity in self._folders:
            self._pass_over(path, Reason.SEARCHED)
            return ()
        self._folders.add(identity)
        try:
            return [child for child in sorted(path.iterdir()) if self._is_wanted(child)]
        except OSError:
            self._pass_over(path, Reason.UNREADABLE)
            return ()

    def _is_wanted(self, child: Path) -> bool:
        if child.name.startswith("."):
            self._pass_over(child, Reason.HIDDEN)
        elif child.is_symlink() and not self._follow_links:
            self._pass_over(child, Reason.LINK)
        else:
            return True
        return False

    def _pass_over(self, path: Path, reason: Reason) -> None:
        self.found.passed_over.append((path, reason))


def content_of(path: Path, piece_bytes: int = 1024 * 1024) -> Iterator[bytes]:
    """Read a file piece by piece; raise Unreadable where the system refuses."""
    try:
        with path.open("rb", buffering=0) as file:
            while piece := file.read(piece_bytes):
                yield piece
    except OSError as error:
        raise Unreadable(f"{_shown(path.name)} cannot be read ({error.strerror}).") from error
