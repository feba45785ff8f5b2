"""Levels of headings."""

from __future__ import annotations

from collections.abc import Sequence

from markdown_it.token import Token


def even_levels(tokens: Sequence[Token]) -> dict[int, int]:
    """Return the level that each heading with `#` marks is to have, by its line.

    One that stands more than one level below the heading that it belongs to is lifted.
    """
    levels: dict[int, int] = {}
    open_levels: list[tuple[int, int]] = []  # as written, as it becomes
    for token in tokens:
        if token.type != "heading_open" or token.level or not token.map:
            continue
        written = int(token.tag[1])
        while open_levels and open_levels[-1][0] >= written:
            open_levels.pop()
        level = min(written, open_levels[-1][1] + 1 if open_levels else written)
        open_levels.append((written, level))
        if token.markup[0] == "#":
            levels[token.map[0]] = level
    return levels


def with_level(source: str, level: int) -> str:
    """Return the heading with so many marks."""
    return "#" * level + source.lstrip(" ").lstrip("#")
