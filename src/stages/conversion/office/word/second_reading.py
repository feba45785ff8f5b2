"""A second reading of Word documents: the text nodes of the XML, by rules of their own."""

from __future__ import annotations

import io
import re
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from stages.conversion.result import ConversionOptions, Source
from stages.conversion.second_reading import SecondReading

_STORIES: Final = re.compile(r"word/(document\d*|footnotes|endnotes)\.xml", re.IGNORECASE)
_RUNNING: Final = re.compile(r"word/(header|footer)\d*\.xml", re.IGNORECASE)
_UNREAD: Final = frozenset(["runningLines", "comments"])
_WORD: Final = re.compile(r"\w+")
# A letter of a formula is a word, but in names of functions and in words of several letters.
_SENTENCE: Final = re.compile(r"[^\W\d_]{2,} +[^\W\d_]{2,}")
_COMMAND: Final = re.compile(r"\\[A-Za-z]+")
_SYMBOL: Final = re.compile(
    r"[^\W\d_]{4,}|(?:sin|cos|tan|cot|log|lim|max|min|exp|sup|inf|ln|lg)(?![^\W\d_])"
    r"|[^\W\d_]|\d+(?:[.,]\d+)*"
)
_OFF: Final = ("0", "false", "off")
_BLANKS: Final = {"tab": " ", "br": "\n", "cr": "\n", "ptab": " ", "noBreakHyphen": "-"}
_BUFFERED: Final = ("r", "tc", "tr", "sdtContent")
_NOTES: Final = ("footnote", "endnote")
_MOST_NAMES: Final = 1_000
_DELETED: Final = ("del", "moveFrom")
# All other elements say nothing of what is shown.
_READ: Final = (
    *_BLANKS, *_BUFFERED, *_NOTES, *_DELETED, "Fallback", "p", "t", "delText", "fldChar", "sdt",
    "checkbox", "pStyle", "rStyle", "vanish", "vertAlign", "position", "nor", "vMerge", "hMerge",
    "hidden",
)  # fmt: skip


def second_reading(source: Source, options: ConversionOptions) -> SecondReading:  # noqa: ARG001
    """Return the text that a reader of the document sees; headers and footers are optional."""
    reader, running = _Reader(), _Reader()
    with zipfile.ZipFile(source.path) as archive:
        for name in archive.namelist():
            if name.lower() == "word/styles.xml":
                reader.learn(archive.read(name))
        for name in archive.namelist():
            if _STORIES.fullmatch(name):
                reader.read(archive.read(name))
            elif _RUNNING.fullmatch(name):
                running.read(archive.read(name))
    return SecondReading(
        "".join(reader.pieces),
        dict(+reader.left_out),
        optional="".join(running.pieces),
        unread=_UNREAD,
    )


@dataclass
class _Buffer:
    """The text of an element that may turn out to be hidden."""

    name: str
    pieces: list[str] = field(default_factory=list)
    hidden: str = ""
    raised: bool = False
    is_text: bool = False  # a text within a formula


class _Reader:
    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.left_out: Counter[str] = Counter()
        self._hidden_styles: set[str] = set()
        self._raised_styles: set[str] = set()
        self._buffers: list[_Buffer] = []
        self._fields: list[bool] = []
        self._balanced = True
        self._skipped = 0
        self._deleted = 0
        self._is_box = False
        self._paragraph_hidden = False
        self._runs_on = False  # whether the end of the paragraph before was deleted

    def learn(self, styles: bytes) -> None:
        """Note the styles that hide text, also by the ones that they are based on."""
        based: dict[str, str] = {}
        for _, style in _events(styles, ("end",), "style"):
            style_id = _attribute(style, "styleId")
            for each in style.iter():
                name = _name(each)
                if name in ("vertAlign", "position"):
                    self._raised_styles.add(style_id)
                if name == "vanish" and _attribute(each, "val", "1") not in _OFF:
                    self._hidden_styles.add(style_id)
                elif name == "basedOn":
                    based[style_id] = _attribute(each, "val")
        for style_id, base in based.items():
            chain, at = [style_id], base
            while at in based and at not in chain and at not in self._hidden_styles:
                chain.append(at)
                at = based[at]
            if at in self._hidden_styles:
                self._hidden_styles.update(chain)

    def read(self, content: bytes) -> None:
        """Read one story."""
        begins = len(re.findall(rb"fldCharType=[\"']begin", content))
        self._balanced = begins == len(re.findall(rb"fldCharType=[\"']end", content))
        self._fields = []
        for event, element in _events(content, ("start", "end"), *_READ):
            name = _LOCAL[element.tag]
            if event == "start":
                self._start(element, name)
            else:
                self._end(element, name)
                element.clear(keep_tail=False)

    def _start(self, element: etree._Element, name: str) -> None:
        if _is_unread(element, name):
            self._skipped += 1
        elif name in _DELETED:
            self._deleted += 1
        elif name in _BUFFERED:
            self._buffers.append(_Buffer(name))
        if name == "r":
            self._buffers[-1].hidden = "hiddenText" if self._paragraph_hidden else ""
        if name == "sdt":
            self._is_box = False
        elif name == "sdtContent" and self._is_box:
            self._buffers[-1].hidden = "-"
            self._is_box = False
        elif name == "p":
            self._paragraph_hidden = False
            if not self._runs_on:
                self._put("\n")
            self._runs_on = False

    def _end(self, element: etree._Element, name: str) -> None:
        if _is_unread(element, name):
            self._skipped -= 1
        elif name in _DELETED:
            self._deleted -= 1
            self._mark_row(element)
        elif name in _BUFFERED:
            self._close(self._buffers.pop())
        elif name in ("t", "delText"):
            self._text(element, name)
        elif name in _BLANKS:
            self._put(_BLANKS[name])
        elif name in ("p", "tc") and not (name == "p" and self._runs_on):
            self._put("\n")
        elif name == "fldChar":
            self._turn(_attribute(element, "fldCharType"))
        else:
            self._property(element, name)

    def _property(self, element: etree._Element, name: str) -> None:
        value = _attribute(element, "val", "1")
        holder = self._buffers[-1] if self._buffers else None
        if name == "checkbox":
            self._is_box = True
        elif name == "pStyle":
            self._paragraph_hidden = value in self._hidden_styles
        elif holder is None:
            return
        elif holder.name == "r":
            self._run_property(holder, name, value)
        elif holder.name == "tc" and name in ("vMerge", "hMerge"):
            if _attribute(element, "val") != "restart":
                holder.hidden = "hiddenText"
        elif holder.name == "tr" and name == "hidden" and value not in _OFF:
            holder.hidden = "hiddenText"

    def _run_property(self, run: _Buffer, name: str, value: str) -> None:
        if name == "vanish":
            run.hidden = "" if value in _OFF else "hiddenText"
        elif name == "rStyle":
            run.raised |= value in self._raised_styles
            run.hidden = "hiddenText" if value in self._hidden_styles else run.hidden
        elif name in ("vertAlign", "position"):
            run.raised = True
        elif name == "nor":
            run.is_text = True

    def _mark_row(self, element: etree._Element) -> None:
        """Note the deletion of a row, or of a paragraph's end."""
        parent = element.getparent()
        above = None if parent is None else parent.getparent()
        if above is not None and _name(above) == "pPr":
            self._runs_on = True
        if parent is not None and _name(parent) == "trPr" and self._buffers:
            self._buffers[-1].hidden = "deletedText"

    def _text(self, element: etree._Element, name: str) -> None:
        text = element.text or ""
        if self._skipped or (self._balanced and not all(self._fields)):
            return
        if self._deleted or name == "delText":
            self.left_out["deletedText"] += len(_WORD.findall(text))
        else:
            if str(element.tag).endswith("/math}t"):
                is_text = bool(self._buffers) and self._buffers[-1].is_text
                self._put(f" {text if is_text else _symbols(text)} ")
            else:
                self._put(text.replace("\u00ad", "").replace("\u2011", "-"))

    def _turn(self, kind: str) -> None:
        if kind == "begin":
            self._fields.append(False)
        elif kind == "separate" and self._fields:
            self._fields[-1] = True
        elif kind == "end" and self._fields:
            self._fields.pop()

    def _put(self, text: str) -> None:
        (self._buffers[-1].pieces if self._buffers else self.pieces).append(text)

    def _close(self, buffer: _Buffer) -> None:
        text = "".join(buffer.pieces)
        if buffer.hidden:
            if buffer.hidden != "-":
                self.left_out[buffer.hidden] += len(_WORD.findall(text))
            return
        self._put(f" {text} " if buffer.raised and text.strip() else text)


def _symbols(text: str) -> str:
    text = _COMMAND.sub(" ", text)
    return text if _SENTENCE.search(text) else " ".join(_SYMBOL.findall(text))


def _is_unread(element: etree._Element, name: str) -> bool:
    """Tell whether an element is an alternative, or a line that parts notes from the text."""
    return name == "Fallback" or (name in _NOTES and bool(_attribute(element, "type")))


def _events(content: bytes, events: tuple[str, ...], *names: str):  # type: ignore[no-untyped-def]
    return etree.iterparse(
        io.BytesIO(content),
        events=events,
        tag=[f"{{*}}{name}" for name in names] or None,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


class _LocalNames(dict[object, str]):
    """Names without their namespace, by tag or attribute."""

    def __missing__(self, tag: object) -> str:
        name = str(tag).rpartition("}")[2]
        if len(self) < _MOST_NAMES:
            self[tag] = name
        return name


_LOCAL: Final = _LocalNames()


def _name(element: etree._Element) -> str:
    return _LOCAL[element.tag]


def _attribute(element: etree._Element, name: str, default: str = "") -> str:
    for key, value in element.items():
        if _LOCAL[key] == name:
            return str(value)
    return default
