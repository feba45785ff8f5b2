"""Read Office Open XML packages: parts, relationships and XML (ECMA-376 part 2)."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import IO, Final, TypeAlias
from urllib.parse import unquote

from lxml import etree

from stages.conversion.office.archive import opened
from stages.errors import UnconvertibleDocument

Element: TypeAlias = etree._Element  # noqa: SLF001  (the library has no public name for it)

MAIN_DOCUMENT: Final = "officeDocument"
_MAX_XML_BYTES: Final = 512 << 20
_STRICT: Final = b"http://purl.oclc.org/ooxml/"
_TRANSITIONAL: Final[Mapping[bytes, bytes]] = {
    b"http://purl.oclc.org/ooxml/officeDocument/math": (
        b"http://schemas.openxmlformats.org/officeDocument/2006/math"
    ),
    b"http://purl.oclc.org/ooxml/officeDocument/relationships": (
        b"http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    ),
    **{
        _STRICT + name: b"http://schemas.openxmlformats.org/" + name.replace(b"/", b"/2006/", 1)
        for name in (
            b"wordprocessingml/main",
            b"spreadsheetml/main",
            b"presentationml/main",
            b"drawingml/main",
            b"drawingml/chart",
            b"drawingml/diagram",
            b"drawingml/wordprocessingDrawing",
        )
    },
}


@dataclass(frozen=True)
class Relationship:
    """Where a part points to: `kind` ends its type, `target` is a part or an address."""

    kind: str
    target: str
    external: bool


class Package:
    """An open package; raises UnconvertibleDocument for one that is harmful, locked or broken."""

    def __init__(self, path: Path) -> None:
        self._archive = opened(path)
        self._names = {name.lower(): name for name in self._archive.namelist()}
        self.relationships = lru_cache(maxsize=4096)(self._read_relationships)

    def __enter__(self) -> Package:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._archive.close()

    def names(self) -> list[str]:
        """Return the names of all parts."""
        return list(self._names.values())

    def has(self, name: str) -> bool:
        """Tell whether the package holds this part; names know no case (part 2, 6.2.2.3)."""
        return _key(name) in self._names

    def read(self, name: str) -> bytes:
        """Return a part's bytes, none for a part that is missing or unreadable."""
        found = self._names.get(_key(name))
        if found is None:
            return b""
        with self._archive.open(found) as part:
            content = part.read(_MAX_XML_BYTES + 1)
        if len(content) > _MAX_XML_BYTES:
            raise UnconvertibleDocument(
                f"A part of the document is larger than {_MAX_XML_BYTES >> 20} MiB; split it."
            )
        return content

    def open(self, name: str) -> IO[bytes]:
        """Open a part for reading piece by piece; raises KeyError for one that is missing."""
        return self._archive.open(self._names[_key(name)])

    def size_bytes(self, name: str) -> int:
        """Return how large a part is, unpacked; raises KeyError for one that is missing."""
        return self._archive.getinfo(self._names[_key(name)]).file_size

    def xml(self, name: str) -> Element | None:
        """Return a part's root element, None for one that is missing."""
        content = self.read(name)
        return parse(content) if content.strip() else None

    def main_part(self) -> str | None:
        """Return the name of the part that the package is about."""
        return next((name for name in self.related("", MAIN_DOCUMENT) if self.has(name)), None)

    def related(self, name: str, kind: str) -> Iterator[str]:
        """Return the parts that a part points to by relationships of this kind."""
        for each in self.relationships(name).values():
            if each.kind == kind and not each.external:
                yield each.target

    def target(self, name: str, relationship_id: str | None) -> Relationship | None:
        """Return where a relationship of a part points to, None if it does not exist."""
        return self.relationships(name).get(relationship_id or "")

    def _read_relationships(self, name: str) -> dict[str, Relationship]:
        folder, base = posixpath.split(name)
        root = self.xml(posixpath.join(folder, "_rels", f"{base}.rels"))
        found: dict[str, Relationship] = {}
        for each in root if root is not None else ():
            external = each.get("TargetMode") == "External"
            target = each.get("Target", "")
            kind = each.get("Type", "").rpartition("/")[2]
            found[each.get("Id", "")] = Relationship(
                kind, target if external else _resolved(folder, target), external
            )
        return found


def parse(content: bytes) -> Element:
    """Return the root element; no entity is expanded, nothing fetched, depth and size are bounded.

    Names of the strict variant of the format are read as those of the transitional one.
    """
    if _STRICT in content:
        for strict, transitional in _TRANSITIONAL.items():
            content = content.replace(strict, transitional)
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        if "depth" in str(error).lower() or "huge" in str(error).lower():
            raise UnconvertibleDocument(
                "The document nests its parts (tables, boxes) too deeply to be read safely; "
                "flatten it in the program that made it, and save it again."
            ) from error
        raise


def local(element: Element) -> str:
    """Return an element's name without its namespace; nothing for what is no element."""
    tag = element.tag
    return tag[tag.find("}") + 1 :] if isinstance(tag, str) else ""  # type: ignore[redundant-expr]


def _key(name: str) -> str:
    return name.lstrip("/").lower()


def _resolved(folder: str, target: str) -> str:
    path = unquote(target.partition("#")[0])
    joined = path if path.startswith("/") else posixpath.join("/", folder, path)
    return posixpath.normpath(joined).lstrip("/")
