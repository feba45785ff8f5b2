from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from files import canonical
from files.canonical import canonical_checksum, stored_canonical_checksum
from files.local_blobs import LocalBlobStore

JSON = "application/json"
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(), below, max_size=4),
    max_leaves=20,
)


def _plain(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _chunks(source: str, text: str) -> bytes:
    document = {"source": {"fileType": "markdown", "checksum": source}, "chunks": [{"text": text}]}
    return json.dumps(document).encode()


@given(st.dictionaries(st.text(), _VALUES, max_size=5))
def test_order_and_white_space_do_not_count(document: dict[str, Any]) -> None:
    one = json.dumps(document, indent=3).encode()
    other = json.dumps(dict(reversed(document.items())), ensure_ascii=False)
    other_raw = other.encode(errors="surrogatepass")
    assert canonical_checksum(JSON, one) == canonical_checksum(JSON, other_raw)


@given(_VALUES, _VALUES)
def test_different_values_differ(one: Any, other: Any) -> None:
    texts = [json.dumps(value, sort_keys=True) for value in (one, other)]
    checksums = [canonical_checksum(JSON, text.encode()) for text in texts]
    assert (checksums[0] == checksums[1]) == (texts[0] == texts[1])


def test_chunks_are_compared_without_their_source() -> None:
    assert canonical_checksum(JSON, _chunks("a", "t")) == canonical_checksum(
        JSON, _chunks("b", "t")
    )
    assert canonical_checksum(JSON, _chunks("a", "t")) != canonical_checksum(
        JSON, _chunks("a", "u")
    )


def test_a_source_that_is_not_of_chunks_counts() -> None:
    raws = [json.dumps({"source": source, "facts": []}).encode() for source in "ab"]
    assert canonical_checksum(JSON, raws[0]) != canonical_checksum(JSON, raws[1])


@pytest.mark.parametrize(
    "raw",
    [b'{"a":1,"a":2}', b"{", b"[NaN]", b"[" * 100_000, b"\xff\xfe\xff", b"[1e999]", b""],
    ids=["twice", "cut", "nan", "deep", "no text", "infinite", "empty"],
)
def test_what_has_no_canonical_form_is_taken_as_it_is(raw: bytes) -> None:
    assert canonical_checksum(JSON, raw) == _plain(raw)


@pytest.mark.parametrize("mime_type", ["text/markdown", "application/jsonl", ""])
def test_only_json_is_parsed(mime_type: str) -> None:
    assert canonical_checksum(mime_type, b'{ "a" : 1 }') == _plain(b'{ "a" : 1 }')


@pytest.mark.parametrize("mime_type", ["application/json; charset=utf-8", "application/ld+json"])
def test_json_has_many_types(mime_type: str) -> None:
    assert canonical_checksum(mime_type, b'{ "a" : 1 }') == _plain(b'{"a":1}')


def test_files_are_as_good_as_bytes(tmp_path: Path) -> None:
    path = tmp_path / "content"
    path.write_bytes(b'{ "b": 1, "a": 2 }')
    assert canonical_checksum(JSON, path) == _plain(b'{"a":2,"b":1}')
    assert canonical_checksum("text/plain", path) == _plain(b'{ "b": 1, "a": 2 }')


def test_large_json_is_not_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canonical, "MAX_PARSED_BYTES", 10)
    path = tmp_path / "content"
    path.write_bytes(b'{ "a" : 123 }')
    assert canonical_checksum(JSON, path) == _plain(b'{ "a" : 123 }')
    assert canonical_checksum(JSON, b'{ "a" : 123 }') == _plain(b'{ "a" : 123 }')


def test_of_what_is_stored_only_json_is_read(tmp_path: Path) -> None:
    store = LocalBlobStore(tmp_path)
    blob = store.put_stream([b'{ "a" : 1 }'])
    assert stored_canonical_checksum(store, blob.checksum, JSON) == _plain(b'{"a":1}')
    assert stored_canonical_checksum(store, blob.checksum, "text/plain") == blob.checksum
    assert stored_canonical_checksum(store, "a" * 64, "text/markdown") == "a" * 64
