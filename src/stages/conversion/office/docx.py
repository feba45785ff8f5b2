"""Word documents."""

from __future__ import annotations

from typing import Final

import mammoth

from stages.conversion.office.archive import refuse_harmful_archive
from stages.conversion.result import ConversionOptions, Converted, Source
from stages.conversion.text.html import markdown_of
from stages.errors import UnconvertibleDocument

_STYLES: Final = """
p[style-name='Title'] => h1:fresh
p[style-name='Subtitle'] => p > em:fresh
p[style-name='Quote'] => blockquote > p:fresh
p[style-name='Intense Quote'] => blockquote > p:fresh
p[style-name='Code'] => pre:separator('\\n')
p[style-name='Source Code'] => pre:separator('\\n')
p[style-name='HTML Preformatted'] => pre:separator('\\n')
p[style-name='List Bullet'] => ul > li:fresh
p[style-name='List Bullet 2'] => ul|ol > li > ul > li:fresh
p[style-name='List Bullet 3'] => ul|ol > li > ul|ol > li > ul > li:fresh
p[style-name='List Number'] => ol > li:fresh
p[style-name='List Number 2'] => ul|ol > li > ol > li:fresh
p[style-name='List Number 3'] => ul|ol > li > ul|ol > li > ol > li:fresh
"""


def convert(source: Source, options: ConversionOptions) -> Converted:  # noqa: ARG001
    """Convert a Word document by way of HTML; pictures are left out, their descriptions kept."""
    refuse_harmful_archive(source.path)
    try:
        with source.path.open("rb") as file:
            result = mammoth.convert_to_html(
                file, style_map=_STYLES, convert_image=mammoth.images.img_element(_no_source)
            )
    except MemoryError:
        raise
    except Exception as error:
        raise UnconvertibleDocument(
            "The Word document is damaged; open it in a word processor, save it anew and hand in "
            "that."
        ) from error
    return Converted(markdown_of(result.value), {"warnings": len(result.messages)})


def _no_source(image: object) -> dict[str, str]:  # noqa: ARG001
    return {"src": ""}
