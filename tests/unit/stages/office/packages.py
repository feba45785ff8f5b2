"""Office packages made from raw XML, for the tests of their converters."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from stages.conversion.executor import convert
from stages.conversion.result import ConversionOptions, Converted
from unit.stages.making import input_file

CASES = Path(__file__).parents[3] / "fixtures" / "cases" / "documents"

_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_NAMESPACES = " ".join(
    f'xmlns:{prefix}="{uri}"'
    for prefix, uri in {
        "w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
        "w14": "http://schemas.microsoft.com/office/word/2010/wordml",
        "r": _OFFICE,
        "m": "http://schemas.openxmlformats.org/officeDocument/2006/math",
        "wp": "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing",
        "wps": "http://schemas.microsoft.com/office/word/2010/wordprocessingShape",
        "a": "http://schemas.openxmlformats.org/drawingml/2006/main",
        "a14": "http://schemas.microsoft.com/office/drawing/2010/main",
        "c": "http://schemas.openxmlformats.org/drawingml/2006/chart",
        "dgm": "http://schemas.openxmlformats.org/drawingml/2006/diagram",
        "p": "http://schemas.openxmlformats.org/presentationml/2006/main",
        "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
        "v": "urn:schemas-microsoft-com:vml",
    }.items()
)
_CONTENT_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Override PartName="/{part}" ContentType="application/vnd.{kind}+xml"/></Types>'
)


def relationships(*targets: tuple[str, str, str], external: bool = False) -> str:
    """Return the XML of relationships: id, kind and target of each."""
    mode = ' TargetMode="External"' if external else ""
    return (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        + "".join(
            f'<Relationship Id="{key}" Type="{_OFFICE}/{kind}" Target="{target}"{mode}/>'
            for key, kind, target in targets
        )
        + "</Relationships>"
    )


def package(
    main: str, kind: str, parts: Mapping[str, str | bytes], targets: list[tuple[str, str, str]]
) -> bytes:
    """Return a package around a main part; `targets` are the main part's relationships."""
    folder, name = main.rsplit("/", 1)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", _CONTENT_TYPES.format(part=main, kind=kind))
        archive.writestr("_rels/.rels", relationships(("rId1", "officeDocument", main)))
        archive.writestr(f"{folder}/_rels/{name}.rels", relationships(*targets))
        for part, content in parts.items():
            archive.writestr(part, content)
    return out.getvalue()


def parts_of(content: bytes) -> dict[str, bytes]:
    """Return the parts of a package."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def xml(root: str, content: str) -> str:
    """Return a part whose root element knows all namespaces."""
    return f"<{root} {_NAMESPACES}>{content}</{root}>"


def word(body: str, *, parts: Mapping[str, bytes] | None = None, **related: str) -> bytes:
    """Return a Word document; `styles`, `numbering`, … are the inner XML of their parts."""
    roots = {"header1": "hdr", "footer1": "ftr"}
    document = xml("w:document", f"<w:body>{body}</w:body>")
    found: dict[str, str | bytes] = {"word/document.xml": document}
    targets = []
    for name, content in related.items():
        found[f"word/{name}.xml"] = xml(f"w:{roots.get(name, name)}", content)
        targets.append((name, name.rstrip("1"), f"{name}.xml"))
    targets += [
        (name.rpartition("/")[2].partition(".")[0], "aFChunk", f"/{name}") for name in parts or {}
    ]
    kind = "openxmlformats-officedocument.wordprocessingml.document.main"
    return package("word/document.xml", kind, {**found, **(parts or {})}, targets)


def paragraph(text: str, properties: str = "", run: str = "") -> str:
    """Return the XML of a paragraph of one run."""
    return (
        f"<w:p><w:pPr>{properties}</w:pPr><w:r><w:rPr>{run}</w:rPr>"
        f'<w:t xml:space="preserve">{text}</w:t></w:r></w:p>'
    )


def result_of(folder: Path, content: bytes, **options: object) -> Converted:
    """Convert content that is handed in without a name that says anything."""
    path = folder / "content.bin"
    path.write_bytes(content)
    return convert(input_file(path), ConversionOptions.model_validate(options))[1]


def markdown_of(folder: Path, content: bytes, **options: object) -> str:
    """Return the Markdown of content."""
    return result_of(folder, content, **options).markdown
