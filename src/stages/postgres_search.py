"""The search store in PostgreSQL: its own full text search, in the language of each document.

A chunk is indexed under the text search configuration of its document's language, and a search is
read under every configuration, each finding the chunks of its own. So words meet their inflections
in each language and no stemmer meddles with another's words. Ideographs, which PostgreSQL takes for
one long word, are indexed one by one and searched for as phrases.
"""

from __future__ import annotations

import base64
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, TypeAlias

import psycopg
from psycopg.types.json import Jsonb

from stages.languages import language_of
from stages.search_store import (
    Comparison,
    CursorInvalid,
    IndexedFrom,
    SearchHit,
    SearchPage,
    SearchUnavailable,
    Stored,
)
from stages.shapes import Chunk, Fact

Connect: TypeAlias = Callable[[], AbstractContextManager[psycopg.Connection[Any]]]

_CONFIGS: Final[Mapping[str, str]] = {
    "ar": "arabic",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "fr": "french",
    "hi": "hindi",
    "hy": "armenian",
    "it": "italian",
    "nl": "dutch",
    "ru": "russian",
}
_ANY: Final = "simple"
INDEX_VERSION: Final = 1
"""How text is prepared for search: a store that was filled by another version is filled again."""

_LOCK_SPACE = 0x73656172  # "sear"
_MAX_SCORE = 1e6
_MAX_INDEXED_CHARS = 200_000  # a tsvector holds at most a megabyte
_RANGES: Final = "\u3001-\u303f\uff01-\uff65\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_IDEOGRAPHS: Final = re.compile(f"[{_RANGES}]+")
_BEGIN, _END = "\ue000", "\ue001"  # around what was found, until the snippet is made safe
_TOUCHING: Final = re.compile(f"(?<=[{_RANGES}]){_END} *{_BEGIN}(?=[{_RANGES}])")
_APART: Final = re.compile(f"(?:(?<=[{_RANGES}])|(?<=[{_RANGES}]{_END})) +(?={_BEGIN}?[{_RANGES}])")
_MARKUP: Final = re.compile(r"[*_`~#|]+|\\(?=[^\w\s])|<[^<>]*>")
_INERT: Final = str.maketrans("<>", "\u2039\u203a")

_INSERT: Final = """
INSERT INTO search_chunks (
    document_id, chunk_index, realm_id, config, heading_path, body,
    start_offset, end_offset, token_count, facts, tsv
) VALUES (
    %(document_id)s, %(index)s, %(realm_id)s, %(config)s, %(heading_path)s, %(body)s,
    %(start)s, %(end)s, %(token_count)s, %(facts)s,
    setweight(to_tsvector(%(config)s::text::regconfig, %(headings)s), 'A')
        || to_tsvector(%(config)s::text::regconfig, %(indexed)s)
)
"""

_HELD: Final = "SELECT FROM documents WHERE id = %s FOR KEY SHARE"
_REALM: Final = "SELECT realm_id::text FROM documents WHERE id = %s"
# Another application's deletion is noted before it is in the log.
_DELETED: Final = """
    SELECT EXISTS (SELECT FROM docledger_events
            WHERE originator_id = %(document_id)s AND originator_version > %(version)s
                AND topic IN ('DocumentDeleted', 'ImportUndone'))
        OR EXISTS (SELECT FROM docledger_document_changes
            WHERE document_id = %(document_id)s AND change = 'deleted')
"""
_CURRENT: Final = """
    SELECT EXISTS (SELECT FROM stage_output_files WHERE document_id = %s AND checksum = %s)
"""
_MADE: Final = """
    INSERT INTO search_documents (
        document_id, index_version, chunks_checksum, facts_checksum, chunks, problem)
    VALUES (%s, %s, %s, %s, %s, %s)
    ON CONFLICT (document_id) DO UPDATE SET
        index_version = excluded.index_version, chunks_checksum = excluded.chunks_checksum,
        facts_checksum = excluded.facts_checksum, chunks = excluded.chunks,
        problem = excluded.problem
"""
_MOVE: Final = """
    UPDATE search_chunks c SET realm_id = d.realm_id::text FROM documents d
    WHERE c.document_id = ANY (%s) AND d.id = c.document_id
        AND c.realm_id IS DISTINCT FROM d.realm_id::text
"""
_COMPARE: Final = """
    SELECT count(*) FILTER (WHERE c.document_id IS NULL),
        count(*) FILTER (WHERE e.index IS NULL),
        count(*) FILTER (WHERE c.document_id IS NOT NULL AND e.index IS NOT NULL AND (
            c.config <> e.config OR to_jsonb(c.heading_path) <> e.heading_path
            OR c.body <> e.body OR c.start_offset <> e.start OR c.end_offset <> e."end"
            OR c.token_count <> e.token_count OR c.facts <> e.facts
            OR c.tsv <> setweight(to_tsvector(e.config::regconfig, e.headings), 'A')
                || to_tsvector(e.config::regconfig, e.indexed)))
    FROM jsonb_to_recordset(%s) AS e (
        index int, config text, heading_path jsonb, headings text, body text, indexed text,
        start int, "end" int, token_count int, facts jsonb)
    FULL JOIN (SELECT * FROM search_chunks WHERE document_id = %s) c ON c.chunk_index = e.index
"""

_SEARCH: Final = rf"""
WITH asked AS MATERIALIZED (
    SELECT config, websearch_to_tsquery(config::regconfig, %(words)s) AS query
    FROM unnest(%(configs)s::text[]) AS config
), found AS (
    SELECT c.*, a.query, ts_rank_cd(c.tsv, a.query, 1 | 32) AS score
    FROM asked a
    JOIN search_chunks c ON c.tsv @@ a.query AND c.config = a.config
    WHERE %(realm_id)s::text IS NULL OR c.realm_id = %(realm_id)s
), page AS (
    SELECT * FROM found
    WHERE %(after_score)s::real IS NULL
        OR (-score, document_id, chunk_index)
            > (-%(after_score)s::real, %(after_document)s::text COLLATE "C", %(after_index)s::int)
    ORDER BY -score, document_id, chunk_index
    LIMIT %(limit)s
)
SELECT document_id, chunk_index, heading_path, start_offset, end_offset, score,
    ts_headline(
        config::regconfig,
        CASE config WHEN 'simple'
            THEN regexp_replace(body, %(ideograph)s, ' \1 ', 'g') ELSE body END,
        query,
        'StartSel={_BEGIN}, StopSel={_END}, MaxWords=45, MinWords=20') AS snippet
FROM page
ORDER BY -score, document_id, chunk_index
"""  # noqa: S608 - only the markers above go into the text


class PostgresSearchStore:
    """Keeps chunks in the table `search_chunks`.

    `connect` gives a connection for the time of a `with` block and commits at its end, as
    `psycopg_pool.ConnectionPool.connection` does.
    """

    target = "postgresql"

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    def replace(
        self,
        document_id: str,
        chunks: Sequence[Chunk],
        facts: Sequence[Fact],
        made_from: IndexedFrom,
        *,
        after_version: int | None = None,
        if_current: bool = False,
        problem: str | None = None,
    ) -> Stored:
        """Replace what is held of the document in one transaction; one at a time a document.

        With `if_current` only while the read models have these chunks as an output of the
        document. `problem` says why there are none.
        """
        rows = list(_rows(document_id, chunks, facts))
        with self._transaction() as connection:
            connection.execute(
                "SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK_SPACE, document_id]
            )
            # A deletion of the document waits for us, or we find it gone: never half of both.
            if connection.execute(_HELD, [document_id]).fetchone() is None:
                return Stored(0, 0)
            if after_version is not None and _is_deleted(connection, document_id, after_version):
                return Stored(0, 0)
            if if_current and not _is_current(connection, document_id, made_from):
                return Stored(0, 0)
            connection.execute("DELETE FROM search_chunks WHERE document_id = %s", [document_id])
            realm = connection.execute(_REALM, [document_id]).fetchone()
            realm_id = None if realm is None else realm[0]
            connection.cursor().executemany(
                _INSERT, [{**row, "realm_id": realm_id} for row in rows]
            )
            made = (made_from.chunks_checksum, made_from.facts_checksum, len(rows), problem)
            connection.execute(_MADE, (document_id, INDEX_VERSION, *made))
        # The realm may have changed since it was read, before anyone else could see these rows.
        self.move([document_id])
        return Stored(len(rows), len(facts))

    def remove(self, document_id: str) -> None:
        """Hold nothing of the document any more."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM search_chunks WHERE document_id = %s", [document_id])
            connection.execute("DELETE FROM search_documents WHERE document_id = %s", [document_id])

    def move(self, document_ids: Sequence[str]) -> None:
        """Have these documents found in the realms that they have."""
        with self._transaction() as connection:
            connection.execute(_MOVE, [list(document_ids)])

    def compare(
        self, document_id: str, chunks: Sequence[Chunk], facts: Sequence[Fact]
    ) -> Comparison:
        """Compare what is held of the document with what these would make of it."""
        rows = [{**row, "facts": row["facts"].obj} for row in _rows(document_id, chunks, facts)]
        with self._transaction() as connection:
            found = connection.execute(_COMPARE, [Jsonb(rows), document_id]).fetchone()
        return Comparison(len(rows), *(found or (0, 0, 0)))

    def search(
        self,
        words: str,
        *,
        realm_id: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> SearchPage:
        """Return the best chunks for the words, in any language."""
        score, document_id, index = _read_cursor(cursor) if cursor else (None, None, None)
        parameters = {
            "words": _phrased(words.replace("\x00", " ")),
            "configs": [_ANY, *_CONFIGS.values()],
            "realm_id": realm_id,
            "after_score": score,
            "after_document": document_id,
            "after_index": index,
            "limit": limit + 1,
            "ideograph": f"([{_RANGES}])",
        }
        with self._transaction() as connection:
            rows = connection.execute(_SEARCH, parameters).fetchall()
        shown = rows[:limit]
        following = _cursor(shown[-1]) if len(rows) > limit and shown else None
        return SearchPage(tuple(_hit(row) for row in shown), following)

    @contextmanager
    def _transaction(self) -> Iterator[psycopg.Connection[Any]]:
        try:
            with self._connect() as connection, connection.transaction():
                yield connection
        except psycopg.OperationalError as error:
            raise SearchUnavailable from error


def _is_deleted(connection: psycopg.Connection[Any], document_id: str, after_version: int) -> bool:
    asked = {"document_id": document_id, "version": after_version}
    row = connection.execute(_DELETED, asked).fetchone()
    return bool(row and row[0])


def _is_current(
    connection: psycopg.Connection[Any], document_id: str, made_from: IndexedFrom
) -> bool:
    row = connection.execute(_CURRENT, [document_id, made_from.chunks_checksum]).fetchone()
    return bool(row and row[0])


def _rows(
    document_id: str,
    chunks: Sequence[Chunk],
    facts: Sequence[Fact],
) -> Iterator[dict[str, Any]]:
    config = _CONFIGS.get(
        language_of("\n".join(chunk.text for chunk in chunks[:20] if chunk.indexed)), _ANY
    )
    by_chunk = defaultdict(list)
    for fact in facts:
        by_chunk[fact.chunk_index].append(_storable(fact.model_dump(mode="json", by_alias=True)))
    for chunk in chunks:
        if not chunk.indexed:
            continue
        body = _storable("\n".join(filter(None, (chunk.context, chunk.text))))
        headings = [_storable(heading) for heading in chunk.heading_path]
        yield {
            "document_id": document_id,
            "index": chunk.index,
            "config": config,
            "heading_path": headings,
            "headings": _spaced("\n".join(headings)[:_MAX_INDEXED_CHARS]),
            "body": body,
            "indexed": _spaced(body[:_MAX_INDEXED_CHARS]),
            "start": chunk.start,
            "end": chunk.end,
            "token_count": chunk.token_count,
            "facts": Jsonb(by_chunk[chunk.index]),
        }


def _storable(value: Any) -> Any:
    """Replace NUL, which PostgreSQL does not take, in texts at any depth."""
    match value:
        case str():
            return value.replace("\x00", " ")
        case dict():
            return {key: _storable(each) for key, each in value.items()}
        case list():
            return [_storable(each) for each in value]
        case _:
            return value


def _spaced(text: str) -> str:
    return _IDEOGRAPHS.sub(lambda run: f" {' '.join(run[0])} ", text)


def _phrased(words: str) -> str:
    """Make a phrase of each run of ideographs, unless it stands in a phrase already."""
    outside = True
    pieces = []
    for piece in re.split('(")', words):
        outside = not outside if piece == '"' else outside
        pieces.append(
            _IDEOGRAPHS.sub(lambda run: f' "{" ".join(run[0])}" ', piece)
            if outside
            else _spaced(piece)
        )
    return "".join(pieces)


def _hit(row: Sequence[Any]) -> SearchHit:
    document_id, _, heading_path, start, end, score, snippet = row
    return SearchHit(document_id, tuple(heading_path), _safe(snippet), start, end, score)


def _safe(snippet: str) -> str:
    """Return plain text: no markup of the document, nothing that a browser would take for a tag."""
    plain = " ".join(_MARKUP.sub("", snippet).split())
    joined = _APART.sub("", _TOUCHING.sub("", plain)).translate(_INERT)
    return joined.replace(_BEGIN, "**").replace(_END, "**")


def _cursor(row: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps([row[5], row[0], row[1]]).encode()).decode()


def _read_cursor(cursor: str) -> tuple[float, str, int]:
    try:
        score, document_id, index = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        found = float(score), str(document_id).replace("\x00", ""), int(index)
        found[1].encode()
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise CursorInvalid from error
    if not (0 <= found[0] < _MAX_SCORE and 0 <= found[2] < 2**31):  # what the columns take
        raise CursorInvalid
    return found
