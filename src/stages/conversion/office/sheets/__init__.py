"""Read workbooks (SpreadsheetML, ECMA-376 part 1, 18)."""
