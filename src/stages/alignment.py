"""Find pieces again in a text that is nearly the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

# How far ahead to look for how many letters that are equal, until two places are the same again.
_NEAR: Final = ((4, 4), (12, 8), (32, 16), (16, 4), (512, 16))
_FAR: Final = ((8_192, 24),)
_SHORT: Final = 32  # so little left is not looked for far away
_MOST_FAR: Final = 20  # such looks, each of which takes long


class _Run(NamedTuple):
    """So many letters of the pieces are those of the text."""

    start: int
    place: int
    length: int


def aligned(pieces: Sequence[str], text: str) -> list[int] | None:
    """Return where in the text each piece begins, None if the texts part for good.

    Piece by piece in order. Takes time in proportion to the text's length.
    """
    whole = "".join(pieces)
    starts = [0, *accumulate(map(len, pieces))][:-1]
    if whole == text:
        return starts
    runs = list(_runs(whole, text))
    if runs[-1].start < 0:
        return None
    return [
        len(text) if start == len(whole) else place
        for start, place in zip(starts, _placed(starts, runs), strict=True)
    ]


def _placed(starts: Sequence[int], runs: Sequence[_Run]) -> Iterator[int]:
    number = 0
    for start in starts:
        while number < len(runs) and start >= runs[number].start + runs[number].length:
            number += 1
        if number == len(runs):
            yield runs[-1].place + runs[-1].length
            continue
        run = runs[number]
        ended = runs[number - 1].start + runs[number - 1].length if number else 0
        replaced = number and start == ended and start < run.start
        before = runs[number - 1].place + runs[number - 1].length if replaced else run.place
        yield run.place + start - run.start if start >= run.start else before


def _runs(whole: str, text: str) -> Iterator[_Run]:
    """Return what is equal, in order; one that starts at -1 says that no more is."""
    start = place = far = 0
    while True:
        length = _common(whole, start, text, place)
        yield _Run(start, place, length)
        start, place = start + length, place + length
        if start == len(whole) or place == len(text):
            return
        found = _resumed(whole, start, text, place, _NEAR)
        if found is None:
            if min(len(whole) - start, len(text) - place) <= _SHORT:
                return
            far += 1
            found = _resumed(whole, start, text, place, _FAR) if far < _MOST_FAR else None
        if found is None:
            yield _Run(-1, -1, 0)
            return
        start, place = found


def _resumed(
    whole: str, start: int, text: str, place: int, looks: Sequence[tuple[int, int]]
) -> tuple[int, int] | None:
    """Return the nearest places from which on both are equal again."""
    for window, letters in looks:
        best: tuple[int, int, int] | None = None
        for skipped in range(min(window, len(whole) - start)):
            if best is not None and skipped >= best[0]:
                break
            probe = whole[start + skipped : start + skipped + letters]
            reach = window if best is None else best[0] - skipped
            found = text.find(probe, place, place + reach + letters)
            if found >= 0 and len(probe) == letters:
                best = (skipped + found - place, start + skipped, found)
        if best is not None:
            return best[1], best[2]
    return None


def _common(whole: str, start: int, text: str, place: int) -> int:
    """Return how many letters are equal from both places on."""
    length, step = 0, 64
    while step:
        piece = whole[start + length : start + length + step]
        if piece and piece == text[place + length : place + length + len(piece)]:
            length += len(piece)
            step *= 2
        else:
            step //= 2
    return length
