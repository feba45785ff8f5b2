"""Presentation MathML as LaTeX (MathML Core; names of the elements are those of its section 3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from selectolax.lexbor import LexborNode

_SPOKEN: Final = re.compile(
    r"(?:arc)?(?:sin|cos|tan)h?|coth?|sec|csc|l[ng]|log|exp|lim(?:inf|sup)?|max|min|sup|inf|det|dim"
    r"|deg|gcd|hom|ker|arg|Pr"
)
_SPECIAL: Final = "#$%&_{}"
_BIG: Final = {"∑": r"\sum", "∏": r"\prod", "∫": r"\int", "∮": r"\oint", "⋃": r"\bigcup",
               "⋂": r"\bigcap", "∐": r"\coprod"}  # fmt: skip
_SIGNS: Final = {
    "\u2061": "", "\u2062": "", "\u2063": "", "\u2064": "", "−": "-", "\\": r"\backslash ",
    "×": r"\times ", "⋅": r"\cdot ", "·": r"\cdot ", "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ",
    "∞": r"\infty ", "→": r"\to ", "±": r"\pm ", "∈": r"\in ", "≈": r"\approx ", "…": r"\dots ",
    "⋯": r"\cdots ", "∂": r"\partial ", "∇": r"\nabla ", "√": r"\surd ", "~": r"\sim ",
    "^": r"\hat{}", **{sign: f"{command} " for sign, command in _BIG.items()},
}  # fmt: skip
_OVER: Final = {
    "¯": r"\overline", "‾": r"\overline", "\u0304": r"\overline", "_": r"\underline",
    "→": r"\vec", "\u20d7": r"\vec", "^": r"\hat", "ˆ": r"\hat", "~": r"\tilde", "˜": r"\tilde",
    "˙": r"\dot", ".": r"\dot", "¨": r"\ddot", "⏞": r"\overbrace", "⏟": r"\underbrace",
    "\u0332": r"\underline", "\u0302": r"\hat", "\u0303": r"\tilde", "\u0307": r"\dot",
}  # fmt: skip
_FENCES: Final = {"{": r"\{", "}": r"\}", "|": "|", "‖": r"\|", "⟨": r"\langle", "⟩": r"\rangle",
                  "⌊": r"\lfloor", "⌋": r"\rfloor", "⌈": r"\lceil", "⌉": r"\rceil"}  # fmt: skip
_LIMITS: Final = re.compile(r"\\(?:sum|prod|coprod|bigcup|bigcap|int|oint|lim|max|min|sup|inf)\b")
_MAX_DEPTH = 60


def latex_of(math: LexborNode) -> str:
    """Return the formula of a `math` element, without dollar signs; empty if it shows nothing."""
    tex = next(
        (
            note.text(deep=True).strip()
            for note in math.css("annotation")
            if "tex" in (note.attributes.get("encoding") or "").lower()
        ),
        "",
    )
    formula = tex if _is_safe(tex) else _row(math, 0)
    return " ".join(formula.split())


def _is_safe(tex: str) -> bool:
    return bool(tex) and "$" not in tex and tex.count("{") == tex.count("}")


def _row(node: LexborNode, depth: int) -> str:
    return _joined([_of(child, depth + 1) for child in node.iter(include_text=True)])


def _joined(parts: list[str]) -> str:
    """Join parts so that no command swallows the letter after it."""
    whole = ""
    for part in parts:
        blank = whole[-1:].isalnum() and part[:1].isalnum()
        whole += f" {part}" if blank else part
    return whole


def _of(node: LexborNode, depth: int) -> str:
    if node.is_text_node:
        return _signs(node.text_content or "")
    if depth > _MAX_DEPTH:
        return _signs(node.text(deep=True, separator=" "))
    return _ELEMENTS.get(node.tag or "", _row)(node, depth)


def _signs(text: str) -> str:
    return "".join(map(_sign, " ".join(text.split())))


def _sign(sign: str) -> str:
    return f"\\{sign}" if sign in _SPECIAL else _SIGNS.get(sign, sign)


def _identifier(node: LexborNode, depth: int) -> str:  # noqa: ARG001
    name = node.text(deep=True).strip()
    if _SPOKEN.fullmatch(name):
        return f"\\{name} "
    return _signs(name) if len(name) == 1 else rf"\mathrm{{{_signs(name)}}}"


def _number(node: LexborNode, depth: int) -> str:  # noqa: ARG001
    return _signs(node.text(deep=True).strip())


def _operator(node: LexborNode, depth: int) -> str:  # noqa: ARG001
    sign = node.text(deep=True).strip()
    if _SPOKEN.fullmatch(sign):
        return f"\\{sign} "
    return rf"\operatorname{{{_signs(sign)}}}" if sign[:2].isalpha() and sign[1:] else _signs(sign)


def _text(node: LexborNode, depth: int) -> str:  # noqa: ARG001
    text = " ".join(node.text(deep=True).split())
    escaped = "".join(f"\\{sign}" if sign in _SPECIAL else sign for sign in text)
    return rf"\text{{{escaped}}}" if text else ""


def _parts(node: LexborNode, depth: int, count: int) -> list[str]:
    parts = [_of(child, depth + 1).strip() for child in node.iter()]
    return [*parts, *[""] * count][: max(count, len(parts))]


def _root(node: LexborNode, depth: int) -> str:
    return rf"\sqrt{{{_row(node, depth)}}}"


def _nth_root(node: LexborNode, depth: int) -> str:
    base, degree = _parts(node, depth, 2)[:2]
    return rf"\sqrt[{degree}]{{{base}}}"


def _fraction(node: LexborNode, depth: int) -> str:
    above, below = _parts(node, depth, 2)[:2]
    thickness = node.attributes.get("linethickness") or ""
    command = r"\binom" if thickness.rstrip("pxemt%") in ("0", "0.0") else r"\frac"
    return rf"{command}{{{above}}}{{{below}}}"


def _sub(node: LexborNode, depth: int) -> str:
    base, below = _parts(node, depth, 2)[:2]
    return f"{_base(base)}_{{{below}}}"


def _sup(node: LexborNode, depth: int) -> str:
    base, above = _parts(node, depth, 2)[:2]
    return f"{_base(base)}^{{{above}}}"


def _sub_sup(node: LexborNode, depth: int) -> str:
    base, below, above = _parts(node, depth, 3)[:3]
    return f"{_base(base)}_{{{below}}}^{{{above}}}"


def _base(base: str) -> str:
    return base if len(base) <= 1 or base.isalnum() or base.startswith("\\") else f"{{{base}}}"


def _under(node: LexborNode, depth: int) -> str:
    base, below = _parts(node, depth, 2)[:2]
    if below in _OVER_LATEX:
        return rf"{_OVER_LATEX[below]}{{{base}}}"
    return f"{base}_{{{below}}}" if _LIMITS.match(base) else rf"\underset{{{below}}}{{{base}}}"


def _over(node: LexborNode, depth: int) -> str:
    base, above = _parts(node, depth, 2)[:2]
    if above in _OVER_LATEX:
        return rf"{_OVER_LATEX[above]}{{{base}}}"
    return f"{base}^{{{above}}}" if _LIMITS.match(base) else rf"\overset{{{above}}}{{{base}}}"


def _under_over(node: LexborNode, depth: int) -> str:
    base, below, above = _parts(node, depth, 3)[:3]
    if _LIMITS.match(base):
        return f"{base}_{{{below}}}^{{{above}}}"
    return rf"\overset{{{above}}}{{\underset{{{below}}}{{{base}}}}}"


def _prescripts(node: LexborNode, depth: int) -> str:
    """Return a base with scripts on both sides; what follows `mprescripts` stands before it."""
    after: list[str] = []
    before: list[str] = []
    children = list(node.iter())
    side = after
    for child in children[1:]:
        if child.tag == "mprescripts":
            side = before
        else:
            side.append("" if child.tag == "none" else _of(child, depth + 1).strip())
    base = _of(children[0], depth + 1).strip() if children else ""
    left = f"{{}}{_scripts(before)}" if before else ""
    return f"{left}{_base(base)}{_scripts(after)}"


def _scripts(scripts: list[str]) -> str:
    below, above = "".join(scripts[::2]), "".join(scripts[1::2])
    return (f"_{{{below}}}" if below else "") + (f"^{{{above}}}" if above else "")


def _table(node: LexborNode, depth: int) -> str:
    rows = [
        " & ".join(_row(cell, depth + 2).strip() for cell in row.iter() if cell.tag == "mtd")
        for row in node.iter()
        if row.tag in ("mtr", "mlabeledtr")
    ]
    return r"\begin{matrix}" + r" \\ ".join(rows) + r"\end{matrix}"


def _fenced(node: LexborNode, depth: int) -> str:
    attributes = node.attributes
    opening, closing = attributes.get("open", "("), attributes.get("close", ")")
    separators = (attributes.get("separators", ",") or "").strip()
    inside = f"{separators[:1]} ".join(_of(child, depth + 1) for child in node.iter())
    return rf"\left{_fence(opening)} {inside}\right{_fence(closing)} "


def _fence(sign: str | None) -> str:
    return _FENCES.get(sign or ".", sign or ".")


def _enclosed(node: LexborNode, depth: int) -> str:
    notation = (node.attributes.get("notation") or "longdiv").split()
    inside = _row(node, depth)
    if "radical" in notation:
        return rf"\sqrt{{{inside}}}"
    return rf"\overline{{{inside}}}" if "top" in notation else rf"\boxed{{{inside}}}"


def _first_child(node: LexborNode, depth: int) -> str:
    """`semantics` and `maction` show their first child."""
    return next((_of(child, depth + 1) for child in node.iter()), "")


def _nothing(node: LexborNode, depth: int) -> str:  # noqa: ARG001
    return ""


def _blank(node: LexborNode, depth: int) -> str:  # noqa: ARG001
    return r"\ "


def _quoted(node: LexborNode, depth: int) -> str:
    return rf"\text{{“{_text(node, depth)[6:-1]}”}}"


_OVER_LATEX: Final[Mapping[str, str]] = {_signs(sign).strip(): to for sign, to in _OVER.items()}
_ELEMENTS: Final[Mapping[str, Callable[[LexborNode, int], str]]] = {
    "mi": _identifier,
    "mn": _number,
    "mo": _operator,
    "mtext": _text,
    "ms": _quoted,
    "mspace": _blank,
    "msqrt": _root,
    "mroot": _nth_root,
    "mfrac": _fraction,
    "msub": _sub,
    "msup": _sup,
    "msubsup": _sub_sup,
    "munder": _under,
    "mover": _over,
    "munderover": _under_over,
    "mmultiscripts": _prescripts,
    "mtable": _table,
    "mfenced": _fenced,
    "menclose": _enclosed,
    "semantics": _first_child,
    "maction": _first_child,
    "mphantom": _nothing,
    "annotation": _nothing,
    "annotation-xml": _nothing,
}
