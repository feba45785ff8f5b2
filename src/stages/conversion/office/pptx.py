"""Presentations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pptx import Presentation
from pptx.enum.shapes import MSO_SHAPE_TYPE

from stages.conversion.markdown import blocks, escaped, heading, paragraph, table
from stages.conversion.office.archive import refuse_harmful_archive
from stages.conversion.result import ConversionOptions, Converted, Source
from stages.errors import UnconvertibleDocument

_EMU_PER_ROW = 200_000  # shapes whose tops differ by less are read from left to right


def convert(source: Source, options: ConversionOptions) -> Converted:
    """Convert a presentation: a section a slide, in the order that people read, then its notes."""
    refuse_harmful_archive(source.path)
    try:
        slides = list(Presentation(str(source.path)).slides)
        parts = [_slide(slide, number, options) for number, slide in enumerate(slides, start=1)]
    except MemoryError:
        raise
    except Exception as error:
        raise UnconvertibleDocument(
            "The presentation is damaged; open it in a presentation program, save it anew and hand "
            "in that."
        ) from error
    if not any(_has_words(slide) for slide in slides):
        parts = []
    return Converted(blocks(parts), {"slides": len(slides)})


def _has_words(slide: Any) -> bool:
    return any(
        (shape.has_text_frame and shape.text_frame.text.strip())
        or getattr(shape, "has_table", False)
        or getattr(shape, "has_chart", False)
        for shape in _flattened(slide.shapes)
    ) or bool(_notes(slide))


def _slide(slide: Any, number: int, options: ConversionOptions) -> str:
    title = slide.shapes.title
    text = " ".join(title.text_frame.text.split()) if title is not None else ""
    body = [_shape(shape) for shape in _in_reading_order(slide.shapes, leaving_out=title)]
    notes = _notes(slide) if options.speaker_notes else ""
    return blocks([heading(text or f"Slide {number}", 2), *body, notes])


def _in_reading_order(shapes: Iterable[Any], leaving_out: Any) -> list[Any]:
    skipped = None if leaving_out is None else leaving_out.shape_id
    found = [shape for shape in _flattened(shapes) if shape.shape_id != skipped]
    return sorted(found, key=lambda s: ((s.top or 0) // _EMU_PER_ROW, s.left or 0))


def _flattened(shapes: Iterable[Any]) -> Iterator[Any]:
    for shape in shapes:
        if shape.shape_type == MSO_SHAPE_TYPE.GROUP:
            yield from _flattened(shape.shapes)
        else:
            yield shape


def _shape(shape: Any) -> str:
    if getattr(shape, "has_table", False):
        return table([[cell.text for cell in row.cells] for row in shape.table.rows])
    if getattr(shape, "has_chart", False):
        return _chart(shape.chart)
    if shape.has_text_frame:
        return _text_frame(shape)
    return ""


def _text_frame(shape: Any) -> str:
    paragraphs = [p for p in shape.text_frame.paragraphs if p.text.strip()]
    if not shape.is_placeholder and all(p.level == 0 for p in paragraphs):
        return blocks(paragraph(p.text) for p in paragraphs)
    return "\n".join(f"{'  ' * p.level}- {_one_line(p.text)}" for p in paragraphs)


def _one_line(text: str) -> str:
    return paragraph(" ".join(text.split()))


def _chart(chart: Any) -> str:
    """Return a chart's numbers as a table; a kind without categories gives its series' names."""
    plots = list(chart.plots)
    series = [each for plot in plots for each in plot.series]
    categories = [str(category) for category in plots[0].categories] if plots else []
    rows = [["", *(str(each.name) for each in series)]]
    for index, category in enumerate(categories):
        values = [_value(each.values, index) for each in series]
        rows.append([category, *values])
    return table(rows)


def _value(values: Any, index: int) -> str:
    value = values[index] if index < len(values) else None
    return "" if value is None else f"{value:g}"


def _notes(slide: Any) -> str:
    frame = slide.notes_slide.notes_text_frame if slide.has_notes_slide else None
    lines = [] if frame is None else [p.text for p in frame.paragraphs if p.text.strip()]
    if not lines:
        return ""
    return "\n>\n".join(
        ["> **Notes:**", *(f"> {escaped(' '.join(line.split()))}" for line in lines)]
    )
