#!/bin/sh
# pypdfium2 5.15.2: get_mediabox() and get_cropbox() of a page that inherits its box from the page tree
# (ISO 32000-1, 7.7.3.4) answer (0, 0, 612, 792), the size of a US letter page, whatever the box is;
# get_size() and FPDF_GetPageBoundingBox know it. Guess: the getters see inherited boxes, as viewers do.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pypdfium2==5.15.2
cat > "$folder/check.py" <<'PY'
import sys

import pypdfium2
import pypdfium2.raw as raw

BODIES = [
    b"<< /Type /Catalog /Pages 2 0 R >>",
    b"<< /Type /Pages /Kids [3 0 R] /Count 1 /MediaBox [0 0 1000 500] /CropBox [100 50 900 450] >>",
    b"<< /Type /Page /Parent 2 0 R /Resources << >> >>",
]
pdf, offsets = b"%PDF-1.7\n", []
for number, body in enumerate(BODIES, start=1):
    offsets.append(len(pdf))
    pdf += b"%d 0 obj\n" % number + body + b"\nendobj\n"
start = len(pdf)
pdf += b"xref\n0 4\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % at for at in offsets)
pdf += b"trailer\n<< /Root 1 0 R /Size 4 >>\nstartxref\n%d\n%%%%EOF\n" % start

page = pypdfium2.PdfDocument(pdf)[0]
box = raw.FS_RECTF()
raw.FPDF_GetPageBoundingBox(page.raw, box)
seen = {
    "get_mediabox": tuple(page.get_mediabox()),
    "get_cropbox": tuple(page.get_cropbox()),
    "get_size": tuple(page.get_size()),
    "FPDF_GetPageBoundingBox": (box.left, box.bottom, box.right, box.top),
}
print(pypdfium2.version.PYPDFIUM_INFO, pypdfium2.version.PDFIUM_INFO)
for name, value in seen.items():
    print(name, value)
expected = {
    "get_mediabox": (0, 0, 612, 792),
    "get_cropbox": (0, 0, 612, 792),
    "get_size": (800, 400),
    "FPDF_GetPageBoundingBox": (100, 50, 900, 450),
}
sys.exit(seen != expected)
PY
"$folder/venv/bin/python" "$folder/check.py"
