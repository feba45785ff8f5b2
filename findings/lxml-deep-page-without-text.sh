#!/bin/sh
# lxml, told to take huge trees, reads a page whose elements are nested 3,000 deep without an
# error and gives none of its text, neither what is deep nor what comes after it.
# Exits non-zero if that has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --disable-pip-version-check --quiet install lxml==6.1.3
"$folder/venv/bin/python" - <<'PYTHON'
from lxml import etree


def text(depth: int) -> str:
    page = f"<html><body>{'<div>' * depth}deep{'</div>' * depth}<p>after</p></body></html>"
    parser = etree.HTMLParser(huge_tree=True)
    root = etree.fromstring(page, parser)
    return "".join(root.itertext())


print("lxml", etree.__version__, "libxml2", ".".join(map(str, etree.LIBXML_VERSION)))
shallow, deep = text(1_000), text(3_000)
print("1,000 elements deep:", repr(shallow))
print("3,000 elements deep:", repr(deep))
raise SystemExit(not (shallow == "deepafter" and deep == ""))
PYTHON
