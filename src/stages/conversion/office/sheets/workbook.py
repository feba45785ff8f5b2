"""Read workbooks in Office Open XML: sheets in order, hidden ones left out and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from stages.conversion.markdown import blocks, heading
from stages.conversion.office.drawing import R
from stages.conversion.office.package import Element, Package, local
from stages.conversion.office.sheets.cells import WORD, Sheet, SheetReader, Workbook
from stages.conversion.office.sheets.drawn import drawn_on
from stages.conversion.office.sheets.looks import shared_looks
from stages.conversion.office.sheets.strings import shared_strings
from stages.conversion.office.sheets.tables import sheet_markdown
from stages.conversion.result import ConversionOptions, Converted

_YES = ("1", "true")

_SHEETS = ("worksheet", "chartsheet", "xlMacrosheet", "xlIntlMacrosheet")


@dataclass(frozen=True)
class SheetPlace:
    """Where a sheet of a workbook is, and whether it is shown."""

    name: str
    part: str
    kind: str
    is_hidden: bool


def convert_workbook(package: Package, options: ConversionOptions) -> Converted:
    """Convert an open workbook; raises ValueError for one without its main part."""
    main = package.main_part()
    root = package.xml(main) if main else None
    if main is None or root is None:
        raise ValueError("the workbook's main part is missing")
    workbook = _workbook(package, main, root, options)
    parts, rows, left_out = [], [], Counter[str]()
    cells = formulas = 0
    for place in sheet_places(package, main, root):
        reader = SheetReader(workbook, cells_before=cells)
        sheet = _read(package, place, reader)
        if place.is_hidden and not options.include_hidden:
            left_out["hiddenSheets"] += _words(sheet)
            continue
        cells, formulas = sheet.cells, formulas + sheet.formulas
        left_out += sheet.left_out
        rows += [len(sheet.rows)] if place.kind != "chartsheet" else []
        found = [sheet_markdown(sheet, options.max_cells) if sheet.rows else ""]
        found += _beside(package, place, options, left_out)
        if any(each.strip() for each in found):
            parts.append(blocks([heading(place.name, 2), *found]))
    metadata = {"sheets": len(rows), "rows": rows}
    if formulas:
        metadata["formulasWithoutValue"] = formulas
    return Converted(blocks(parts), metadata, left_out=dict(+left_out), converter="xlsx-xml/2")


def sheet_places(package: Package, main: str, root: Element) -> Iterator[SheetPlace]:
    """Return the sheets that hold cells or a chart, in the order of their tabs."""
    for each in root.iter():
        if local(each) != "sheet":
            continue
        target = package.target(main, each.get(f"{R}id"))
        if target is not None and target.kind in _SHEETS and package.has(target.target):
            hidden = each.get("state") in ("hidden", "veryHidden")
            yield SheetPlace(each.get("name", ""), target.target, target.kind, hidden)


def _workbook(package: Package, main: str, root: Element, options: ConversionOptions) -> Workbook:
    strings = next(package.related(main, "sharedStrings"), None)
    styles = next(package.related(main, "styles"), None)
    return Workbook(
        shared_strings(package, strings),
        shared_looks(package.read(styles) if styles else b"", counts_from_1904(root)),
        options.include_hidden,
        options.max_cells,
    )


def counts_from_1904(root: Element) -> bool:
    """Tell whether dates count from 1904 (18.2.28)."""
    return any(local(e) == "workbookPr" and e.get("date1904") in _YES for e in root)


def _read(package: Package, place: SheetPlace, reader: SheetReader) -> Sheet:
    if place.kind == "chartsheet":
        return Sheet()
    with package.open(place.part) as part:
        return reader.read(part, package.size_bytes(place.part))


def _beside(
    package: Package, place: SheetPlace, options: ConversionOptions, left_out: Counter[str]
) -> list[str]:
    """Return what is drawn on a sheet, and its comments if they are asked for."""
    found = list(drawn_on(package, place.part))
    for name in package.related(place.part, "comments"):
        root = package.xml(name)
        for comment in root.iter("{*}comment") if root is not None else ():
            text = "".join(t.text or "" for t in comment.iter("{*}t"))
            if options.comments:
                found.append(f"{comment.get('ref', '')}: {' '.join(text.split())}")
            else:
                left_out["comments"] += len(WORD.findall(text))
    return found


def _words(sheet: Sheet) -> int:
    shown = sum(len(WORD.findall(text)) for _, row in sheet.rows for text in row.values())
    return shown + sum(sheet.left_out.values())
