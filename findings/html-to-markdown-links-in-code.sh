#!/bin/sh
# html-to-markdown writes a link inside <pre> as Markdown's link syntax within the fence, where it is
# text, and drops <sup> there, so that 2 to the 10th reads 210. Manuals link types in signatures so.
# Exits non-zero if that has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --disable-pip-version-check --quiet install html-to-markdown==3.21.2
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

from html_to_markdown import convert

page = '<pre><a href="types.html#size">size_t</a> n = 2<sup>10</sup>;</pre>'
content = convert(page).content
print("html-to-markdown", version("html-to-markdown"))
print(content)
raise SystemExit(not ("[size_t](types.html#size)" in content and "210" in content))
PYTHON
