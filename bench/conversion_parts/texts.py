"""Pages, tables, plain text and Markdown of documentation packages and of test folders."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from lxml import etree

from conversion_parts.packages import chosen, debian_files, source_distributions
from conversion_parts.shape import Shape, shape_of
from stages.conversion.markdown_words import shown
from stages.conversion.words import pieces_of, words_of

FORMATS = {".html": "html", ".csv": "csv", ".tsv": "csv", ".txt": "text", ".md": "markdown"}
_PAGES = (
    "apache2-doc", "aptitude-doc-ja", "aptitude-doc-ru", "debian-faq", "debian-handbook",
    "debian-reference-en", "developers-reference", "exim4-doc-html", "freetype2-doc",
    "gnuplot-doc", "installation-guide-amd64", "libxml2-doc", "nginx-doc", "perl-doc",
    "postgresql-doc-15", "python-jinja2-doc", "python-sqlalchemy-doc", "sqlite3-doc", "vim-doc",
)  # fmt: skip
_SOURCES = ("agate", "csvkit", "charset-normalizer", "html5lib", "markdown-it-py", "mistune")
_UNSEEN = ("script", "style", "template", "noscript", "iframe", "video", "audio", "canvas", "head")
# What its name does not say; all others of these files are in UTF-8.
_ENCODINGS = {
    "sample-arabic-1.txt": "cp1256", "sample-bulgarian.txt": "cp1251", "sample-greek.txt": "cp1253",
    "sample-greek-2.txt": "cp1253", "sample-hebrew-2.txt": "cp1255",
    "sample-hebrew-3.txt": "cp1255",
    "sample-turkish.txt": "cp1254", "test_latin1.csv": "latin-1",
}  # fmt: skip


def gather(folder: Path) -> list[Path]:
    """Bring the documents into a folder and return their paths, at most 60."""
    debian, sources = debian_files(folder, _PAGES), source_distributions(folder, _SOURCES)
    pages = [path for path in debian.rglob("*.html") if path.is_file() and not path.is_symlink()]
    found = chosen(pages, 34, below=debian, each=2)
    for suffix, count in ((".csv", 12), (".txt", 10), (".md", 6)):
        files = [path for path in sources.rglob(f"*{suffix}") if _is_readable(path)]
        found += chosen(files, count, below=sources, each=6)
    return found


def _is_readable(path: Path) -> bool:
    """Tell whether the encoding is known, and so the words."""
    try:
        return bool(_text(path).strip())
    except UnicodeDecodeError:
        return False


def reference_words(path: Path) -> list[str]:
    """Return the words of a document by lxml, by the csv module, or as they stand."""
    if path.suffix == ".html":
        text = _page(path)
    elif path.suffix in (".csv", ".tsv"):
        rows = csv.reader(io.StringIO(_text(path), newline=None), delimiter=_delimiter(path))
        text = "\n".join(value for row in rows for value in row)
    else:
        text = _text(path)
    pieces = shown(text) if path.suffix == ".md" else pieces_of(text)
    return [word for piece in pieces for word in words_of(piece)]


def reference_shape(path: Path) -> Shape | None:
    """Return the headings and rows of a page, a table or Markdown; plain text has none."""
    if path.suffix == ".html":
        tree = _tree(path)
        headings = tree.xpath("//h1|//h2|//h3|//h4|//h5|//h6")
        rows = tree.xpath("//tr[td or th]")
        return Shape(sum(map(_has_text, headings)), sum(map(_has_text, rows)))
    if path.suffix in (".csv", ".tsv"):
        rows = csv.reader(io.StringIO(_text(path), newline=None), delimiter=_delimiter(path))
        return Shape(0, sum(any(value.strip() for value in row) for row in rows))
    return shape_of(_text(path)) if path.suffix == ".md" else Shape(0, 0)


def _has_text(node: etree._Element) -> bool:
    return bool("".join(node.itertext()).strip())


def _text(path: Path) -> str:
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode(_ENCODINGS.get(path.name, "utf-8"))


def _delimiter(path: Path) -> str:
    head = _text(path).partition("\n")[0]
    return max(",;\t|", key=head.count)


def _page(path: Path) -> str:
    """Return the text of a page by libxml2, parted at the edges of all but inline elements."""
    tree = _tree(path)
    for node in tree.iter():
        if node.tag == "img":
            node.text = f" {node.get('alt', '')} "
        if node.tag not in _INLINE:
            node.text = f"\n{node.text or ''}"
            node.tail = f"\n{node.tail or ''}"
            if len(node):
                node[-1].tail = f"{node[-1].tail or ''}\n"
    return "".join(tree.itertext())


def _tree(path: Path) -> etree._Element:
    """Return what a browser shows of a page."""
    tree = etree.fromstring(path.read_bytes(), etree.HTMLParser(huge_tree=True))
    etree.strip_elements(tree, *_UNSEEN, etree.Comment, with_tail=False)
    for hidden in tree.xpath("//*[contains(translate(@style, ' ', ''), 'display:none')]"):
        hidden.tag = "template"
    etree.strip_elements(tree, "template", with_tail=False)
    return tree


_INLINE = frozenset(
    ["b", "i", "em", "strong", "span", "code", "tt", "font", "abbr", "u", "small", "big", "cite"]
)
