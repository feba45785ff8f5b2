"""Read a paragraph's content: runs, links, fields, formulas, symbols, notes and what is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from stages.conversion.office.chart import chart_markdown
from stages.conversion.office.diagram import diagram_markdown
from stages.conversion.office.formula import display_formulas, inline_formula
from stages.conversion.office.markup import PAGE_BREAK, Span
from stages.conversion.office.package import Element, local
from stages.conversion.office.pictures import picture
from stages.conversion.office.word.document import Document
from stages.conversion.office.word.fields import Fields, counts_pages, link_of
from stages.conversion.office.word.names import W14, R, W, child, value
from stages.conversion.office.word.styles import RunFormat, run_format
from stages.conversion.office.word.symbols import readable, symbol

_CHECKBOX: Final = f"{W14}checkbox"
_CHECKED: Final = ("1", "true", "on")
_PLAIN: Final = RunFormat()
_BREAKS: Final = {"page": PAGE_BREAK, "column": PAGE_BREAK}


@dataclass
class Content:
    """What a paragraph holds: its line of spans, and what is drawn beside it.

    `boxes` are text boxes (their elements) and charts or diagrams (Markdown already).
    """

    spans: list[Span] = field(default_factory=list)
    boxes: list[Element | str] = field(default_factory=list)
    counts_pages: bool = False


class RunReader:
    """Reads the paragraphs of one part, in order: fields may go on from one to the next."""

    def __init__(self, document: Document, part: str, root: Element) -> None:
        self._document = document
        self._part = part
        self._fields = Fields(root)
        self._content = Content()
        self._base = _PLAIN
        self._links: list[str] = []
        self._handlers: Mapping[str, Callable[[Element], None]] = {
            "r": self._run,
            "hyperlink": self._hyperlink,
            "fldSimple": self._simple_field,
            "sdt": self._children,
            "del": self._deleted,
            "moveFrom": self._deleted,
            "oMath": self._formula,
            "oMathPara": self._formulas,
            "ruby": self._ruby,
            "AlternateContent": self._alternative,
            **dict.fromkeys(_WRAPPERS, self._children),
        }
        self._special: Mapping[str, Callable[[Element, RunFormat], None]] = {
            "br": self._break,
            "checked": self._box,
            "sym": self._symbol,
            "fldChar": self._field_character,
            "instrText": self._instruction,
            "delText": self._deleted_text,
            "footnoteReference": self._note,
            "endnoteReference": self._note,
            "commentReference": self._note,
            "ruby": self._ruby_in_run,
            "AlternateContent": self._alternative_in_run,
            "drawing": self._drawn,
            "pict": self._drawn,
            "object": self._drawn,
        }

    def read(self, paragraph: Element, style_id: str | None) -> Content:
        """Return a paragraph's content; its style says what is hidden, struck or raised."""
        styled = self._document.styles.run_format(style_id)
        self._base = RunFormat(
            strike=styled.strike, hidden=styled.hidden, vertical=styled.vertical, font=styled.font
        )
        outer, self._content = self._content, Content()
        self._children(paragraph)
        found, self._content = self._content, outer
        return found

    def _children(self, element: Element) -> None:
        for each in element:
            handler = self._handlers.get(local(each))
            if handler is not None:
                handler(each)

    def _hyperlink(self, element: Element) -> None:
        target = self._document.package.target(self._part, element.get(f"{R}id"))
        address = target.target if target and target.external else ""
        anchor = element.get(f"{W}anchor")
        self._links.append(f"{address}#{anchor}" if address and anchor else address)
        self._children(element)
        self._links.pop()

    def _simple_field(self, element: Element) -> None:
        instruction = element.get(f"{W}instr", "")
        self._content.counts_pages |= counts_pages(instruction)
        self._links.append(link_of(instruction))
        self._children(element)
        self._links.pop()

    def _deleted(self, element: Element) -> None:
        names = (f"{W}delText", f"{W}t")
        self._document.leave_out("deletedText", "".join(e.text or "" for e in element.iter(*names)))

    def _formula(self, element: Element) -> None:
        self._emit(inline_formula(element), _PLAIN, raw=True)

    def _formulas(self, element: Element) -> None:
        for text in display_formulas(element):
            self._emit(f"{PAGE_BREAK}{text}{PAGE_BREAK}", _PLAIN, raw=True)

    def _ruby(self, element: Element) -> None:
        base, reading = child(element, "rubyBase"), child(element, "rt")
        if base is not None:
            self._children(base)
        words = "" if reading is None else "".join(t.text or "" for t in reading.iter(f"{W}t"))
        if words.strip():
            self._emit(f"({words.strip()})", _PLAIN)

    def _alternative(self, element: Element) -> None:
        """Read the first alternative that holds something (part 3, 7.5)."""
        for option in element:
            before = len(self._content.spans), len(self._content.boxes)
            self._run_parts(option, self._base)
            self._children(option)
            if before != (len(self._content.spans), len(self._content.boxes)):
                return

    def _run(self, run: Element) -> None:
        properties = child(run, "rPr")
        if properties is None:
            self._run_parts(run, self._base)
            return
        style = value(properties, "rStyle")
        formatting = run_format(properties)
        if style:
            formatting = formatting.over(self._document.styles.run_format(style))
        self._run_parts(run, formatting.over(self._base))

    def _run_parts(self, run: Element, formatting: RunFormat) -> None:
        for each in run:
            name = local(each)
            if name == "t":
                self._emit((each.text or "").replace("\n", " "), formatting)
            elif name in _SIGNS:
                self._emit(_SIGNS[name], formatting)
            elif name in self._special:
                self._special[name](each, formatting)

    def _emit(self, text: str, formatting: RunFormat, *, raw: bool = False) -> None:
        if not text or self._fields.hides:
            return
        if formatting.hidden:
            self._document.leave_out("hiddenText", text)
            return
        if formatting.font and not raw:
            text = readable(text, formatting.font)
        link = self._fields.link or next((a for a in reversed(self._links) if a), "")
        span = Span(
            text,
            bool(formatting.bold),
            bool(formatting.italic),
            bool(formatting.strike),
            formatting.vertical or "",
            link,
            raw,
        )
        self._content.spans.append(span)

    def _break(self, element: Element, formatting: RunFormat) -> None:
        self._emit(_BREAKS.get(element.get(f"{W}type", ""), "\n"), formatting)

    def _box(self, element: Element, formatting: RunFormat) -> None:
        is_checked = element.get(f"{W14}val") in _CHECKED
        self._emit("[x]" if is_checked else "[ ]", RunFormat(hidden=formatting.hidden), raw=True)

    def _symbol(self, element: Element, formatting: RunFormat) -> None:
        try:
            code = int(element.get(f"{W}char", ""), 16)
        except ValueError:
            return
        self._emit(symbol(element.get(f"{W}font"), code), RunFormat(hidden=formatting.hidden))

    def _field_character(self, element: Element, formatting: RunFormat) -> None:
        shown = self._fields.turn(element)
        self._emit(shown, formatting, raw=shown in ("[x]", "[ ]"))

    def _instruction(self, element: Element, formatting: RunFormat) -> None:  # noqa: ARG002
        text = element.text or ""
        self._content.counts_pages |= counts_pages(text)
        self._fields.instruct(text)

    def _deleted_text(self, element: Element, formatting: RunFormat) -> None:  # noqa: ARG002
        self._document.leave_out("deletedText", element.text or "")

    def _note(self, element: Element, formatting: RunFormat) -> None:
        kind = local(element).removesuffix("Reference")
        if kind == "comment" and not self._document.comments:
            return
        number = self._document.notes.number(kind, element.get(f"{W}id", ""))
        if number is not None:
            self._emit(f"[^{number}]", RunFormat(hidden=formatting.hidden), raw=True)

    def _ruby_in_run(self, element: Element, formatting: RunFormat) -> None:  # noqa: ARG002
        self._ruby(element)

    def _alternative_in_run(self, element: Element, formatting: RunFormat) -> None:
        for option in element:
            before = len(self._content.spans), len(self._content.boxes)
            self._run_parts(option, formatting)
            if before != (len(self._content.spans), len(self._content.boxes)):
                return

    def _drawn(self, element: Element, formatting: RunFormat) -> None:
        """Collect text boxes, charts and diagrams; a picture stands for its description."""
        if formatting.hidden:
            self._document.leave_out("hiddenText", _text_within(element))
            return
        before = len(self._content.boxes)
        self._inside(element)
        if len(self._content.boxes) == before:
            self._description(element)

    def _inside(self, element: Element) -> None:
        for each in element:
            name = local(each)
            if name == "txbxContent":
                self._content.boxes.append(each)
            elif name == "AlternateContent":
                self._first_drawn(each)
            elif name in ("chart", "relIds") and each.attrib:
                self._content.boxes.append(self._related(name, each))
            elif name == "textpath" and each.get("string"):
                self._emit(each.get("string", ""), _PLAIN)
            elif name == "txBody":
                words = (t.text or "" for t in each.iter() if local(t) == "t")
                self._content.boxes.append(" ".join(words))
            else:
                self._inside(each)

    def _first_drawn(self, element: Element) -> None:
        for option in element:
            before = len(self._content.boxes)
            self._inside(option)
            if len(self._content.boxes) > before:
                return

    def _related(self, name: str, element: Element) -> str:
        """Return a chart or a diagram as Markdown."""
        is_chart = name == "chart"
        target = self._document.package.target(
            self._part, element.get(f"{R}id" if is_chart else f"{R}dm")
        )
        root = self._document.package.xml(target.target) if target else None
        return chart_markdown(root) if is_chart else diagram_markdown(root)

    def _description(self, element: Element) -> None:
        for each in element.iter():
            name = local(each)
            text = each.get("descr") if name in ("docPr", "cNvPr") else None
            text = text or (each.get("alt") if name in ("shape", "rect", "imagedata") else None)
            if text and text.strip():
                self._emit(picture(text), _PLAIN, raw=True)
                return


def mark_check_boxes(root: Element) -> None:
    """Put the state of content controls that are check boxes in place of their sign.

    They stand within lines as well as around paragraphs, cells and rows (MS-DOCX 2.6.1.1).
    """
    for control in root.iter(f"{W}sdt"):
        properties, content = child(control, "sdtPr"), child(control, "sdtContent")
        box = properties.find(_CHECKBOX) if properties is not None else None
        signs = [] if box is None or content is None else list(content.iter(f"{W}t", f"{W}sym"))
        if box is None or not signs:
            continue
        state = box.find(f"{W14}checked")
        for sign in signs[1:]:
            sign.tag = f"{W14}unchecked"
        signs[0].tag = f"{W14}checked"
        signs[0].attrib.clear()
        signs[0].set(f"{W14}val", "0" if state is None else state.get(f"{W14}val", "1"))


def _text_within(element: Element) -> str:
    return " ".join(each.text or "" for each in element.iter(f"{W}t"))


_WRAPPERS: Final = (
    "smartTag", "customXml", "bdo", "dir", "ins", "moveTo", "sdtContent", "rubyBase", "Choice",
    "Fallback", "proofErr", "p",
)  # fmt: skip
_SIGNS: Final = {
    "tab": " ", "ptab": " ", "cr": "\n", "noBreakHyphen": "-",
}  # fmt: skip
