"""What of a page a browser shows: the rules that both readings of HTML follow.

HTML 15.3.1 (hidden elements) and CSS Display 2.5, CSS 2.2 11.2; by inline styles and the page's own
style sheets, but for what scripts may show later: tabs, menus, "read more".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from stages.conversion.text.style_sheets import follow_style_sheets
from stages.conversion.words import count_words

_NEVER_TEXT: Final = "script,style,svg metadata,svg defs,head"
_KINDS: Final[Mapping[str, str]] = {
    "template": "template",
    "noscript": "noscript",
    "iframe,video,audio,canvas,noembed,datalist,rp": "mediaFallback",
    "dialog:not([open]),mphantom": "hiddenText",
}
_MARKED: Final = "[hidden],[style]"
_ANY_TAG: Final = re.compile("<[^>]*>")
_COMMENT: Final = re.compile(r"/\*.*?\*/", re.DOTALL)
_DECLARATION: Final = re.compile(r"([\w-]+)\s*:\s*((?:[^;\"'(]|\"[^\"]*\"|'[^']*'|\([^)]*\))*)")
_MAY_HIDE: Final = re.compile("none|hidden|collapse", re.IGNORECASE)


def leave_out_unseen(page: LexborHTMLParser) -> dict[str, int]:
    """Remove from the tree what no reader sees; return how many words that were, by kind."""
    left_out: Counter[str] = Counter()
    follow_style_sheets(page)
    _drop_second_forms(page)
    for node in _outer(page, _NEVER_TEXT):
        node.decompose()
    for selector, kind in _KINDS.items():
        for node in _outer(page, selector):
            left_out[kind] += _words_of(node) if node.tag != "rp" else 0
            node.decompose()
    for hidden, reason in _outermost(page.css(_MARKED)):
        left_out["hiddenText"] += _hide(hidden, reason)
    return {kind: count for kind, count in left_out.items() if count}


def style_of(node: LexborNode) -> dict[str, str]:
    """Return the declarations of an inline style, names and values in lower case."""
    style = node.attributes.get("style") or ""
    found: dict[str, tuple[bool, str]] = {}
    for name, value in _DECLARATION.findall(_COMMENT.sub("", style.lower())):
        plain, important, _ = value.partition("!important")
        if important or not found.get(name, (False, ""))[0]:
            found[name] = (bool(important), plain.strip())
    return {name: value for name, (_, value) in found.items()}


def _drop_second_forms(page: LexborHTMLParser) -> None:
    """Remove how KaTeX and MathJax draw a formula that they have as MathML too, for readers."""
    for node in page.css(".katex-html"):
        node.decompose()
    for container in page.css("mjx-container"):
        if container.css_first("mjx-assistive-mml") is not None:
            for child in [c for c in container.iter() if c.tag != "mjx-assistive-mml"]:
                child.decompose()


def _outer(page: LexborHTMLParser, selector: str) -> Iterator[LexborNode]:
    """Return what matches but is not within another match: that is freed with the outer one."""
    within = set[int]()
    for node in page.css(selector):
        if node.mem_id not in within:
            within.update(inner.mem_id for inner in node.css(selector))
            yield node


def _outermost(nodes: list[LexborNode]) -> list[tuple[LexborNode, str]]:
    """Return the nodes that are not shown, and why: `display` or `visibility`.

    Nodes within one that is not displayed are left out: they are freed with it.
    """
    found, within = [], set[int]()
    for node in nodes:
        reason = "" if node.mem_id in within else _reason(node)
        if not reason:
            continue
        found.append((node, reason))
        within.update(inner.mem_id for inner in node.css(_MARKED) if reason == "display")
    return found


def _reason(node: LexborNode) -> str:
    attributes = node.attributes
    style = attributes.get("style") or ""
    if "hidden" not in attributes and not _MAY_HIDE.search(style):
        return ""
    declared = style_of(node)
    hidden = "hidden" in attributes and attributes["hidden"] != "until-found"
    if declared.get("display", "none" if hidden else "") == "none":
        return "display"
    if declared.get("content-visibility") == "hidden":
        return "display"
    return "visibility" if declared.get("visibility") in ("hidden", "collapse") else ""


def _hide(node: LexborNode, reason: str) -> int:
    if node.tag in ("body", "html"):  # until a script shows it
        for name in ("style", "hidden"):
            if name in node.attributes:
                del node.attrs[name]
        return 0
    if reason == "display":
        words = _words_of(node)
        node.decompose()
        return words
    visible = [n for n in node.css("[style]") if style_of(n).get("visibility") == "visible"]
    return _hide_all_but(node, {each.mem_id for each in visible})


def _hide_all_but(node: LexborNode, visible: set[int]) -> int:
    """Remove the texts of an invisible element that are not in a visible one within."""
    texts, open_nodes = [], [node]
    while open_nodes:
        for child in open_nodes.pop().iter(include_text=True):
            if child.is_text_node:
                texts.append(child)
            elif child.mem_id not in visible:
                open_nodes.append(child)
    words = sum(count_words(each.text_content or "") for each in texts)
    for each in texts:
        each.decompose()
    return words


def _words_of(node: LexborNode) -> int:
    if node.tag in ("template", "noscript", "iframe", "noembed"):
        return count_words(_ANY_TAG.sub(" ", node.html or ""))
    return count_words(node.text(deep=True, separator=" "))
