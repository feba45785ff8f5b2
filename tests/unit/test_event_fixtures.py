"""What once landed in the log can be read for ever, and means what it meant."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest
from eventsourcing.persistence import MapperDeserialisationError, StoredEvent
from eventsourcing.postgres import PostgresDatastore
from msgspec import ValidationError, to_builtins
from msgspec.structs import asdict, replace

from domain import events as e
from domain.events import EVENT_TYPES
from eventstore.document_keys import DocumentKey, DocumentKeys
from eventstore.mapper import AS_STORED, EventMapper
from unit.event_examples import AT, EXAMPLES

FROZEN = Path(__file__).parents[1] / "fixtures" / "events"
KEY = json.loads((FROZEN / "document_key.json").read_text())
LEAST = json.loads((FROZEN / "least.json").read_text())
NAMES = sorted(EXAMPLES)
WITH_PERSONAL = [name for name in NAMES if EXAMPLES[name].personal_type]


class KeyTable:
    """A datastore whose table of keys holds one key, or none."""

    def __init__(self, key: DocumentKey | None) -> None:
        self._rows: list[dict[str, Any]] = []
        if key is not None:
            names = {"document_id": KEY["document_id"], "life": 1, "key_id": key.key_id}
            self._rows.append({**names, "key": key.key})

    def get_connection(self) -> AbstractContextManager[KeyTable]:
        """Return itself, ready to be asked."""
        return nullcontext(self)

    def execute(self, *_: object, **__: object) -> KeyTable:
        """Return itself, ready to answer."""
        return self

    def fetchall(self) -> list[dict[str, Any]]:
        """Return the rows."""
        return self._rows


def mapper_with(key: DocumentKey | None) -> EventMapper:
    """Return the mapper as the log uses it, over a table with this key."""
    keys = DocumentKeys(cast("PostgresDatastore", KeyTable(key)))
    if key is not None:
        # A registration would be sealed under a new key: it begins a life.
        keys.learn({(KEY["document_id"], 1): key})
    return EventMapper(keys)


@pytest.fixture
def key() -> DocumentKey:
    """The key under which the frozen events were sealed."""
    return DocumentKey(KEY["key_id"], b64decode(KEY["key"]))


@pytest.fixture
def mapper(key: DocumentKey) -> EventMapper:
    """The mapper while the key is there."""
    return mapper_with(key)


def stored(name: str, state: bytes | None = None) -> StoredEvent:
    """Return the frozen event as the log would give it, or one with another state."""
    topic = name.partition(".")[0]
    frozen = (FROZEN / f"{name}.json").read_bytes().rstrip(b"\n")
    return StoredEvent(KEY["document_id"], KEY["version"], topic, state or frozen)


def test_every_version_of_every_event_has_a_frozen_example() -> None:
    landed = {
        f"{topic}.v{version}"
        for topic, event_type in EVENT_TYPES.items()
        for version in range(1, event_type.class_version + 1)
    }
    frozen = {path.stem for path in FROZEN.glob("*.*.json")}
    assert landed == frozen == set(EXAMPLES) == set(LEAST)


@pytest.mark.parametrize("name", NAMES)
def test_a_frozen_event_reads_as_it_did(mapper: EventMapper, name: str) -> None:
    assert mapper.to_domain_event(stored(name)) == EXAMPLES[name]


@pytest.mark.parametrize("name", NAMES)
def test_an_example_tells_of_every_field(name: str) -> None:
    silent = {
        field for field, value in asdict(EXAMPLES[name]).items() if value in (None, {}, (), 0)
    }
    assert not silent, "freeze an example that has something to lose"


@pytest.mark.parametrize("name", NAMES)
def test_what_an_event_does_not_tell_means_what_it_meant(mapper: EventMapper, name: str) -> None:
    """A field that has its default is not stored: another default would change old events."""
    state, defaults = LEAST[name]["state"], LEAST[name]["defaults"]
    event = mapper.to_domain_event(stored(name, json.dumps(state).encode()))
    read = json.loads(json.dumps(to_builtins(asdict(event))))
    assert read == read | defaults
    assert not set(defaults) & set(state)
    assert json.loads(mapper.stored_event(event, 1).state) == state


@pytest.mark.parametrize("name", NAMES)
def test_a_stored_event_begins_with_its_time_at_a_fixed_place(name: str) -> None:
    state = stored(name).state
    assert state.startswith(b'{"at":"2026-11-24T01:54:33.120000Z",')
    assert state[7:34] == AT.strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode()


@pytest.mark.parametrize("topic", EVENT_TYPES)
def test_the_newest_version_is_stored_as_it_was_frozen(mapper: EventMapper, topic: str) -> None:
    """A field more, a field less or another spelling is a new version."""
    name = f"{topic}.v{EVENT_TYPES[topic].class_version}"
    written, frozen = mapper.stored_event(EXAMPLES[name], 1), stored(name)
    assert (written.originator_id, written.originator_version, written.topic) == (
        frozen.originator_id,
        frozen.originator_version,
        frozen.topic,
    )
    assert _without_seal(written.state) == _without_seal(frozen.state)
    assert mapper.to_domain_event(written) == EXAMPLES[name]


def _without_seal(state: bytes) -> list[tuple[str, Any]]:
    """Return the fields in order; two seals of one text are never alike."""
    return [(key, value) for key, value in json.loads(state).items() if key != "sealed"]


@pytest.mark.parametrize("name", WITH_PERSONAL)
def test_what_is_personal_is_sealed_and_nowhere_else(name: str) -> None:
    fields = json.loads(stored(name).state)
    assert fields["sealed"].startswith(f"{KEY['key_id']}.")
    assert "personal" not in fields
    state = stored(name).state.decode()
    for word in ("Ada", "Bericht", "torn", "Zürich", "scanner"):
        assert word not in state


@pytest.mark.parametrize("name", WITH_PERSONAL)
@pytest.mark.parametrize("other", [None, DocumentKey("another", b"k" * 32)], ids=["none", "other"])
def test_without_the_key_all_but_the_personal_part_is_there(
    name: str, other: DocumentKey | None
) -> None:
    erased = replace(EXAMPLES[name], personal=None)
    assert mapper_with(other).to_domain_event(stored(name)) == erased


@pytest.mark.parametrize("name", WITH_PERSONAL)
def test_a_sealed_part_belongs_to_its_place_in_the_log(mapper: EventMapper, name: str) -> None:
    there = stored(name)
    elsewhere = StoredEvent(there.originator_id, 8, there.topic, there.state)
    with pytest.raises(MapperDeserialisationError, match="sealed part was altered"):
        mapper.to_domain_event(elsewhere)


@pytest.mark.parametrize("name", WITH_PERSONAL)
def test_json_that_says_the_same_in_other_bytes_is_the_same_event(
    mapper: EventMapper, name: str
) -> None:
    """No mapper wrote it, but whoever moved a log from one database to another may have."""
    state = stored(name).state
    fields = json.loads(state)
    sealed = json.dumps(fields.pop("sealed"))
    rest = json.dumps(fields)[1:-1]
    for other in (
        json.dumps(json.loads(state)),
        f'{{{rest}, "sealed":{sealed}}}',
        f'{{"sealed":{sealed},{rest}}}',
        f'{{{rest},"sealed":{sealed.replace(".", chr(92) + "u002e")}}}',
        f'{{{rest},"sealed":{sealed},"later":"{sealed[1:9]}"}}',
    ):
        assert mapper.to_domain_event(stored(name, other.encode())) == EXAMPLES[name], other


@pytest.mark.parametrize("sealed", ["ü.AAAA", "no dot", "", ".", "key.A", "key\\u002eAAAA"])
def test_what_looks_sealed_and_names_no_key_there_is_reads_as_erased(sealed: str) -> None:
    state = json.dumps(json.loads(stored("StageSkipped.v1").state) | {"sealed": "?"})
    other = state.replace(' "sealed": "?"', f'"sealed":"{sealed}"').encode()
    event = mapper_with(None).to_domain_event(stored("StageSkipped.v1", other))
    assert event == replace(EXAMPLES["StageSkipped.v1"], personal=None)


class TestUpcasting:
    """Made-up later versions of an event read what the first one left in the log."""

    class StageSkipped(e.StageSkipped, frozen=True, kw_only=True):
        """Version 3: `attempt` was renamed in 2, and who decided became a field in 3."""

        class_version: ClassVar[int] = 3

        decided_by: str
        went_through: tuple[str, ...] = ()

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            """Say that this step was taken."""
            state["went_through"] = ["v1_v2"]

        @staticmethod
        def upcast_v2_v3(state: dict[str, Any]) -> None:
            """Take who decided from what was said."""
            state["decided_by"] = (state.get("personal") or {}).get("error_message", "unknown")
            state["went_through"].append("v2_v3")

    @pytest.fixture(autouse=True)
    def _landed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(EVENT_TYPES, "StageSkipped", self.StageSkipped)
        monkeypatch.delitem(AS_STORED, "StageSkipped")

    def test_the_first_version_goes_through_every_step(self, mapper: EventMapper) -> None:
        event = mapper.to_domain_event(stored("StageSkipped.v1"))
        assert isinstance(event, self.StageSkipped)
        assert event.went_through == ("v1_v2", "v2_v3")
        assert event.decided_by == "page 7 is torn"
        assert event.attempt == 2

    def test_so_it_does_once_its_personal_part_is_erased(self) -> None:
        event = mapper_with(None).to_domain_event(stored("StageSkipped.v1"))
        assert isinstance(event, self.StageSkipped)
        assert (event.decided_by, event.personal) == ("unknown", None)

    def test_a_version_in_between_goes_through_the_steps_that_it_lacks(
        self, mapper: EventMapper
    ) -> None:
        frozen = json.loads(stored("StageSkipped.v1").state)
        second = {**frozen, "class_version": 2, "went_through": []}
        event = mapper.to_domain_event(stored("StageSkipped.v1", json.dumps(second).encode()))
        assert isinstance(event, self.StageSkipped)
        assert event.went_through == ("v2_v3",)

    def test_the_newest_is_stored_with_its_version_and_goes_through_none(
        self, mapper: EventMapper
    ) -> None:
        fields = asdict(EXAMPLES["StageSkipped.v1"])
        event = self.StageSkipped(**fields, decided_by="somebody")
        written = mapper.stored_event(event, 1)
        assert written.state.startswith(b'{"at":"2026-11-24T01:54:33.120000Z","class_version":3,')
        assert mapper.to_domain_event(written) == event

    def test_a_later_version_than_is_known_is_not_guessed_at(self, mapper: EventMapper) -> None:
        frozen = json.loads(stored("StageSkipped.v1").state)
        fourth = {**frozen, "class_version": 4, "decided_by": "x"}
        with pytest.raises(
            MapperDeserialisationError, match=r"version 4 of StageSkipped needs a newer"
        ):
            mapper.to_domain_event(stored("StageSkipped.v1", json.dumps(fourth).encode()))


@pytest.mark.parametrize("wrong", [{"attempt": "two"}, {"stage_name": None}, {"because_of": 3}])
def test_what_could_not_be_read_again_is_not_even_stored(
    mapper: EventMapper, wrong: Mapping[str, Any]
) -> None:
    with pytest.raises(ValidationError):
        mapper.to_stored_event(replace(EXAMPLES["StageReset.v1"], **wrong))


_ODD_REASON = (
    b'{"at":"2026-11-24T01:54:33.120000Z","actor":"a","command_id":"c",'
    b'"stage_name":"chunker","attempt":1,"reason":"not json"}'
)


@pytest.mark.parametrize(
    ("topic", "state"),
    [
        ("StageVanished", b'{"at":"2026-11-24T01:54:33.120000Z"}'),
        ("StageReset", b'{"at":"2026-11-24T01:54:33.120000Z","actor":"a"}'),
        ("StageReset", b"not json"),
        ("StageFailed", _ODD_REASON),
        ("StageReset", b""),
    ],
)
def test_what_cannot_be_read_is_told_without_its_content(
    mapper: EventMapper, topic: str, state: bytes
) -> None:
    with pytest.raises(MapperDeserialisationError) as caught:
        mapper.to_domain_event(StoredEvent("annual-report", 1, topic, state))
    assert "not json" not in str(caught.value)
