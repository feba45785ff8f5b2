"""The search store in PostgreSQL: lexemes of our own in its full text index.

What a chunk is found by is prepared by `stages.search`, for indexing as for asking, so that
PostgreSQL compares bytes and neither its version nor its locale has a say.
"""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, TypeAlias

import psycopg
from psycopg.types.json import Jsonb

from domain.json_types import JsonObject
from stages.languages import language_of
from stages.search.asking import Question, understood
from stages.search.finding import After, Finder, FoundRow, facts_near
from stages.search.frequencies import FrequencyCache
from stages.search.prepared import prepared
from stages.search.snippets import Matcher, snippet
from stages.search.stems import known_language
from stages.search.visible import visible
from stages.search_store import (
    Comparison,
    CursorInvalid,
    IndexedFrom,
    Ranked,
    SearchHit,
    SearchPage,
    SearchUnavailable,
    Stored,
    Understood,
)
from stages.shapes import Chunk, Fact

Connect: TypeAlias = Callable[[], AbstractContextManager[psycopg.Connection]]

INDEX_VERSION: Final = 2
"""How text is prepared for search: a store that was filled by another version is filled again."""

_LOCK_SPACE = 0x73656172  # "sear"
_MAX_SCORE = 1.0
_MAX_FACTS = 10

_INSERT: Final = """
    INSERT INTO search_chunks (
        document_id, chunk_index, realm_id, config, index_version, heading_path, body, pages,
        start_offset, end_offset, token_count, facts, tsv)
    VALUES (
        %(document_id)s, %(index)s, %(realm_id)s, %(config)s, %(index_version)s, %(heading_path)s,
        %(body)s, %(pages)s, %(start)s, %(end)s, %(token_count)s, %(facts)s, %(tsv)s::tsvector)
"""

_HELD: Final = "SELECT FROM documents WHERE id = %s FOR KEY SHARE"
_DOCUMENT: Final = "SELECT realm_id::text, title::text FROM documents WHERE id = %s"
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
        document_id, index_version, chunks_checksum, facts_checksum, chunks, problem, title_md5)
    VALUES (%s, %s, %s, %s, %s, %s, md5(%s))
    ON CONFLICT (document_id) DO UPDATE SET
        index_version = excluded.index_version, chunks_checksum = excluded.chunks_checksum,
        facts_checksum = excluded.facts_checksum, chunks = excluded.chunks,
        problem = excluded.problem, title_md5 = excluded.title_md5
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
            OR c.index_version <> e.index_version OR c.pages IS DISTINCT FROM e.pages
            OR c.body <> e.body OR c.start_offset <> e.start OR c.end_offset <> e."end"
            OR c.token_count <> e.token_count OR c.facts <> e.facts OR c.tsv <> e.tsv::tsvector))
    FROM jsonb_to_recordset(%s) AS e (
        index int, config text, index_version int, heading_path jsonb, body text, pages int[],
        start int, "end" int, token_count int, facts jsonb, tsv text)
    FULL JOIN (SELECT * FROM search_chunks WHERE document_id = %s) c ON c.chunk_index = e.index
"""


class PostgresSearchStore:
    """Keeps chunks in the table `search_chunks`.

    `connect` gives a connection for the time of a `with` block and commits at its end, as
    `psycopg_pool.ConnectionPool.connection` does.
    """

    target = "postgresql"

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._frequencies = FrequencyCache()

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
            realm_id, title = connection.execute(_DOCUMENT, [document_id]).fetchone() or (None,) * 2
            rows = [
                {**row, "realm_id": realm_id} for row in _rows(document_id, title, chunks, facts)
            ]
            connection.cursor().executemany(_INSERT, rows)
            made = (made_from.chunks_checksum, made_from.facts_checksum, len(rows), problem, title)
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
        with self._transaction() as connection:
            _, title = connection.execute(_DOCUMENT, [document_id]).fetchone() or (None, None)
            rows = [
                {**row, "facts": row["facts"].obj}
                for row in _rows(document_id, title, chunks, facts)
            ]
            found = connection.execute(_COMPARE, [Jsonb(rows), document_id]).fetchone()
        return Comparison(len(rows), *(found or (0, 0, 0)))

    def search(
        self,
        words: str,
        *,
        realm_id: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
        include_facts: bool = False,
    ) -> SearchPage:
        """Return the best chunks for the words, in any language."""
        after = _read_cursor(cursor) if cursor else After()
        question = understood(words)
        if not question.branches:
            return SearchPage((), None, _told(question), Ranked(0))
        with self._reading() as connection:
            frequencies = self._frequencies.read(connection)
            found = Finder(connection, question, frequencies, realm_id).page(after, limit + 1)
            if found.has_earlier:
                question = understood(words, legacy=True)
                found = Finder(connection, question, frequencies, realm_id).page(after, limit + 1)
            rows = found.rows[:limit]
            facts = _facts(connection, question, rows) if include_facts else {}
        matcher = Matcher(question)
        hits = tuple(_hit(row, matcher, facts.get(row.document_id, ())) for row in rows)
        following = _cursor(rows[-1]) if len(found.rows) > limit else None
        return SearchPage(hits, following, _told(question), found.ranked)

    @contextmanager
    def _reading(self) -> Iterator[psycopg.Connection]:
        """Give a connection whose statements are each a round trip and no more."""
        try:
            with self._connect() as connection:
                before = connection.autocommit
                connection.autocommit = True
                try:
                    yield connection
                finally:
                    if not connection.closed:
                        connection.autocommit = before
        except psycopg.OperationalError as error:
            raise SearchUnavailable from error

    @contextmanager
    def _transaction(self) -> Iterator[psycopg.Connection]:
        try:
            with self._connect() as connection, connection.transaction():
                yield connection
        except psycopg.OperationalError as error:
            raise SearchUnavailable from error


def _is_deleted(connection: psycopg.Connection, document_id: str, after_version: int) -> bool:
    asked = {"document_id": document_id, "version": after_version}
    row = connection.execute(_DELETED, asked).fetchone()
    return bool(row and row[0])


def _is_current(connection: psycopg.Connection, document_id: str, made_from: IndexedFrom) -> bool:
    row = connection.execute(_CURRENT, [document_id, made_from.chunks_checksum]).fetchone()
    return bool(row and row[0])


def _rows(
    document_id: str,
    title: str | None,
    chunks: Sequence[Chunk],
    facts: Sequence[Fact],
) -> Iterator[JsonObject]:
    """Yield what the table holds of each chunk; the first carries the document's title."""
    language = known_language(
        language_of("\n".join(chunk.text for chunk in chunks[:20] if chunk.indexed))
    )
    by_chunk = defaultdict(list)
    for fact in facts:
        by_chunk[fact.chunk_index].append(fact)
    for chunk in chunks:
        if not chunk.indexed:
            continue
        stored = prepared(chunk, by_chunk[chunk.index], title, language)
        title = None
        yield {
            "document_id": document_id,
            "index": chunk.index,
            "config": language,
            "index_version": INDEX_VERSION,
            "heading_path": [_storable(heading) for heading in chunk.heading_path],
            "body": stored.body,
            "pages": None if chunk.pages is None else list(chunk.pages),
            "tsv": stored.lexemes,
            "start": chunk.start,
            "end": chunk.end,
            "token_count": chunk.token_count,
            "facts": Jsonb(
                [
                    _storable(fact.model_dump(mode="json", by_alias=True))
                    for fact in by_chunk[chunk.index]
                ]
            ),
        }


def _storable(value: object) -> Any:
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


def _told(question: Question) -> Understood:
    return Understood(
        terms=tuple(dict.fromkeys(term.text for term in question.terms)),
        excluded=tuple(dict.fromkeys(term.text for term in question.excluded)),
        ignored=question.ignored,
    )


def _hit(row: FoundRow, matcher: Matcher, facts: Sequence[JsonObject]) -> SearchHit:
    text = row.body if row.index_version > 1 else visible(row.body).text
    shown = snippet(text, matcher.spans(text, row.config))
    return SearchHit(
        document_id=row.document_id,
        title=row.title,
        heading_path=tuple(row.heading_path),
        pages=None if row.pages is None else tuple(row.pages),
        snippet=shown.text,
        highlights=shown.highlights,
        start=row.start,
        end=row.end,
        score=row.score,
        facts=tuple(facts),
    )


def _facts(
    connection: psycopg.Connection, question: Question, rows: Sequence[FoundRow]
) -> dict[str, list[JsonObject]]:
    """Return the facts of each document that say most of what is asked for, those first."""
    matcher = Matcher(question)
    matching = defaultdict(list)
    documents = sorted({row.document_id for row in rows})
    for document_id, language, facts in facts_near(connection, question, documents):
        for fact in facts:
            if count := len(matcher.terms_in(fact["statement"], language)):
                matching[document_id].append((-count, fact["index"], fact))
    return {
        document_id: [fact for *_, fact in sorted(found, key=lambda it: it[:2])[:_MAX_FACTS]]
        for document_id, found in matching.items()
    }


def _cursor(row: FoundRow) -> str:
    last = [row.score, row.document_id, row.chunk_index]
    return base64.urlsafe_b64encode(json.dumps(last).encode()).decode()


def _read_cursor(cursor: str) -> After:
    try:
        score, document_id, index = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        found = After(float(score), str(document_id).replace("\x00", ""), int(index))
        str(document_id).encode()
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise CursorInvalid from error
    if not (0 <= float(score) <= _MAX_SCORE and 0 <= int(index) < 2**31):
        raise CursorInvalid
    return found
