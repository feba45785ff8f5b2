"""Documents of other office programs: OpenDocument, RTF, EPUB, and Office's old binary formats."""
