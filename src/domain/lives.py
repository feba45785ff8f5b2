"""Lives of an id: a registration begins one, a deletion or an undone import ends it.

All lives of an id are one stream. What belongs to a life (file versions, files, realm) is seen
through that life only. An event that cannot be read is still known by its topic, so that a later
life is never taken for part of an earlier one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from domain import events as e

Recorded = TypeVar("Recorded")

BEGINS_LIFE = e.DocumentRegistered.__name__
"""The topic of the event that begins a life."""
ENDS_LIFE = frozenset((e.DocumentDeleted.__name__, e.ImportUndone.__name__))
"""Topics of events after which no document of the id is registered."""
MOVES_LIFE = e.DocumentChanged.__name__
"""The topic of the event that may give a life another realm."""


class Life(NamedTuple):
    """One life of an id.

    `number` counts from 1. `first_version` is that of its registration, `last_version` that of the
    event that ended it, None while it goes on. `realm_id` is the last realm that it had, None also
    where its registration cannot be read.
    """

    number: int
    first_version: int
    last_version: int | None
    realm_id: str | None


def lives_of(events: Iterable[Any]) -> list[Life]:
    """Return the lives that a stream's events tell of, oldest first.

    Only registrations, changes and ends are looked at, so that other events may be left out.
    """
    lives: list[Life] = []
    for event in events:
        topic = _topic(event)
        if topic == BEGINS_LIFE:
            realm_id = getattr(event, "realm_id", None)
            lives.append(Life(len(lives) + 1, event.version, None, realm_id))
        elif lives and topic == MOVES_LIFE:
            lives[-1] = lives[-1]._replace(realm_id=getattr(event, "realm_id", None))
        elif lives and topic in ENDS_LIFE:
            lives[-1] = lives[-1]._replace(last_version=event.version)
    return lives


def life_at(lives: Sequence[Life], version: int) -> Life | None:
    """Return the life that the event of this version is of, None ahead of the first."""
    return next((life for life in reversed(lives) if life.first_version <= version), None)


def current_life(history: Sequence[Recorded]) -> Sequence[Recorded]:
    """Return what the history holds of the life that goes on; nothing if it has ended."""
    for index in range(len(history) - 1, -1, -1):
        topic = _topic(getattr(history[index], "event", None))
        if topic in ENDS_LIFE:
            return ()
        if topic == BEGINS_LIFE:
            return history[index:]
    return ()


def _topic(event: object) -> str:
    topic: str = getattr(event, "topic", None) or type(event).__name__
    return topic
