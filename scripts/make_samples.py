"""Make the samples that are not plain UTF-8 text, the same bytes each time.

Run it from the root of the source tree: `python scripts/make_samples.py [FOLDER]`. The other
samples were written by hand and are left alone.
"""

from __future__ import annotations

import sys
import zipfile
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path

from docx import Document
from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.worksheet.worksheet import Worksheet
from pptx import Presentation
from pptx.util import Inches
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    FrameBreak,
    ListFlowable,
    ListItem,
    NextPageTemplate,
    PageBreak,
    PageTemplate,
    Paragraph,
    Preformatted,
    SimpleDocTemplate,
    Spacer,
    Table,
    TableStyle,
)

_MADE_AT = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
_ZIP_DATE = (2026, 1, 5, 8, 0, 0)
_STYLES = getSampleStyleSheet()
_GRID = TableStyle(
    [
        ("GRID", (0, 0), (-1, -1), 0.5, colors.black),
        ("FONTNAME", (0, 0), (-1, 0), "Helvetica-Bold"),
    ]
)

_BEDS = ("gravel", "clay", "sand", "silt", "rock")
_REMARKS = (
    (
        "A heron stood on the instrument and would not leave it, so that the reading was "
        "taken from "
        "the other bank with a glass."
    ),
    "The water was clear to the bottom, and the sounding lead could be seen to lie on its side.",
    "Two otters followed the boat from the weir to the bend and then lost interest.",
    "The current sets towards the left bank here; a loaded barge should keep to the right.",
    (
        "Below the bridge the bed has been dredged, and the depth says more about the dredger than "
        "about the river."
    ),
)


def main() -> None:
    """Write the samples into the folder that the first argument names, or `samples`."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "samples")
    folder.mkdir(parents=True, exist_ok=True)
    makers = {
        "alder-river-survey.pdf": survey_pdf,
        "harbour-bulletin.pdf": bulletin_pdf,
        "keepers-handbook.docx": handbook_docx,
        "tide-mill-briefing.pptx": briefing_pptx,
        "harbour-stores.xlsx": stores_xlsx,
        "gauge-readings.csv": readings_csv,
    }
    for name, make in makers.items():
        (folder / name).write_bytes(make())


def survey_pdf() -> bytes:
    """A report of several pages: headings on two levels, lists, ruled and open tables, code."""
    story: list[Flowable] = [
        Paragraph("The Alder River Survey", _STYLES["Title"]),
        Paragraph(
            "This report gives the soundings of the river Alder between its spring and the estuary "
            "at Varn. The survey was made in nineteen days with four boats. All depths are in "
            "metres at mean water.",
            _STYLES["BodyText"],
        ),
    ]
    for reach in range(1, 6):
        story += _reach(reach)
    story += [
        Paragraph("How the discharge was computed", _STYLES["Heading1"]),
        Preformatted(
            "def discharge(velocity, widths, depths):\n"
            "    area = sum(w * d for w, d in zip(widths, depths))\n"
            "    return velocity * area",
            _STYLES["Code"],
        ),
    ]
    out = BytesIO()
    SimpleDocTemplate(out, pagesize=A4, invariant=1, title="The Alder River Survey").build(
        story, onFirstPage=_furniture, onLaterPages=_furniture
    )
    return out.getvalue()


def _reach(reach: int) -> list[Flowable]:
    rows = [["Station", "Depth (m)", "Bed"]] + [
        [f"A-{reach}{n}", f"{1.1 + 0.3 * reach + 0.17 * n:.2f}", _BEDS[(reach + n) % 5]]
        for n in range(1, 6)
    ]
    remarks = [_REMARKS[(reach + n) % 5] for n in range(3)]
    return [
        Paragraph(f"{reach}. Reach {reach} of the river", _STYLES["Heading1"]),
        Paragraph(
            f"Reach {reach} begins {24 * reach} kilometres below the spring. The mean discharge "
            f"there was {6.3 + 1.9 * reach:.1f} cubic metres a second. " + remarks[0],
            _STYLES["BodyText"],
        ),
        Paragraph(f"{reach}.1 Soundings", _STYLES["Heading2"]),
        Table(rows, style=_GRID if reach % 2 else None, colWidths=[90, 90, 90]),
        Paragraph(f"{reach}.2 Remarks", _STYLES["Heading2"]),
        ListFlowable(
            [ListItem(Paragraph(remark, _STYLES["BodyText"])) for remark in remarks],
            bulletType="bullet",
        ),
        Paragraph(" ".join(_REMARKS), _STYLES["BodyText"]),
        PageBreak() if reach in (2, 4) else Spacer(1, 12),
    ]


def _furniture(canvas: object, document: object) -> None:
    canvas.setFont("Helvetica", 9)  # type: ignore[attr-defined]
    canvas.drawString(72, 810, "Harbour Office of Varn")  # type: ignore[attr-defined]
    canvas.drawString(72, 30, f"Page {document.page}")  # type: ignore[attr-defined]


def bulletin_pdf() -> bytes:
    """A bulletin in two columns below a headline that spans both."""
    out = BytesIO()
    document = BaseDocTemplate(out, pagesize=A4, invariant=1, title="Harbour Bulletin")
    width, height = A4
    column = (width - 3 * 50) / 2
    head = Frame(50, height - 130, width - 100, 80, id="head")
    columns = [
        Frame(50 + n * (column + 50), 50, column, height - 190, id=f"column{n}") for n in (0, 1)
    ]
    later = [Frame(50 + n * (column + 50), 50, column, height - 100) for n in (0, 1)]
    document.addPageTemplates(
        [PageTemplate("first", [head, *columns]), PageTemplate("later", later)]
    )
    story: list[Flowable] = [
        NextPageTemplate("later"),
        Paragraph("Harbour Bulletin of Varn", _STYLES["Title"]),
        Paragraph(
            "Published on the first Thursday of every month by the harbour office, and read aloud "
            "on the landing place.",
            _STYLES["BodyText"],
        ),
        FrameBreak(),
    ]
    for title, texts in _ARTICLES:
        story.append(Paragraph(title, _STYLES["Heading2"]))
        story += [Paragraph(text, _STYLES["BodyText"]) for text in texts]
    document.build(story)
    return out.getvalue()


_ARTICLES = (
    (
        "The bar grows",
        (
            (
                "The bar off Varn Head has grown by eleven centimetres since the last "
                "survey. Masters "
                "of vessels that draw more than three metres should wait for the second half "
                "of the "
                "flood before they come in."
            ),
            (
                "The harbour office will lay two new buoys, one red and one striped, as soon "
                "as the "
                "paint is dry. Until then the old buoys stand where they stood, and mean what they "
                "meant."
            ),
            (
                "A model of the bar in cork may be seen in the window of the office. Children may "
                "touch it. Masters of vessels are asked to do so."
            ),
        ),
    ),
    (
        "Notice to those who fish",
        (
            (
                "Nets must not be set within two hundred metres of the landing place between "
                "the first "
                "of May and the last day of September."
            ),
            (
                "The heron colony on the island of reeds counts thirty-seven nests this "
                "year. Boats "
                "keep to the eastern channel until the young have flown."
            ),
            (
                "Lost: one anchor, of about forty kilograms, near the third weir. The finder "
                "may keep "
                "the rope."
            ),
        ),
    ),
    (
        "The light",
        (
            (
                "The light will show a fixed beam instead of three flashes in the night of the "
                "fourteenth, while the motor is being oiled. A lantern on the gallery will "
                "be swung by "
                "hand."
            ),
            (
                "The keeper thanks whoever left the basket of pears on the doorstep and asks "
                "that the "
                "basket be fetched."
            ),
        ),
    ),
    (
        "Tides of the month",
        (
            (
                "Spring tide falls on the ninth and on the twenty-third. The water will then stand "
                "forty centimetres above the mark on the stairs, and the lower store is to "
                "be cleared "
                "the evening before."
            ),
            (
                "Neap tide falls on the second and on the sixteenth. Those who want to "
                "scrape their "
                "hulls are reminded that the slip can hold two boats, not three."
            ),
        ),
    ),
    (
        "From the mill",
        (
            (
                "The tide mill grinds again. Flour is to be had on Saturdays between seven "
                "and nine in "
                "the morning, in sacks of ten kilograms, while the tide allows."
            ),
            "The miller points out that he does not make the tide.",
        ),
    ),
)


def handbook_docx() -> bytes:
    """A handbook with a title, headings, nested lists, a table, emphasis and a quotation."""
    document = Document()
    document.add_heading("The Keepers' Handbook", 0)
    paragraph = document.add_paragraph("This handbook is for keepers of the light at Varn Head. ")
    paragraph.add_run("Read it before the first watch").bold = True
    paragraph.add_run(", not ")
    paragraph.add_run("during").italic = True
    paragraph.add_run(" it.")
    document.add_heading("1. The watch", 1)
    for text, style in _DUTIES:
        document.add_paragraph(text, style=style)
    document.add_heading("1.1 In fog", 2)
    for step in ("Start the horn.", "Write down the hour.", "Count the answers."):
        document.add_paragraph(step, style="List Number")
    document.add_heading("2. Stores", 1)
    table = document.add_table(rows=1, cols=3)
    for cell, text in zip(table.rows[0].cells, ("Item", "Quantity", "Kept in"), strict=True):
        cell.text = text
    for row in _STORES[:4]:
        for cell, value in zip(table.add_row().cells, row, strict=True):
            cell.text = str(value)
    document.add_heading("3. The last rule", 1)
    document.add_paragraph("A lens that stands still can be heard.", style="Quote")
    properties = document.core_properties
    properties.created = properties.modified = _MADE_AT.replace(tzinfo=None)
    properties.author = properties.last_modified_by = "Harbour Office of Varn"
    out = BytesIO()
    document.save(out)
    return _repacked(out.getvalue())


_DUTIES = (
    ("Before the watch", "List Bullet"),
    ("read the last page of the log", "List Bullet 2"),
    ("look at the bowl in the lamp room", "List Bullet 2"),
    ("if it is less than half full, fill it to the line", "List Bullet 3"),
    ("During the watch", "List Bullet"),
    ("write down every ship: rig, course, answer", "List Bullet 2"),
    ("wind nothing, oil nothing, touch nothing that turns", "List Bullet 2"),
    ("After the watch", "List Bullet"),
    ("say the last signal aloud", "List Bullet 2"),
)

_STORES = (
    ("Lamp oil (litres)", 240, "the lower store"),
    ("Spare prisms", 3, "crate 18"),
    ("Signal flags", 26, "the chest by the door"),
    ("Rope (metres)", 180, "the boat house"),
    ("Coal (kilograms)", 1500, "the bunker"),
    ("Tinned pears", 48, "the kitchen"),
)


def briefing_pptx() -> bytes:
    """A briefing of four slides: levels of bullets, a table, speaker's notes."""
    deck = Presentation()
    title = deck.slides.add_slide(deck.slide_layouts[0])
    title.shapes.title.text = "The tide mill of Varn"
    title.placeholders[1].text = "Briefing for the harbour committee"
    title.notes_slide.notes_text_frame.text = "Welcome everybody; the miller will be late."

    points = deck.slides.add_slide(deck.slide_layouts[1])
    points.shapes.title.text = "How it works"
    frame = points.placeholders[1].text_frame
    frame.text = "The flood fills the pond"
    for text, level in (
        ("through two gates of oak", 1),
        ("which close by themselves", 1),
        ("The ebb turns the wheel", 0),
        ("for five hours of every tide", 1),
    ):
        line = frame.add_paragraph()
        line.text, line.level = text, level
    points.notes_slide.notes_text_frame.text = (
        "Show the model here.\nThe left gate of the model sticks."
    )

    numbers = deck.slides.add_slide(deck.slide_layouts[5])
    numbers.shapes.title.text = "What it grinds"
    table = numbers.shapes.add_table(4, 3, Inches(1), Inches(2), Inches(8), Inches(2)).table
    for r, row in enumerate(_FLOUR):
        for c, value in enumerate(row):
            table.cell(r, c).text = value

    end = deck.slides.add_slide(deck.slide_layouts[1])
    end.shapes.title.text = "What the committee has to decide"
    end.placeholders[1].text_frame.text = "Whether the pond may be dredged before the winter"
    end.notes_slide.notes_text_frame.text = "The dredger is free in the second week of October."

    deck.core_properties.created = deck.core_properties.modified = _MADE_AT.replace(tzinfo=None)
    deck.core_properties.author = "Harbour Office of Varn"
    out = BytesIO()
    deck.save(out)
    return _repacked(out.getvalue())


_FLOUR = (
    ("Month", "Flour (kg)", "Tides used"),
    ("April", "1850", "41"),
    ("May", "2210", "48"),
    ("June", "1975", "44"),
)


def stores_xlsx() -> bytes:
    """A workbook of two sheets: numbers, dates, booleans, a formula, an empty row, a pipe."""
    book = Workbook()
    stores = book.active
    assert isinstance(stores, Worksheet)
    stores.title = "Stores"
    stores.append(["Item", "Quantity", "Kept in", "Checked", "Complete"])
    for cell in stores[1]:
        cell.font = Font(bold=True)
    for number, row in enumerate(_STORES):
        stores.append([*row, date(2025, 3, 1 + number), number % 2 == 0])
    stores.append([])
    stores.append(["Note", None, "hemp | manila: both are rope", None, None])

    ships = book.create_sheet("Ships sighted")
    ships.append(["Year", "Ships", "Days of fog", "Ships a day"])
    for year, count, fog in ((1881, 1204, 61), (1901, 1877, 74), (1921, 1532, 58)):
        ships.append([year, count, fog, round(count / 365, 2)])
    book.properties.created = book.properties.modified = _MADE_AT.replace(tzinfo=None)
    book.properties.creator = "Harbour Office of Varn"
    out = BytesIO()
    book.save(out)
    return _repacked(out.getvalue())


def readings_csv() -> bytes:
    """Readings as a spreadsheet program of Western Europe writes them: semicolons, cp1252."""
    lines = ["Pegel;Datum;Wasserstand (m);Temperatur (°C);Bemerkung"]
    remarks = (
        "klar",
        "trüb nach Regen",
        "Eis am Ufer",
        '"Öl; vom Boot des Müllers"',
        "Fähre fährt",
    )
    for number in range(20):
        level = f"{2.05 + 0.13 * (number % 7):.2f}".replace(".", ",")
        warmth = f"{4.5 + 0.6 * (number % 9):.1f}".replace(".", ",")
        gauge = ("Alte Brücke", "Mühle", "Schöpfwerk")[number % 3]
        lines.append(f"{gauge};{number + 1:02d}.03.2025;{level};{warmth};{remarks[number % 5]}")
    return ("\r\n".join(lines) + "\r\n").encode("cp1252")


def _repacked(archive: bytes) -> bytes:
    """Write an Office file anew with fixed dates, so that the same content gives the same bytes."""
    out = BytesIO()
    with (
        zipfile.ZipFile(BytesIO(archive)) as source,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            content = source.read(name)
            if name == "docProps/core.xml":
                content = _with_fixed_time(content)
            entry = zipfile.ZipInfo(name, date_time=_ZIP_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            target.writestr(entry, content)
    return out.getvalue()


def _with_fixed_time(core: bytes) -> bytes:
    """Put back the time of the last change, which some libraries set when they save."""
    text = core.decode("utf-8")
    begin, end = "<dcterms:modified", "</dcterms:modified>"
    if begin not in text:
        return core
    before, rest = text.split(begin, 1)
    tag, after = rest.split(">", 1)[0], rest.split(end, 1)[1]
    fixed = _MADE_AT.strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"{before}{begin}{tag}>{fixed}{end}{after}".encode()


if __name__ == "__main__":
    main()
