"""HTML, mail, tables and plain text: all that is text in some encoding."""
