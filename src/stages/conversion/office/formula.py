"""Write Office's formulas (OMML, ECMA-376 part 1, 22.1) as LaTeX.

Letters and signs stay as they are in Unicode; only structure becomes commands. Commands whose name
is a sign (`\\{`, `\\\\`) are avoided: Markdown takes their backslash for an escape.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from stages.conversion.office.package import Element, local

_SPECIAL: Final = str.maketrans(
    {
        "\\": r"\backslash ",
        "{": r"\lbrace ",
        "}": r"\rbrace ",
        "[": r"\lbrack ",
        "]": r"\rbrack ",
        "_": r"\_",
        "^": r"\hat{}",
        "%": r"\%",
        "#": r"\#",
        "$": r"\$",
        "&": r"\&",
        "~": r"\sim ",
        "*": r"\ast ",
        "<": r"\lt ",
        ">": r"\gt ",
        "|": r"\vert ",
        "`": "'",
        "\u00a0": " ",
        "\u2061": "",  # function application
        "\u2062": "",  # invisible times
        "\u200b": "",
    }
)
_DELIMITERS: Final[Mapping[str, str]] = {
    "": ".",
    "{": r"\lbrace",
    "}": r"\rbrace",
    "[": r"\lbrack",
    "]": r"\rbrack",
    "|": r"\vert",
    "‖": r"\Vert",
    "⟨": r"\langle",
    "⟩": r"\rangle",
    "⌈": r"\lceil",
    "⌉": r"\rceil",
    "⌊": r"\lfloor",
    "⌋": r"\rfloor",
    "<": r"\lt",
    ">": r"\gt",
}
_ACCENTS: Final[Mapping[str, str]] = {
    "\u0300": "grave",
    "\u0301": "acute",
    "\u0302": "hat",
    "\u0303": "tilde",
    "\u0304": "bar",
    "\u0305": "overline",
    "\u0306": "breve",
    "\u0307": "dot",
    "\u0308": "ddot",
    "\u030c": "check",
    "\u20d7": "vec",
    "\u20d6": "overleftarrow",
    "\u20db": "dddot",
    "^": "hat",
    "~": "tilde",
    "¯": "bar",
    "→": "vec",
}
_FUNCTIONS: Final = frozenset(
    [
        "arccos",
        "arcsin",
        "arctan",
        "arg",
        "cos",
        "cosh",
        "cot",
        "coth",
        "csc",
        "deg",
        "det",
        "dim",
        "exp",
        "gcd",
        "hom",
        "inf",
        "ker",
        "lg",
        "lim",
        "liminf",
        "limsup",
        "ln",
        "log",
        "max",
        "min",
        "Pr",
        "sec",
        "sin",
        "sinh",
        "sup",
        "tan",
        "tanh",
    ]
)
_SPACES: Final = re.compile(r" +")
_COMMAND_END: Final = re.compile(r"\\[A-Za-z]+$")
# Letters in a row are factors, but from four on they are a word, as are those parted by blanks.
_WORDS: Final = re.compile(r"((?:[^\W\d_]{2,} +)+[^\W\d_]{2,}|[^\W\d_]{4,})")
_LINEAR: Final = re.compile(r"\\[A-Za-z]{2,}")  # typed as LaTeX, and left so
_PROPERTIES: Final = "Pr"
_ROW_END: Final = r"\cr "
_MAX_DEPTH: Final = 60


def inline_formula(element: Element) -> str:
    """Return a formula within a line, `$…$`; nothing for an empty one."""
    text = latex(element)
    return f"${text}$" if text else ""


def display_formulas(element: Element) -> list[str]:
    """Return the formulas of an `m:oMathPara`, each a block `$$…$$`."""
    texts = [latex(each) for each in element if local(each) == "oMath"]
    return [f"$${text}$$" for text in texts if text]


def latex(element: Element) -> str:
    """Return the LaTeX of a formula, without the marks around it."""
    return _SPACES.sub(" ", _children(element, 0)).strip()


def _children(element: Element | None, depth: int) -> str:
    text = ""
    for child in element if element is not None else ():
        text = _joined(text, _one(child, depth + 1))
    return text


def _joined(before: str, after: str) -> str:
    """Keep a command apart from a letter after it."""
    needs_blank = after[:1].isalpha() and after[:1].isascii() and _COMMAND_END.search(before)
    return f"{before} {after}" if needs_blank else before + after


def _one(element: Element, depth: int) -> str:
    name = local(element)
    if name.endswith(_PROPERTIES) or depth > _MAX_DEPTH:
        return "" if name.endswith(_PROPERTIES) else "".join(map(str, element.itertext()))
    write = _WRITERS.get(name)
    return write(element, depth) if write else _children(element, depth)


def _run(element: Element, depth: int) -> str:  # noqa: ARG001
    text = "".join(
        each.text or "" if local(each) == "t" else " "
        for each in element.iterchildren()
        if local(each) in ("t", "tab", "br", "cr")
    )
    if _value(element, "rPr", "nor") is not None and text.strip():
        return rf"\text{{{_text(text)}}}"
    if _LINEAR.search(text) and text.count("{") == text.count("}") and "$" not in text:
        return text
    pieces = _WORDS.split(text)
    pieces[::2] = [piece.translate(_SPECIAL) for piece in pieces[::2]]
    pieces[1::2] = [w if w in _FUNCTIONS else rf"\text{{{w}}}" for w in pieces[1::2]]
    return "".join(pieces)


def _text(text: str) -> str:
    return re.sub(r"([_%#$&])", r"\\\1", re.sub(r"[\\{}`]", "", text))


def _fraction(element: Element, depth: int) -> str:
    top, bottom = _part(element, "num", depth), _part(element, "den", depth)
    kind = _value(element, "fPr", "type")
    if kind == "noBar":
        return rf"\genfrac{{}}{{}}{{0pt}}{{}}{{{top}}}{{{bottom}}}"
    if kind in ("lin", "skw"):
        return f"{{{top}}}/{{{bottom}}}"
    return rf"\frac{{{top}}}{{{bottom}}}"


def _scripts(element: Element, depth: int) -> str:
    base = _base(_part(element, "e", depth))
    lower, upper = _part(element, "sub", depth), _part(element, "sup", depth)
    scripts = (f"_{{{lower}}}" if lower else "") + (f"^{{{upper}}}" if upper else "")
    return f"{{}}{scripts}{base}" if local(element) == "sPre" else base + scripts


def _base(text: str) -> str:
    single = len(text) == 1 or text.isdigit() or text.isalpha()
    return text if single or not text or text.startswith(("\\left", "\\mathrm")) else f"{{{text}}}"


def _root(element: Element, depth: int) -> str:
    degree = _part(element, "deg", depth)
    hidden = _on(element, "radPr", "degHide")
    order = f"[{degree}]" if degree and not hidden else ""
    return rf"\sqrt{order}{{{_part(element, 'e', depth)}}}"


def _large_operator(element: Element, depth: int) -> str:
    sign = _value(element, "naryPr", "chr") or "∫"
    lower, upper = _part(element, "sub", depth), _part(element, "sup", depth)
    scripts = (f"_{{{lower}}}" if lower else "") + (f"^{{{upper}}}" if upper else "")
    return f"{sign}{scripts} {_part(element, 'e', depth)}"


def _delimited(element: Element, depth: int) -> str:
    opening = _delimiter(_value(element, "dPr", "begChr"), "(")
    closing = _delimiter(_value(element, "dPr", "endChr"), ")")
    between = _value(element, "dPr", "sepChr")
    separator = ("|" if between is None else between).translate(_SPECIAL)
    parts = [_children(each, depth) for each in element if local(each) == "e"]
    return rf"\left{opening} {separator.join(parts).strip()}\right{closing}"


def _delimiter(char: str | None, default: str) -> str:
    return _DELIMITERS.get(default if char is None else char, char or default)


def _function(element: Element, depth: int) -> str:
    name = _part(element, "fName", depth).strip()
    head = re.match(r"[A-Za-z]+", name)
    if head and head[0] in _FUNCTIONS:
        name = "\\" + name
    argument = _part(element, "e", depth)
    return f"{name} {argument}" if argument else name


def _limit(element: Element, depth: int) -> str:
    base, limit = _part(element, "e", depth), _part(element, "lim", depth)
    mark = "_" if local(element) == "limLow" else "^"
    if base.strip() in _FUNCTIONS:
        base = "\\" + base.strip()
    return f"{base}{mark}{{{limit}}}"


def _accent(element: Element, depth: int) -> str:
    char = _value(element, "accPr", "chr") or "\u0302"
    name = _ACCENTS.get(char)
    inner = _part(element, "e", depth)
    return rf"\{name}{{{inner}}}" if name else inner + char


def _bar(element: Element, depth: int) -> str:
    below = _value(element, "barPr", "pos") != "top"
    return rf"\{'underline' if below else 'overline'}{{{_part(element, 'e', depth)}}}"


def _group_character(element: Element, depth: int) -> str:
    char = _value(element, "groupChrPr", "chr") or "⏟"
    inner = _part(element, "e", depth)
    name = {"⏟": "underbrace", "⏞": "overbrace"}.get(char)
    place = "overset" if _value(element, "groupChrPr", "pos") == "top" else "underset"
    return rf"\{name}{{{inner}}}" if name else rf"\{place}{{{char}}}{{{inner}}}"


def _matrix(element: Element, depth: int) -> str:
    rows = [
        "&".join(_children(each, depth) for each in row if local(each) == "e")
        for row in element
        if local(row) == "mr"
    ]
    return rf"\begin{{matrix}}{_ROW_END.join(rows)}\end{{matrix}}"


def _lines(element: Element, depth: int) -> str:
    rows = [_children(each, depth) for each in element if local(each) == "e"]
    if len(rows) < 2:
        return "".join(rows)
    return rf"\begin{{aligned}}{_ROW_END.join(rows)}\end{{aligned}}"


def _part(element: Element, name: str, depth: int) -> str:
    return "".join(_children(each, depth) for each in element if local(each) == name).strip()


def _property(element: Element, group: str, name: str) -> Iterator[Element]:
    for properties in element:
        if local(properties) == group:
            yield from (each for each in properties if local(each) == name)


def _value(element: Element, group: str, name: str) -> str | None:
    """Return the value of a property, "" for one without a value, None for one that is not set."""
    for found in _property(element, group, name):
        return next(
            (str(value) for key, value in found.attrib.items() if str(key).endswith("}val")), ""
        )
    return None


def _on(element: Element, group: str, name: str) -> bool:
    return _value(element, group, name) in ("", "1", "on", "true")


_WRITERS: Final[Mapping[str, Callable[[Element, int], str]]] = {
    "r": _run,
    "f": _fraction,
    "sSup": _scripts,
    "sSub": _scripts,
    "sSubSup": _scripts,
    "sPre": _scripts,
    "rad": _root,
    "nary": _large_operator,
    "d": _delimited,
    "func": _function,
    "limLow": _limit,
    "limUpp": _limit,
    "acc": _accent,
    "bar": _bar,
    "groupChr": _group_character,
    "m": _matrix,
    "eqArr": _lines,
}
