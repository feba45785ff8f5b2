"""What stands on the pages of a PDF: words, rules, fields and links with their places."""
