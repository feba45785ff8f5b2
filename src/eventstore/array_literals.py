"""Arrays written out as PostgreSQL reads them.

The driver looks at each item of a list several times to find out how to send it; here the type is
known, and that is most of what sending a small append costs.
"""

from __future__ import annotations

from collections.abc import Iterable


def text_array(items: Iterable[str]) -> str:
    """Return the literal of a `text[]`."""
    return f"{{{','.join([_quoted(item) for item in items])}}}"


def bigint_array(items: Iterable[int]) -> str:
    """Return the literal of a `bigint[]`."""
    return f"{{{','.join(map(str, items))}}}"


def bytea_array(items: Iterable[bytes | None]) -> str:
    """Return the literal of a `bytea[]`, None being null."""
    return f"{{{','.join([_hex(item) for item in items])}}}"


def _quoted(item: str) -> str:
    if "\\" in item or '"' in item:
        item = item.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{item}"'


def _hex(item: bytes | None) -> str:
    return "NULL" if item is None else f'"\\\\x{item.hex()}"'
