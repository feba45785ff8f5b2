"""Which contents the log names: those of every event that can name one, today's or not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from domain import events as e
from domain.values import FileReference
from eventstore import named_blobs
from eventstore.named_blobs import fields_of, named_checksums, naming_types

FROZEN = Path(__file__).parents[2] / "fixtures" / "events"
NO_NAMES = {"canonical_checksum"}
"""Fields that look like the name of content and are none; it takes thought to add one here."""


class PartsStored(e.Event, frozen=True, kw_only=True):
    """An event type of the future, which names content deep inside of it."""

    parts: Mapping[str, tuple[FileReference | None, ...]] | None = None


def put(database: str, topic: str, states: Mapping[str, bytes]) -> None:
    with psycopg.connect(database) as connection:
        connection.cursor().executemany(
            "INSERT INTO docledger_events (originator_id, originator_version, topic, state)"
            " VALUES (%s, 1, %s, %s)",
            [(document_id, topic, state) for document_id, state in states.items()],
        )


def named(database: str) -> list[str]:
    with named_checksums(partial(psycopg.connect, database)) as checksums:
        return list(checksums)


def stored(**fields: Any) -> bytes:
    event = {"at": "2026-01-01T00:00:00.000000Z", "actor": "a", "command_id": "c", **fields}
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


def checksum_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def renamed(found: Any, base: str) -> Iterator[str]:
    """Give every checksum of a state another value and yield those that name content."""
    children = found.items() if isinstance(found, dict) else enumerate(found)
    for key, value in list(children):
        if isinstance(value, dict | list):
            yield from renamed(value, f"{base}/{key}")
        elif "checksum" in str(key):
            found[key] = checksum_of(f"{base}/{key}")
            if key not in NO_NAMES:
                yield found[key]


def test_every_event_that_ever_landed_is_searched(database: str) -> None:
    expected: list[str] = []
    for path in FROZEN.glob("*.v*.json"):
        state = json.loads(path.read_bytes())
        expected += renamed(state, path.stem)
        put(database, path.stem.partition(".")[0], {path.stem: stored(**state)})

    assert len(expected) > len(naming_types())
    assert named(database) == sorted(expected)


def test_no_field_that_looks_like_a_name_is_forgotten() -> None:
    words = ("checksum", "sha256", "digest", "hash", "blob")
    seen = {field for it in e.EVENT_TYPES.values() for field in fields_of(it)}
    looks = {field for field in seen if any(word in field for word in words)}

    assert looks - NO_NAMES == {named_blobs.NAMING_FIELD}, (
        "rename the field, or have named_blobs look for it: content that only this field names "
        "would be swept"
    )


def test_what_is_personal_names_no_content() -> None:
    """It is encrypted: the sweep could not see it."""
    for event_type in e.EVENT_TYPES.values():
        if event_type.personal_type is not None:
            fields = event_type.personal_type.__struct_fields__
            assert not [field for field in fields if "checksum" in field]


def test_a_new_type_is_searched_without_being_listed(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        named_blobs, "EVENT_TYPES", {**e.EVENT_TYPES, PartsStored.__name__: PartsStored}
    )
    sums = [checksum_of(str(number)) for number in range(3)]
    parts = {"a": [{"file_type": "x", "checksum": sums[0]}, None], "b": [{"checksum": sums[1]}]}
    put(database, "PartsStored", {"d": stored(parts=parts)})
    put(database, "OfANewerDocledger", {"f": stored(checksum=sums[2])})

    assert named(database) == sorted(sums)


def test_each_is_given_once_and_in_the_order_of_bytes(database: str) -> None:
    sums = [checksum_of(str(number)) for number in range(500)]
    states = {f"d{n}": stored(checksum=sums[n % 500]) for n in range(1500)}
    put(database, "OriginalStored", states)

    assert named(database) == sorted(set(sums))


def test_texts_and_broken_states_name_nothing_and_end_nothing(database: str) -> None:
    said = f'"checksum":"{"ab" * 32}"'
    broken = stored(checksum="cd" * 32)[:-1] + b',"realm_id":"\xff\x00\xfe"'
    put(database, "DocumentRegistered", {"d": stored(realm_id=said), "e": broken})

    assert named(database) == ["cd" * 32]
