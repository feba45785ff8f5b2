"""Pictures stand for what their authors wrote about them; what a program put there says nothing."""

from __future__ import annotations

import re
from typing import Final

from stages.conversion.markdown import escaped

_FILE: Final = re.compile(
    r"(?:[a-z][a-z0-9+.-]*://\S+|[a-z]:\\.*|\\\\.*|\S*/\S*/\S+"  # an address, a path
    r"|.*\.(?:jpe?g|png|gif|bmp|tiff?|emf|wmf|svg|webp|ico|eps|pict?|jfif|heic))"
    r"|(?:image|img|picture|bild|grafik)[ _-]*\d*",
    re.IGNORECASE | re.DOTALL,
)
# What Office adds to descriptions that it made by itself, in the languages that it is used in most.
_MADE: Final = re.compile(
    r"\s*(?:\.\s*)?(?:"
    r"description automatically generated(?: with (?:very )?(?:low|medium|high) confidence)?"
    r"|automatically generated description|ai-generated content may be incorrect"
    r"|automatisch generierte beschreibung|ki-generierte inhalte können fehlerhaft sein"
    r"|description générée automatiquement|le contenu généré par l.ia peut être incorrect"
    r"|descripción generada automáticamente|el contenido generado por ia puede ser incorrecto"
    r"|descrizione generata automaticamente"
    r"|il contenuto generato dall.ia potrebbe non essere corretto"
    r"|descrição gerada automaticamente|conteúdo gerado por ia pode estar incorreto"
    r"|automatisch gegenereerde beschrijving"
    r"|door ai gegenereerde inhoud is mogelijk onjuist"
    r")\.?\s*$",
    re.IGNORECASE,
)


def picture(description: str | None) -> str:
    """Return the Markdown of a picture that is left out but for its description, "" without one.

    The name of the file that it was is no description.
    """
    text = " ".join((description or "").split())
    while (shorter := _MADE.sub("", text)) != text:
        text = shorter
    text = text.strip()
    return f"![{escaped(text)}]()" if text and not _FILE.fullmatch(text) else ""
