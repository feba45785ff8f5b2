"""Fields, notes, layers and scripts of PDFs that are written here object by object."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

from stages.conversion.result import Converted
from unit.stages.making import converted_bytes
from unit.stages.pdf_making import pdf_of, stream_of, text_at

Convert = Callable[[bytes], Converted]
_WIDGET = "/Type /Annot /Subtype /Widget"
_LAYERS = (
    b"<< /Type /OCG /Name (A) >>",
    b"<< /Type /OCG /Name (B) >>",
    b"<< /Type /OCMD /OCGs [4 0 R] /P /AllOn >>",
)
_LAYERED = (
    text_at(72, 700, "Shown.")
    + (b"/OC /O1 BDC " + text_at(72, 680, "Layer A.") + b"EMC ")
    + (b"/OC /O2 BDC " + text_at(72, 660, "Layer B.") + b"EMC ")
    + (b"/OC /O3 BDC " + text_at(72, 640, "Member of A.") + b"EMC ")
    + text_at(72, 620, "End.")
)


@pytest.fixture
def convert(tmp_path: Path) -> Convert:
    return lambda content: converted_bytes(tmp_path, content, "a.pdf")


def lines(result: Converted) -> list[str]:
    return [line for line in result.markdown.split("\n") if line]


def test_all_kinds_of_fields_come_out_beside_their_labels(convert: Convert) -> None:
    out = io.BytesIO()
    canvas = Canvas(out, invariant=1)
    form = canvas.acroForm
    for y, label in ((700, "Name:"), (660, "Colour:"), (620, "Sizes:"), (480, "Notes:")):
        canvas.drawString(50, y, label)
    form.textfield(name="n", value="Ada", x=120, y=695, width=200, height=20)
    form.choice(name="c", value="Red", options=["Red", "Blue"], x=120, y=655, width=80, height=20)
    form.listbox(name="l", value="M", options=["S", "M", "L"], x=120, y=590, width=80, height=50)
    canvas.drawString(50, 560, "Paid:")
    form.checkbox(name="p", checked=False, x=120, y=555)
    canvas.drawString(50, 520, "Yes")
    form.radio(name="r", value="y", selected=True, x=80, y=515)
    canvas.drawString(120, 520, "No")
    form.radio(name="r", value="n", selected=False, x=150, y=515)
    form.textfield(
        name="m", value="Line one\nLine two", fieldFlags="multiline", x=120, y=440, height=50
    )
    canvas.drawString(50, 400, "Secret:")
    form.textfield(name="s", value="hunter2", fieldFlags="password", x=120, y=395, height=20)
    canvas.save()
    result = convert(out.getvalue())
    assert lines(result) == [
        "Name: Ada",
        "Colour: Red",
        "Sizes: [ ] S",
        "[x] M",
        "[ ] L",
        "Paid: [ ]",
        "Yes [x] No [ ]",
        "Notes: Line one",
        "Line two",
        "Secret:",
    ]
    assert result.left_out == {"passwordFields": 2}


def test_values_without_an_appearance_are_shown_and_hidden_fields_are_not(
    convert: Convert,
) -> None:
    options = "/Opt [[(de) (Germany)] [(fr) (France)]]"
    fields = [
        f"<< {_WIDGET} /FT /Tx /T (a) /V (Typed in) /Rect [150 695 350 715] >>",
        f"<< {_WIDGET} /FT /Ch /Ff 131072 /T (b) /V (de) {options} /Rect [150 665 350 685] >>",
        f"<< {_WIDGET} /FT /Btn /T (k) /V /Off /AS /Off /Rect [150 635 164 649] >>",
        f"<< {_WIDGET} /F 2 /FT /Tx /T (z) /V (Hidden) /Rect [150 600 350 620] >>",
    ]
    result = convert(
        pdf_of(
            text_at(72, 700, "Name:") + text_at(72, 670, "Country:") + text_at(72, 640, "Member:"),
            page="/Annots [4 0 R 5 0 R 6 0 R 7 0 R]",
            objects=[field.encode() for field in fields],
            catalog="/AcroForm << /NeedAppearances true /Fields [4 0 R 5 0 R 6 0 R 7 0 R] "
            "/DR << /Font << /F1 3 0 R >> >> /DA (/F1 12 Tf 0 g) >>",
        )
    )
    assert lines(result) == ["Name: Typed in", "Country: Germany", "Member: [ ]"]


def test_notes_and_stamps_are_shown_but_hidden_ones_are_not(convert: Convert) -> None:
    appearance = stream_of(
        b"BT /F1 12 Tf 2 5 Td (Approved in May) Tj ET",
        "/Type /XObject /Subtype /Form /BBox [0 0 200 20] /Resources << /Font << /F1 3 0 R >> >>",
    )
    stamp = "<< /Type /Annot /Subtype /Stamp /F %d /Rect [72 %d 272 %d] /AP << /N 5 0 R >> >>"
    note = b"<< /Type /Annot /Subtype /FreeText /Rect [72 600 300 640] /Contents (Typed note) >>"
    result = convert(
        pdf_of(
            text_at(72, 700, "Body of the page."),
            page="/Annots [4 0 R 6 0 R 7 0 R]",
            objects=[
                note,
                appearance,
                (stamp % (4, 500, 520)).encode(),
                (stamp % (2, 400, 420)).encode(),
            ],
        )
    )
    assert result.markdown.count("Typed note") == 1
    assert result.markdown.count("Approved in May") == 1


@pytest.mark.parametrize(
    "default", ["/BaseState /OFF /ON [5 0 R]", "/OFF [4 0 R]", "/OFF [4 0 R] /ON [5 0 R]"]
)
def test_layers_that_are_off_and_their_members_are_left_out(convert: Convert, default: str) -> None:
    result = convert(
        pdf_of(
            _LAYERED,
            resources="/Properties << /O1 4 0 R /O2 5 0 R /O3 6 0 R >>",
            objects=_LAYERS,
            catalog=f"/OCProperties << /OCGs [4 0 R 5 0 R] /D << {default} >> >>",
        )
    )
    assert lines(result) == ["Shown.", "Layer B.", "End."]
    assert result.left_out == {"hiddenLayers": 5}


def test_a_form_on_a_layer_that_is_off_is_left_out(convert: Convert) -> None:
    form = stream_of(
        text_at(0, 0, "In a form."),
        "/Type /XObject /Subtype /Form /BBox [0 0 300 50] /OC 4 0 R "
        "/Resources << /Font << /F1 3 0 R >> >>",
    )
    result = convert(
        pdf_of(
            text_at(72, 700, "Shown.") + b"q 1 0 0 1 72 600 cm /X1 Do Q",
            resources="/XObject << /X1 5 0 R >>",
            objects=[_LAYERS[0], form],
            catalog="/OCProperties << /OCGs [4 0 R] /D << /OFF [4 0 R] >> >>",
        )
    )
    assert lines(result) == ["Shown."]
    assert result.left_out == {"hiddenLayers": 3}


def test_what_is_beside_the_page_is_left_out(convert: Convert) -> None:
    content = text_at(72, 700, "Inside.") + text_at(700, 500, "Right of it.")
    result = convert(pdf_of(content + text_at(72, -50, "Below.")))
    assert lines(result) == ["Inside."]
    assert result.left_out == {"outsidePage": 4}


def test_links_are_links_over_all_of_their_words(convert: Convert) -> None:
    link = (
        b"<< /Type /Annot /Subtype /Link /Rect [70 695 200 715] "
        b"/A << /S /URI /URI (https://example.org/a_b?c=\\(d\\)) >> >>"
    )
    script = (
        b"<< /Type /Annot /Subtype /Link /Rect [70 655 200 675] "
        b"/A << /S /URI /URI (javascript:alert\\(1\\)) >> >>"
    )
    plain = (
        b"<< /Type /Annot /Subtype /Link /Rect [70 615 300 635] "
        b"/A << /S /URI /URI (https://example.org/plain) >> >>"
    )
    content = (
        text_at(72, 700, "Two words")
        + text_at(72, 660, "No address")
        + text_at(72, 620, "https://example.org/plain")
    )
    result = convert(
        pdf_of(content, page="/Annots [4 0 R 5 0 R 6 0 R]", objects=[link, script, plain])
    )
    assert lines(result) == [
        "[Two words](https://example.org/a_b?c=%28d%29)",
        "No address",
        "https://example.org/plain",
    ]


def test_page_boxes_are_inherited_from_the_page_tree(convert: Convert) -> None:
    """pypdfium2 5.15.2 tells such pages the size of a US letter, which hid what is above it."""
    content = text_at(150, 900, "High up on a tall page.") + text_at(10, 20, "Cut off.")
    tall = pdf_of(content).replace(b"/MediaBox [0 0 612 792]", b"")
    boxes = b"/Count 1 /MediaBox [0 0 800 1000] /CropBox [100 50 700 950]"
    result = convert(tall.replace(b"/Count 1", boxes))
    assert lines(result) == ["High up on a tall page."]
    assert result.left_out == {"outsidePage": 2}
