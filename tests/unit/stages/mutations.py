"""Samples that were damaged on the way, by a seed: cut, overwritten, shuffled, renamed."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Callable
from typing import Final

from unit.stages.making import SAMPLES, zip_of

_NAMES: Final = (
    "a.docx",
    "a.pptx",
    "a.xlsx",
    "a.pdf",
    "a.html",
    "a.csv",
    "a.txt",
    "a.eml",
    "a.epub",
)
Damage = Callable[[random.Random, bytes], bytes]


def mutated(seed: int) -> tuple[str, bytes]:
    """Return a damaged sample's name and content; a seed always gives the same."""
    dice = random.Random(seed)
    path = dice.choice(sorted(p for p in SAMPLES.iterdir() if p.is_file()))
    content = path.read_bytes()
    for _ in range(dice.randint(1, 3)):
        damage = dice.choice(_DAMAGES + (_part,) * (3 if zipfile.is_zipfile(path) else 0))
        content = damage(dice, content)
    return (path.name if dice.random() < 0.8 else dice.choice(_NAMES)), content


def _range(dice: random.Random, content: bytes) -> tuple[int, int]:
    start = dice.randrange(len(content) + 1)
    return start, min(len(content), start + dice.randint(1, max(1, len(content) // 8)))


def _cut(dice: random.Random, content: bytes) -> bytes:
    return content[: dice.randrange(len(content) + 1)]


def _overwrite(dice: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(dice.randint(1, 40)):
        if changed:
            changed[dice.randrange(len(changed))] = dice.randrange(256)
    return bytes(changed)


def _delete(dice: random.Random, content: bytes) -> bytes:
    start, end = _range(dice, content)
    return content[:start] + content[end:]


def _repeat(dice: random.Random, content: bytes) -> bytes:
    start, end = _range(dice, content)
    return content[:end] + content[start:end] * dice.randint(1, 5) + content[end:]


def _fill(dice: random.Random, content: bytes) -> bytes:
    start, end = _range(dice, content)
    return content[:start] + bytes([dice.choice((0, 32, 255))]) * (end - start) + content[end:]


def _part(dice: random.Random, content: bytes) -> bytes:
    """Damage one part of an archive, which stays one."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
    except (OSError, zipfile.BadZipFile, zipfile.LargeZipFile, RuntimeError, EOFError, ValueError):
        return content
    if parts:
        name = dice.choice(sorted(parts))
        parts[name] = dice.choice(_DAMAGES)(dice, parts[name])
    return zip_of(parts)


_DAMAGES: Final[tuple[Damage, ...]] = (_cut, _overwrite, _delete, _repeat, _fill)
