#!/bin/sh
# firecrawl-anydoc 0.2.4 writes raised and lowered digits beside their base: 10 to the sixth power in
# rich text or OpenDocument text comes out as 106, H2O with a lowered 2 as plain H2O, without a mark.
# Exits 0 while that is so, 1 once it changes.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet firecrawl-anydoc==0.2.4
"$work/venv/bin/python" - <<'PYTHON'
import io
import sys
import zipfile
from importlib.metadata import version

import anydoc

rich_text = rb"{\rtf1\ansi 3 x 10{\super 6} litres of H{\sub 2}O}"
content = """<office:document-content
 xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0">
 <office:automatic-styles><style:style style:name="T1" style:family="text">
 <style:text-properties style:text-position="super 58%"/></style:style></office:automatic-styles>
 <office:body><office:text><text:p>3 x 10<text:span text:style-name="T1">6</text:span> litres</text:p>
 </office:text></office:body></office:document-content>"""
out = io.BytesIO()
with zipfile.ZipFile(out, "w") as archive:
    archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
    archive.writestr("content.xml", content)

print("firecrawl-anydoc", version("firecrawl-anydoc"))
seen = {
    "rtf": anydoc.to_markdown_bytes(rich_text, "rtf").strip(),
    "odt": anydoc.to_markdown_bytes(out.getvalue(), "odt").strip(),
}
for kind, markdown in seen.items():
    print(f"{kind}: {markdown!r}")
unchanged = seen["rtf"] == "3 x 106 litres of H2O" and seen["odt"] == "3 x 106 litres"
print("raised digits are joined to their base" if unchanged else "the behaviour has changed")
sys.exit(0 if unchanged else 1)
PYTHON
