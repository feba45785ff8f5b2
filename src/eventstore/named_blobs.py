"""Which contents the log names: content that it does not name may be swept.

An event names content in its open part, in a field called `checksum`, at any depth: a
`FileReference` among the inputs of a stage counts like the file of an upload. Events of types
that cannot name any are not searched; those of types that this docledger does not know are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec import inspect as types
from psycopg import Connection
from psycopg.rows import tuple_row

from domain.events import EVENT_TYPES, Event, OutputFileImported, Personal

NAMING_FIELD = "checksum"
"""The field by which events name content; `canonical_checksum` is no content's name."""

# Cut at each naming field, every piece but the first begins with a checksum. In JSON no text can
# hold these bytes, since its quotation marks follow a backslash; and none stands ahead of the last
# word of "canonical_checksum". Not read as UTF-8: an altered event may hold any bytes and must not
# end the sweep. Such cutting takes a twentieth of what a regular expression does.
_NAMED = f"""
    SELECT DISTINCT left(piece, 64) COLLATE "C" AS checksum FROM (
        SELECT unnest((string_to_array(encode(state, 'escape'), '"{NAMING_FIELD}":"'))[2:]) AS piece
        FROM docledger_events WHERE topic <> ALL (%s)
    ) AS named
    ORDER BY checksum
"""  # noqa: S608  (the name stands above)

_SOME = """
    (SELECT state FROM docledger_events WHERE topic = ANY (%(topics)s)
     ORDER BY notification_id DESC LIMIT %(count)s)
    UNION ALL
    (SELECT state FROM docledger_events WHERE topic = ANY (%(topics)s)
     ORDER BY notification_id LIMIT %(count)s)
"""
_NAME = re.compile(rf'"{NAMING_FIELD}":"([0-9a-f]{{64}})"'.encode())
_KEPT_ELSEWHERE = {OutputFileImported.__name__}

# The server sorts, on its disk beyond this memory, and keeps the list, so that no transaction is
# open while blobs are listed.
_SORT_MEMORY = "64MB"
_PAGE = 10_000


def naming_types() -> dict[str, type[Event]]:
    """Return the types of events that can name content, by topic."""
    return {topic: it for topic, it in EVENT_TYPES.items() if NAMING_FIELD in fields_of(it)}


def fields_of(event_type: type[Event]) -> frozenset[str]:
    """Return the names of all fields of an event's open part, those of nested values included."""
    return frozenset(_fields(types.type_info(event_type)))


def _fields(found: object) -> Iterator[str]:
    """Walk a type as msgspec describes it; what is personal is encrypted and names nothing."""
    if isinstance(found, types.StructType):
        if not issubclass(found.cls, Personal):
            for field in found.fields:
                yield field.encode_name
                yield from _fields(field.type)
    elif isinstance(found, types.UnionType):
        for each in found.types:
            yield from _fields(each)
    elif isinstance(found, types.VarTupleType | types.ListType | types.SetType):
        yield from _fields(found.item_type)
    elif isinstance(found, types.TupleType):
        for each in found.item_types:
            yield from _fields(each)
    elif isinstance(found, types.DictType):
        yield from _fields(found.value_type)


@contextmanager
def named_checksums(connect: Callable[[], Connection]) -> Iterator[Iterator[str]]:
    """Open the checksums that the log names now, each once, in ascending order.

    Reads the log once, on a connection of its own that is closed at the end of the block.
    """
    nameless = sorted(EVENT_TYPES.keys() - naming_types().keys())
    with connect() as connection:
        connection.autocommit = True
        connection.execute("SELECT set_config('work_mem', %s, false)", (_SORT_MEMORY,))
        with connection.cursor("named", row_factory=tuple_row, withhold=True) as cursor:
            cursor.itersize = _PAGE
            cursor.execute(_NAMED, (nameless,))
            yield (checksum for (checksum,) in cursor)


def some_named(connection: Connection, count: int) -> set[str]:
    """Return up to `count` of the contents that the log names, of its newest events and its oldest.

    Contents that only another system has are left out.
    """
    topics = sorted(naming_types().keys() - _KEPT_ELSEWHERE)
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(_SOME, {"topics": topics, "count": count // 2}).fetchall()
    found = (_NAME.search(state) for (state,) in rows)
    return {match[1].decode() for match in found if match}
