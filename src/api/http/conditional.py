"""The headers that make a request depend on a version, a checksum or a position."""

from __future__ import annotations

import re
from typing import NamedTuple

from api.http.errors import Malformed, RangeNotSatisfiable

_ENTITY_TAG = re.compile(r'\s*(W/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*(?:,|$)')
_RANGE = re.compile(r"bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*", re.IGNORECASE)
_MAX_POSITION = 2**63 - 1
ANY = "*"
MIN_POSITION = "docledger-min-position"


class EntityTag(NamedTuple):
    """One entity tag of a header."""

    weak: bool
    value: str


def entity_tags(header: str, name: str) -> tuple[EntityTag, ...]:
    """Return the tags of an If-Match or If-None-Match header; raise Malformed for anything else."""
    found: list[EntityTag] = []
    at = 0
    while at < len(header):
        match = _ENTITY_TAG.match(header, at)
        if match is None:
            raise Malformed(f'{name} must be "*" or a list of quoted entity tags.')
        found.append(EntityTag(bool(match[1]), match[2]))
        at = match.end()
    if not found:
        raise Malformed(f"{name} is empty.")
    return tuple(found)


def versions_matched(header: str | None) -> frozenset[int] | None:
    """Return the versions that an If-Match header lets pass, None if every version does.

    Weak tags never match, as in RFC 9110; a tag that is no version of ours matches nothing.
    """
    if header is None or header.strip() == ANY:
        return None
    tags = entity_tags(header, "If-Match")
    return frozenset(
        int(tag.value)
        for tag in tags
        if not tag.weak and tag.value.isascii() and tag.value.isdigit() and len(tag.value) < 19
    )


def none_match(header: str | None, checksum: str) -> bool:
    """Tell whether If-None-Match names the content that the caller would get."""
    if header is None:
        return False
    if header.strip() == ANY:
        return True
    return any(tag.value == checksum for tag in entity_tags(header, "If-None-Match"))


def min_position(header: str | None) -> int:
    """Return the position of a Docledger-Min-Position header, 0 without one."""
    if header is None:
        return 0
    text = header.strip()
    if not (text.isascii() and text.isdigit() and len(text) < 20) or int(text) > _MAX_POSITION:
        raise Malformed("Docledger-Min-Position must be a position: a whole number from 0.")
    return int(text)


def byte_range(header: str | None, size_bytes: int) -> tuple[int, int] | None:
    """Return the (start, end) of the bytes asked for, end excluded; None for the whole.

    Several ranges and other units are answered with the whole, which RFC 9110 leaves to us.
    Raises RangeNotSatisfiable for a range without any byte of the file.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or (not match[1] and not match[2]):
        return None
    if not match[1]:
        start, end = max(0, size_bytes - int(match[2][:20])), size_bytes
    else:
        start = int(match[1][:20])
        end = min(size_bytes, int(match[2][:20]) + 1) if match[2] else size_bytes
        if match[2] and int(match[2][:20]) < start:
            return None
    if start >= end:
        raise RangeNotSatisfiable(size_bytes)
    return start, end
