"""The page's own style sheets, as far as they hide, strike through, raise, lower or number text.

What applies to an element is written into its `style`, where both readings look for it. Sheets of
their own files are not fetched. A sheet's `display: none` is followed only where nothing can show
the element later: no script, and no rule that another state of the page brings into force.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import tinycss2
from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError
from tinycss2.ast import AtRule, Declaration, Node, QualifiedRule

_MATTERS: Final = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|line-through"
    r"|vertical-align\s*:\s*(?:super|sub)\b|(?:lower|upper)-(?:alpha|latin|roman|greek)",
    re.IGNORECASE,
)
_PROPERTIES: Final = frozenset(
    [
        "display",
        "visibility",
        "text-decoration",
        "text-decoration-line",
        "vertical-align",
        "list-style",
        "list-style-type",
    ]
)
_HIDING: Final = frozenset(["display", "visibility"])
_ON_SCREEN: Final = re.compile(r"\s*(?:(?:only\s+)?(?:screen|all))?\s*", re.IGNORECASE)
_DATA_SCRIPTS: Final = re.compile(r"json|text/(?:plain|template|x-|html)", re.IGNORECASE)
_STATES: Final = re.compile(
    r":(?:hover|focus(?:-within|-visible)?|active|target|checked)\b", re.IGNORECASE
)
_MAX_SHEET_CHARS: Final = 512 * 1024
_MAX_RULES: Final = 300
_MAX_MATCHES: Final = 500_000


@dataclass(frozen=True)
class _Rule:
    """One selector with the declarations that matter; a later rule of equal weight wins."""

    selector: str
    weight: tuple[int, int, int]
    declared: Sequence[Declaration]


def follow_style_sheets(page: LexborHTMLParser) -> None:
    """Write what the page's `style` elements say of an element into its `style`."""
    sheets = [each.text(deep=True) for each in page.css("style") if _is_for_screens(each)]
    if not any(map(_MATTERS.search, sheets)):
        return
    rules = [rule for sheet in sheets for rule in _rules(_parsed(sheet))][:_MAX_RULES]
    left = _PROPERTIES - _HIDING if _may_be_shown_later(page, rules) else _PROPERTIES
    _apply(page, rules, left)


def _is_for_screens(style: LexborNode) -> bool:
    return _ON_SCREEN.fullmatch(style.attributes.get("media") or "") is not None


def _parsed(sheet: str) -> list[Node]:
    nodes: list[Node] = tinycss2.parse_stylesheet(
        sheet[:_MAX_SHEET_CHARS], skip_comments=True, skip_whitespace=True
    )
    return nodes


def _rules(nodes: Sequence[Node]) -> Iterator[_Rule]:
    for node in nodes:
        if isinstance(node, QualifiedRule):
            declared = [
                each
                for each in tinycss2.parse_blocks_contents(
                    node.content, skip_comments=True, skip_whitespace=True
                )
                if isinstance(each, Declaration) and each.lower_name in _PROPERTIES
            ]
            for selector in _parted(node.prelude) if declared else ():
                yield _Rule(tinycss2.serialize(selector).strip(), _weight(selector), declared)
        elif isinstance(node, AtRule) and node.content and _holds_on_screens(node):
            yield from _rules(
                tinycss2.parse_rule_list(node.content, skip_comments=True, skip_whitespace=True)
            )


def _holds_on_screens(rule: AtRule) -> bool:
    """Tell whether an at-rule's rules hold whatever the size of the screen."""
    if rule.lower_at_keyword != "media":
        return False
    return _ON_SCREEN.fullmatch(tinycss2.serialize(rule.prelude)) is not None


def _parted(prelude: Sequence[Node]) -> Iterator[list[Node]]:
    selector: list[Node] = []
    for token in prelude:
        if token.type == "literal" and token.value == ",":
            yield selector
            selector = []
        else:
            selector.append(token)
    yield selector


def _weight(selector: Sequence[Node]) -> tuple[int, int, int]:
    """Return the specificity (Selectors 4, 17): ids, classes, types."""
    ids = classes = types = 0
    before = ""
    for token in selector:
        named_class = before in (".", ":") and token.type in ("ident", "function")
        ids += token.type == "hash"
        classes += named_class or token.type == "[] block"
        types += token.type == "ident" and not named_class
        before = token.value if token.type == "literal" else ""
    return ids, classes, types


def _may_be_shown_later(page: LexborHTMLParser, rules: Sequence[_Rule]) -> bool:
    for script in page.css("script"):
        if not _DATA_SCRIPTS.search(script.attributes.get("type") or ""):
            return True
    return any(
        _STATES.search(rule.selector) and _HIDING & {each.lower_name for each in rule.declared}
        for rule in rules
    )


def _apply(page: LexborHTMLParser, rules: Sequence[_Rule], followed: frozenset[str]) -> None:
    """Write into `style` what wins: a later declaration of at least the same weight."""
    said: dict[int, tuple[LexborNode, str]] = {}
    for selector, text in _ranked(rules, followed):
        for node in _matched(page, selector):
            said[node.mem_id] = node, said.get(node.mem_id, (node, ""))[1] + text
        if len(said) > _MAX_MATCHES:
            return
    for node, text in said.values():
        if node.tag not in ("html", "body"):
            node.attrs["style"] = text + (node.attributes.get("style") or "")


def _ranked(rules: Sequence[_Rule], followed: frozenset[str]) -> list[tuple[str, str]]:
    """Return selectors with a declaration each, the weakest first."""
    found = [
        (each.important, rule.weight, rule.selector, f"{each.lower_name}:{_value(each)};")
        for rule in rules
        for each in rule.declared
        if each.lower_name in followed
    ]
    found.sort(key=lambda item: item[:2])
    return [(selector, text) for _, _, selector, text in found]


def _value(declaration: Declaration) -> str:
    value = tinycss2.serialize(declaration.value).strip()
    return f"{value} !important" if declaration.important else value


def _matched(page: LexborHTMLParser, selector: str) -> list[LexborNode]:
    """Return what a selector matches; one that is not known matches nothing, as in a browser."""
    try:
        return page.css(selector)
    except SelectolaxError:
        return []
