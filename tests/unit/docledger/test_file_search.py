"""Which files `docledger process` takes, and what it says of the rest."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from docledger.commands.file_search import (
    FoundFiles,
    NothingToProcess,
    Reason,
    Unreadable,
    content_of,
    find_files,
)

NOBODY = 65534


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of two papers with one more beside it."""
    found = tmp_path / "in"
    (found / "deep").mkdir(parents=True)
    (found / "a.md").write_text("a")
    (found / "deep" / "b.md").write_text("b")
    (tmp_path / "outside.md").write_text("not asked for")
    return found


def names(found: FoundFiles) -> list[str]:
    return [path.name for path in found.files]


def passed_over(found: FoundFiles) -> dict[str, Reason]:
    return {path.name: reason for path, reason in found.passed_over}


@contextmanager
def as_nobody(*paths: Path) -> Iterator[None]:
    """Be a user whom file modes bind, where the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    for path in paths:
        os.chown(path, NOBODY, NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_links_lead_nowhere_unless_they_are_followed(folder: Path) -> None:
    (folder / "c.md").symlink_to(folder.parent / "outside.md")
    (folder / "up").symlink_to(folder.parent, target_is_directory=True)
    found = find_files([folder])
    assert names(found) == ["a.md", "b.md"]
    assert passed_over(found) == {"c.md": Reason.LINK, "up": Reason.LINK}
    assert found.is_complete
    assert found.lines() == [
        "passed over 2, a link (--follow-links takes it in): in/c.md, in/up",
    ]


def test_links_that_are_followed_end(folder: Path) -> None:
    (folder / "c.md").symlink_to(folder.parent / "outside.md")
    (folder / "deep" / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "gone").symlink_to(folder / "nothing")
    (folder / "itself").symlink_to(folder / "itself")
    (folder / "same.md").symlink_to(folder / "a.md")
    found = find_files([folder], follow_links=True)
    assert names(found) == ["a.md", "c.md", "b.md"]
    assert passed_over(found) == {
        "loop": Reason.SEARCHED,
        "gone": Reason.BROKEN_LINK,
        "itself": Reason.BROKEN_LINK,
        "same.md": Reason.SAME_FILE,
    }


def test_what_is_named_is_taken_as_it_is(folder: Path) -> None:
    link, hidden = folder / "link.md", folder / ".notes.md"
    link.symlink_to(folder.parent / "outside.md")
    hidden.write_text("named")
    assert names(find_files([link, hidden])) == ["link.md", ".notes.md"]


def test_hidden_and_special_files_are_passed_over(folder: Path, tmp_path: Path) -> None:
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("x")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "socket"))
        found = find_files([folder])
    assert names(found) == ["a.md", "b.md"]
    assert passed_over(found) == {
        ".git": Reason.HIDDEN,
        "pipe": Reason.SPECIAL,
        "socket": Reason.SPECIAL,
    }
    assert found.is_complete
    with pytest.raises(NothingToProcess, match="neither a file nor a folder"):
        find_files([folder / "pipe"])


def test_the_same_file_is_taken_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    found = find_files([Path("a.md"), folder / "deep" / ".." / "a.md", folder, folder])
    assert names(found) == ["a.md", "b.md"]
    reasons = [reason for _, reason in found.passed_over]
    assert reasons == [Reason.SAME_FILE, Reason.SAME_FILE, Reason.SEARCHED]


def test_what_cannot_be_read_is_told_and_ends_nothing(folder: Path) -> None:
    secret, closed = folder / "secret.md", folder / "closed"
    secret.write_text("x")
    closed.mkdir()
    secret.chmod(0)
    closed.chmod(0)
    for parent in [folder, *folder.parents]:
        if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o055)
    with as_nobody(secret, closed):
        found = find_files([folder])
        with pytest.raises(Unreadable, match=r"secret\.md cannot be read \(Permission denied\)"):
            list(content_of(secret))
    closed.chmod(0o700)
    assert names(found) == ["a.md", "b.md", "secret.md"]
    assert passed_over(found) == {"closed": Reason.UNREADABLE}
    assert not found.is_complete


def test_a_deep_folder_is_searched_to_its_end(tmp_path: Path) -> None:
    deepest = tmp_path.joinpath(*["d"] * 400)
    deepest.mkdir(parents=True)
    (deepest / "a.md").write_text("a")
    assert names(find_files([tmp_path])) == ["a.md"]


def test_names_that_are_no_text_can_be_told(folder: Path) -> None:
    (folder / os.fsdecode(b".\xff\x1b[31mred")).touch()
    (line,) = find_files([folder]).lines()
    assert line == "passed over 1, hidden: in/.??[31mred"


def test_nothing_to_process_says_why(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingToProcess, match="empty holds no file"):
        find_files([tmp_path / "empty"])
    with pytest.raises(NothingToProcess, match="No such file"):
        find_files([tmp_path / "none"])
    (tmp_path / "empty" / "link.md").symlink_to(folder / "a.md")
    with pytest.raises(NothingToProcess, match=r"passed over 1, a link .*: empty/link\.md"):
        find_files([tmp_path / "empty"])
