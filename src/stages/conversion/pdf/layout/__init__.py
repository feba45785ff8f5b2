"""What words with places make: lines, columns, tables, blocks and running lines."""
