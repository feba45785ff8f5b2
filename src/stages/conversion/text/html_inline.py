"""Prepare what stands within lines of a page: struck text, formulas, ruby, fields, emphasis."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from stages.conversion.text.html_math import latex_of
from stages.conversion.text.html_nodes import (
    BLOCKS,
    Inserts,
    ancestors,
    children,
    is_block,
    text_of,
    within,
)
from stages.conversion.text.visibility import style_of

_STYLED: Final = re.compile("line-through|vertical-align", re.IGNORECASE)
_STRUCK: Final = ("s", "del", "strike")
_SCRIPTS: Final = {"super": "sup", "sub": "sub"}
_OTHER_EMPHASIS: Final = frozenset(["b", "strong", "i", "em", "dfn", "var"])
_EMPHASIS: Final = _OTHER_EMPHASIS.union(_STRUCK)
_SHOWN_VALUES: Final = frozenset(
    ["text", "email", "number", "tel", "url", "search", "date", "time", "month", "week",
     "datetime-local", "submit", "reset", "button"]
)  # fmt: skip
_WITHOUT_MEANING: Final = [
    "span", "font", "big", "small", "abbr", "acronym", "nobr", "bdi", "bdo", "data", "time",
    "basefont", "ruby", "rb", "rt", "rtc",
]  # fmt: skip


def mark_formulas(page: LexborHTMLParser, inserts: Inserts) -> None:
    """Write each formula as LaTeX."""
    for math in page.css("math"):
        formula = latex_of(math)
        if "|" in formula and _is_within(math, ("td", "th")):  # where a bar would end the cell
            formula = formula.replace(r"\|", r"\Vert ").replace("|", r"\vert ")
        mark = "$$" if (math.attributes.get("display") or "") == "block" else "$"
        math.replace_with(inserts.put(f"{mark}{formula.strip()}{mark}") if formula else " ")


def mark_styles(page: LexborHTMLParser, inserts: Inserts) -> None:
    """Write what inline styles strike through, raise or lower."""
    for node in page.css("s[style],del[style],strike[style]"):
        if style_of(node).get("text-decoration", "").startswith("none"):
            node.unwrap()
    struck = [node for node in _styled(page) if _is_struck(node)]
    known = {node.mem_id for node in struck}
    for node in struck:
        within_struck = any(around.mem_id in known for around in ancestors(node))
        if not within_struck and not _is_within(node, (*_STRUCK, "pre", "code")):
            _strike(page, node)
    for node in _styled(page):
        tag = _SCRIPTS.get(style_of(node).get("vertical-align", ""))
        if tag and not _is_within(node, ("sup", "sub", "pre", "code")) and not is_block(node):
            _enclose(node, inserts.put(f"<{tag}>"), inserts.put(f"</{tag}>"))


def _styled(page: LexborHTMLParser) -> list[LexborNode]:
    return [n for n in page.css("[style]") if _STYLED.search(n.attributes.get("style") or "")]


def _is_struck(node: LexborNode) -> bool:
    style = style_of(node)
    return "line-through" in (
        style.get("text-decoration", "") + style.get("text-decoration-line", "")
    )


def _is_within(node: LexborNode, tags: Sequence[str]) -> bool:
    return node.tag in tags or any(around.tag in tags for around in ancestors(node))


def _enclose(node: LexborNode, before: str, after: str) -> None:
    inner = children(node)
    if text_of(node):
        inner[0].insert_before(before)
        inner[-1].insert_after(after)


def _strike(page: LexborHTMLParser, node: LexborNode) -> None:
    """Put each run of inline content of an element into one that strikes it through."""
    run: list[LexborNode] = []
    for child in [*children(node), None]:
        if child is not None and not _breaks(child):
            run.append(child)
            continue
        if any(text_of(each) for each in run):
            _wrap(page, run)
        run = []
        if child is not None and child.tag != "br":
            _strike(page, child)


def _wrap(page: LexborHTMLParser, run: Sequence[LexborNode]) -> None:
    run[0].insert_before(page.create_node("s"))
    struck = run[0].prev
    for node in run:
        if struck is not None:
            struck.insert_child(node)  # which puts a copy there
            node.decompose()


def _breaks(node: LexborNode) -> bool:
    return is_block(node) or (
        not node.is_text_node and any(inner.tag in BLOCKS for inner in within(node))
    )


def plain_code(page: LexborHTMLParser) -> None:
    """Leave text alone in code: no links, no emphasis, raised and lowered text by signs."""
    for tag, sign in (("sup", "^"), ("sub", "_")):
        for node in page.css(f"pre {tag}, code {tag}, kbd {tag}, samp {tag}, tt {tag}"):
            if text_of(node):
                node.insert_before(sign)
            node.unwrap()
    for node in page.css("pre *"):
        if node.tag not in ("code", "br", "img", "input", "samp"):
            node.unwrap()


def write_ruby(page: LexborHTMLParser) -> None:
    """Write readings in parentheses behind their base."""
    for reading in page.css("rt"):
        if _is_reading(reading.prev):
            continue  # its text was taken along with the one before
        readings = [text_of(reading)]
        following = reading.next
        while _is_reading(following) or _is_blank(following):
            if _is_reading(following):
                readings.append(text_of(following))  # type: ignore[arg-type]
            following = following.next  # type: ignore[union-attr]
        text = "".join(readings)
        reading.insert_before(f"({text})" if text else "")
    for reading in page.css("rt"):
        reading.decompose()


def _is_reading(node: LexborNode | None) -> bool:
    return node is not None and node.tag == "rt"


def _is_blank(node: LexborNode | None) -> bool:
    return node is not None and node.is_text_node and not (node.text_content or "").strip()


def write_fields(page: LexborHTMLParser, inserts: Inserts) -> None:
    """Write the values that form fields show, boxes as `[x]` and `[ ]`."""
    for field in page.css("input"):
        attributes = field.attributes
        kind = (attributes.get("type") or "text").lower()
        if kind in ("checkbox", "radio"):
            following = field.next
            glued = following is not None and not _begins_blank(following)
            box = "[x]" if "checked" in attributes else "[ ]"
            field.replace_with(inserts.put(f"{box} " if glued else box))
        elif kind in _SHOWN_VALUES and attributes.get("value"):
            field.replace_with(f" {attributes['value']} ")


def _begins_blank(node: LexborNode) -> bool:
    return node.is_text_node and (node.text_content or "")[:1].isspace()


def drop_permalinks(page: LexborHTMLParser) -> None:
    """Drop the signs beside headings that only link to them."""
    for link in page.css("h1 a,h2 a,h3 a,h4 a,h5 a,h6 a,dt a"):
        href = link.attributes.get("href") or ""
        if href.startswith("#") and not any(map(str.isalnum, text_of(link))) and not within(link):
            link.decompose()


def unwrap_what_marks_nothing(page: LexborHTMLParser) -> None:
    """Take away elements that Markdown has no notation for, their text staying."""
    for node in page.css("wbr"):
        node.decompose()
    for node in page.css("sup,sub"):
        if not text_of(node) and not node.css("img"):
            node.unwrap()
    if page.root is not None:
        page.root.unwrap_tags(_WITHOUT_MEANING)
        page.root.merge_text_nodes()


def settle_emphasis(page: LexborHTMLParser) -> None:
    """See to it that every mark of emphasis opens or closes where CommonMark 6.2 lets it.

    A mark beside punctuation on its inside and a letter on its outside is none; so punctuation
    goes outside, or the emphasis is dropped. Beside a mark within, a strike is kept: it says more.
    """
    for node in _in_the_way(page):
        node.unwrap()
    for node in page.css(",".join(sorted(_EMPHASIS))):
        if not text_of(node) or _beside_emphasis(node) or not _settled(node):
            node.unwrap()


def _in_the_way(page: LexborHTMLParser) -> list[LexborNode]:
    """Return the emphasis that begins or ends together with a strike, a letter being outside."""
    found: dict[int, LexborNode] = {}
    seen = set[int]()
    for strike in page.css(",".join(_STRUCK)):
        around = strike.parent
        while around is not None and around.tag in _EMPHASIS and around.mem_id not in seen:
            seen.add(around.mem_id)
            if around.tag not in _STRUCK and _ends_in_mark(around, _STRUCK):
                found[around.mem_id] = around
            around = around.parent
        inner = [node for node in within(strike) if node.tag in _OTHER_EMPHASIS]
        if inner and _ends_in_mark(strike, _OTHER_EMPHASIS):
            found.update((node.mem_id, node) for node in inner)
    return list(found.values())


def _ends_in_mark(node: LexborNode, tags: Collection[str]) -> bool:
    return any(
        _neighbour(node, backwards=backwards).isalnum()
        and _has_at_edge(node, tags, backwards=backwards)
        for backwards in (True, False)
    )


def _has_at_edge(node: LexborNode, tags: Collection[str], *, backwards: bool) -> bool:
    """Tell whether an element of these tags begins, or ends, where this one does."""
    at = node.first_child if backwards else node.last_child
    while at is not None and at.tag not in tags:
        at = at.first_child if backwards else at.last_child
    return at is not None


def _beside_emphasis(node: LexborNode) -> bool:
    before = node.prev
    return before is not None and before.tag in _EMPHASIS and before.tag != node.tag


def _settled(node: LexborNode) -> bool:
    text, whole = text_of(node), node.text(deep=True)
    opens = (
        not _is_punctuation(text[0])
        or whole[:1].isspace()
        or not _neighbour(node, backwards=True).isalnum()
    )
    closes = (
        not _is_punctuation(text[-1])
        or whole[-1:].isspace()
        or not _neighbour(node, backwards=False).isalnum()
    )
    if opens and closes:
        return True
    if not any(map(str.isalnum, text)):
        return False
    return (opens or _moved_out(node, backwards=True)) and (
        closes or _moved_out(node, backwards=False)
    )


def _moved_out(node: LexborNode, *, backwards: bool) -> bool:
    """Move the punctuation at one end out of an element; False if it is not in its own text."""
    inner = children(node)
    edge = inner[0] if backwards else inner[-1]
    text = (edge.text_content or "") if edge.is_text_node else ""
    plain = text.strip()
    length = next(
        (n for n, sign in enumerate(plain if backwards else plain[::-1]) if sign.isalnum()), 0
    )
    if not length:
        return False
    if backwards:
        node.insert_before(plain[:length])
        edge.replace_with(text.lstrip()[length:])
    else:
        node.insert_after(plain[-length:])
        edge.replace_with(text.rstrip()[:-length])
    return True


def _neighbour(node: LexborNode, *, backwards: bool) -> str:
    """Return the character beside an inline element, a blank at the edge of its block."""
    at: LexborNode | None = node
    while at is not None:
        beside = at.prev if backwards else at.next
        while beside is not None and beside.is_comment_node:
            beside = beside.prev if backwards else beside.next
        if beside is not None:
            return _edge(beside, backwards=backwards)
        at = at.parent
        if at is None or is_block(at):
            return " "
    return " "


def _edge(node: LexborNode, *, backwards: bool) -> str:
    if is_block(node):
        return " "
    text = (node.text_content if node.is_text_node else node.text(deep=True)) or " "
    return text[-1] if backwards else text[0]


def _is_punctuation(sign: str) -> bool:
    return unicodedata.category(sign)[0] in "PS"
